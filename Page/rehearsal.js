// The controls of a rehearsal: speed, pitch, the click and its beats, loops that get faster, sections, and files
// at this speed.

import { beatsPerBar, transposed } from "./beats.js";
import { announce, element, setText } from "./dom.js";
import { Fader } from "./fader.js";
import { clock, signed } from "./format.js";
import { fastest, isPlain, mostSemitones, percent, slowest } from "./tuning.js";

const speedStep = 0.05;
/** How much faster a loop gets in each turn, up to the song's own speed. */
const turnStep = 0.05;
const letters = ["A", "B", "C"];

export class Rehearsal {
  /** What is kept for a song. */
  settings = { speed: 1, semitones: 0, keepsFormants: true, isClicking: false, countsIn: false, snaps: false, getsFaster: false, sections: [null, null, null], correction: {} };

  /**
   * `stems` are names, `beats` a `Beats`. `actions`: `change()` after each change, `loop()` and `setLoop(edges)`,
   * `time()`, `save(name)` with a stem's name or null for the mix.
   */
  constructor(stems, beats, saved, actions) {
    this.beats = beats;
    this.actions = actions;
    this.settings = { ...this.settings, ...saved };
    beats.correction = this.settings.correction;
    this.#build(stems);
    this.update();
  }

  get tuning() {
    const { speed, semitones, keepsFormants } = this.settings;
    return { speed, semitones, keepsFormants };
  }

  /** Seconds of a count-in before a time of the song, one bar long; 0 without. */
  countInSeconds(time) {
    const interval = this.beats.intervalAt(time);
    return this.settings.countsIn && interval ? (beatsPerBar * interval) / this.settings.speed : 0;
  }

  changeSpeed(steps) {
    this.#set({ speed: Math.round(Math.min(fastest, Math.max(slowest, this.settings.speed + steps * speedStep)) * 100) / 100 });
    announce(`Speed ${percent(this.settings.speed)}`);
  }

  changePitch(semitones) {
    this.#set({ semitones: Math.min(mostSemitones, Math.max(-mostSemitones, this.settings.semitones + semitones)) });
    announce(`Pitch ${signed(this.settings.semitones)} semitones`);
  }

  toggleClick() {
    if (!this.beats.bpm) return;
    this.#set({ isClicking: !this.settings.isClicking });
    announce(`Click ${this.settings.isClicking ? "on" : "off"}`);
  }

  /** A turn of the loop has ended. */
  turn() {
    const { getsFaster, speed } = this.settings;
    if (getsFaster && speed < 1) this.#set({ speed: Math.min(1, Math.round((speed + turnStep) * 100) / 100) });
  }

  tap() {
    if (!this.beats.tap(this.actions.time())) return;
    this.#set({ correction: this.beats.correction });
    announce(`${Math.round(this.beats.bpm)} beats per minute`);
  }

  /** Keeps the loop as a section, or plays the section that is kept. */
  section(index) {
    const sections = [...this.settings.sections];
    if (sections[index]) return this.actions.setLoop(sections[index]);
    sections[index] = this.actions.loop();
    if (!sections[index]) return announce("Set a loop first, then keep it as a section");
    this.#set({ sections });
    announce(`Section ${letters[index]} kept`);
  }

  #forget(index) {
    this.#set({ sections: this.settings.sections.map((edges, each) => (each === index ? null : edges)) });
    announce(`Section ${letters[index]} removed`);
  }

  #set(changes) {
    Object.assign(this.settings, changes);
    this.update();
    this.actions.change();
  }

  #scale(factor) {
    this.beats.scale(factor);
    this.#set({ correction: this.beats.correction });
  }

  /** Shows the settings, and the beats once they are known. */
  update() {
    const { speed, semitones, sections } = this.settings;
    for (const fader of this.faders) fader.refresh();
    for (const [key, box] of Object.entries(this.boxes)) box.checked = this.settings[key];
    const { bpm, key } = this.beats;
    const facts = [bpm && `${Math.round(bpm * speed)} BPM`, key && transposed(key, semitones)].filter(Boolean);
    setText(this.facts, facts.join(" · "));
    for (const node of this.beatNodes) node.disabled = !bpm;
    const loop = this.actions.loop();
    this.sections.forEach((button, index) => {
      const edges = sections[index];
      button.setAttribute("aria-pressed", Boolean(edges && loop && edges[0] === loop[0] && edges[1] === loop[1]));
      button.title = edges ? `Section ${letters[index]}: ${clock(edges[0])} to ${clock(edges[1])}. Delete, or a long press, removes it` : `Keep the loop as section ${letters[index]}`;
      button.classList.toggle("kept", Boolean(edges));
    });
    this.files.hidden = isPlain(this.tuning);
    setText(this.filesWords, `Save at ${percent(speed)}, ${signed(semitones)} semitones`);
  }

  #build(stems) {
    this.faders = [["Speed", "speed"], ["Pitch", "semitones"]].map(([label, key]) => new Fader({ label, state: this.settings, key, onChange: () => this.#set({}) }));
    this.facts = element("span", { className: "facts" });
    this.boxes = {};
    const box = (key, words, title) => {
      this.boxes[key] = element("input", { type: "checkbox", onchange: () => this.#set({ [key]: this.boxes[key].checked }) });
      return element("label", { className: "check", title }, this.boxes[key], words);
    };
    const button = (textContent, title, onclick) => element("button", { type: "button", className: "chip-button", textContent, title, onclick });
    const beatButtons = [
      button("Half", "Half as many beats", () => this.#scale(0.5)),
      button("Double", "Twice as many beats", () => this.#scale(2)),
    ];
    this.sections = letters.map((letter, index) => {
      const node = element("button", { type: "button", className: "chip-button section", textContent: letter, "aria-label": `Section ${letter}`, onclick: () => this.section(index) });
      node.addEventListener("keydown", ({ key }) => ["Delete", "Backspace"].includes(key) && this.#forget(index));
      node.addEventListener("contextmenu", (event) => {
        event.preventDefault();
        this.#forget(index);
      });
      return node;
    });
    const checks = [
      box("isClicking", "Click", "A click on each beat (C)"),
      box("countsIn", "Count-in", "A bar of clicks before the sound"),
      box("snaps", "Snap to bars", "Edges of loops lie on bars"),
    ];
    this.beatNodes = [...checks.map((label) => label.firstChild), ...beatButtons];
    this.filesWords = element("h2");
    this.files = element("div", { className: "group", hidden: true }, this.filesWords,
      element("div", { className: "choices" }, button("Mix", "Save the mix as a WAV file", () => this.actions.save(null)), ...stems.map((name) => button(name, `Save ${name} as a WAV file`, () => this.actions.save(name)))));
    const group = (heading, ...nodes) => element("div", { className: "group" }, element("h2", { textContent: heading }), element("div", { className: "choices" }, ...nodes));
    this.root = element("section", { className: "rehearsal", "aria-label": "Rehearsal" },
      ...this.faders.map(({ label, slider, text }) => element("label", { className: "dial" }, label, slider, text)),
      this.facts,
      element("details", { className: "more" },
        element("summary", { textContent: "Beats, loops, files" }),
        element("div", { className: "groups" },
          group("Voice", box("keepsFormants", "Keep its colour", "Formants stay where they are when the pitch moves")),
          group("Beats", ...checks, ...beatButtons, button("Tap", "Tap the beats (T): four or more, the first on the first beat of a bar", () => this.tap())),
          group("Loop", box("getsFaster", `${percent(turnStep)} faster each turn`, "Up to 100 %"), ...this.sections),
          this.files)));
  }
}
