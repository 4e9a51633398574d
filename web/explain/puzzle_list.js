// The list of the puzzles, and the open one with what one may open and hear.

import { announce, chipButton, element } from "../page/dom.js";
import { chapterNode } from "./block.js";
import { puzzles, showPuzzle } from "./puzzles.js";

/** The puzzles' numbers are those of this piece of the demo track. */
const startSeconds = 16;

export class PuzzleList {
  #page;
  #space = element("div", {});
  #list;
  #solved = new Set();

  /** `page` has `state`, `writeState()`, `open(block)` and `hear(edits, start)`. */
  constructor(root, page) {
    this.#page = page;
    this.#list = element("ol", { className: "buttons" }, ...puzzles.map((puzzle) => {
      const button = chipButton(puzzle.title, () => this.#show(page.state.puzzle === puzzle.id ? null : puzzle), { "aria-pressed": "false" });
      button.dataset.puzzle = puzzle.id;
      return element("li", {}, button);
    }));
    root.replaceChildren(element("h2", {}, "Puzzles"), this.#list, this.#space);
    const wanted = puzzles.find(({ id }) => id === page.state.puzzle);
    if (wanted) this.#show(wanted);
    if (wanted && !page.state.isEmbedded) this.#space.scrollIntoView({ block: "nearest" });
  }

  #show(puzzle) {
    const { state } = this.#page;
    state.puzzle = puzzle?.id ?? null;
    this.#page.writeState();
    for (const button of this.#list.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.puzzle === state.puzzle));
    if (!puzzle) return this.#space.replaceChildren();
    const form = element("div", {});
    const action = (words, onclick, hidden) => element("button", { type: "button", className: "plain", onclick, hidden }, words);
    const hear = puzzle.edits && action("Hear it, in place of your changes", () => this.#page.hear(puzzle.edits, startSeconds), true);
    showPuzzle(form, puzzle, { onSolved: () => {
      this.#solved.add(puzzle.id);
      this.#list.querySelector(`[data-puzzle="${puzzle.id}"]`).classList.add("solved");
      // It would be the answer before.
      if (hear) hear.hidden = false;
      announce(`${this.#solved.size} of ${puzzles.length} puzzles solved`);
    } });
    const actions = [puzzle.block && action(`Open ${puzzle.block}`, () => this.#page.open(puzzle.block), false), hear];
    this.#space.replaceChildren(element("h3", {}, puzzle.title), form, element("div", { className: "buttons" }, ...actions.filter(Boolean)), chapterNode(puzzle.chapter));
  }
}
