// The mixer strip of a stem: its controls and its waveform or spectrogram.

import { backend } from "./backend.js";
import { element, iconButton } from "./dom.js";
import { Fader } from "./fader.js";
import { Meter } from "./meters.js";
import { residualName } from "./presets.js";
import { drawWave } from "./wave.js";

const mediaTypes = { wav: "audio/wav", flac: "audio/flac", mp3: "audio/mpeg" };

export class StripView {
  /** The image without playhead; drawn again when the window, the size, the colours or the sound change. */
  #bitmap = document.createElement("canvas");
  #isStale = true;

  constructor({ name, index, colour, strip, onChange, onDownload, file }) {
    Object.assign(this, { name, colour, strip });
    const toggle = (key) => () => {
      strip[key] = !strip[key];
      onChange();
    };
    this.mute = element("button", { type: "button", className: "toggle", textContent: "M", title: `Mute (${index + 1})`, "aria-label": `Mute ${name}`, onclick: toggle("isMuted") });
    this.solo = element("button", { type: "button", className: "toggle solo", textContent: "S", title: `Solo (Shift+${index + 1})`, "aria-label": `Solo ${name}`, onclick: toggle("isSolo") });
    this.volume = new Fader({ label: `${name} volume`, state: strip, key: "volume", onChange });
    this.pan = new Fader({ label: `${name} pan`, state: strip, key: "pan", onChange });
    this.meter = new Meter();
    this.canvas = element("canvas", { className: "wave" });
    this.canvas.setAttribute("aria-hidden", "true");
    this.root = element("div", { className: "strip", role: "group", "aria-label": name },
      element("div", { className: "controls" },
        element("div", { className: "controls-head" },
          element("span", { className: "chip" }),
          grip(name, file),
          iconButton("save", `Download ${name}`, onDownload),
          this.mute,
          this.solo),
        this.volume.root,
        this.meter.root,
        this.pan.root),
      this.canvas);
    this.root.style.setProperty("--stem", colour);
    this.refresh();
  }

  /** Shows the strip's values; also called after keys or links have changed them. */
  refresh() {
    this.mute.setAttribute("aria-pressed", this.strip.isMuted);
    this.solo.setAttribute("aria-pressed", this.strip.isSolo);
    this.volume.refresh();
    this.pan.refresh();
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

  /** `scene`: timeline, wave, scale, spectrograms, position, hover, loop, ink, in CSS pixels of this canvas. */
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
    const { timeline, position, hover, loop, ink, spectrograms } = scene;
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
    // A spectrogram's strength is a level, so it is not dimmed.
    context.globalAlpha = spectrograms ? 1 : 0.5;
    if (head < width) context.drawImage(this.#bitmap, head, 0, width - head, height, head, 0, width - head, height);
    context.fillStyle = ink;
    if (hover !== null) {
      context.globalAlpha = 0.35;
      context.fillRect(Math.round(timeline.share(hover) * width), 0, ratio, height);
    }
    context.globalAlpha = 1;
    if (position >= timeline.start && position <= timeline.end) context.fillRect(Math.min(head, width - ratio), 0, Math.max(1, Math.round(1.5 * ratio)), height);
  }

  #render({ timeline, wave, scale, spectrograms, index, ink }, width, height, ratio) {
    this.#isStale = false;
    const context = this.#bitmap.getContext("2d");
    context.clearRect(0, 0, width, height);
    context.globalAlpha = this.isHeard ? 1 : spectrograms ? 0.4 : 0.28;
    if (spectrograms) {
      spectrograms.draw(context, index, timeline, { width, height, ratio, ink });
    } else {
      context.fillStyle = this.isHeard ? this.colour : ink;
      const middle = height / 2;
      drawWave(context, wave, timeline, { width, middle, reach: (middle - 3 * ratio) / scale, ratio });
    }
    context.globalAlpha = 1;
  }
}

/** The stem's name, which can be dragged as a file into a folder or another program where the browser can do that. */
function grip(name, file) {
  const about = name === residualName ? "residual: what the stems leave out of the original" : name;
  // Chromium alone knows this type of data.
  const canDrag = "userAgentData" in navigator && backend.linkTo(file()) !== null;
  return element("span", {
    className: "stem-name", textContent: name, draggable: canDrag,
    title: canDrag ? `${about}. Drag it into a folder or a music program.` : about,
    ondragstart: (event) => {
      const { name: fileName } = file();
      const address = new URL(backend.linkTo(file()), location.href).href;
      event.dataTransfer.effectAllowed = "copy";
      event.dataTransfer.setData("DownloadURL", `${mediaTypes[fileName.split(".").pop()]}:${fileName.replaceAll(":", "-")}:${address}`);
      event.dataTransfer.setData("text/uri-list", address);
    },
  });
}
