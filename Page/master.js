// The master strip: volume of the whole mix, its level, and a light that says if it has clipped.

import { announce, element, relabel, setText } from "./dom.js";
import { decibels } from "./format.js";
import { Fader } from "./fader.js";
import { Meter, toDecibels } from "./meters.js";

export class Master {
  meter = new Meter();
  /** The largest sample since the light was cleared. */
  #peak = 0;

  /** `state.volume` in decibels; `onChange()` after a change. */
  constructor(state, onChange) {
    this.fader = new Fader({ label: "master volume", state, key: "volume", onChange });
    this.clip = element("button", { type: "button", className: "clip", textContent: "Clip", onclick: () => this.clear() });
    this.peak = element("span", { className: "value", title: "Highest peak" });
    this.root = element("div", { className: "strip master", role: "group", "aria-label": "master" },
      element("div", { className: "controls" },
        element("div", { className: "controls-head" }, element("span", { className: "stem-name", textContent: "master" }), this.clip),
        this.fader.root),
      element("div", { className: "master-level" }, this.meter.root, this.peak));
    this.clear();
  }

  /** Shows the level; samples beyond full scale light the clip light until it is pressed. */
  update() {
    const peak = this.meter.update();
    if (peak <= this.#peak) return;
    const wasClipped = this.#peak > 1;
    this.#peak = peak;
    this.#show();
    if (peak > 1 && !wasClipped) announce("The mix clips. Lower the master volume.");
  }

  clear() {
    this.#peak = 0;
    this.#show();
  }

  #show() {
    const isClipped = this.#peak > 1;
    const words = isClipped ? `${toDecibels(this.#peak).toFixed(1)} dB over` : "Clip";
    this.clip.classList.toggle("lit", isClipped);
    this.clip.disabled = !isClipped;
    setText(this.clip, words);
    relabel(this.clip, isClipped ? `${words}: too loud for loudspeakers; files are safe. Press to clear` : "No clipping");
    setText(this.peak, this.#peak > 0 ? decibels(Number(toDecibels(this.#peak).toFixed(1))) : "");
  }
}
