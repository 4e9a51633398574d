// The ruler above the stems: times, beats, the loop, and the time under the pointer.

import { drawBeats } from "./beats.js";
import { element } from "./dom.js";
import { preciseClock } from "./format.js";

const pixelsPerMark = 80;

export class Ruler {
  #context;

  constructor() {
    this.canvas = element("canvas", { className: "ruler", title: "Drag to loop a part" });
    this.canvas.setAttribute("aria-hidden", "true");
    this.root = element("div", { className: "ruler-row" }, this.canvas);
    this.#context = this.canvas.getContext("2d");
  }

  draw({ timeline, beats, loop, loopStart, hover, position, ink }) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (!width) return;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const context = this.#context;
    const at = (time) => Math.round(timeline.share(time) * width);
    context.clearRect(0, 0, width, height);
    drawBeats(context, beats, { timeline, width, height, ratio, ink });
    context.fillStyle = ink;
    if (loop) {
      context.globalAlpha = 0.9;
      context.fillRect(at(loop[0]), height - 4 * ratio, at(loop[1]) - at(loop[0]), 3 * ratio);
    } else if (loopStart !== null) {
      context.globalAlpha = 0.9;
      context.fillRect(at(loopStart), height - 4 * ratio, Math.max(3 * ratio, at(position) - at(loopStart)), 3 * ratio);
    }
    context.font = `${12 * ratio}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    const label = (time, alpha, decimals) => {
      const text = preciseClock(time, decimals);
      const x = Math.min(width - context.measureText(text).width - 2 * ratio, at(time) + 5 * ratio);
      context.globalAlpha = alpha;
      context.fillText(text, x, height / 2 - 2 * ratio);
      return [x - 6 * ratio, context.measureText(text).width + 12 * ratio];
    };
    const times = timeline.ticks(width / ratio / pixelsPerMark);
    // As many decimals as tell neighbouring marks apart.
    const decimals = times.length > 1 ? Math.max(0, Math.ceil(-Math.log10(times[1] - times[0]) - 1e-6)) : 1;
    for (const time of times) {
      context.globalAlpha = 0.25;
      context.fillRect(at(time), height / 4, ratio, height / 2);
      label(time, 0.68, decimals);
    }
    if (hover === null) return;
    // The time under the pointer replaces the marks that it would overlap.
    const text = preciseClock(hover, Math.max(1, decimals));
    const wide = context.measureText(text).width + 12 * ratio;
    context.clearRect(Math.min(at(hover), width - wide), 0, wide, height - 4 * ratio);
    label(hover, 1, Math.max(1, decimals));
  }
}
