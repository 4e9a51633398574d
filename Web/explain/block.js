// An open block: its picture, its formulas, one number followed to its inputs and weights, its weights, its attention heads.

import { element, setText } from "../dom.js";
import { drawShades, numeral, shadesOfWeight, shapeWords } from "./draw.js";
import { at, stepsOf } from "./follow.js";
import { sentenceOf } from "./map.js";

const mostTerms = 12;
/** Where a host has the course as pages, index.html names it. */
const courseAddress = document.querySelector('meta[name="course"]')?.content;

function chapterNode(chapter) {
  const name = `docs/course/${chapter}`;
  return element("p", { className: "facts" }, "The course: ", courseAddress ? element("a", { href: new URL(chapter, courseAddress).href }, name) : element("code", {}, name));
}

/** A table of a sum: the largest products first, and what the others add. */
function sumTable({ terms, bias, sum, notes = [] }, engine) {
  const sorted = [...terms].sort((one, other) => Math.abs(other.input * other.weight) - Math.abs(one.input * one.weight));
  const [shown, others] = [sorted.slice(0, mostTerms), sorted.slice(mostTerms)];
  const row = (...cells) => element("tr", {}, ...cells.map((cell, index) => element(index ? "td" : "th", index ? {} : { scope: "row" }, cell)));
  const rows = shown.map(({ name, input, weight }) => row(name, numeral(input), numeral(weight), numeral(input * weight)));
  if (others.length) rows.push(row(`${others.length.toLocaleString("en")} more`, "", "", numeral(others.reduce((total, { input, weight }) => total + input * weight, 0))));
  if (bias) rows.push(row("bias", "", "", numeral(bias)));
  return [
    ...notes.map(([name, value]) => element("p", { className: "facts" }, `${name}: ${numeral(value)}`)),
    element("table", {}, element("thead", {}, element("tr", {}, ...["from", "input", "weight", "product"].map((words) => element("th", { scope: "col" }, words)))), element("tbody", {}, ...rows)),
    element("p", { className: "sum", role: "status" }, `Sum: ${sum.toPrecision(6)}. The engine: ${engine.toPrecision(6)}.`.replaceAll("-", "−")),
  ];
}

export class BlockView {
  #root;
  #lab;
  #desk;
  #name = null;
  #values = {};

  /** `desk` has `piece()`, `toggleEdit(edit)`, `hasEdit(edit)` and `onPoint(point)`. */
  constructor(root, lab, desk) {
    this.#root = root;
    this.#lab = lab;
    this.#desk = desk;
  }

  close() {
    this.#name = null;
    this.#root.replaceChildren();
    this.#root.hidden = true;
  }

  /** Opens a block of the map, `{ block, value }`, at a point of the value that is followed, or at its middle. */
  open({ block, value }, share, point = null) {
    const name = block.name;
    const isNew = name !== this.#name;
    this.#name = name;
    this.#root.hidden = false;
    if (!isNew) return this.#update({ block, value }, share);
    this.#values = {};
    const steps = stepsOf(name, this.#lab.architecture);
    this.canvas = element("canvas", { className: "large", "aria-hidden": "true", onclick: (event) => this.#pick(event) });
    this.sentence = element("p", {});
    const close = element("button", { type: "button", className: "quiet", "aria-label": "Close the block", onclick: () => this.#desk.onClose() }, "×");
    const parts = [element("div", { className: "head" }, element("h2", { tabIndex: -1 }, name), close), this.sentence, element("div", { className: "view" }, this.canvas), chapterNode(block.chapter), this.#changes(block)];
    if (block.kind.startsWith("layers")) parts.push(this.#heads(block));
    if (steps.length) parts.push(this.#follower(steps, point));
    this.#root.replaceChildren(...parts);
    this.#update({ block, value }, share);
  }

  focus() {
    this.#root.querySelector("h2")?.focus({ preventScroll: true });
  }

  #update({ block, value }, share) {
    if (!value) return;
    this.value = value;
    drawShades(this.canvas, value.picture);
    setText(this.sentence, sentenceOf(block, value, share));
    this.refresh();
  }

  /** Shows which edits are made. */
  refresh() {
    for (const button of this.#root.querySelectorAll("[data-edit]")) button.setAttribute("aria-pressed", String(this.#desk.hasEdit(button.dataset.edit)));
  }

  #editButton(words, edit) {
    const button = element("button", { type: "button", className: "chip-button", "aria-pressed": "false", onclick: () => this.#desk.toggleEdit(edit) }, words);
    button.dataset.edit = edit;
    return button;
  }

  #changes({ name, kind, skip, parameters }) {
    const buttons = name === "mix" ? [] : [this.#editButton("Set to zero", `${name}=zero`)];
    if (skip !== null) buttons.push(this.#editButton("Cut its skip", `${name}.skip=zero`), this.#editButton("Throw its detail away", `${name}=quantise:2`));
    if (parameters) for (const bits of [8, 6, 4, 3, 2]) buttons.push(this.#editButton(`Weights in ${bits} bits`, `${name}.*weight=quantise:${bits}`));
    if (kind.startsWith("layers")) for (const factor of [0, 2, 4]) buttons.push(this.#editButton(`LayerScale × ${factor}`, `${name}.gamma_?.scale=scale:${factor}`));
    if (kind === "output") buttons.push(this.#editButton("The mixture's phases", "output=phase:mag"));
    return element("div", { className: "buttons", role: "group", "aria-label": `Changes of ${name}` }, ...buttons);
  }

  /** A picture of each head's weights, and a button that turns it off. */
  #heads({ name, isCross }) {
    const part = `${name}.${isCross ? "cross_attn" : "self_attn"}`;
    const list = element("ul", { className: "heads", "aria-label": "Attention heads" });
    const isOpen = () => this.#name === name;
    this.#lab.pictures(this.#desk.piece(), `${part}.weights.*`).then((values) => {
      if (!isOpen()) return;
      list.replaceChildren(...values.map((value, head) => {
        const canvas = element("canvas", { role: "img", "aria-label": `Head ${head}: ${shapeWords(value.shape)} weights, queries down, tokens that are read across; the largest is ${numeral(value.most)}` });
        drawShades(canvas, upright(value.picture));
        return element("li", {}, canvas, this.#editButton(`Head ${head} off`, `${value.name}=zero`));
      }));
      this.refresh();
    }).catch((error) => this.#desk.onError(error));
    return element("section", {}, element("h3", {}, isCross ? "Who reads the other branch" : "Who reads whom"), list);
  }

  /** Choosing a number, and where it comes from. */
  #follower(steps, point) {
    const choice = element("select", { "aria-label": "The step that is followed" }, ...steps.map(({ label }, index) => element("option", { value: String(index) }, label)));
    const [formula, places, result] = [element("p", { className: "formula" }), element("div", { className: "places" }), element("div", { className: "result" })];
    const weights = element("figure", {});
    this.follow = async (wanted) => {
      const [name, step] = [this.#name, steps[Number(choice.value)]];
      const piece = this.#desk.piece();
      const needed = [step.value, ...step.needs].filter((value) => !this.#values[value]);
      if (needed.length) Object.assign(this.#values, await this.#lab.values(piece, needed));
      this.parameters ??= {};
      if (step.weights) this.parameters[step.weights] ??= await this.#lab.parameters(step.weights);
      if (this.#name !== name || piece !== this.#desk.piece()) return;
      const value = this.#values[step.value];
      const place = value.shape.map((length, axis) => Math.min(length - 1, Math.max(0, wanted?.[axis] ?? Math.floor(length / 2))));
      setText(formula, step.formula);
      places.replaceChildren(...step.axes.map((axis, index) => element("label", {}, `${axis} `, element("input", {
        type: "number", min: "0", max: String(value.shape[index] - 1), value: String(place[index]),
        onchange: () => this.follow([...places.querySelectorAll("input")].map((field) => Math.round(Number(field.value) || 0))),
      }))));
      const parameters = this.parameters[step.weights] ?? {};
      const found = step.follow(place, this.#values, parameters);
      result.replaceChildren(...sumTable(found, at(value, ...place)));
      this.#drawWeights(weights, Object.values(parameters).filter((parameter) => parameter.name.startsWith(step.value)));
      this.#desk.onPoint(place);
    };
    const start = (wanted) => this.follow(wanted).catch((error) => this.#desk.onError(error));
    choice.addEventListener("change", () => start(null));
    start(point);
    return element("section", { className: "follower" }, element("h3", {}, "One number followed"), choice, formula, places, result, weights);
  }

  #drawWeights(figure, parameters) {
    const weight = parameters.filter(({ name, shape }) => name.endsWith("weight") && shape.length > 1).sort((one, other) => other.values.length - one.values.length)[0];
    if (!weight) return figure.replaceChildren();
    const words = `${weight.name}: ${shapeWords(weight.shape)}, outputs down, inputs and taps across`;
    const canvas = element("canvas", { className: "weights", role: "img", "aria-label": words });
    drawShades(canvas, shadesOfWeight(weight));
    figure.replaceChildren(canvas, element("figcaption", { className: "facts" }, words));
  }

  /** Follows the number under the pointer, of the step's value as far as the picture tells it. */
  #pick(event) {
    if (!this.follow) return;
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const fields = [...this.#root.querySelectorAll(".places input")];
    if (!fields.length) return;
    const point = fields.map((field) => Number(field.value));
    const place = (field, share) => Math.floor(Math.min(0.999, Math.max(0, share)) * (Number(field.max) + 1));
    const across = fields.length - 1;
    point[across] = place(fields[across], (event.clientX - left) / width);
    if (fields.length === 3) point[1] = place(fields[1], 1 - (event.clientY - top) / height);
    this.follow(point).catch((error) => this.#desk.onError(error));
  }
}

/** Queries from the top down, as a matrix is written. */
function upright({ columns, rows, shades }) {
  const turned = new Uint8Array(shades.length);
  for (let row = 0; row < rows; row += 1) turned.set(shades.subarray(row * columns, (row + 1) * columns), (rows - 1 - row) * columns);
  return { columns, rows, shades: turned };
}
