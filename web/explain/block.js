// An open block: its picture, its formulas, one number followed to its inputs and weights, its weights, its attention heads.

import { element, setText } from "../page/dom.js";
import { editButton, refreshEdits } from "./changes.js";
import { drawShades, numeral, shadesOfWeight, shapeWords } from "./draw.js";
import { Graph } from "./graph.js";
import { sentenceOf } from "./map.js";

const mostTerms = 12;
/** Where a host has the course as pages, index.html names it. */
const courseAddress = document.querySelector('meta[name="course"]')?.content;

/** Where the course speaks of it. */
export function chapterNode(chapter) {
  const name = element("code", {}, `docs/course/${chapter}`);
  return element("p", { className: "facts" }, "The course: ", courseAddress ? element("a", { href: new URL(chapter.replace(".md", ".html"), courseAddress).href }, name) : name);
}

export class BlockView {
  #root;
  #runs;
  #page;
  #name = null;
  #canvas;
  #sentence;
  #scale;
  /** The shape of the block's value, and the place in it that was chosen last. */
  #shape = [];
  #place = [];
  #click = null;
  #chips = null;
  /** Shows what changes with each run: heads, and what a run has interrupted. */
  #refreshParts = [];
  #follow = null;

  /** `page` has `state`, `piece`, `toggleEdit(edit)`, `addressOf(block, step, at, trail)`, `onClose()`, `onFollow(step, at)` and `onError(error)`. */
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
      this.#shape = value.shape;
      this.#choose(value.shape.map((length, axis) => Math.min(length - 1, this.#place[axis] ?? Math.floor(length / 2))));
      drawShades(this.#canvas, value.picture);
      this.#scale.replaceChildren(...scaleOf(block.name, value, this.#page.seconds));
      setText(this.#sentence, sentenceOf(block, value, share));
    }
    refreshEdits(this.#root, this.#page.state);
    this.#follow?.();
  }

  /** After each run: its pictures of heads, and the number that it has kept from being followed. */
  update() {
    for (const refresh of this.#refreshParts) refresh();
  }

  focus() {
    const head = this.#root.querySelector("h2");
    head?.focus({ preventScroll: true });
    // On a phone the picture of the network hides it.
    head?.scrollIntoView({ block: "nearest" });
  }

  #build(block) {
    this.#name = block.name;
    this.#root.hidden = false;
    [this.#place, this.#refreshParts, this.#follow, this.#click] = [[], [], null, null];
    this.#canvas = element("canvas", { className: "large", "aria-hidden": "true", onclick: (event) => this.#pick(event) });
    this.#sentence = element("p", {});
    const close = element("button", { type: "button", className: "quiet", "aria-label": "Close the block", onclick: () => this.#page.onClose() }, "×");
    this.#scale = element("p", { className: "scale facts" });
    const parts = [element("div", { className: "head" }, element("h2", { tabIndex: -1 }, block.name), close), this.#sentence, element("div", { className: "view" }, this.#canvas), this.#scale, this.#places(block), chapterNode(block.chapter), this.#changes(block)];
    if (block.kind.startsWith("layers")) parts.push(this.#heads(block));
    if (new Graph(this.#runs.architecture).stepsOf(block.name).length) parts.push(this.#follower());
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
        canvas.addEventListener("click", () => this.#page.toggleEdit(`${value.name}=zero`));
        return element("li", {}, canvas, editButton(this.#page, `Head ${head} off`, `${value.name}=zero`));
      }));
      refreshEdits(list, this.#page.state);
    }));
    return element("section", {}, element("h3", {}, isCross ? "Attention weights: queries down, the other branch's tokens across" : "Attention weights: queries down, tokens across"), list);
  }

  async #try(work) {
    try {
      await work();
    } catch (error) {
      this.#page.onError(error);
    }
  }

  /** What a click on the picture does, and the same by buttons, for the place that was chosen last. */
  #places({ name }) {
    if (name === "mix") return "";
    this.#click = element("select", { "aria-label": "What a click on the picture does" }, ...["A click follows a number", "A click turns off a channel", "A click turns off a place"].map((words, index) => element("option", { value: String(index) }, words)));
    this.#chips = element("span", { className: "buttons" });
    return element("div", { className: "buttons" }, this.#click, this.#chips);
  }

  /** Edits of a channel and of a place of the block's value. */
  #editsOf(place) {
    const isTokens = this.#name.startsWith("crosstransformer.");
    const channel = place[isTokens ? 1 : 0];
    const noun = ["output", "add_67", "final"].includes(this.#name) ? "Source" : "Channel";
    return [[`${noun} ${channel} off`, `${this.#name}[${isTokens ? "*," : ""}${channel}]=zero`], [`Place ${place.join(", ")} off`, `${this.#name}[${place}]=zero`]];
  }

  #choose(place) {
    this.#place = place;
    if (this.#name === "mix") return;
    this.#chips.replaceChildren(...this.#editsOf(place).map(([words, edit]) => editButton(this.#page, words, edit)));
    refreshEdits(this.#chips, this.#page.state);
  }

  /** Choosing a number, and where it comes from: the address has its step, its place and the trail to it. */
  #follower() {
    let [graph, graphPiece, turn, shown] = [null, null, 0, ""];
    const choice = element("select", { "aria-label": "The step that is followed", onchange: () => this.#page.onFollow(Number(choice.value), null) });
    const [trail, formula, places, result] = [element("nav", { className: "trail", "aria-label": "Trail" }), element("p", { className: "formula" }), element("div", { className: "places" }), element("div", { className: "result" })];
    const [sum, weights] = [element("p", { className: "sum", role: "status" }), element("figure", {})];
    this.#follow = () => this.#try(async () => {
      const [{ state, piece }, name] = [this.#page, this.#name];
      if (piece !== graphPiece) [graph, graphPiece, shown] = [new Graph(this.#runs.architecture), piece, ""];
      const steps = graph.stepsOf(name);
      // By default the block's own value.
      const step = steps[state.step] ? state.step : steps.findIndex((value) => value.name === name);
      const before = state.trail.filter((part) => graph.stepsOf(part.block)[part.step] && part.at);
      const wanted = JSON.stringify([step, state.at, state.trail]);
      if (wanted === shown) return;
      shown = wanted;
      const [current, value] = [(turn += 1), steps[step]];
      choice.replaceChildren(...steps.map(({ label }, index) => element("option", { value: String(index), selected: index === step }, label)));
      const needs = graph.needsOf(value);
      const count = needs.values.size;
      setText(sum, count ? `Reading ${count} ${count === 1 ? "value" : "values"} of the network …` : "");
      try {
        const values = count ? await this.#runs.values(piece, [...needs.values]) : {};
        graph.give(values, needs.parameters.size ? await this.#runs.parameters([...needs.parameters].join(",")) : {});
      } catch (error) {
        // A change has interrupted it: what follows a change begins again.
        if (current === turn) shown = "";
        throw error;
      }
      if (current !== turn || piece !== this.#page.piece || name !== this.#name) return;
      value.prepare();
      const at = value.shape.map((length, axis) => Math.min(length - 1, Math.max(0, state.at?.[axis] ?? Math.floor(length / 2))));
      shown = JSON.stringify([step, at, state.trail]);
      this.#page.onFollow(step, at);
      if (value.name === name) this.#choose(at);
      const link = (from, place, trail = [...before, { block: name, step, at }]) => {
        const words = `${from.name}[${place.join(", ")}]`;
        return from.label ? element("a", { href: this.#page.addressOf(from.block, graph.stepsOf(from.block).indexOf(from), place, trail) }, words) : `${words}: of Demucs v3, not followed`;
      };
      trail.replaceChildren(...before.flatMap((part, index) => [link(graph.stepsOf(part.block)[part.step], part.at, before.slice(0, index)), " ← "]), `${value.name}[${at.join(", ")}]`);
      setText(formula, value.formula);
      places.replaceChildren(...value.axes.map((axis, index) => element("label", {}, `${axis} `, element("input", {
        type: "number", min: "0", max: String(value.shape[index] - 1), value: String(at[index]),
        onchange: () => this.#page.onFollow(step, [...places.querySelectorAll("input")].map((field) => Math.round(Number(field.value) || 0))),
      }))));
      const found = value.make ? value.follow(at) : null;
      result.replaceChildren(...(found ? sumTable(found, link) : []));
      const engine = value.shapeOf ? "" : `The engine: ${value.at(at).toPrecision(6)}.`;
      setText(sum, `${found ? `Sum: ${found.sum.toPrecision(6)}. ` : ""}${engine}`.replaceAll("-", "−"));
      drawWeights(weights, value.weights.map((key) => graph.parameters[key]));
    });
    this.#refreshParts.push(() => this.#follow());
    return element("section", { className: "follower" }, element("h3", {}, "One number followed, in the unchanged network"), trail, choice, formula, places, result, sum, weights);
  }

  /** Follows the number under the pointer, or turns it or its channel off. */
  #pick(event) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const [across, up] = this.#name.startsWith("crosstransformer.") ? [0, 1] : [this.#shape.length - 1, this.#shape.length - 2];
    const place = [...this.#place];
    const index = (axis, share) => Math.floor(Math.min(0.999, Math.max(0, share)) * this.#shape[axis]);
    [place[across], place[up]] = [index(across, (event.clientX - left) / width), index(up, 1 - (event.clientY - top) / height)];
    this.#choose(place);
    const mode = Number(this.#click?.value);
    if (mode) this.#page.toggleEdit(this.#editsOf(place)[mode - 1][1]);
    else this.#page.onFollow(null, place);
  }
}

/** The largest products of a sum first, with links to the numbers that made them; a press shows the others. */
function sumTable({ terms, bias, notes }, link, most = mostTerms) {
  const sorted = [...terms].sort((one, other) => Math.abs(other.input * other.weight) - Math.abs(one.input * one.weight));
  const [shown, others] = [sorted.slice(0, most), sorted.slice(most)];
  const row = (...cells) => element("tr", {}, ...cells.map((cell, index) => element(index ? "td" : "th", index ? {} : { scope: "row" }, cell)));
  const rows = shown.map(({ from, at, name, input, weight, by, byPlace }) => row(from ? link(from, at) : name, numeral(input), element("span", {}, numeral(weight), ...(by ? [" of ", link(by, byPlace)] : [])), numeral(input * weight)));
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...["from", "input", "weight", "product"].map((words) => element("th", { scope: "col" }, words)))), element("tbody", {}, ...rows));
  if (others.length) {
    const more = element("button", { type: "button", className: "plain", onclick: () => table.replaceWith(...sumTable({ terms, bias, notes: [] }, link, terms.length)) }, `${others.length.toLocaleString("en")} more`);
    table.lastElementChild.append(row(more, "", "", numeral(others.reduce((total, { input, weight }) => total + input * weight, 0))));
  }
  if (bias) table.lastElementChild.append(row("bias", "", "", numeral(bias)));
  return [...notes.map(([name, value]) => element("p", { className: "facts" }, `${name}: ${numeral(value)}`)), table];
}

/** The axes of a block's picture, and its scale. */
function scaleOf(name, { shape, picture: { softest, loudest } }, seconds) {
  const [height, words] = name.startsWith("crosstransformer.") ? [shape[1], "channels"] : [shape.at(-2), shape.length > 2 && !["add_67", "final"].includes(name) ? "frequencies" : "channels"];
  const level = (value) => `${Math.round(value)} dB`.replace("-", "−");
  return [`Across: 0 to ${seconds.toFixed(1)} s. Up: ${words} 0 to ${height - 1}. Mean magnitude: ${level(softest)} `, element("span", { className: "ramp" }), ` ${level(loudest)}`];
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
