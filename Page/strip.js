// The mixer strip of a stem: its controls and its waveform or spectrogram.

import { backend } from "./backend.js";
import { element, iconButton } from "./dom.js";
import { Fader } from "./fader.js";
import { Meter } from "./meters.js";
import { drawWave, WaveView } from "./wave.js";

const mediaTypes = { wav: "audio/wav", flac: "audio/flac", mp3: "audio/mpeg" };

export class StripView extends WaveView {
  constructor({ name, index, colour, strip, onChange, onDownload, file }) {
    super("wave");
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
    this.invalidate();
  }

  paint(context, { timeline, wave, spectrograms, index, ink }, shape) {
    context.globalAlpha = this.isHeard ? 1 : spectrograms ? 0.4 : 0.28;
    context.fillStyle = this.isHeard ? this.colour : ink;
    if (spectrograms) spectrograms.draw(context, index, timeline, { ...shape, ink });
    else drawWave(context, wave, timeline, shape);
  }
}

/** The stem's name, which can be dragged as a file into a folder or another program where the browser can do that. */
function grip(name, file) {
  // Chromium alone knows this type of data.
  const canDrag = "userAgentData" in navigator && backend.linkTo(file()) !== null;
  return element("span", {
    className: "stem-name", textContent: name, draggable: canDrag,
    title: canDrag ? `${name}. Drag it into a folder or a music program.` : name,
    ondragstart: (event) => {
      const { name: fileName } = file();
      const address = new URL(backend.linkTo(file()), location.href).href;
      event.dataTransfer.effectAllowed = "copy";
      event.dataTransfer.setData("DownloadURL", `${mediaTypes[fileName.split(".").pop()]}:${fileName.replaceAll(":", "-")}:${address}`);
      event.dataTransfer.setData("text/uri-list", address);
    },
  });
}
