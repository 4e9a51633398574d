// The whole network as one picture: a button for each block, in two rows, and the lines between them.

import { element, setText } from "../page/dom.js";
import { drawShades, numeral, shapeWords } from "./draw.js";

const percent = (share) => `${share < 0.1 ? (100 * share).toFixed(1) : Math.round(100 * share)}\u00a0%`;
const thousands = (count) => count.toLocaleString("en");

/** The numbers of a block in a sentence, for those who can't see its picture. */
export function sentenceOf({ name, words, parameters, skip }, value, share) {
  const parts = [`${name}: ${words}`, `shape ${shapeWords(value.shape)}`];
  if (parameters) parts.push(`${thousands(parameters)} parameters`);
  if (share !== undefined) parts.push(`${percent(share)} of the time`);
  parts.push(`root mean square ${numeral(value.rms)}, from ${numeral(value.least)} to ${numeral(value.most)}`);
  if (skip !== null) parts.push("a skip leads to its decoder");
  return `${parts.join(", ")}.`;
}

export class NetworkMap {
  #root;
  #network = null;
  #blocks = {};
  #onOpen;
  #lines = document.createElementNS("http://www.w3.org/2000/svg", "svg");

  constructor(root, onOpen) {
    this.#root = root;
    this.#onOpen = onOpen;
    this.#lines.setAttribute("aria-hidden", "true");
    this.#lines.setAttribute("class", "lines");
    new ResizeObserver(() => this.#drawLines()).observe(root);
    root.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Draws the network of a model. */
  show(network) {
    this.#network = network;
    this.#blocks = {};
    this.#root.style.setProperty("--steps", network.steps);
    this.#root.replaceChildren(this.#lines, ...network.blocks.map((block) => {
      const canvas = element("canvas", { "aria-hidden": "true" });
      const facts = element("span", { className: "facts" });
      const button = element("button", { type: "button", className: `block ${block.kind}${block.isCross ? " cross" : ""}`, "aria-expanded": "false", onclick: () => this.#onOpen(block.name) },
        element("span", { className: "block-name" }, block.name.replace("crosstransformer.", "")), element("span", { className: "view" }, canvas), facts);
      button.style.setProperty("--row", block.row);
      button.style.setProperty("--step", block.step);
      if (block.kind === "final") button.style.setProperty("--span", 2);
      this.#blocks[block.name] = { block, button, canvas, facts, value: null };
      return button;
    }));
    this.#drawLines();
  }

  /** Shows the values of a pass, and shares of its time. */
  update(values, shares) {
    for (const value of values) {
      const shown = this.#blocks[value.name];
      if (!shown) continue;
      shown.value = value;
      drawShades(shown.canvas, value.picture);
      const share = shares[value.name];
      setText(shown.facts, [shapeWords(value.shape), share === undefined ? "" : percent(share)].filter(Boolean).join(" · "));
      shown.button.setAttribute("aria-label", sentenceOf(shown.block, value, share));
    }
  }

  find(name) {
    return this.#blocks[name] ?? null;
  }

  /** Marks the open block and those that edits change. */
  mark(open, edited) {
    for (const [name, { button }] of Object.entries(this.#blocks)) {
      button.setAttribute("aria-expanded", String(name === open));
      button.classList.toggle("edited", edited(name));
      button.setAttribute("aria-description", edited(name) ? "changed" : "");
    }
  }

  /** Arrow keys go from block to block. */
  #move(event) {
    const from = Object.values(this.#blocks).find(({ button }) => button === event.target)?.block;
    const [along, across] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (!from || (!along && !across)) return;
    const next = this.#network.blocks
      .filter(({ row, step }) => (along ? (step - from.step) * along > 0 && row === from.row : row === from.row + across))
      .sort((one, other) => Math.abs(one.step - from.step) - Math.abs(other.step - from.step))[0];
    if (!next) return;
    event.preventDefault();
    this.#blocks[next.name].button.focus();
  }

  #drawLines() {
    if (!this.#network) return;
    // The lines' own size must not keep the picture large.
    Object.assign(this.#lines.style, { width: "0", height: "0" });
    const box = this.#root.getBoundingClientRect();
    this.#lines.setAttribute("viewBox", `0 0 ${this.#root.scrollWidth} ${this.#root.scrollHeight}`);
    this.#lines.style.width = `${this.#root.scrollWidth}px`;
    this.#lines.style.height = `${this.#root.scrollHeight}px`;
    const place = (name) => {
      const { left, top, width, height } = this.#blocks[name].button.getBoundingClientRect();
      return { x: left - box.left + this.#root.scrollLeft + width / 2, y: top - box.top + this.#root.scrollTop + height / 2, width, height };
    };
    const isTall = getComputedStyle(this.#root).getPropertyValue("--tall").trim() === "1";
    const paths = [];
    const { blocks } = this.#network;
    for (const block of blocks) {
      const from = place(block.name);
      for (const next of blocks.filter(({ row, step }) => step > block.step && (row === block.row || block.isCross || step === this.#network.steps - 1))
        .filter((next, _, all) => next.step === Math.min(...all.map(({ step }) => step)))) {
        const to = place(next.name);
        paths.push(`M${from.x},${from.y} L${to.x},${to.y}`);
      }
      if (block.skip === null) continue;
      const target = blocks.find(({ row, step }) => row === block.row && step === block.skip);
      if (!target) continue;
      const to = place(target.name);
      // Skips run outside the rows, the longest one farthest out.
      const out = (block.row ? 1 : -1) * ((isTall ? from.width : from.height) / 2 + 6 + 3 * (block.skip - block.step));
      paths.push(isTall ? `M${from.x},${from.y} H${from.x + out} V${to.y} H${to.x}` : `M${from.x},${from.y} V${from.y + out} H${to.x} V${to.y}`);
    }
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", paths.join(" "));
    this.#lines.replaceChildren(path);
  }
}
