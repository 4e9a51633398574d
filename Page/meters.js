// Level meters: the peaks of a node's two channels, with the fall of a peak meter.

import { element } from "./dom.js";

/** Samples that a meter reads at once: at least what usually passes between two frames of the screen, at most what a browser keeps. */
const shortestWindow = 2048;
const longestWindow = 32768;
/** Samples that a browser may have computed ahead of its clock. */
const slackFrames = 256;
const block = new Float32Array(longestWindow);
const floorDecibels = -60;
const topDecibels = 6;
const fallDecibelsPerSecond = 24;

export const toDecibels = (peak) => 20 * Math.log10(Math.max(peak, 1e-6));

export class Meter {
  #bars = [0, 1].map(() => element("span", { className: "level" }));
  #analysers = [];
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
      const analyser = new AnalyserNode(node.context, { fftSize: shortestWindow });
      splitter.connect(analyser, channel);
      return analyser;
    });
  }

  /** Shows the peaks since the last call, if that is less than `longestWindow` ago; returns the larger one of both channels. */
  update() {
    const now = performance.now();
    const seconds = (now - this.#time) / 1000;
    const fall = seconds * fallDecibelsPerSecond;
    this.#time = now;
    const frames = windowFrames(seconds * (this.#analysers[0]?.context.sampleRate ?? 0));
    let most = 0;
    this.#analysers.forEach((analyser, channel) => {
      if (analyser.fftSize !== frames) analyser.fftSize = frames;
      analyser.getFloatTimeDomainData(block);
      let peak = 0;
      for (let i = 0; i < frames; i += 1) peak = Math.max(peak, Math.abs(block[i]));
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

/** The power of two that holds what has passed. */
function windowFrames(passed) {
  let frames = shortestWindow;
  while (frames < passed + slackFrames && frames < longestWindow) frames *= 2;
  return frames;
}
