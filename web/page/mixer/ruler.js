// The visible window of a song, the ruler above the stems, and the loop's edges over it.

import { element } from "../dom.js";
import { drawGrid } from "../practice/grid.js";
import { preciseClock, spokenTime } from "../words.js";

/** At 44,100 Hz some 10 samples, of which each can be seen. */
const smallestWindowSeconds = 0.00025;

export class Timeline {
  constructor(duration) {
    this.duration = Math.max(duration, 0.01);
    this.start = 0;
    this.end = this.duration;
  }

  get span() {
    return this.end - this.start;
  }

  get isZoomed() {
    return this.span < this.duration - 1e-6;
  }

  /** Whether the window can't be smaller. */
  get isClosest() {
    return this.span <= Math.min(smallestWindowSeconds, this.duration) + 1e-6;
  }

  /** Position of a time in the window: 0 is the left edge, 1 the right one. */
  share(time) {
    return (time - this.start) / this.span;
  }

  time(share) {
    return Math.min(this.duration, Math.max(0, this.start + share * this.span));
  }

  /** Zooms in by `factor`; the time at `anchor` (a share of the window) stays there. */
  zoom(factor, anchor = 0.5) {
    const span = Math.min(this.duration, Math.max(Math.min(smallestWindowSeconds, this.duration), this.span / factor));
    this.#show(this.start + anchor * (this.span - span), span);
  }

  scroll(seconds) {
    this.#show(this.start + seconds, this.span);
  }

  /** Scrolls by a window when the time has left the window; returns whether it did. */
  follow(time) {
    if (!this.isZoomed || (time >= this.start && time < this.start + this.span * 0.96)) return false;
    const before = this.start;
    this.#show(time - this.span * 0.04, this.span);
    return this.start !== before;
  }

  #show(start, span) {
    this.start = Math.min(this.duration - span, Math.max(0, start));
    this.end = this.start + span;
  }

  /** Times for a ruler with at most `most` marks, at round steps. */
  ticks(most) {
    const steps = [0.0001, 0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
    const step = steps.find((seconds) => this.span / seconds <= most) ?? steps.at(-1);
    const times = [];
    for (let time = Math.ceil(this.start / step) * step; time <= this.end; time += step) times.push(time);
    return times;
  }
}

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

const stepSeconds = 0.05;
const largeStepSeconds = 1;

export class LoopHandles {
  #handles;

  /** `timeAt(clientX)` is a time of the song; `edges()` are the loop's; `move(edge, seconds, isExact)` moves one; `moved()` ends a drag. */
  constructor({ timeAt, edges, move, moved }) {
    this.#handles = ["Loop start", "Loop end"].map((label, edge) => {
      const handle = element("div", { className: "loop-handle", role: "slider", tabIndex: 0, "aria-label": label, "aria-valuemin": 0, title: `${label}: drag it, or move it with the arrow keys` });
      handle.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        handle.setPointerCapture(event.pointerId);
        event.stopPropagation();
      });
      handle.addEventListener("pointermove", (event) => {
        event.stopPropagation();
        if (handle.hasPointerCapture(event.pointerId)) move(edge, timeAt(event.clientX), false);
      });
      handle.addEventListener("lostpointercapture", () => moved());
      handle.addEventListener("keydown", (event) => {
        const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -20, PageUp: 20 }[event.key];
        if (!steps || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        event.stopPropagation();
        const step = event.shiftKey ? largeStepSeconds : stepSeconds;
        move(edge, edges()[edge] + steps * step, true);
        moved();
      });
      return handle;
    });
    this.root = element("div", { className: "loop-layer", hidden: true }, ...this.#handles);
  }

  /** Places the handles; an edge outside the window has none. */
  place(timeline, edges) {
    this.root.hidden = !edges;
    if (!edges) return;
    this.#handles.forEach((handle, edge) => {
      const share = timeline.share(edges[edge]);
      handle.hidden = share < 0 || share > 1;
      handle.style.left = `${share * 100}%`;
      if (handle.shownTime === edges[edge]) return;
      handle.shownTime = edges[edge];
      handle.setAttribute("aria-valuemax", timeline.duration);
      handle.setAttribute("aria-valuenow", edges[edge].toFixed(2));
      handle.setAttribute("aria-valuetext", `${spokenTime(edges[edge])} ${Math.round((edges[edge] % 1) * 100)} hundredths`);
    });
  }
}
