// Changes of the whole network that can be made with one press, and a line for any other.

import { chipButton, element } from "../page/dom.js";

/** A button that makes an edit, or undoes it; `refreshEdits` shows which are made. */
export function editButton(page, words, edit) {
  const button = chipButton(words, () => page.toggleEdit(edit), { "aria-pressed": "false" });
  button.dataset.edit = edit;
  return button;
}

export function refreshEdits(root, { edits }) {
  for (const button of root.querySelectorAll("[data-edit]")) button.setAttribute("aria-pressed", String(edits.includes(button.dataset.edit)));
}

/** @returns {[string, string[][]][]} groups of `[words, edit]` by their titles */
const groups = (levels) => [
  ["Branches", [["Without the waveform's branch", "add_67=zero"], ["Without the spectrogram's branch", "output=zero"], ["The mixture's phases", "output=phase:mag"]]],
  ["Skips", [["All skips cut", "*coder.?.skip=zero"], ...Array.from({ length: levels }, (_, level) => [`Level ${level} cut`, `*coder.${level}.skip=zero`])]],
  ["Attention", [["No attention", "*attn=zero"], ["No cross-attention", "*cross_attn=zero"], ["No positions", "crosstransformer.pos_emb*=zero"], ["Positions shuffled", "crosstransformer.pos_emb*=permute:0"]]],
  ["LayerScale of the transformer", [0, 0.5, 2, 4].map((factor) => [`× ${factor}`, `crosstransformer*gamma_?.scale=scale:${factor}`])],
  ["All weights", [8, 6, 5, 4, 3, 2].map((bits) => [`${bits} bits`, `*weight=quantise:${bits}`])],
];

export class Changes {
  #root;
  #list = element("ul", { className: "made", "aria-label": "Changes made" });
  #cuts;
  #page;

  /** `page` has `toggleEdit(edit)`, `setSegment(segment, overlap)` and `clear()`. */
  constructor(root, page, levels, segmentSeconds) {
    this.#root = root;
    this.#page = page;
    const cuts = [[null, null, "One segment"], [segmentSeconds / 2, 0, "Two, hard cut"], [segmentSeconds / 2, 0.25, "Two, overlapped"], [segmentSeconds / 4, 0, "Four, hard cuts"]];
    this.#cuts = cuts.map(([segment, overlap, words]) => {
      const button = chipButton(words, () => page.setSegment(segment, overlap));
      button.dataset.segment = `${segment},${overlap}`;
      return button;
    });
    const field = element("input", { type: "text", placeholder: "encoder.1=scale:0.5", "aria-label": "Any other change: NAME=zero, set:X, scale:K, permute:AXIS or quantise:BITS", spellcheck: false, autocapitalize: "none" });
    const form = element("form", { className: "other", onsubmit: (event) => {
      event.preventDefault();
      if (field.value.trim()) page.toggleEdit(field.value.trim());
      field.value = "";
    } }, field, element("button", { type: "submit", className: "plain" }, "Apply"));
    const group = (title, buttons) => element("div", { className: "buttons", role: "group", "aria-label": title }, element("span", { className: "facts" }, title), ...buttons);
    root.replaceChildren(
      element("div", { className: "head" }, element("h2", {}, "Change it and hear it"), element("button", { type: "button", id: "clear", className: "plain", onclick: () => page.clear() }, "Undo all")),
      this.#list, ...groups(levels).map(([title, chips]) => group(title, chips.map(([words, edit]) => editButton(page, words, edit)))), group("Segments", this.#cuts), form);
  }

  refresh(state) {
    refreshEdits(this.#root, state);
    for (const button of this.#cuts) button.setAttribute("aria-pressed", String(button.dataset.segment === `${state.segment},${state.overlap}`));
    this.#list.replaceChildren(...state.edits.map((edit) => element("li", {}, element("code", {}, edit), element("button", { type: "button", className: "quiet", "aria-label": `Undo ${edit}`, onclick: () => this.#page.toggleEdit(edit) }, "×"))));
    document.getElementById("clear").hidden = state.edits.length === 0 && state.segment === null;
  }
}
