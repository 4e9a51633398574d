// A slider of the mixer with its value: volumes in decibels, pans, and speed and pitch of a rehearsal.

import { element, setText } from "./dom.js";
import { decibels, pan, signed, spokenDecibels, spokenPan } from "./format.js";
import { loudestDecibels, silenceDecibels } from "./mix.js";
import { fastest, mostSemitones, percent, plainTuning, slowest } from "./tuning.js";

/** The slider shows the value times `scale`. */
const kinds = {
  volume: { min: silenceDecibels, max: loudestDecibels, step: 1, title: "Volume", text: (value) => decibels(value, silenceDecibels), spoken: (value) => spokenDecibels(value, silenceDecibels) },
  pan: { min: -100, max: 100, step: 5, title: "Pan", text: pan, spoken: spokenPan },
  speed: { min: slowest, max: fastest, step: 1, scale: 100, text: percent, spoken: percent },
  semitones: { min: -mostSemitones, max: mostSemitones, step: 1, text: signed, spoken: (value) => `${signed(value)} semitones` },
};

export class Fader {
  /** Changes `state[key]`, of which `key` names a kind; a double click resets it, as on a mixing desk. */
  constructor({ label, state, key, onChange }) {
    Object.assign(this, { label, state, key, kind: kinds[key] });
    const { min, max, step, title, scale = 1 } = this.kind;
    this.slider = element("input", { type: "range", min: min * scale, max: max * scale, step, "aria-label": label, title });
    // The slider itself speaks its value.
    this.text = element("span", { className: "value", "aria-hidden": "true" });
    this.root = element("div", { className: key === "pan" ? "fader pan" : "fader" }, this.slider, this.text);
    const set = (value) => {
      this.state[this.key] = value;
      this.refresh();
      onChange();
    };
    this.slider.addEventListener("input", () => set(Number(this.slider.value) / scale));
    this.slider.addEventListener("dblclick", () => set(plainTuning[key] ?? 0));
    this.refresh();
  }

  /** Shows the value, also after others have changed it. */
  refresh() {
    const value = this.state[this.key];
    const { min, max, text, spoken, scale = 1 } = this.kind;
    this.slider.value = Math.round(value * scale);
    this.slider.setAttribute("aria-valuetext", spoken(value));
    this.slider.style.setProperty("--at", (value - min) / (max - min));
    setText(this.text, text(value));
  }
}
