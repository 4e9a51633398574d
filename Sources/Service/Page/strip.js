// The mixer strip of a stem: its controls and its waveform or spectrogram.

import { element, iconButton, setText } from "./dom.js";
import { decibels, pan, spokenDecibels, spokenPan } from "./format.js";
import { loudestDecibels, silenceDecibels } from "./mix.js";
import { columns } from "./peaks.js";

export class StripView {
  /** The image without playhead; drawn again when the window, the size, the colours or the sound change. */
  #bitmap = document.createElement("canvas");
  #isStale = true;

  constructor({ name, index, colour, strip, onChange, onDownload }) {
    Object.assign(this, { name, colour, strip });
    const change = () => {
      this.refresh();
      onChange();
    };
    this.mute = element("button", { type: "button", className: "toggle", textContent: "M", title: `Mute (${index + 1})`, "aria-label": `Mute ${name}`, onclick: () => this.toggle("isMuted", change) });
    this.solo = element("button", { type: "button", className: "toggle solo", textContent: "S", title: `Solo (Shift+${index + 1})`, "aria-label": `Solo ${name}`, onclick: () => this.toggle("isSolo", change) });
    this.volume = this.#slider("volume", silenceDecibels, loudestDecibels, change);
    this.volumeText = element("output", { className: "value" });
    this.pan = this.#slider("pan", -100, 100, change);
    this.panText = element("output", { className: "value" });
    // A double click resets a control, as on a mixing desk.
    for (const [slider, key] of [[this.volume, "volume"], [this.pan, "pan"]]) {
      slider.addEventListener("dblclick", () => {
        this.strip[key] = 0;
        change();
      });
    }
    this.canvas = element("canvas", { className: "wave" });
    this.canvas.setAttribute("aria-hidden", "true");
    this.root = element("div", { className: "strip", role: "group", "aria-label": name },
      element("div", { className: "controls" },
        element("div", { className: "controls-head" },
          element("span", { className: "chip" }),
          element("span", { className: "stem-name", textContent: name, title: name }),
          iconButton("save", `Download ${name}`, onDownload),
          this.mute,
          this.solo),
        element("div", { className: "fader" }, this.volume, this.volumeText),
        element("div", { className: "fader pan" }, this.pan, this.panText)),
      this.canvas);
    this.root.style.setProperty("--stem", colour);
    this.refresh();
  }

  toggle(key, change) {
    this.strip[key] = !this.strip[key];
    change();
  }

  #slider(key, min, max, change) {
    const slider = element("input", { type: "range", min, max, step: key === "pan" ? 5 : 1, "aria-label": `${this.name} ${key}`, title: key === "pan" ? "Pan" : "Volume" });
    slider.addEventListener("input", () => {
      this.strip[key] = Number(slider.value);
      change();
    });
    return slider;
  }

  /** Shows the strip's values; also called after keys or links have changed them. */
  refresh() {
    const { volume, pan: position, isMuted, isSolo } = this.strip;
    this.mute.setAttribute("aria-pressed", isMuted);
    this.solo.setAttribute("aria-pressed", isSolo);
    this.volume.value = volume;
    this.volume.setAttribute("aria-valuetext", spokenDecibels(volume, silenceDecibels));
    this.volume.style.setProperty("--at", (volume - silenceDecibels) / (loudestDecibels - silenceDecibels));
    setText(this.volumeText, decibels(volume, silenceDecibels));
    this.pan.value = position;
    this.pan.setAttribute("aria-valuetext", spokenPan(position));
    this.pan.style.setProperty("--at", (position + 100) / 200);
    setText(this.panText, pan(position));
  }

  setHeard(isHeard) {
    if (this.isHeard === isHeard) return;
    this.isHeard = isHeard;
    this.root.classList.toggle("silent", !isHeard);
    this.#isStale = true;
  }

  invalidate() {
    this.#isStale = true;
  }

  /** `scene`: timeline, peaks, scale, spectrograms, position, hover, loop, ink, in CSS pixels of this canvas. */
  draw(scene) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || !height) return;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = this.#bitmap.width = width;
      this.canvas.height = this.#bitmap.height = height;
      this.#isStale = true;
    }
    if (this.#isStale) this.#render(scene, width, height, ratio);
    const { timeline, position, hover, loop, ink } = scene;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (loop) {
      const [from, to] = loop.map((edge) => timeline.share(edge) * width);
      context.globalAlpha = 0.08;
      context.fillStyle = ink;
      context.fillRect(from, 0, to - from, height);
    }
    const head = Math.max(0, Math.min(width, Math.round(timeline.share(position) * width)));
    context.globalAlpha = 1;
    if (head > 0) context.drawImage(this.#bitmap, 0, 0, head, height, 0, 0, head, height);
    context.globalAlpha = 0.5;
    if (head < width) context.drawImage(this.#bitmap, head, 0, width - head, height, head, 0, width - head, height);
    context.fillStyle = ink;
    if (hover !== null) {
      context.globalAlpha = 0.35;
      context.fillRect(Math.round(timeline.share(hover) * width), 0, ratio, height);
    }
    context.globalAlpha = 1;
    if (position >= timeline.start && position <= timeline.end) context.fillRect(Math.min(head, width - ratio), 0, Math.max(1, Math.round(1.5 * ratio)), height);
  }

  #render({ timeline, peaks, scale, spectrograms, sampleRate, index, ink }, width, height, ratio) {
    this.#isStale = false;
    const context = this.#bitmap.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (spectrograms) {
      context.globalAlpha = this.isHeard ? 1 : 0.4;
      const frameAt = (time) => Math.round(time * sampleRate);
      for (const { start, frames, canvas } of spectrograms.visible(index, frameAt(timeline.start), frameAt(timeline.end))) {
        const from = timeline.share(start / sampleRate) * width;
        const to = timeline.share((start + frames) / sampleRate) * width;
        context.drawImage(canvas, from, 0, to - from, height);
      }
      context.globalAlpha = 1;
      return;
    }
    context.fillStyle = this.isHeard ? this.colour : ink;
    context.globalAlpha = this.isHeard ? 1 : 0.28;
    const middle = height / 2;
    const reach = (middle - 3 * ratio) / scale;
    const { low, high } = columns(peaks ?? [], timeline.start / timeline.duration, timeline.end / timeline.duration, width);
    context.beginPath();
    for (let x = 0; x < width; x += 1) {
      // Silence is drawn as a line.
      const top = Math.min(middle - ratio / 2, middle - high[x] * reach);
      const bottom = Math.max(middle + ratio / 2, middle - low[x] * reach);
      context.rect(x, top, 1, bottom - top);
    }
    context.fill();
    context.globalAlpha = 1;
  }
}
