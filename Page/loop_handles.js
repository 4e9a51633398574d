// The two edges of the loop over the ruler: dragged by mouse, pen or finger, moved by keys.

import { element } from "./dom.js";
import { spokenTime } from "./format.js";

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
