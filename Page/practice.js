// The row of presets above the stems, the comparison with the original, and the way back to the plain mix.

import { element, setText } from "./dom.js";
import { presetsOf, residualName } from "./presets.js";

const stored = "my instrument";
const usualInstrument = "bass";

export class Practice {
  #buttons = new Map();

  /** `actions`: `apply(preset)`, `reset()`, `compare()`; `isPressed(preset)`. `hasOriginal` tells whether the original can be heard. */
  constructor(names, hasOriginal, actions) {
    this.names = names;
    this.actions = actions;
    this.presets = element("div", { className: "presets", role: "group", "aria-label": "Presets" });
    this.mine = element("select", { "aria-label": "My instrument", title: "My instrument", onchange: () => {
      localStorage.setItem(stored, this.mine.value);
      this.#offer();
      actions.apply(this.#presets().find(({ id }) => id === "mine"));
    } }, ...names.filter((name) => name !== residualName).map((name) => element("option", { value: name, textContent: name })));
    this.mine.value = [localStorage.getItem(stored), usualInstrument, names[0]].find((name) => names.includes(name));
    this.compare = element("button", { type: "button", className: "chip-button", textContent: "Original", title: "Hear the original as loud as your mix (O)", "aria-pressed": "false", onclick: () => actions.compare() });
    this.reset = element("button", { type: "button", className: "chip-button", textContent: "Reset mix", onclick: () => actions.reset() });
    this.root = element("div", { className: "practice" }, this.presets, element("div", { className: "presets" },
      hasOriginal ? this.compare : element("span", { className: "facts", textContent: "Original not kept", title: "To compare with the original, choose Original: Kept under Options, and separate the song again." }),
      this.reset));
    this.#offer();
  }

  #presets() {
    return presetsOf(this.names, this.mine.value);
  }

  #offer() {
    this.#buttons.clear();
    const buttons = this.#presets().map((preset) => {
      const button = element("button", { type: "button", className: "chip-button", textContent: preset.words, title: preset.title, "aria-pressed": "false", onclick: () => this.actions.apply(preset) });
      this.#buttons.set(preset, button);
      return button;
    });
    this.presets.replaceChildren(...buttons, ...(this.names.length > 1 ? [this.mine] : []));
  }

  /** Shows what sounds now. */
  update({ isOriginal, isChanged }) {
    for (const [preset, button] of this.#buttons) button.setAttribute("aria-pressed", !isOriginal && this.actions.isPressed(preset));
    this.compare.setAttribute("aria-pressed", isOriginal);
    setText(this.compare, isOriginal ? "Back to the mix" : "Original");
    this.reset.disabled = !isChanged;
  }
}
