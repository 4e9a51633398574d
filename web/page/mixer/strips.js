// The strips of the mixer: that of a stem, with its controls and its waveform or spectrogram, and the master's; and their meters.

import { backend } from "../backend.js";
import { announce, element, iconButton, relabel, setText } from "../dom.js";
import { decibels } from "../words.js";
import { Fader } from "./controls.js";
import { drawWave, WaveView } from "./wave.js";

// Level meters: the peaks of a node's two channels, with the fall of a peak meter.

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

class Meter {
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

/** The formats of a service, and their media types. */
export const mediaTypes = { wav: "audio/wav", flac: "audio/flac", mp3: "audio/mpeg" };

export class StripView extends WaveView {
  name; colour; strip;

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

export class Master {
  meter = new Meter();
  /** The largest sample since the light was cleared. */
  #peak = 0;

  /** `state.volume` in decibels; `onChange()` after a change. */
  constructor(state, onChange) {
    this.fader = new Fader({ label: "master volume", state, key: "volume", onChange });
    this.clip = element("button", { type: "button", className: "clip", textContent: "Clip", onclick: () => this.clear() });
    this.peak = element("span", { className: "value", title: "Highest peak" });
    this.root = element("div", { className: "strip master", role: "group", "aria-label": "master" },
      element("div", { className: "controls" },
        element("div", { className: "controls-head" }, element("span", { className: "stem-name", textContent: "master" }), this.clip),
        this.fader.root),
      element("div", { className: "master-level" }, this.meter.root, this.peak));
    this.clear();
  }

  /** Shows the level; samples beyond full scale light the clip light until it is pressed. */
  update() {
    const peak = this.meter.update();
    if (peak <= this.#peak) return;
    const wasClipped = this.#peak > 1;
    this.#peak = peak;
    this.#show();
    if (peak > 1 && !wasClipped) announce("The mix clips. Lower the master volume.");
  }

  clear() {
    this.#peak = 0;
    this.#show();
  }

  #show() {
    const isClipped = this.#peak > 1;
    const words = isClipped ? `${toDecibels(this.#peak).toFixed(1)} dB over` : "Clip";
    this.clip.classList.toggle("lit", isClipped);
    this.clip.disabled = !isClipped;
    setText(this.clip, words);
    relabel(this.clip, isClipped ? `${words}: too loud for loudspeakers; files are safe. Press to clear` : "No clipping");
    setText(this.peak, this.#peak > 0 ? decibels(Number(toDecibels(this.#peak).toFixed(1))) : "");
  }
}
