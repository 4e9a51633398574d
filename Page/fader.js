// A slider of the mixer with its value: volumes in decibels, pans, and speed and pitch of a rehearsal.

import { element, setText } from "./dom.js";
import { decibels, pan, signed, spokenDecibels, spokenPan } from "./format.js";
import { loudestDecibels, silenceDecibels } from "./mix.js";
import { fastest, mostSemitones, percent, plainTuning, slowest } from "./tuning.js";

/** A finger that has gone so far sideways moves a slider; one that goes up or down scrolls the page. */
const dragPixels = 6;

const milliseconds = (seconds) => `${Math.round(seconds * 1000)} ms`;

/** The slider shows the value times `scale`, and so is it typed if `isTyped`. */
const kinds = {
  volume: { min: silenceDecibels, max: loudestDecibels, step: 1, title: "Volume", text: (value) => decibels(value, silenceDecibels), spoken: (value) => spokenDecibels(value, silenceDecibels) },
  pan: { min: -100, max: 100, step: 5, title: "Pan", text: pan, spoken: spokenPan },
  speed: { min: slowest, max: fastest, step: 1, scale: 100, isTyped: true, title: "Speed: slide, type, or press < and >", text: percent, spoken: percent },
  semitones: { min: -mostSemitones, max: mostSemitones, step: 1, isTyped: true, title: "Semitones: slide, press comma and point, or type cents as 0.3", text: signed, spoken: (value) => `${signed(value)} semitones` },
  clickVolume: { min: -24, max: 12, step: 1, text: decibels, spoken: spokenDecibels },
  delay: { min: 0, max: 0.5, step: 10, scale: 1000, title: "How late the loudspeaker is, as over Bluetooth: the playhead and taps wait for it", text: milliseconds, spoken: milliseconds },
};

export class Fader {
  #finger = null;

  /** Changes `state[key]`, of which `key` names a kind; a double click resets it, as on a mixing desk. */
  constructor({ label, state, key, onChange }) {
    Object.assign(this, { label, state, key, kind: kinds[key] });
    const { min, max, step, title, isTyped, scale = 1 } = this.kind;
    this.slider = element("input", { type: "range", min: min * scale, max: max * scale, step, "aria-label": label, title });
    // The slider itself speaks its value.
    this.text = isTyped
      ? element("input", { className: "value", inputMode: "decimal", autocomplete: "off", "aria-label": `${label}, typed`, title, onclick: () => this.text.select(), onchange: () => this.#type(set) })
      : element("span", { className: "value", "aria-hidden": "true" });
    this.root = element("div", { className: key === "pan" ? "fader pan" : "fader" }, this.slider, this.text);
    const set = (value) => {
      this.state[this.key] = value;
      this.refresh();
      onChange();
    };
    this.slider.addEventListener("input", () => (this.#finger ? this.refresh() : set(Number(this.slider.value) / scale)));
    this.slider.addEventListener("dblclick", () => set(plainTuning[key] ?? 0));
    this.#followFinger(set);
    this.refresh();
  }

  /** Moves the slider by as much as a finger does. The browser's own slider jumps to the finger, also when that scrolls the page. */
  #followFinger(set) {
    const { slider, kind: { min, max, step, scale = 1 } } = this;
    slider.addEventListener("pointerdown", ({ pointerType, clientX: x }) => {
      this.#finger = pointerType === "touch" ? { x, value: this.state[this.key], isDrag: false } : null;
    });
    slider.addEventListener("pointermove", ({ clientX: x }) => {
      const finger = this.#finger;
      if (finger?.isDrag === false && Math.abs(x - finger.x) > dragPixels) Object.assign(finger, { x, isDrag: true });
      if (!finger?.isDrag) return;
      const value = finger.value + ((x - finger.x) / slider.clientWidth) * (max - min);
      set(Math.min(max, Math.max(min, (Math.round((value * scale) / step) * step) / scale)));
    });
    slider.addEventListener("pointercancel", () => this.#finger?.isDrag && set(this.#finger.value));
    // A tap ends with events of a mouse, the last of which is a click.
    for (const end of ["pointercancel", "click", "keydown"]) slider.addEventListener(end, () => { this.#finger = null; });
  }

  /** Shows the value, also after others have changed it. */
  refresh() {
    const value = this.state[this.key];
    const { min, max, text, spoken, scale = 1 } = this.kind;
    this.slider.value = Math.round(value * scale);
    this.slider.setAttribute("aria-valuetext", spoken(value));
    this.slider.style.setProperty("--at", (value - min) / (max - min));
    if (this.kind.isTyped) this.text.value = text(value);
    else setText(this.text, text(value));
  }

  #type(set) {
    const { min, max, scale = 1 } = this.kind;
    const value = Number.parseFloat(this.text.value.replace("−", "-").replace(",", ".")) / scale;
    if (Number.isNaN(value)) return this.refresh();
    set(Math.min(max, Math.max(min, Math.round(value * 100) / 100)));
    // The keys are the mixer's again.
    this.text.blur();
  }
}
