// The controls above the stems (the song's title with its progress or its files; the row that plays, seeks, loops and zooms), and the
// slider with a value that strips and rehearsals have.

import { backend } from "../backend.js";
import { askForName, chipButton, element, icon, iconButton, relabel, say, setIcon, setText } from "../dom.js";
import { longestName } from "../kept.js";
import { reachOfLink, showLink } from "../songs/memory.js";
import { fastest, longestDelay, loudestClick, loudestDecibels, mostSemitones, percent, plainTuning, quietestClick, silenceDecibels, slowest } from "../sound/mix.js";
import { showState, takeControls } from "../sound/player.js";
import { clock, decibels, failureWords, pan, renamed, signed, spokenDecibels, spokenPan, spokenTime, stateWords, title } from "../words.js";
import { DownloadMenu } from "./downloads.js";

/** A finger that has gone so far sideways moves a slider; one that goes up or down scrolls the page. */
const dragPixels = 6;

const milliseconds = (seconds) => `${Math.round(seconds * 1000)} ms`;

/** The slider shows the value times `scale`, and so is it typed if `isTyped`; a typed number in its own range is the value. */
const kinds = {
  volume: { min: silenceDecibels, max: loudestDecibels, step: 1, title: "Volume", text: (value) => decibels(value, silenceDecibels), spoken: (value) => spokenDecibels(value, silenceDecibels) },
  pan: { min: -100, max: 100, step: 5, title: "Pan", text: pan, spoken: spokenPan },
  speed: { min: slowest, max: fastest, step: 1, scale: 100, isTyped: true, title: "Speed: slide, type, or press < and >", text: percent, spoken: percent },
  semitones: { min: -mostSemitones, max: mostSemitones, step: 1, isTyped: true, title: "Semitones: slide, press comma and point, or type cents as 0.3", text: signed, spoken: (value) => `${signed(value)} semitones` },
  clickVolume: { min: quietestClick, max: loudestClick, step: 1, text: decibels, spoken: spokenDecibels },
  delay: { min: 0, max: longestDelay, step: 10, scale: 1000, title: "How late the loudspeaker is, as over Bluetooth: the playhead and taps wait for it", text: milliseconds, spoken: milliseconds },
};

export class Fader {
  label; state; key; kind;
  #finger = null;

  /** Changes `state[key]`, of which `key` names a kind; a double click resets it, as on a mixing desk. */
  constructor({ label, state, key, onChange }) {
    Object.assign(this, { label, state, key, kind: kinds[key] });
    const { min, max, step, title, isTyped, scale = 1 } = this.kind;
    this.slider = element("input", { type: "range", min: min * scale, max: max * scale, step, "aria-label": label, title });
    // The slider itself speaks its value.
    this.text = isTyped
      ? element("input", { className: "value", inputMode: "decimal", autocomplete: "off", "aria-label": `${label}, typed`, title, onclick: () => this.text.select(), onchange: () => this.#type(set) })
      : element("span", { className: "value", "aria-hidden": "true" });
    // The number pads of phones have no minus.
    const sign = isTyped && min < 0 ? chipButton("±", () => set(-this.state[key]), { className: "chip-button for-fingers", title: `${label}: up or down`, "aria-label": `${label}, other sign` }) : null;
    this.root = element("div", { className: key === "pan" ? "fader pan" : "fader" }, ...[this.slider, this.text, sign].filter(Boolean));
    const set = (value) => {
      this.state[this.key] = value;
      this.refresh();
      onChange();
    };
    this.slider.addEventListener("input", () => (this.#finger ? this.refresh() : set(Number(this.slider.value) / scale)));
    this.slider.addEventListener("dblclick", () => set(plainTuning[key] ?? 0));
    this.#followFinger(set);
    this.refresh();
  }

  /** Moves the slider by as much as a finger does. The browser's own slider jumps to the finger, also when that scrolls the page. */
  #followFinger(set) {
    const { slider, kind: { min, max, step, scale = 1 } } = this;
    slider.addEventListener("pointerdown", ({ pointerType, clientX: x }) => {
      this.#finger = pointerType === "touch" ? { x, value: this.state[this.key], isDrag: false } : null;
    });
    slider.addEventListener("pointermove", ({ clientX: x }) => {
      const finger = this.#finger;
      if (finger?.isDrag === false && Math.abs(x - finger.x) > dragPixels) Object.assign(finger, { x, isDrag: true });
      if (!finger?.isDrag) return;
      const value = finger.value + ((x - finger.x) / slider.clientWidth) * (max - min);
      set(Math.min(max, Math.max(min, (Math.round((value * scale) / step) * step) / scale)));
    });
    slider.addEventListener("pointercancel", () => this.#finger?.isDrag && set(this.#finger.value));
    // A tap ends with events of a mouse, the last of which is a click.
    for (const end of ["pointercancel", "click", "keydown"]) slider.addEventListener(end, () => { this.#finger = null; });
  }

  /** Shows the value, also after others have changed it. */
  refresh() {
    const value = this.state[this.key];
    const { min, max, text, spoken, scale = 1 } = this.kind;
    this.slider.value = Math.round(value * scale);
    this.slider.setAttribute("aria-valuetext", spoken(value));
    this.slider.style.setProperty("--at", (value - min) / (max - min));
    if (this.kind.isTyped) this.text.value = text(value);
    else setText(this.text, text(value));
  }

  #type(set) {
    const { min, max, scale = 1 } = this.kind;
    const typed = Number.parseFloat(this.text.value.replace(/\p{Dash}/u, "-").replace(",", "."));
    if (Number.isNaN(typed)) return this.refresh();
    const value = typed >= min && typed <= max ? typed : typed / scale;
    set(Math.min(max, Math.max(min, Math.round(value * 100) / 100)));
    // The keys are the mixer's again.
    this.text.blur();
  }
}

export class Transport {
  duration; actions;
  #shownSecond = null;
  #isHeld = false;

  /** `actions` is the mixer. */
  constructor(duration, actions) {
    Object.assign(this, { duration, actions });
    takeControls(actions);
    this.play = iconButton("play", "Play", () => actions.toggle(), { className: "play" });
    this.elapsed = element("span", { className: "time" });
    this.remaining = element("span", { className: "time" });
    this.position = element("input", { type: "range", className: "position", min: 0, max: duration, step: 0.01, "aria-label": "Position", oninput: () => this.#isHeld || actions.seek(Number(this.position.value)) });
    this.#followFinger();
    this.loop = iconButton("loop", "Loop from here (L)", () => actions.stepLoop(), { "aria-pressed": "false" });
    this.zoomOut = iconButton("zoom-out", "Zoom out (−)", () => actions.zoom(1 / 2));
    this.zoomIn = iconButton("zoom-in", "Zoom in (+)", () => actions.zoom(2));
    this.spectrum = iconButton("spectrum", "Spectrogram", () => actions.toggleSpectrogram(), { "aria-pressed": "false" });
    this.next = iconButton("next", "", () => actions.next(), { hidden: true });
    this.root = element("div", { className: "transport" },
      this.play, this.elapsed, this.position, this.remaining, this.loop, this.next,
      element("div", { className: "view" }, this.zoomOut, this.zoomIn, this.spectrum));
  }

  /** Shows the button to the next song of a set: with its title, "" after the last one, or null without a set. */
  showNext(words) {
    this.next.hidden = words === null;
    relabel(this.next, words ? `Next song: ${words} (N)` : "No next song in the set");
  }

  /** A finger seeks where it leaves the slider. One that goes up or down scrolls the page, and leaves the place as it was. */
  #followFinger() {
    const { position, actions } = this;
    for (const type of ["pointerdown", "pointerup", "pointercancel"]) {
      position.addEventListener(type, ({ pointerType }) => {
        if (this.#isHeld && type === "pointerup") actions.seek(Number(position.value));
        this.#isHeld = type === "pointerdown" && pointerType === "touch";
        this.showTime(actions.time);
      });
    }
  }

  /** Shows the place in the song; called in each frame while it plays. */
  showTime(time) {
    setText(this.elapsed, clock(time));
    setText(this.remaining, `−${clock(this.duration - time)}`);
    if (this.#isHeld) return;
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

/** Five characters of a name are for its ending. */
const longestTitle = longestName - 5;

export class SongHeader {
  #facts = element("p", { className: "facts" });
  #actions = element("div", { className: "actions" });
  #fill = element("span", { className: "fill" });
  #progress = element("div", { className: "progress-line" }, this.#fill);
  #name = element("h1");

  /** `fragment()` of a link to the present place, `users()`, `cancel(job)`; `exports` are the files of the song. */
  constructor(job, exports, calls) {
    this.exports = exports;
    this.calls = calls;
    this.rename = iconButton("edit", "Rename the song", () => this.#rename());
    this.forAll = plainButton("users", "For all", () => this.#openForAll());
    this.root = element("header", { className: "song" },
      element("div", {}, element("div", { className: "titled" }, this.#name, this.rename), this.#facts),
      this.#actions,
      this.#progress);
    this.update(job);
  }

  update(job) {
    this.job = job;
    setText(this.#name, title(job.name));
    this.#name.title = job.name;
    this.rename.hidden = Boolean(job.isOthers);
    const isRunning = job.state === "running";
    setText(this.#facts, isRunning ? `${stateWords(job)} · ${Math.floor(job.fraction * 100)} %` : [clock(job.duration_seconds), job.state === "cancelled" ? "cancelled here" : null, job.model, job.options?.precision].filter(Boolean).join(" · "));
    this.#progress.hidden = !isRunning;
    this.#fill.style.transform = `scaleX(${job.fraction})`;
    this.forAll.hidden = !(this.calls.users() > 1) || job.isOthers || job.state !== "done";
    this.forAll.setAttribute("aria-pressed", String(job.shared === true));
    if (this.#actions.dataset.state === job.state) return;
    this.#actions.dataset.state = job.state;
    if (isRunning) this.#actions.replaceChildren(plainButton("close", "Cancel", () => this.calls.cancel(job)));
    else {
      this.menu = new DownloadMenu(job, this.exports);
      this.#actions.replaceChildren(this.forAll, plainButton("link", "Share", () => this.#share()), this.menu.root);
    }
  }

  async #rename() {
    const { id, name } = this.job;
    const typed = await askForName("Name of the song", title(name), { most: longestTitle, isFile: true });
    if (!typed) return;
    try {
      await backend.change(id, { name: renamed(name, typed) });
    } catch (error) {
      say(failureWords(error));
    }
  }

  /** Opens the song for all users, or takes it back. */
  async #openForAll() {
    try {
      const job = await backend.share(this.job.id, !this.job.shared);
      say(`The song is ${job.shared ? "open for all users of this service" : "yours alone again"}.`);
    } catch (error) {
      say(failureWords(error));
    }
  }

  async #share() {
    showLink(this.calls.fragment());
    const reach = reachOfLink(this.job, this.calls.users());
    try {
      await navigator.clipboard.writeText(location.href);
      say(`Link copied, with this mix and position. ${reach}`);
    } catch {
      say(`The link is in the address bar, with this mix and position. ${reach}`);
    }
  }
}

const plainButton = (picture, text, onclick) =>
  element("button", { type: "button", className: "plain", onclick }, icon(picture), element("span", { textContent: text }));
