// An open block: its picture, its formulas, one number followed to its inputs and weights, its weights, its attention heads.

import { element, setText } from "../dom.js";
import { editButton, refreshEdits } from "./changes.js";
import { drawShades, numeral, shadesOfWeight, shapeWords } from "./draw.js";
import { at, stepsOf } from "./follow.js";
import { sentenceOf } from "./map.js";

const mostTerms = 12;
/** Where a host has the course as pages, index.html names it. */
const courseAddress = document.querySelector('meta[name="course"]')?.content;

/** Where the course speaks of it. */
export function chapterNode(chapter) {
  const name = element("code", {}, `docs/course/${chapter}`);
  return element("p", { className: "facts" }, "The course: ", courseAddress ? element("a", { href: new URL(chapter.replace(".md", ".html"), courseAddress).href }, name) : name);
}

/** A table of a sum: the largest products first, and what the others add. */
function sumTable({ terms, bias, notes = [] }) {
  const sorted = [...terms].sort((one, other) => Math.abs(other.input * other.weight) - Math.abs(one.input * one.weight));
  const [shown, others] = [sorted.slice(0, mostTerms), sorted.slice(mostTerms)];
  const row = (...cells) => element("tr", {}, ...cells.map((cell, index) => element(index ? "td" : "th", index ? {} : { scope: "row" }, cell)));
  const rows = shown.map(({ name, input, weight }) => row(name, numeral(input), numeral(weight), numeral(input * weight)));
  if (others.length) rows.push(row(`${others.length.toLocaleString("en")} more`, "", "", numeral(others.reduce((total, { input, weight }) => total + input * weight, 0))));
  if (bias) rows.push(row("bias", "", "", numeral(bias)));
  return [
    ...notes.map(([name, value]) => element("p", { className: "facts" }, `${name}: ${numeral(value)}`)),
    element("table", {}, element("thead", {}, element("tr", {}, ...["from", "input", "weight", "product"].map((words) => element("th", { scope: "col" }, words)))), element("tbody", {}, ...rows)),
  ];
}

export class BlockView {
  #root;
  #runs;
  #page;
  #name = null;
  #canvas;
  #sentence;
  #values = {};
  #parameters = {};
  /** Shows what changes with each run: heads, and what a run has interrupted. */
  #refreshParts = [];
  #follow = null;

  /** `page` has `state`, `piece`, `toggleEdit(edit)`, `onClose()`, `onFollow(step, point)` and `onError(error)`. */
  constructor(root, runs, page) {
    this.#root = root;
    this.#runs = runs;
    this.#page = page;
  }

  close() {
    this.#name = null;
    this.#root.replaceChildren();
    this.#root.hidden = true;
  }

  /** Opens a block of the map, `{ block, value }`, or shows it again after a run. */
  open({ block, value }, share) {
    if (block.name !== this.#name) this.#build(block);
    if (value) {
      drawShades(this.#canvas, value.picture);
      setText(this.#sentence, sentenceOf(block, value, share));
    }
    refreshEdits(this.#root, this.#page.state);
  }

  /** After each run: its pictures of heads, and the number that it has kept from being followed. */
  update() {
    for (const refresh of this.#refreshParts) refresh();
  }

  focus() {
    this.#root.querySelector("h2")?.focus({ preventScroll: true });
  }

  #build(block) {
    this.#name = block.name;
    this.#root.hidden = false;
    [this.#values, this.#parameters, this.#refreshParts, this.#follow] = [{}, {}, [], null];
    this.#canvas = element("canvas", { className: "large", "aria-hidden": "true", onclick: (event) => this.#pick(event) });
    this.#sentence = element("p", {});
    const close = element("button", { type: "button", className: "quiet", "aria-label": "Close the block", onclick: () => this.#page.onClose() }, "×");
    const parts = [element("div", { className: "head" }, element("h2", { tabIndex: -1 }, block.name), close), this.#sentence, element("div", { className: "view" }, this.#canvas), chapterNode(block.chapter), this.#changes(block)];
    if (block.kind.startsWith("layers")) parts.push(this.#heads(block));
    const steps = stepsOf(block.name, this.#runs.architecture);
    if (steps.length) parts.push(this.#follower(steps));
    this.#root.replaceChildren(...parts);
    this.update();
  }

  #changes({ name, kind, skip, parameters }) {
    const edits = name === "mix" ? [] : [["Set to zero", `${name}=zero`]];
    if (skip !== null) edits.push(["Cut its skip", `${name}.skip=zero`], ["Keep 2 bits", `${name}=quantise:2`]);
    if (parameters) for (const bits of [8, 6, 4, 3, 2]) edits.push([`Weights in ${bits} bits`, `${name}.*weight=quantise:${bits}`]);
    if (kind.startsWith("layers")) for (const factor of [0, 2, 4]) edits.push([`LayerScale × ${factor}`, `${name}.gamma_?.scale=scale:${factor}`]);
    if (kind === "output") edits.push(["The mixture's phases", "output=phase:mag"]);
    return element("div", { className: "buttons", role: "group", "aria-label": `Changes of ${name}` }, ...edits.map(([words, edit]) => editButton(this.#page, words, edit)));
  }

  /** A picture of each head's weights, and a button that turns it off. */
  #heads({ name, isCross }) {
    const list = element("ul", { className: "heads", "aria-label": "Attention heads" });
    const patterns = `${name}.${isCross ? "cross_attn" : "self_attn"}.weights.*`;
    this.#refreshParts.push(() => this.#try(async () => {
      const values = await this.#runs.pictures(this.#page.piece, patterns, this.#page.state);
      if (this.#name !== name) return;
      list.replaceChildren(...values.map((value, head) => {
        const canvas = element("canvas", { role: "img", "aria-label": `Head ${head}: ${shapeWords(value.shape)} weights, queries down, tokens that are read across; the largest is ${numeral(value.most)}` });
        drawShades(canvas, upright(value.picture));
        return element("li", {}, canvas, editButton(this.#page, `Head ${head} off`, `${value.name}=zero`));
      }));
      refreshEdits(list, this.#page.state);
    }));
    return element("section", {}, element("h3", {}, isCross ? "Attention weights: the other branch is read" : "Attention weights"), list);
  }

  async #try(work) {
    try {
      await work();
    } catch (error) {
      this.#page.onError(error);
    }
  }

  /** Choosing a number, and where it comes from. */
  #follower(steps) {
    const choice = element("select", { "aria-label": "The step that is followed" }, ...steps.map(({ label }, index) => element("option", { value: String(index) }, label)));
    const [formula, places, result] = [element("p", { className: "formula" }), element("div", { className: "places" }), element("div", { className: "result" })];
    const [sum, weights] = [element("p", { className: "sum", role: "status" }), element("figure", {})];
    let turn = 0;
    let shown = null;
    choice.value = String(Math.min(this.#page.state.step, steps.length - 1));
    this.#follow = (wanted) => this.#try(async () => {
      const [current, step, piece] = [(turn += 1), steps[Number(choice.value)], this.#page.piece];
      shown = null;
      setText(sum, "");
      const needed = [step.value, ...step.needs].filter((value) => !this.#values[value]);
      const values = needed.length ? await this.#runs.values(piece, needed) : {};
      const parameters = step.weights ? (this.#parameters[step.weights] ??= await this.#runs.parameters(step.weights)) : {};
      if (current !== turn || piece !== this.#page.piece) return;
      Object.assign(this.#values, values);
      const value = this.#values[step.value];
      const place = value.shape.map((length, axis) => Math.min(length - 1, Math.max(0, wanted?.[axis] ?? Math.floor(length / 2))));
      setText(formula, step.formula);
      places.replaceChildren(...step.axes.map((axis, index) => element("label", {}, `${axis} `, element("input", {
        type: "number", min: "0", max: String(value.shape[index] - 1), value: String(place[index]),
        onchange: () => this.#follow([...places.querySelectorAll("input")].map((field) => Math.round(Number(field.value) || 0))),
      }))));
      const found = step.follow(place, this.#values, parameters);
      result.replaceChildren(...sumTable(found));
      setText(sum, `Sum: ${found.sum.toPrecision(6)}. The engine: ${at(value, ...place).toPrecision(6)}.`.replaceAll("-", "−"));
      drawWeights(weights, Object.values(parameters).filter((parameter) => parameter.name.startsWith(step.value)));
      shown = place;
      this.#page.onFollow(Number(choice.value), place);
    });
    choice.addEventListener("change", () => this.#follow(null));
    this.#refreshParts.push(() => shown ?? this.#follow(this.#page.state.at));
    return element("section", { className: "follower" }, element("h3", {}, "One number followed, in the unchanged network"), choice, formula, places, result, sum, weights);
  }

  /** Follows the number under the pointer, of the step's value as far as the picture tells it. */
  #pick(event) {
    const fields = [...this.#root.querySelectorAll(".places input")];
    if (!fields.length) return;
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const point = fields.map((field) => Number(field.value));
    const place = (field, share) => Math.floor(Math.min(0.999, Math.max(0, share)) * (Number(field.max) + 1));
    const across = fields.length - 1;
    point[across] = place(fields[across], (event.clientX - left) / width);
    if (fields.length === 3) point[1] = place(fields[1], 1 - (event.clientY - top) / height);
    this.#follow(point);
  }
}

function drawWeights(figure, parameters) {
  const weight = parameters.filter(({ name, shape }) => name.endsWith("weight") && shape.length > 1).sort((one, other) => other.values.length - one.values.length)[0];
  if (!weight) return figure.replaceChildren();
  const words = `${weight.name}: ${shapeWords(weight.shape)}, outputs down, inputs and taps across`;
  const canvas = element("canvas", { className: "weights", role: "img", "aria-label": words });
  drawShades(canvas, shadesOfWeight(weight));
  figure.replaceChildren(canvas, element("figcaption", { className: "facts" }, words));
}

/** Queries from the top down, as a matrix is written. */
function upright({ columns, rows, shades }) {
  const turned = new Uint8Array(shades.length);
  for (let row = 0; row < rows; row += 1) turned.set(shades.subarray(row * columns, (row + 1) * columns), (rows - 1 - row) * columns);
  return { columns, rows, shades: turned };
}
