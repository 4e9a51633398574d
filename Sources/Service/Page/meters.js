// Level meters: the peaks of a node's two channels, with the fall of a peak meter.

import { element } from "./dom.js";

/** Samples that a meter reads at once: more than a frame of the screen has. */
const windowFrames = 2048;
const floorDecibels = -60;
const topDecibels = 6;
const fallDecibelsPerSecond = 24;

export const toDecibels = (peak) => 20 * Math.log10(Math.max(peak, 1e-6));

export class Meter {
  #bars = [0, 1].map(() => element("span", { className: "level" }));
  #analysers = [];
  #block = new Float32Array(windowFrames);
  #shown = [floorDecibels, floorDecibels];
  #time = 0;

  constructor() {
    this.root = element("div", { className: "meter", "aria-hidden": "true" }, ...this.#bars);
  }

  /** Listens to a node of an audio graph. */
  connect(node) {
    const splitter = new ChannelSplitterNode(node.context, { numberOfOutputs: 2 });
    node.connect(splitter);
    this.#analysers = [0, 1].map((channel) => {
      const analyser = new AnalyserNode(node.context, { fftSize: windowFrames });
      splitter.connect(analyser, channel);
      return analyser;
    });
  }

  /** Shows the latest samples; returns the larger peak of both channels. */
  update() {
    const now = performance.now();
    const fall = ((now - this.#time) / 1000) * fallDecibelsPerSecond;
    this.#time = now;
    let most = 0;
    this.#analysers.forEach((analyser, channel) => {
      analyser.getFloatTimeDomainData(this.#block);
      let peak = 0;
      for (let i = 0; i < windowFrames; i += 1) peak = Math.max(peak, Math.abs(this.#block[i]));
      most = Math.max(most, peak);
      this.#shown[channel] = Math.max(toDecibels(peak), this.#shown[channel] - fall, floorDecibels);
      this.#bars[channel].style.transform = `scaleX(${Math.min(1, (this.#shown[channel] - floorDecibels) / (topDecibels - floorDecibels)).toFixed(3)})`;
    });
    return most;
  }

  /** Whether the bars still fall after the sound has ended. */
  get isMoving() {
    return this.#shown.some((level) => level > floorDecibels);
  }
}
