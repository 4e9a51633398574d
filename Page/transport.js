// The row that plays, seeks, loops and zooms.

import { element, iconButton, relabel, setIcon, setText } from "./dom.js";
import { clock, spokenTime } from "./format.js";
import { showState, takeControls } from "./session.js";

export class Transport {
  #shownSecond = null;

  /** `actions` is the mixer. */
  constructor(duration, actions) {
    Object.assign(this, { duration, actions });
    takeControls(actions);
    this.play = iconButton("play", "Play", () => actions.toggle(), { className: "play" });
    this.elapsed = element("span", { className: "time" });
    this.remaining = element("span", { className: "time" });
    this.position = element("input", { type: "range", className: "position", min: 0, max: duration, step: 0.01, "aria-label": "Position", oninput: () => actions.seek(Number(this.position.value)) });
    this.loop = iconButton("loop", "Loop from here (L)", () => actions.stepLoop(), { "aria-pressed": "false" });
    this.zoomOut = iconButton("zoom-out", "Zoom out (−)", () => actions.zoom(1 / 2));
    this.zoomIn = iconButton("zoom-in", "Zoom in (+)", () => actions.zoom(2));
    this.spectrum = iconButton("spectrum", "Spectrogram", () => actions.toggleSpectrogram(), { "aria-pressed": "false" });
    this.root = element("div", { className: "transport" },
      this.play, this.elapsed, this.position, this.remaining, this.loop,
      element("div", { className: "view" }, this.zoomOut, this.zoomIn, this.spectrum));
  }

  /** Shows the place in the song; called in each frame while it plays. */
  showTime(time) {
    setText(this.elapsed, clock(time));
    setText(this.remaining, `−${clock(this.duration - time)}`);
    this.position.value = time;
    this.position.style.setProperty("--at", time / this.duration);
    const second = Math.floor(time);
    if (second === this.#shownSecond) return;
    this.#shownSecond = second;
    showState(this.actions);
    this.position.setAttribute("aria-valuetext", `${spokenTime(time)} of ${spokenTime(this.duration)}`);
  }

  /** Shows what the buttons do now; `loop` is a `Loop`. */
  update({ isPlaying, loop, timeline, isSpectrogram }) {
    showState(this.actions);
    setIcon(this.play, isPlaying ? "pause" : "play");
    relabel(this.play, isPlaying ? "Pause" : "Play");
    this.loop.setAttribute("aria-pressed", Boolean(loop.edges));
    this.loop.classList.toggle("half", loop.begun !== null);
    relabel(this.loop, loop.edges ? "Clear the loop (L)" : loop.begun === null ? "Loop from here (L)" : "Loop to here (L)");
    this.zoomOut.disabled = !timeline.isZoomed;
    this.zoomIn.disabled = timeline.isClosest;
    this.spectrum.setAttribute("aria-pressed", isSpectrogram);
  }
}
