// The controls of a rehearsal, in one row: speed, key, loop and click; and the row of presets above the stems, with the comparison with the
// original and the way back to the plain mix.

import { announce, askForName, chipButton, element, fill, onHold, say, setText } from "../dom.js";
import { keep, kept, longestName, mostSections } from "../kept.js";
import { Fader } from "../mixer/controls.js";
import { fastest, mostSemitones, percent, presetsOf, residualName, slowest } from "../sound/mix.js";
import { clock, keyWords, signed } from "../words.js";
import { metres, mostCountedBars } from "./grid.js";

const speedStep = 0.05;
/** How much faster a loop gets in each turn, up to the song's own speed. */
const turnStep = 0.05;
const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const countWords = (bars) => (bars ? `Count-in: ${bars} ${bars === 1 ? "bar" : "bars"}` : "No count-in");
const within = (value, low, high) => Math.round(Math.min(high, Math.max(low, value)) * 100) / 100;

export class Rehearsal {
  song; grid; actions;

  /** `song` is a `Song`, `delay` the state of the fader for the delay of the loudspeaker. `actions`: `change()` after each change, `setLoop(edges)`, `time()`. */
  constructor(song, delay, actions) {
    Object.assign(this, { song, grid: song.grid, actions });
    this.#build(delay);
    this.update();
  }

  changeSpeed(steps) {
    this.#set({ speed: within(this.song.rehearsal.speed + steps * speedStep, slowest, fastest) });
    announce(`Speed ${percent(this.song.rehearsal.speed)}`);
  }

  changePitch(semitones) {
    this.#set({ semitones: within(this.song.rehearsal.semitones + semitones, -mostSemitones, mostSemitones) });
    announce(`Pitch ${signed(this.song.rehearsal.semitones)} semitones`);
  }

  toggleClick() {
    if (!this.grid.bpm) return;
    this.#set({ isClicking: !this.song.rehearsal.isClicking });
    announce(`Click ${this.song.rehearsal.isClicking ? "on" : "off"}`);
  }

  /** A turn of the loop has ended. */
  turn() {
    const { getsFaster, speed } = this.song.rehearsal;
    if (getsFaster && speed < 1) this.#set({ speed: Math.min(1, within(speed + turnStep, slowest, fastest)) });
  }

  tap() {
    if (!this.grid.tap(this.actions.time())) return;
    this.#correct();
    announce(`${Math.round(this.grid.bpm)} beats per minute`);
  }

  /** Sets speed and key. */
  tune({ speed, semitones }) {
    this.#set({ speed, semitones });
  }

  /** Keeps the loop as a section, which the next free letter names; sections stand in the order of their starts. */
  #addSection() {
    const { notes: { loop }, rehearsal: { sections } } = this.song;
    if (!loop) return say("Set a loop first, then keep it as a section.");
    const name = letters.find((letter) => sections.every((section) => section.name !== letter)) ?? String(sections.length + 1);
    this.#set({ sections: [...sections, { name, from: loop[0], to: loop[1] }].sort((a, b) => a.from - b.from || a.to - b.to) });
    announce(`Section ${name} kept`);
  }

  async #editSection(index) {
    const section = this.song.rehearsal.sections[index];
    const isSame = ({ name, from, to }) => name === section.name && from === section.from && to === section.to;
    const name = await askForName("Name of the section", section.name, { most: longestName, canRemove: true });
    if (name === null) return;
    const { sections } = this.song.rehearsal;
    // Another page may have changed the sections in the meantime.
    const place = sections.findIndex(isSame);
    if (place < 0) return say(`Section ${section.name} was changed or removed on another page.`);
    this.#set({ sections: sections.flatMap((each, other) => (other !== place ? [each] : name ? [{ ...each, name }] : [])) });
    announce(name ? `Section ${name}` : `Section ${section.name} removed`);
  }

  #sectionButton(index) {
    const button = chipButton("", () => {
      const { from, to } = this.song.rehearsal.sections[index];
      this.actions.setLoop([from, to]);
    }, { className: "chip-button kept" });
    onHold(button, () => this.#editSection(index));
    return button;
  }

  #showSections() {
    const { notes: { loop }, rehearsal: { sections } } = this.song;
    fill(this.sections, sections.length, (index) => this.#sectionButton(index));
    sections.forEach(({ name, from, to }, index) => {
      const button = this.sections.children[index];
      setText(button, name);
      button.setAttribute("aria-label", `Section ${name}`);
      button.setAttribute("aria-pressed", loop?.[0] === from && loop[1] === to);
      button.title = `${clock(from)} to ${clock(to)}. Right-click or F2 to rename or remove`;
    });
    this.add.disabled = sections.length >= mostSections;
  }

  #set(changes) {
    this.song.rehearse(changes);
    this.update();
    this.actions.change();
  }

  /** Keeps what was changed of the grid; `change` changes it. */
  #correct(change = () => {}) {
    change();
    this.#set({ correction: this.grid.correction });
  }

  /** Shows the settings, and the beats once they are known. */
  update() {
    const { song, grid } = this;
    const { rehearsal: settings } = song;
    for (const fader of this.faders) fader.refresh();
    for (const [key, button] of Object.entries(this.toggles)) button.setAttribute("aria-pressed", settings[key]);
    this.count.value = settings.countsIn;
    this.metre.value = grid.metre;
    setText(this.facts, [grid.bpm && `${Math.round(grid.bpm * settings.speed)} BPM`, grid.found.key && keyWords(grid.found.key, settings.semitones)].filter(Boolean).join(" · "));
    for (const node of this.beatNodes) node.disabled = !grid.bpm;
    this.asFound.disabled = Object.keys(settings.correction).length === 0;
    this.#showSections();
  }

  #build(delay) {
    const fader = (label, key, state = this.song.rehearsal) => new Fader({ label, state, key, onChange: () => this.#set({}) });
    const [speed, pitch, volume, late] = (this.faders = [fader("Speed", "speed"), fader("Pitch", "semitones"), fader("Click volume", "clickVolume"), fader("Sound delay", "delay", delay)]);
    const button = (words, title, onclick, properties = {}) => chipButton(words, onclick, { title, ...properties });
    this.toggles = {};
    const toggle = (key, words, title) => (this.toggles[key] = button(words, title, () => this.#set({ [key]: !this.song.rehearsal[key] }), { "aria-pressed": "false" }));
    const select = (label, options, onchange) => element("select", { "aria-label": label, title: label, onchange }, ...options.map(([value, textContent]) => element("option", { value, textContent })));
    this.sections = element("span", { className: "sections" });
    this.add = button("+ Section", "Keep the loop as a section", () => this.#addSection());
    this.facts = element("span", { className: "facts" });
    this.count = select("Count-in", Array.from({ length: mostCountedBars + 1 }, (_, bars) => [bars, countWords(bars)]), () => this.#set({ countsIn: Number(this.count.value) }));
    this.metre = select("Metre", metres.map((metre) => [metre, metre]), () => this.#correct(() => { this.grid.correction = { ...this.grid.correction, metre: this.metre.value }; }));
    this.asFound = button("As found", "Beats and bars as they were found, without your changes", () => this.#set({ correction: {} }));
    const moves = [["1 ◂", -1, "Bar 1 begins a beat earlier"], ["1 ▸", 1, "Bar 1 begins a beat later"]].map(([words, beats, title]) => button(words, title, () => this.#correct(() => this.grid.moveBars(beats)), { "aria-label": title }));
    const scales = [["Half tempo", 1 / 2, "Half as many beats"], ["¾ tempo", 3 / 4, "Three beats in place of four"], ["⁴⁄₃ tempo", 4 / 3, "Four beats in place of three"], ["Double tempo", 2, "Twice as many beats"]].map(([words, factor, title]) => button(words, title, () => this.#correct(() => this.grid.scale(factor))));
    const click = toggle("isClicking", "Click", "A click on each beat (C)");
    const snaps = toggle("snaps", "Snap to bars", "Edges of loops lie on bars");
    const turns = toggle("countsTurns", "Count in each turn", "The count-in comes before each turn of a loop");
    this.beatNodes = [click, this.count, this.metre, ...moves, snaps, turns, ...scales];
    const tool = (label, ...nodes) => element("div", { className: "tool", role: "group", "aria-label": label }, ...nodes);
    const heading = (textContent) => element("h2", { textContent });
    const dial = ({ label, slider, text }) => element("label", { className: "dial" }, label, slider, text);
    this.root = element("section", { className: "rehearsal", "aria-label": "Rehearsal" },
      tool("Speed", heading("Speed"), speed.root),
      tool("Key", heading("Key"), pitch.root),
      tool("Loop", heading("Loop"), this.sections, this.add, snaps),
      tool("Click", click, this.count, this.metre, element("span", { className: "moves" }, ...moves)),
      this.facts,
      element("details", { className: "more" },
        element("summary", { textContent: "More" }),
        element("div", { className: "presets" },
          toggle("keepsFormants", "Natural voices", "Voices keep their colour when the pitch moves: their formants stay"),
          toggle("getsFaster", `${percent(turnStep)} faster each turn`, "Up to 100 %"), turns,
          button("Tap", "Tap the beats (T): four or more, the first on the first beat of a bar", () => this.tap()), ...scales, this.asFound,
          dial(volume), dial(late))));
  }
}

const usualInstrument = "bass";

export class Practice {
  #buttons = new Map();

  /** `actions`: `apply(preset)`, `reset()`, `compare()`; `isPressed(preset)`. `hasOriginal` tells whether the original can be heard. */
  constructor(names, hasOriginal, actions) {
    this.names = names;
    this.actions = actions;
    this.presets = element("div", { className: "presets", role: "group", "aria-label": "Presets" });
    this.mine = element("select", { "aria-label": "My instrument", title: "My instrument", onchange: () => {
      keep("my instrument", this.mine.value);
      this.#offer();
      actions.apply(this.#presets().find(({ id }) => id === "mine"));
    } }, ...names.filter((name) => name !== residualName).map((name) => element("option", { value: name, textContent: name })));
    this.mine.value = [kept("my instrument"), usualInstrument, names[0]].find((name) => names.includes(name));
    this.compare = chipButton("Original", () => actions.compare(), { title: "Hear the original as loud as your mix (O)", "aria-pressed": "false" });
    this.reset = chipButton("Reset mix", () => actions.reset());
    this.root = element("div", { className: "practice" }, this.presets, element("div", { className: "presets" },
      hasOriginal ? this.compare : element("span", { className: "facts", textContent: "Original not kept", title: "To compare with the original, choose Original: Kept under Options, and separate the song again." }),
      this.reset));
    this.#offer();
  }

  #presets() {
    return presetsOf(this.names, this.mine.value);
  }

  #offer() {
    this.#buttons.clear();
    const buttons = this.#presets().map((preset) => {
      const button = chipButton(preset.words, () => this.actions.apply(preset), { title: preset.title, "aria-pressed": "false" });
      this.#buttons.set(preset, button);
      return button;
    });
    this.presets.replaceChildren(...buttons, ...(this.names.length > 1 ? [this.mine] : []));
  }

  /** Shows what sounds now. */
  update({ isOriginal, isChanged }) {
    for (const [preset, button] of this.#buttons) button.setAttribute("aria-pressed", !isOriginal && this.actions.isPressed(preset));
    this.compare.setAttribute("aria-pressed", isOriginal);
    setText(this.compare, isOriginal ? "Back to the mix" : "Original");
    this.reset.disabled = !isChanged;
  }
}
