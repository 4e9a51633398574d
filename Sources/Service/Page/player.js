// The sound of a song: its pieces and the engine, which open when it is first played.

import { Engine } from "./engine.js";
import { Pieces, stemRate } from "./pieces.js";

/** One audio context for the page: browsers allow only a few. */
let context = null;

function contextAt(sampleRate) {
  if (context?.sampleRate !== sampleRate) {
    context?.close();
    context = new AudioContext({ sampleRate });
  }
  return context;
}

export class Player {
  engine = null;
  #job;
  #onState;
  #opening = null;
  #pieces = null;
  #startTime;
  #loop = null;
  /** `[gain, pan]` of each stem. */
  #strips = [];
  #isClosed = false;

  /** `onState(error)` is called when playing starts, waits, stops or fails. */
  constructor(job, startTime, onState) {
    this.#job = job;
    this.#startTime = startTime;
    this.#onState = onState;
    this.rate = stemRate(job);
  }

  /** Seconds of the song. */
  get time() {
    return this.engine ? this.engine.position / this.rate : this.#startTime;
  }

  get isPlaying() {
    return this.engine?.isPlaying ?? false;
  }

  get isWaiting() {
    return this.engine?.isWaiting ?? false;
  }

  /** The decoded stems; a failed attempt is made again. */
  pieces() {
    this.#pieces ??= Pieces.open(this.#job).catch((error) => {
      this.#pieces = null;
      throw error;
    });
    return this.#pieces;
  }

  /** Opens the sound on a click or key: only then may a context start. */
  open() {
    const audio = contextAt(this.rate);
    // In the click's handler: some browsers refuse to resume later.
    audio.resume();
    this.#opening ??= (async () => {
      const engine = new Engine(audio, await this.pieces(), this.#job.stems.length, this.#onState);
      await engine.seek(this.#startTime * this.rate);
      this.engine = engine;
      this.#strips.forEach(([gain, pan], index) => this.setStrip(index, gain, pan));
      this.loop = this.#loop;
    })();
    return this.#opening;
  }

  /** Plays, from the loop's start if the position is outside the loop; or pauses. */
  async toggle() {
    if (this.isPlaying) return this.engine.pause();
    try {
      await this.open();
      if (this.#isClosed) return;
      const { position, loop } = this.engine;
      await this.engine.play(loop && (position < loop.start || position >= loop.end) ? loop.start : position);
    } catch (error) {
      this.#opening = null;
      this.#onState(error);
    }
  }

  seek(seconds) {
    if (this.engine) return this.engine.seek(seconds * this.rate);
    this.#startTime = seconds;
  }

  /** The loop in seconds, `[start, end]` or null. */
  set loop(loop) {
    this.#loop = loop;
    if (this.engine) this.engine.loop = loop && { start: loop[0] * this.rate, end: loop[1] * this.rate };
  }

  /** Linear gain of a stem, and its pan in −1…1. */
  setStrip(index, gain, pan) {
    this.#strips[index] = [gain, pan];
    this.engine?.setGain(index, gain);
    this.engine?.setPan(index, pan);
  }

  close() {
    this.#isClosed = true;
    this.engine?.close();
  }
}
