// The mixer of a song that is finished, or of the part that is finished so far: what its controls do to the
// sound, the drawing, the address bar and the browser's memory.

import { backend } from "../backend.js";
import { announce, element, say, setText } from "../dom.js";
import { keep } from "../kept.js";
import { Practice, Rehearsal } from "../practice/rehearsal.js";
import { showLink, shownLink } from "../songs/memory.js";
import { Notes } from "../songs/notes.js";
import { applyPreset, isPreset, linear, loudestDecibels, silenceDecibels } from "../sound/mix.js";
import { Player } from "../sound/player.js";
import { decibels, failureWords, loadingWords, sumsWords, title, waitWords } from "../words.js";
import { Board } from "./board.js";
import { SongHeader, Transport } from "./controls.js";
import { Exports } from "./downloads.js";
import { Timeline } from "./ruler.js";
import { Song } from "./song.js";
import { toDecibels } from "./strips.js";

export class Mixer {
  #linkTimer = null;
  #waitTimer = null;
  #isClosed = false;
  #keepsPlace = () => {
    this.notes.send(true);
    this.#keep();
  };
  /** Whether each turn was counted in when the sound was scheduled. */
  #countsTurns = false;
  #correction = null;

  /** `saved` is the place and mix that it opens with; `actions.cancel(job)` stops a running separation. */
  constructor(job, saved, actions) {
    this.job = job;
    this.actions = actions;
    this.timeline = new Timeline(job.duration_seconds);
    this.song = new Song(job, this.timeline.duration, saved);
    this.notes = new Notes(this.song, Boolean(job.isOthers), actions.show);
    this.notes.take(job);
    this.mix = this.song.mix;
    this.player = new Player(job, this.song.startTime, {
      onState: (error) => this.#onPlayer(error),
      onOpen: (engine) => {
        this.board.connectMeters(engine);
        engine.onTurn = () => this.rehearsal.turn();
        engine.clicks.grid = this.song.grid;
        this.#applyRehearsal();
      },
    });
    this.player.loop = this.loop;
    this.#build();
    this.#applyMix();
    this.#applyRehearsal();
    this.#update();
    this.#loadAnalysis();
    // A page that is reloaded, or that a phone puts away, may not come back.
    addEventListener("pagehide", this.#keepsPlace);
    document.addEventListener("visibilitychange", this.#keepsPlace);
  }

  close() {
    removeEventListener("pagehide", this.#keepsPlace);
    document.removeEventListener("visibilitychange", this.#keepsPlace);
    this.notes.close();
    this.song.keep(this.time);
    this.#isClosed = true;
    this.player.close();
    this.board.close();
    clearTimeout(this.#linkTimer);
    clearTimeout(this.#waitTimer);
  }

  /** Shows a newer state of the same job. */
  update(job) {
    // The number of users may have come since.
    this.header.update(job);
    this.transport.showNext(this.actions.nextTitle());
    if (this.notes.take(job)) {
      this.#applyRehearsal();
      this.#onLoop();
    }
    if (job === this.job) return;
    const before = this.job;
    this.job = this.exports.job = job;
    this.root.setAttribute("aria-label", `Mixer: ${title(job.name)}`);
    this.player.update(job);
    this.#update();
    if (job.ready_seconds !== before.ready_seconds || job.state !== before.state) this.board.update(job);
    if (job.state !== before.state) this.#loadAnalysis();
  }

  redraw(isStale) {
    this.board.redraw(isStale);
  }

  get engine() {
    return this.player.engine;
  }

  get time() {
    return this.player.time;
  }

  get isPlaying() {
    return this.player.isPlaying;
  }

  // Transport

  toggle() {
    if (!this.isPlaying) this.root.classList.add("waiting");
    return this.player.toggle();
  }

  async seek(seconds) {
    const time = Math.min(this.timeline.duration, Math.max(0, seconds));
    this.player.seek(time);
    this.board.reveal(time);
    this.#saveLink();
  }

  move(seconds) {
    this.seek(this.time + seconds);
  }

  zoom(factor) {
    this.board.zoom(factor);
  }

  async toggleSpectrogram() {
    try {
      await this.board.toggleSpectrogram();
    } catch (error) {
      this.#onPlayer(error);
    }
  }

  /** Opens the next song of the set. */
  next() {
    this.actions.step(1);
  }

  // Loop

  /** The loop in seconds, `[start, end]` or null. */
  get loop() {
    return this.song.loop.edges;
  }

  setLoop(edges) {
    this.song.loop.set(edges);
    this.#onLoop();
  }

  /** Sets the loop's start, then its end, then removes the loop. */
  stepLoop() {
    const words = this.song.loop.step(this.time);
    this.#onLoop();
    announce(words);
  }

  /** Sets an edge of the loop (0 or 1) at the playhead. */
  setLoopEdge(edge) {
    this.song.loop.setEdge(edge, this.time);
    this.#onLoop();
    announce(this.song.loop.words);
  }

  #onLoop() {
    this.song.loop.tidy();
    this.player.loop = this.loop;
    this.#update();
    this.redraw();
    this.#keep();
  }

  // Mix

  get names() {
    return this.mix.names;
  }

  get strips() {
    return this.mix.strips;
  }

  get stripViews() {
    return this.board.stripViews;
  }

  toggleStrip(index, key) {
    const view = this.stripViews[index];
    if (!view) return;
    this.strips[index][key] = !this.strips[index][key];
    this.#changed();
    announce(`${view.name} ${key === "isMuted" ? "mute" : "solo"} ${this.strips[index][key] ? "on" : "off"}`);
  }

  changeVolume(index, step) {
    const strip = this.strips[index];
    strip.volume = Math.min(loudestDecibels, Math.max(silenceDecibels, strip.volume + step));
    this.#changed();
  }

  applyPreset(preset) {
    applyPreset(preset, this.names, this.strips);
    this.#changed();
    announce(preset.words);
  }

  /** Sets all controls back; the loop stays. */
  resetMix() {
    this.mix.reset();
    this.#changed();
    announce("Mix reset");
  }

  /** Switches between the mix and the original, made as loud as the mix is around the playhead. */
  async compare() {
    if (!this.mix.hasOriginal) return;
    try {
      const gain = this.mix.original === null ? await this.player.matchingGain(this.time, this.mix) : null;
      this.mix.original = gain;
      const level = gain && Number(toDecibels(gain).toFixed(1));
      say(gain === null ? "Your mix" : level ? `The original, at ${decibels(level)} to be as loud as your mix` : "The original");
    } catch (error) {
      return this.#onPlayer(error);
    }
    this.#applyMix();
    this.#update();
  }

  #changed() {
    // A change of the mix is to be heard.
    this.mix.original = null;
    this.board.refresh();
    this.#applyMix();
    this.#update();
    this.#keep();
  }

  #applyMix() {
    const stems = this.mix.heard;
    this.player.mix = { stems, master: this.mix.masterGain };
    this.board.showHeard(stems);
  }

  // Rehearsal

  /** Tempo, beats and key: known when the song is done, if the back end finds any. */
  async #loadAnalysis() {
    if (this.job.state !== "done") return;
    try {
      this.song.grid.analysis = await backend.analysis(this.job.id);
      this.rehearsal.update();
      this.#applyRehearsal();
    } catch {
      // Without an analysis there is no grid; taps can set the beat.
    }
  }

  #applyRehearsal() {
    const { rehearsal: settings, grid, tuning } = this.song;
    this.player.tuning = tuning;
    if (this.engine) {
      // Clicks that were scheduled on other beats are taken back.
      if (this.#correction !== settings.correction) this.engine.clicks.stop();
      this.#correction = settings.correction;
      this.engine.clicks.isOn = settings.isClicking;
      this.engine.clicks.volume = linear(settings.clickVolume);
      this.engine.extraLatency = this.player.output.delay;
      // The silence before each turn is scheduled with the loop.
      if (this.#countsTurns !== grid.countsTurns) this.player.loop = this.loop;
      this.#countsTurns = grid.countsTurns;
    }
    this.redraw();
  }

  // Links

  get fragment() {
    return this.song.linkTo(this.time);
  }

  #keep() {
    this.song.keep(this.time);
    this.notes.changed();
    this.#saveLink();
  }

  #saveLink() {
    // Browsers limit how often the address may change.
    this.#linkTimer ??= setTimeout(() => {
      this.#linkTimer = null;
      // Another song may have been opened, which is shown in the next frame.
      if (!this.#isClosed && shownLink().song === this.job.id) showLink(this.fragment);
    }, 400);
  }

  // Elements

  #build() {
    const { job } = this;
    this.exports = new Exports(job, this.song, this.player);
    this.board = new Board({
      job, mix: this.mix, loop: this.song.loop, grid: this.song.grid, timeline: this.timeline, player: this.player,
      actions: {
        seek: (seconds) => this.seek(seconds),
        mixChanged: () => this.#changed(),
        loopChanged: () => this.#onLoop(),
        timeShown: (time) => this.transport.showTime(time),
        windowChanged: () => this.#update(),
        saveStem: (stem) => this.#saveStem(stem),
        stemFile: (stem) => this.exports.stem(stem, true),
      },
    });
    this.transport = new Transport(this.timeline.duration, this);
    this.practice = new Practice(this.names, this.mix.hasOriginal, {
      apply: (preset) => this.applyPreset(preset),
      isPressed: (preset) => isPreset(preset, this.names, this.strips),
      reset: () => this.resetMix(),
      compare: () => this.compare(),
    });
    this.rehearsal = new Rehearsal(this.song, this.player.output, {
      change: () => {
        keep("sound delay", this.player.output.delay);
        this.#applyRehearsal();
        this.#keep();
        this.actions.tuned();
      },
      setLoop: (edges) => {
        this.setLoop(edges);
        this.seek(edges[0]);
      },
      time: () => this.time,
    });
    this.header = new SongHeader(job, this.exports, { fragment: () => this.fragment, users: this.actions.users, cancel: this.actions.cancel });
    this.wait = element("p", { className: "said", role: "status" });
    const sums = sumsWords(job.stems);
    this.root = element("section", { className: "mixer", "aria-label": `Mixer: ${title(job.name)}` },
      this.header.root,
      this.wait,
      this.transport.root,
      this.rehearsal.root,
      this.practice.root,
      ...job.warnings.map((text) => element("p", { className: "note", textContent: text })),
      this.board.root,
      sums && element("p", { className: "note", textContent: sums }),
      this.board.hint);
  }

  async #saveStem(stem) {
    try {
      const file = this.exports.stem(stem);
      say(`Preparing ${file.name}`);
      await this.exports.save(file, () => {});
      say("");
    } catch (error) {
      say(failureWords(error));
    }
  }

  #onPlayer(error) {
    if (error) say(error instanceof TypeError ? "The sound could not be fetched. Press play to try again." : error.message);
    this.#update();
    this.redraw();
    if (this.engine) this.#keep();
  }

  /** Says why nothing sounds yet, and for how long. */
  #showWait() {
    const { isWaiting } = this.player;
    setText(this.wait, isWaiting ? loadingWords(this.engine.secondsLeft, backend.words.late) || (this.job.state === "running" ? waitWords : "") : "");
    clearTimeout(this.#waitTimer);
    if (isWaiting) this.#waitTimer = setTimeout(() => this.#showWait(), 1000);
  }

  #update() {
    this.root.classList.toggle("waiting", this.player.isWaiting);
    this.#showWait();
    this.transport.update({ isPlaying: this.isPlaying, loop: this.song.loop, timeline: this.timeline, isSpectrogram: this.board.isSpectrogram });
    this.rehearsal.update();
    this.practice.update({ isOriginal: this.mix.original !== null, isChanged: this.mix.isChanged });
  }
}
