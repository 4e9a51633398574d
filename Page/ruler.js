// The ruler above the stems: times, bars, the loop, and the time under the pointer.

import { element } from "./dom.js";
import { preciseClock } from "./format.js";
import { drawGrid } from "./grid.js";

const pixelsPerMark = 80;
/** Height of the row of bars. */
const barRow = 14;

export class Ruler {
  #context;

  constructor() {
    this.canvas = element("canvas", { className: "ruler", title: "Drag to loop a part" });
    this.canvas.setAttribute("aria-hidden", "true");
    this.root = element("div", { className: "ruler-row" }, this.canvas);
    this.#context = this.canvas.getContext("2d");
  }

  draw({ timeline, grid, loop, loopStart, hover, position, ink }) {
    const ratio = window.devicePixelRatio || 1;
    const hasBars = grid.bars.length > 0;
    this.root.classList.toggle("barred", hasBars);
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
    drawGrid(context, grid, { timeline, width, height, ratio, ink });
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
    const row = height - (hasBars ? barRow * ratio : 0);
    const widthOf = (text) => context.measureText(text).width + 7 * ratio;
    const label = (text, x, alpha) => {
      context.globalAlpha = alpha;
      context.fillText(text, x + 5 * ratio, row / 2 - 2 * ratio);
    };
    const times = timeline.ticks(width / ratio / pixelsPerMark);
    // As many decimals as tell neighbouring marks apart.
    const decimals = times.length > 1 ? Math.max(0, Math.ceil(-Math.log10(times[1] - times[0]) - 1e-6)) : 1;
    for (const time of times) {
      context.globalAlpha = 0.25;
      context.fillRect(at(time), row / 4, ratio, row / 2);
      const text = preciseClock(time, decimals);
      if (at(time) + widthOf(text) <= width) label(text, at(time), 0.68);
    }
    if (hover === null) return;
    // The time under the pointer replaces the marks that it would overlap.
    const text = preciseClock(hover, Math.max(1, decimals));
    const x = Math.min(at(hover), width - widthOf(text));
    context.clearRect(x, 0, widthOf(text), row - 4 * ratio);
    label(text, x, 1);
  }
}
