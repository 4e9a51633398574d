// The explainer: the network at work on a piece of music, opened, changed and heard.

import { workOffline } from "../engine/offline.js";
import { load } from "../engine/swift-demucs.js";
import { acceptFiles, colourOf, element, oncePerFrame, setText } from "../page/dom.js";
import { BlockView } from "./block.js";
import { Changes } from "./changes.js";
import { decibels, redrawShades } from "./draw.js";
import { Listen, versions } from "./listen.js";
import { NetworkMap } from "./map.js";
import { networkOf, shown } from "./network.js";
import { PieceRuns, ratioDecibels } from "./piece_runs.js";
import { PuzzleList } from "./puzzle_list.js";
import { Song } from "./song.js";
import { fragmentOf, readState, writeState } from "./state.js";

const byID = (id) => document.getElementById(id);
const modelEndings = /\.(safetensors|th|ckpt|ggml|bin)$/i;
const nothing = { edits: [], segment: null, overlap: null };
const isChange = ({ edits, segment }) => edits.length > 0 || segment !== null;
const changeOf = ({ edits, segment, overlap }) => ({ edits: [...edits], segment, overlap });

class Page {
  state = readState();
  #map = new NetworkMap(byID("network"), (name) => this.open(name === this.state.block ? null : name));
  #song = null;
  /** The model's: all null until one is open. */
  #engine = null;
  #runs = null;
  #listen = null;
  #block = null;
  #changes = null;
  /** The unchanged network on a piece: `{ piece, stems, shares, truth }`. */
  #scene = null;
  /** The stems of the last change that could be made, and that change. */
  #changed = null;
  #made = nothing;
  #hasPicture = false;
  #puzzles = null;
  /** Numbers of the newest opening and the newest run: what an older one brings late is dropped. */
  #opening = 0;
  #run = 0;
  #isTouched = false;

  async start() {
    document.body.classList.toggle("embedded", this.state.isEmbedded);
    this.#listenToControls();
    const keep = () => workOffline(async () => !this.#isTouched).then((words) => setText(byID("notice"), words ?? ""));
    // On a host without the headers for threads, this reloads the page, unless something was pressed by then. Elsewhere its
    // downloads come after the first sound, which they would delay.
    if (!crossOriginIsolated) keep();
    this.#listModels();
    await this.#try(() => this.#open({ model: this.state.model }));
    if (crossOriginIsolated) keep();
  }

  get piece() {
    return this.#scene.piece;
  }

  /** `{ changed, unchanged }`: samples by the names of the stems. */
  get stems() {
    return { changed: this.#changed ?? this.#scene.stems, unchanged: this.#scene.stems };
  }

  /** Of the pictures: those of the first segment. */
  get seconds() {
    return this.state.segment ?? this.#runs.architecture.segmentSeconds;
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

  /** Opens a model, a song, or another piece, whichever are given; what is open stays until all of it has succeeded. */
  async #open({ model = null, song = null, start = this.state.start }) {
    const turn = (this.#opening += 1);
    const isNewest = () => turn === this.#opening;
    this.#runs?.stop();
    const opened = Promise.resolve(song ?? this.#song ?? Song.demo());
    // Its error is told where it is awaited, after the model.
    opened.catch(() => {});
    const engine = model ? await this.#load(model, isNewest) : null;
    try {
      const runs = engine ? new PieceRuns(engine) : this.#runs;
      const newSong = await opened;
      const { segmentSeconds } = runs.architecture;
      const last = Math.max(0, newSong.seconds - segmentSeconds);
      const begin = Math.min(start, last);
      const piece = await newSong.piece(begin, segmentSeconds);
      const unchanged = await runs.unchanged(piece);
      if (!isNewest()) throw new DOMException("Another one was opened.", "AbortError");
      if (engine) this.#useModel(engine, runs, model);
      this.#song = newSong;
      this.#scene = { piece, ...unchanged, truth: null };
      this.state.start = begin;
      setText(byID("song-name"), newSong.name);
      Object.assign(byID("start"), { max: String(last), value: String(begin) });
      setText(byID("start-words"), `${begin.toFixed(1)} s`);
    } catch (error) {
      if (engine !== null && this.#engine !== engine) engine.close();
      throw error;
    }
    this.#showSound();
    await this.#change();
    this.#puzzles ??= new PuzzleList(byID("puzzles"), this);
    await this.#findTruth(this.#scene);
  }

  async #load(model, isNewest) {
    const name = typeof model === "string" ? model : model.name;
    this.#say(`Loading ${name} …`);
    try {
      const engine = await load(model, {
        onProgress: ({ receivedBytes, totalBytes, state }) => isNewest() && totalBytes && this.#say(`${state === "loading" ? "Loading" : "Downloading"} ${name}, ${Math.floor((100 * receivedBytes) / totalBytes)} %`),
      });
      if (Object.keys(engine.architecture.shapes).some((key) => key.startsWith("tencoder."))) return engine;
      engine.close();
    } catch (error) {
      byID("model").value = this.state.model;
      throw error;
    }
    throw new Error(`${name} has no spectrogram and waveform beside each other: open a model of the class HTDemucs or HDemucs.`);
  }

  #useModel(engine, runs, model) {
    const isFirst = this.#engine === null;
    this.#runs?.close();
    this.#listen?.close();
    [this.#engine, this.#runs, this.#hasPicture] = [engine, runs, false];
    if (!isFirst) Object.assign(this.state, nothing, { block: null, at: null, step: null, trail: [] });
    this.#made = nothing;
    this.state.model = model;
    setText(byID("model-facts"), `${typeof model === "string" ? model : model.name} · ${engine.precision} · ${engine.threads} ${engine.threads === 1 ? "thread" : "threads"}`);
    this.#listen = new Listen(engine.sources, engine.sampleRate);
    this.#listen.onState = () => this.#showPlayer();
    this.#block?.close();
    this.#block = new BlockView(byID("block"), runs, this);
    const { shapes, segmentSeconds } = engine.architecture;
    const levels = Object.keys(shapes).filter((key) => /^encoder\.\d+\.conv\.weight$/.test(key)).length;
    this.#changes = new Changes(byID("changes"), this, levels, segmentSeconds);
    this.#showStems();
  }

  /** The true stems of the piece, of the demo track. */
  async #findTruth(scene) {
    const songs = await this.#song.truth(this.#runs.sources);
    if (!songs) return;
    const pieces = await Promise.all(songs.map((song) => song.piece(this.state.start, this.#runs.architecture.segmentSeconds)));
    scene.truth = Object.fromEntries(pieces.map(({ channels }, index) => [this.#runs.sources[index], channels]));
    this.#showScores();
  }

  // Changes

  toggleEdit(edit) {
    const { edits } = this.state;
    // Another number of the same change takes the place of the first.
    const kindOf = (text) => text.split(":")[0];
    this.state.edits = edits.includes(edit) ? edits.filter((made) => made !== edit) : [...edits.filter((made) => kindOf(made) !== kindOf(edit)), edit];
    return this.#try(() => this.#change());
  }

  setSegment(segment, overlap) {
    Object.assign(this.state, { segment, overlap });
    return this.#try(() => this.#change());
  }

  clear() {
    Object.assign(this.state, nothing);
    return this.#try(() => this.#change());
  }

  /** Makes edits in place of the others, on a piece of the song. */
  hear(edits, start) {
    Object.assign(this.state, nothing, { edits: [...edits] });
    return this.#try(() => (start === this.state.start ? this.#change() : this.#open({ start })));
  }

  /** Separates with the changes of the state, and shows and plays what comes; goes back to the last change if this one can't be made. */
  async #change() {
    const turn = (this.#run += 1);
    const isNewest = () => turn === this.#run;
    const [scene, runs, change, begin] = [this.#scene, this.#runs, changeOf(this.state), performance.now()];
    runs.stop();
    this.#showState();
    this.#say("Separating …");
    let stems = scene.stems;
    try {
      if (isChange(change)) stems = await runs.changed(scene.piece, change);
    } catch (error) {
      if (error.name === "AbortError" || !isNewest()) return;
      Object.assign(this.state, this.#made);
      await this.#change();
      throw error;
    }
    if (!isNewest()) return;
    this.#made = change;
    this.#changed = isChange(change) ? stems : null;
    await this.#listen.set(stems, scene.stems);
    this.#showScores();
    const seconds = (performance.now() - begin) / 1000;
    // For measurements and tests: when a change was heard, and how many are shown.
    document.body.dataset.changeSeconds = seconds.toFixed(3);
    this.#say(this.#changed ? `Changed in ${seconds.toFixed(1)} s. Press A to compare with the unchanged network.` : `The network on ${this.#listen.seconds.toFixed(1)} s of music. Open a block, or change one.`);
    const values = await runs.pictures(scene.piece, shown, change);
    if (!isNewest()) return;
    const isFirst = !this.#hasPicture;
    if (isFirst) this.#map.show(networkOf(values, runs.architecture));
    this.#hasPicture = true;
    this.#map.update(values, scene.shares);
    this.#showState();
    if (isFirst && !this.state.isEmbedded) this.#block.focus();
    this.#block.update();
    document.body.dataset.runs = String(Number(document.body.dataset.runs ?? 0) + 1);
  }

  // What is shown

  writeState() {
    writeState(this.state);
  }

  #showState() {
    this.writeState();
    this.#changes.refresh(this.state);
    const open = this.#hasPicture ? this.#map.find(this.state.block) : null;
    this.#map.mark(this.state.block, (name) => this.state.edits.some((edit) => [".", "=", "["].some((end) => edit.startsWith(name + end))));
    if (open) this.#block.open(open, this.#scene.shares[open.block.name]);
    else this.#block.close();
  }

  open(name) {
    Object.assign(this.state, { block: name, at: null, step: null, trail: [] });
    this.#showState();
    if (name) this.#block.focus();
  }

  onClose() {
    if (this.state.isEmbedded) return;
    const { block } = this.state;
    this.open(null);
    this.#map.find(block)?.button.focus();
  }

  /** Follows a number that was chosen by hand, or keeps the place that a followed one was found to have. */
  onFollow(step, at) {
    const isFound = this.state.at === null || String(this.state.at) === String(at);
    Object.assign(this.state, { step, at, trail: isFound ? this.state.trail : [] });
    this.#showState();
  }

  /** The address that opens a number of a block, with these changes. */
  addressOf(block, step, at, trail) {
    return fragmentOf({ ...this.state, block, step, at, trail });
  }

  /** A link that differs in the number alone opens it here; the browser's way back too. */
  #followAddress() {
    const next = readState();
    const { block, step, at, trail } = next;
    if (this.addressOf(block, step, at, trail) !== fragmentOf(next)) return location.reload();
    Object.assign(this.state, { block, step, at, trail });
    this.#showState();
    this.#block.focus();
  }

  #showSound() {
    byID("play").disabled = false;
    this.#changed = null;
    this.#listen.set(this.#scene.stems, this.#scene.stems);
    document.body.dataset.sound ??= String(Math.round(performance.now()));
  }

  #showStems() {
    byID("versions").replaceChildren(...versions.map((version) => element("label", {}, element("input", {
      type: "radio", name: "version", value: version, checked: version === "changed", onchange: () => { this.#listen.version = version; },
    }), { changed: "Changed", unchanged: "Unchanged", difference: "Difference" }[version])));
    byID("stems").replaceChildren(...this.#runs.sources.map((name, index) => {
      const button = element("button", { type: "button", className: "stem", "aria-pressed": "true", onclick: () => this.#listen.toggleMute(name) }, element("span", { className: "chip" }), element("span", {}, name), element("span", { className: "facts" }));
      button.style.setProperty("--stem", colourOf(name, index));
      button.dataset.stem = name;
      return button;
    }));
  }

  /** SDR against the true stems, and how near the unchanged stems are. */
  #showScores() {
    const { stems, truth } = this.#scene;
    for (const button of byID("stems").children) {
      const name = button.dataset.stem;
      const changed = this.#changed?.[name];
      const parts = [];
      if (truth) {
        const [before, now] = [stems[name], changed ?? stems[name]].map((stem) => ratioDecibels(truth[name], stem));
        parts.push(changed ? `SDR ${decibels(now)}, was ${decibels(before)}` : `SDR ${decibels(before)}`);
      }
      if (changed) parts.push(`SNR ${decibels(ratioDecibels(stems[name], changed))}`);
      setText(button.lastElementChild, parts.join(" · "));
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
    document.body.style.setProperty("--place", String(seconds ? time / seconds : 0));
    if (isPlaying) this.#drawPlace();
  });

  // Controls

  #listModels() {
    const names = [...new Set(["demo", "htdemucs", "hdemucs_mmi", this.state.model])];
    byID("model").replaceChildren(...names.map((name) => element("option", { value: name, selected: name === this.state.model }, name)));
  }

  #openFile(file) {
    if (!file) return;
    return this.#try(async () => this.#open(modelEndings.test(file.name) ? { model: file } : { song: await Song.open(file) }));
  }

  #listenToControls() {
    for (const kind of ["pointerdown", "keydown", "drop"]) addEventListener(kind, () => { this.#isTouched = true; }, { once: true });
    byID("play").addEventListener("click", () => this.#try(() => this.#listen.toggle()));
    acceptFiles(([file]) => this.#openFile(file));
    byID("model").addEventListener("change", ({ target }) => this.#try(() => this.#open({ model: target.value })));
    byID("start").addEventListener("input", ({ target }) => setText(byID("start-words"), `${Number(target.value).toFixed(1)} s`));
    byID("start").addEventListener("change", ({ target }) => this.#try(() => this.#open({ start: Number(target.value) })));
    document.querySelector(".skip").addEventListener("click", (event) => {
      // The address keeps the state.
      event.preventDefault();
      byID("network").focus();
    });
    addEventListener("hashchange", () => this.#followAddress());
    document.addEventListener("theme", redrawShades);
    document.addEventListener("keydown", (event) => {
      if (!this.#scene || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=radio]), textarea, select")) return;
      const toggle = (version) => { this.#listen.version = this.#listen.version === version ? "changed" : version; };
      const actions = {
        " ": () => (event.target.closest("button") ? false : void this.#try(() => this.#listen.toggle())),
        a: () => toggle("unchanged"),
        d: () => toggle("difference"),
        escape: () => (this.state.block ? this.onClose() : false),
      };
      const action = actions[event.key.toLowerCase()];
      if (action && action() !== false) event.preventDefault();
    });
  }
}

export const page = new Page();
await page.start();
