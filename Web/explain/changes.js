// Changes of the whole network that can be made with one press, and a line for any other.

import { element } from "../dom.js";

/** Groups of `[words, edit]`. */
const groups = (levels) => [
  ["Branches", [["Without the waveform's branch", "add_67=zero"], ["Without the spectrogram's branch", "output=zero"], ["The mixture's phases", "output=phase:mag"]]],
  ["Skips", [["All skips cut", "*coder.?.skip=zero"], ...Array.from({ length: levels }, (_, level) => [`Level ${level} cut`, `*coder.${level}.skip=zero`])]],
  ["Attention", [["No attention", "*attn=zero"], ["No cross-attention", "*cross_attn=zero"], ["No positions", "crosstransformer.pos_emb*=zero"], ["Positions shuffled", "crosstransformer.pos_emb*=permute:0"]]],
  ["LayerScale of the transformer", [0, 0.5, 2, 4].map((factor) => [`× ${factor}`, `crosstransformer*gamma_?.scale=scale:${factor}`])],
  ["All weights", [8, 6, 5, 4, 3, 2].map((bits) => [`${bits} bits`, `*weight=quantise:${bits}`])],
];

export class Changes {
  #root;
  #desk;
  #list = element("ul", { className: "made", "aria-label": "Changes made" });
  #segment;

  /** `desk` has `state`, `toggleEdit(edit)`, `hasEdit(edit)`, `setSegment(segment, overlap)` and `clear()`. */
  constructor(root, desk, levels, segmentSeconds) {
    this.#root = root;
    this.#desk = desk;
    const chip = (words, edit) => {
      const button = element("button", { type: "button", className: "chip-button", "aria-pressed": "false", onclick: () => desk.toggleEdit(edit) }, words);
      button.dataset.edit = edit;
      return button;
    };
    const cuts = [[null, null, "One segment"], [segmentSeconds / 2, 0, "Two, hard cut"], [segmentSeconds / 2, 0.25, "Two, overlapped"], [segmentSeconds / 4, 0, "Four, hard cuts"]];
    this.#segment = cuts.map(([segment, overlap, words]) => {
      const button = element("button", { type: "button", className: "chip-button", onclick: () => desk.setSegment(segment, overlap) }, words);
      button.dataset.segment = `${segment},${overlap}`;
      return button;
    });
    const field = element("input", { type: "text", placeholder: "encoder.1=scale:0.5", "aria-label": "Any other change: NAME=zero, set:X, scale:K, permute:AXIS or quantise:BITS", spellcheck: false, autocapitalize: "none" });
    const form = element("form", { className: "other", onsubmit: (event) => {
      event.preventDefault();
      if (field.value.trim()) desk.toggleEdit(field.value.trim());
      field.value = "";
    } }, field, element("button", { type: "submit", className: "plain" }, "Make it"));
    root.replaceChildren(
      element("div", { className: "head" }, element("h2", {}, "Change it and hear it"), element("button", { type: "button", id: "clear", className: "plain", onclick: () => desk.clear() }, "Undo all")),
      this.#list,
      ...groups(levels).map(([title, chips]) => element("div", { className: "buttons", role: "group", "aria-label": title }, element("span", { className: "facts" }, title), ...chips.map(([words, edit]) => chip(words, edit)))),
      element("div", { className: "buttons", role: "group", "aria-label": "Segments" }, element("span", { className: "facts" }, "Segments"), ...this.#segment),
      form);
  }

  refresh() {
    const { edits, segment, overlap } = this.#desk.state;
    for (const button of this.#root.querySelectorAll("[data-edit]")) button.setAttribute("aria-pressed", String(this.#desk.hasEdit(button.dataset.edit)));
    for (const button of this.#segment) button.setAttribute("aria-pressed", String(button.dataset.segment === `${segment},${overlap}`));
    this.#list.replaceChildren(...edits.map((edit) => element("li", {}, element("code", {}, edit), element("button", { type: "button", className: "quiet", "aria-label": `Undo ${edit}`, onclick: () => this.#desk.toggleEdit(edit) }, "×"))));
    document.getElementById("clear").hidden = edits.length === 0 && segment === null;
  }
}
