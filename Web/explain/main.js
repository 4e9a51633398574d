// The explainer: the network at work on a piece of music, opened, changed and heard.

import { announce, element, oncePerFrame, setText } from "../dom.js";
import { colourOf } from "../colours.js";
import { workOffline } from "../offline.js";
import { load } from "../swift-demucs.js";
import { BlockView } from "./block.js";
import { Changes } from "./changes.js";
import { decibels, redrawShades } from "./draw.js";
import { Lab, ratioDecibels } from "./lab.js";
import { Listen, versions } from "./listen.js";
import { NetworkMap } from "./map.js";
import { networkOf, shown } from "./network.js";
import { puzzles, showPuzzle } from "./puzzles.js";
import { Song } from "./song.js";
import { readState, writeState } from "./state.js";

const byID = (id) => document.getElementById(id);
const modelEndings = /\.(safetensors|th|onnx|ggml|bin|npz|h5)$/i;

class Page {
  state = readState();
  #map = new NetworkMap(byID("network"), (name) => this.open(name === this.state.block ? null : name));
  #lab = null;
  #listen = null;
  #block = null;
  #changes = null;
  #song = null;
  #piece = null;
  #plain = null;
  #changed = null;
  #truth = null;
  /** A number for each run: an older one that ends late shows nothing. */
  #turn = 0;

  async start() {
    document.body.classList.toggle("embedded", this.state.isEmbedded);
    this.#listenToControls();
    await this.#try(async () => {
      const [song] = await Promise.all([Song.demo(), this.#openModel(this.state.model)]);
      await this.#openSong(song);
    });
    // Whole values are first asked for by a click.
    workOffline(async () => !this.#piece).catch(() => {});
    this.#listModels();
  }

  piece() {
    return this.#piece;
  }

  /** `{ changed, unchanged }`: samples by the names of the stems. */
  get stems() {
    return { changed: this.#changed ?? this.#plain.stems, unchanged: this.#plain.stems };
  }

  /** Where the sound is, in seconds of the piece. */
  get time() {
    return this.#listen.time;
  }

  /** Runs what may fail, and says why. */
  async #try(work) {
    try {
      await work();
    } catch (error) {
      this.onError(error);
    }
  }

  onError(error) {
    if (error.name === "AbortError") return;
    this.#say(error.message, true);
  }

  #say(words, isError = false) {
    setText(byID("status"), words);
    byID("status").classList.toggle("error", isError);
  }

  // The model and the piece

  async #openModel(model) {
    const name = typeof model === "string" ? model : model.name;
    this.#say(`Loading ${name} …`);
    const engine = await load(model, {
      onProgress: ({ receivedBytes, totalBytes, state }) => totalBytes && this.#say(`${state === "loading" ? "Loading" : "Downloading"} ${name}, ${Math.floor((100 * receivedBytes) / totalBytes)} %`),
    });
    this.#lab?.close();
    this.#lab = new Lab(engine);
    setText(byID("model-facts"), `${name} · ${engine.precision} · ${engine.threads} ${engine.threads === 1 ? "thread" : "threads"}`);
    this.#listen = new Listen(engine.sources, engine.sampleRate);
    this.#listen.onState = () => this.#showPlayer();
    this.#block = new BlockView(byID("block"), this.#lab, this);
    const levels = Object.keys(engine.architecture.shapes).filter((key) => /^encoder\.\d+\.conv\.weight$/.test(key)).length;
    this.#changes = new Changes(byID("changes"), this, levels, engine.architecture.segmentSeconds);
    this.#map.isEmpty = true;
    this.#showStems();
  }

  async #openSong(song) {
    this.#song = song;
    setText(byID("song-name"), song.name);
    const last = Math.max(0, song.seconds - this.#lab.architecture.segmentSeconds);
    this.state.start = Math.min(this.state.start, last);
    Object.assign(byID("start"), { max: String(last), value: String(this.state.start) });
    await this.#openPiece();
  }

  async #openPiece() {
    const turn = (this.#turn += 1);
    setText(byID("start-words"), `${this.state.start.toFixed(1)} s`);
    this.#piece = await this.#song.piece(this.state.start, this.#lab.architecture.segmentSeconds);
    this.#block.close();
    this.#plain = await this.#lab.plain(this.#piece);
    if (turn !== this.#turn) return;
    this.#changed = null;
    this.#showSound();
    await this.#run();
    this.#showPuzzles();
    await this.#findTruth();
  }

  /** The true stems of the piece, of the demo track. */
  async #findTruth() {
    this.#truth = null;
    const piece = this.#piece;
    const songs = await this.#song.truth(this.#lab.sources);
    if (!songs) return;
    const pieces = await Promise.all(songs.map((song) => song.piece(this.state.start, this.#lab.architecture.segmentSeconds)));
    if (piece !== this.#piece) return;
    this.#truth = Object.fromEntries(pieces.map(({ channels }, index) => [this.#lab.sources[index], channels]));
    this.#showScores();
  }

  // Changes

  hasEdit(edit) {
    return this.state.edits.includes(edit);
  }

  get #isChanged() {
    return this.state.edits.length > 0 || this.state.segment !== null;
  }

  toggleEdit(edit) {
    const { edits } = this.state;
    // One value or weight is changed in one way.
    const [name, change] = [edit.slice(0, edit.indexOf("=")), edit.slice(edit.indexOf("=") + 1)];
    const others = edits.filter((made) => !(made.startsWith(`${name}=`) && made.slice(name.length + 1).split(":")[0] === change.split(":")[0]));
    this.state.edits = edits.includes(edit) ? edits.filter((made) => made !== edit) : [...others, edit];
    return this.#try(() => this.#run());
  }

  setSegment(segment, overlap) {
    Object.assign(this.state, { segment, overlap });
    return this.#try(() => this.#run());
  }

  clear() {
    Object.assign(this.state, { edits: [], segment: null, overlap: null });
    return this.#try(() => this.#run());
  }

  /** Separates with the changes of the state, and shows and plays what comes. */
  async #run() {
    const turn = (this.#turn += 1);
    const begin = performance.now();
    this.#showState();
    this.#say("Separating …");
    const [piece, change] = [this.#piece, { ...this.state }];
    let stems = this.#plain.stems;
    try {
      if (this.#isChanged) stems = await this.#lab.changed(piece, change);
    } catch (error) {
      // A change that can't be made is none; the rest stays.
      if (error.name !== "AbortError") this.state.edits = this.state.edits.slice(0, -1);
      this.#showState();
      throw error;
    }
    if (turn !== this.#turn) return;
    this.#changed = this.#isChanged ? stems : null;
    await this.#listen.set(stems, this.#plain.stems);
    this.#showScores();
    const seconds = (performance.now() - begin) / 1000;
    document.body.dataset.changeSeconds = seconds.toFixed(3);
    this.#say(this.#isChanged ? `Changed in ${seconds.toFixed(1)} s. Press A to compare with the unchanged network.` : `The network on ${this.#listen.seconds.toFixed(1)} s of music. Open a block, or change one.`);
    const values = await this.#lab.pictures(piece, shown, change);
    if (turn !== this.#turn) return;
    if (this.#map.isEmpty) {
      this.#map.show(networkOf(values, this.#lab.architecture));
      this.#map.isEmpty = false;
    }
    this.#map.update(values, this.#plain.shares);
    this.#showState();
    // For tests: how many runs have ended.
    document.body.dataset.runs = String(Number(document.body.dataset.runs ?? 0) + 1);
  }

  // What is shown

  #showState() {
    writeState(this.state);
    this.#changes.refresh();
    const open = this.#map.find(this.state.block);
    this.#map.mark(this.state.block, (name) => this.state.edits.some((edit) => edit.startsWith(`${name}.`) || edit.startsWith(`${name}=`)));
    document.body.classList.toggle("opened", Boolean(open));
    if (open) this.#block.open(open, this.#plain?.shares[open.block.name], this.state.at);
    else this.#block.close();
  }

  open(name) {
    Object.assign(this.state, { block: name, at: null });
    this.#showState();
    if (name) this.#block.focus();
  }

  onClose() {
    const { block } = this.state;
    this.open(null);
    this.#map.find(block)?.button.focus();
  }

  onPoint(point) {
    this.state.at = point;
    writeState(this.state);
  }

  #showSound() {
    byID("play").disabled = false;
    this.#listen.set(this.#plain.stems, this.#plain.stems);
    document.body.dataset.sound = String(Math.round(performance.now()));
  }

  #showStems() {
    byID("versions").replaceChildren(...versions.map((version) => element("label", {}, element("input", {
      type: "radio", name: "version", value: version, checked: version === "changed", onchange: () => { this.#listen.version = version; },
    }), { changed: "Changed", unchanged: "Unchanged", difference: "Difference" }[version])));
    byID("stems").replaceChildren(...this.#lab.sources.map((name, index) => {
      const button = element("button", { type: "button", className: "stem", "aria-pressed": "true", onclick: () => this.#listen.toggleMute(name) }, element("span", { className: "chip" }), element("span", {}, name), element("span", { className: "facts" }));
      button.style.setProperty("--stem", colourOf(name, index));
      button.dataset.stem = name;
      return button;
    }));
  }

  /** SDR against the true stems, or else how near the unchanged stems are. */
  #showScores() {
    if (!this.#plain) return;
    for (const button of byID("stems").children) {
      const name = button.dataset.stem;
      const plain = this.#plain.stems[name];
      const changed = this.#changed?.[name];
      const parts = [];
      if (this.#truth) {
        const [before, now] = [plain, changed ?? plain].map((stem) => ratioDecibels(this.#truth[name], stem));
        parts.push(changed ? `SDR ${decibels(now)}, was ${decibels(before)}` : `SDR ${decibels(before)}`);
      }
      if (changed) parts.push(`SNR ${decibels(ratioDecibels(plain, changed))}`);
      setText(button.lastChild, parts.join(" · "));
    }
  }

  #showPlayer() {
    setText(byID("play"), this.#listen.isPlaying ? "Pause" : "Play");
    for (const button of byID("stems").children) button.setAttribute("aria-pressed", String(!this.#listen.isMuted(button.dataset.stem)));
    for (const radio of byID("versions").querySelectorAll("input")) radio.checked = radio.value === this.#listen.version;
    this.#drawPlace();
  }

  /** The playhead of all pictures, as long as the sound plays. */
  #drawPlace = oncePerFrame(() => {
    const { time, seconds, isPlaying } = this.#listen;
    document.body.style.setProperty("--place", seconds ? time / seconds : 0);
    if (isPlaying) this.#drawPlace();
  });

  #showPuzzles() {
    const root = byID("puzzles");
    if (root.childElementCount) return;
    const space = element("div", {});
    const solved = new Set();
    const show = (puzzle) => {
      this.state.puzzle = puzzle?.id ?? null;
      writeState(this.state);
      for (const button of list.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.puzzle === this.state.puzzle));
      if (!puzzle) return space.replaceChildren();
      const form = element("div", {});
      showPuzzle(form, puzzle, { onSolved: () => {
        solved.add(puzzle.id);
        list.querySelector(`[data-puzzle="${puzzle.id}"]`).classList.add("solved");
        announce(`${solved.size} of ${puzzles.length} puzzles solved`);
      } });
      const links = [puzzle.block && element("button", { type: "button", className: "plain", onclick: () => this.open(puzzle.block) }, `Open ${puzzle.block}`), puzzle.edits && element("button", { type: "button", className: "plain", onclick: () => this.#tryEdits(puzzle.edits) }, "Hear it")];
      space.replaceChildren(element("h3", {}, puzzle.title), form, element("div", { className: "actions" }, ...links.filter(Boolean)), element("p", { className: "facts" }, "The course: ", element("code", {}, `docs/course/${puzzle.chapter}`)));
    };
    const list = element("ol", { className: "buttons" }, ...puzzles.map((puzzle) => {
      const button = element("button", { type: "button", className: "chip-button", "aria-pressed": "false", onclick: () => show(this.state.puzzle === puzzle.id ? null : puzzle) }, puzzle.title);
      button.dataset.puzzle = puzzle.id;
      return element("li", {}, button);
    }));
    root.replaceChildren(element("h2", {}, "Puzzles"), list, space);
    const wanted = puzzles.find(({ id }) => id === this.state.puzzle);
    if (wanted) show(wanted);
  }

  #tryEdits(edits) {
    Object.assign(this.state, { edits: edits.every((edit) => this.hasEdit(edit)) ? [] : [...edits], segment: null, overlap: null });
    return this.#try(() => this.#run());
  }

  // Controls

  async #listModels() {
    const names = ["demo", "htdemucs", "hdemucs_mmi"];
    if (!names.includes(this.state.model)) names.push(this.state.model);
    byID("model").replaceChildren(...names.map((name) => element("option", { value: name, selected: name === this.state.model }, name)));
  }

  async #change(model) {
    if (this.#listen.isPlaying) await this.#listen.toggle();
    this.state.model = typeof model === "string" ? model : "demo";
    Object.assign(this.state, { block: null, at: null, edits: [], segment: null, overlap: null });
    await this.#openModel(model);
    await this.#openSong(this.#song);
  }

  #openFile(file) {
    if (!file) return;
    return this.#try(() => (modelEndings.test(file.name) ? this.#change(file) : Song.open(file).then((song) => this.#openSong(song))));
  }

  #listenToControls() {
    byID("play").addEventListener("click", () => this.#try(() => this.#listen.toggle()));
    byID("choose").addEventListener("click", () => byID("chooser").click());
    byID("chooser").addEventListener("change", ({ target }) => this.#openFile(target.files[0]));
    byID("model").addEventListener("change", ({ target }) => this.#try(() => this.#change(target.value)));
    byID("start").addEventListener("input", ({ target }) => setText(byID("start-words"), `${Number(target.value).toFixed(1)} s`));
    byID("start").addEventListener("change", ({ target }) => {
      this.state.start = Number(target.value);
      this.#try(() => this.#openPiece());
    });
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      this.#openFile(event.dataTransfer.files[0]);
    });
    addEventListener("hashchange", () => location.reload());
    document.addEventListener("theme", redrawShades);
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
      const key = event.key.toLowerCase();
      const actions = {
        " ": () => !event.target.closest("button") && this.#try(() => this.#listen.toggle()),
        a: () => { this.#listen.version = this.#listen.version === "unchanged" ? "changed" : "unchanged"; },
        d: () => { this.#listen.version = this.#listen.version === "difference" ? "changed" : "difference"; },
        escape: () => this.state.block && this.onClose(),
      };
      if (!actions[key] || !this.#listen || actions[key]() === false) return;
      event.preventDefault();
    });
  }
}

export const page = new Page();
await page.start();
