// A slider of the mixer with its value: volumes in decibels and pans.

import { element, setText } from "./dom.js";
import { decibels, pan, spokenDecibels, spokenPan } from "./format.js";
import { loudestDecibels, silenceDecibels } from "./mix.js";

const kinds = {
  volume: { min: silenceDecibels, max: loudestDecibels, step: 1, title: "Volume", text: (value) => decibels(value, silenceDecibels), spoken: (value) => spokenDecibels(value, silenceDecibels) },
  pan: { min: -100, max: 100, step: 5, title: "Pan", text: pan, spoken: spokenPan },
};

export class Fader {
  /** Changes `state[key]`, `volume` or `pan`; a double click resets it, as on a mixing desk. */
  constructor({ label, state, key, onChange }) {
    Object.assign(this, { state, key, kind: kinds[key] });
    const { min, max, step, title } = this.kind;
    this.slider = element("input", { type: "range", min, max, step, "aria-label": label, title });
    // The slider itself speaks its value.
    this.text = element("span", { className: "value", "aria-hidden": "true" });
    this.root = element("div", { className: key === "pan" ? "fader pan" : "fader" }, this.slider, this.text);
    const set = (value) => {
      this.state[this.key] = value;
      this.refresh();
      onChange();
    };
    this.slider.addEventListener("input", () => set(Number(this.slider.value)));
    this.slider.addEventListener("dblclick", () => set(0));
    this.refresh();
  }

  /** Shows the value, also after others have changed it. */
  refresh() {
    const value = this.state[this.key];
    const { min, max, text, spoken } = this.kind;
    this.slider.value = value;
    this.slider.setAttribute("aria-valuetext", spoken(value));
    this.slider.style.setProperty("--at", (value - min) / (max - min));
    setText(this.text, text(value));
  }
}
