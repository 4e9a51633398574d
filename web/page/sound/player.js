// The sound of a song: its pieces and the engine, which open when it is first played; the system's media controls (lock screen, headset,
// keyboard), and a screen that stays on.

import { kept } from "../kept.js";
import { title } from "../words.js";
import { Engine } from "./engine.js";
import { Excerpt, matchingGain, plainTuning } from "./mix.js";
import { Pieces, stemRate } from "./pieces.js";
import { wavHeader } from "../wav.js";

/** One audio context for the page: browsers allow only a few. */
let context = null;

export function contextAt(sampleRate) {
  if (context?.sampleRate !== sampleRate) {
    context?.close();
    // Otherwise an iPhone is silent while its ringer is off.
    if (navigator.audioSession) navigator.audioSession.type = "playback";
    context = new AudioContext({ sampleRate });
  }
  return context;
}

/** What the page knows of the loudspeaker, for all songs: `delay` in seconds, beyond what the browser knows. */
const output = { delay: kept("sound delay") };

/** Length of the sound around the playhead in which mix and original are made equally loud. */
const comparedSeconds = 6;

/** Time in which a song that was opened while it was separated gets the level of its files. */
const settleSeconds = 2;

export class Player {
  engine = null;
  output = output;
  #job;
  #onState;
  #onOpen;
  #opening = null;
  #pieces = null;
  #startTime;
  #loop = null;
  /** `[gain, pan]` of each stem, and the gain of their sum. */
  #mix = { stems: [], master: 1 };
  #tuning = plainTuning;
  #levels;
  #isClosed = false;

  /** `onState(error)` is called when playing starts, waits, stops or fails; `onOpen(engine)` once. */
  constructor(job, startTime, { onState, onOpen }) {
    this.#job = job;
    this.#levels = job.stems.map(() => 1);
    this.#startTime = startTime;
    this.#onState = onState;
    this.#onOpen = onOpen;
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

  /** The gains that bring `pieces` to the level of the files: not 1 for stems that were opened before it was known. */
  get levels() {
    return this.#levels;
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
      const engine = new Engine(audio, await this.pieces(), this.#job.stems.map(({ name }) => name), this.#onState);
      await engine.seek(this.#startTime * this.rate);
      this.engine = engine;
      this.mix = this.#mix;
      this.loop = this.#loop;
      this.tuning = this.#tuning;
      this.#onOpen(engine);
    })();
    return this.#opening;
  }

  /** Plays, from the loop's start if the position is outside the loop, counted in if the grid counts; or pauses. */
  async toggle() {
    if (this.isPlaying) return this.engine.pause();
    try {
      await this.open();
      if (this.#isClosed) return;
      const { position, loop } = this.engine;
      const from = loop && (position < loop.start || position >= loop.end) ? loop.start : position;
      await this.engine.play(from, true);
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

  /** `{ speed, semitones, keepsFormants }`. */
  set tuning(tuning) {
    this.#tuning = tuning;
    if (this.engine) this.engine.tuning = tuning;
  }

  /** `{ stems, master }`: linear gain and pan, in −1…1, of each stem, and the gain of their sum. */
  set mix(mix) {
    this.#mix = mix;
    mix.stems.forEach(([gain, pan], index) => {
      this.engine?.setGain(index, gain * this.#levels[index]);
      this.engine?.setPan(index, pan);
    });
    this.engine?.setMaster(mix.master);
  }

  /** Takes a newer state of the job. When it is done, stems that already play settle to the level of their files. */
  update(job) {
    const isSettling = this.#pieces !== null && this.#job.state === "running" && job.state === "done";
    this.#job = job;
    this.#pieces?.then((pieces) => pieces.update(job)).catch((error) => this.#isClosed || this.#onState(error));
    if (!isSettling) return;
    this.#levels = job.stems.map((stem) => stem.gain ?? 1);
    this.#mix.stems.forEach(([gain], index) => this.engine?.setGain(index, gain * this.#levels[index], settleSeconds));
  }

  /** The samples of the stems' files around a part of the song: `{ from, to, stems }` in seconds, `[left, right]` of each stem. */
  async excerpt(from, to) {
    const pieces = await this.pieces();
    const length = pieces.pieceFrames;
    const first = Math.max(0, Math.floor((from * this.rate) / length));
    const last = Math.min(pieces.count - 1, Math.floor((to * this.rate) / length));
    const parts = await Promise.all(Array.from({ length: last - first + 1 }, (_, index) => pieces.get(first + index)));
    const stems = this.#job.stems.map((_, stem) => [0, 1].map((channel) => joined(parts.map((buffers) => buffers[stem].getChannelData(channel)), this.#levels[stem])));
    const begin = (first * length) / this.rate;
    return { from: begin, to: begin + stems[0][0].length / this.rate, stems };
  }

  /** The gain of the original that makes it as loud as a `Mix` is around a time. */
  async matchingGain(time, mix) {
    const [from, to] = [time - comparedSeconds / 2, time + comparedSeconds / 2];
    const part = await this.excerpt(from, to);
    const cut = (plane) => plane.subarray(Math.max(0, Math.round((from - part.from) * this.rate)), Math.round((to - part.from) * this.rate));
    return matchingGain(new Excerpt(part.stems.map((planes) => planes.map(cut)), this.rate), mix.gains, mix.originalGains);
  }

  close() {
    this.#isClosed = true;
    this.engine?.close();
    this.#pieces?.then((pieces) => pieces.close(), () => {});
  }
}

function joined(parts, gain) {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  if (gain !== 1) for (let index = 0; index < at; index++) whole[index] *= gain;
  return whole;
}

const moveSeconds = 5;
const session = navigator.mediaSession;
/** The mixer whose song the controls move. */
let shown = null;
/** An element that plays silence, or null. */
let silence = null;
/** Why the screen stays on, and the promise of its lock. */
const reasons = new Set();
let lock = null;

/** Gives the controls to a mixer's song. */
export function takeControls(mixer) {
  shown = mixer;
  session.metadata = new MediaMetadata({ title: title(mixer.job.name) });
  const actions = {
    play: () => mixer.isPlaying || mixer.toggle(),
    pause: () => mixer.isPlaying && mixer.toggle(),
    seekbackward: ({ seekOffset }) => mixer.move(-(seekOffset ?? moveSeconds)),
    seekforward: ({ seekOffset }) => mixer.move(seekOffset ?? moveSeconds),
    seekto: ({ seekTime }) => mixer.seek(seekTime),
    previoustrack: () => mixer.seek(mixer.loop?.[0] ?? 0),
  };
  for (const [action, handler] of /** @type {[any, any][]} */ (Object.entries(actions))) session.setActionHandler(action, handler);
}

/** Shows where the mixer is in its song. */
export function showState({ time, isPlaying, timeline: { duration }, song: { tuning } }) {
  keepAwake("a song plays", isPlaying);
  session.playbackState = isPlaying ? "playing" : "paused";
  session.setPositionState({ duration, position: Math.min(duration, Math.max(0, time)), playbackRate: tuning.speed });
  // Chromium takes the controls away soon after an AudioContext falls silent, but not from an element of more than 5 s that is paused. Safari needs none.
  if (isPlaying && !navigator.audioSession) silence ??= silentElement();
  if (isPlaying) silence?.play().catch(() => {});
  else silence?.pause();
}

function silentElement(seconds = 10, rate = 8000) {
  const parts = [wavHeader(1, rate, seconds * rate), new Float32Array(seconds * rate)];
  const player = Object.assign(new Audio(URL.createObjectURL(new Blob(parts, { type: "audio/wav" }))), { loop: true });
  // A call on the phone pauses this element alone.
  player.onpause = () => player.paused && shown.isPlaying && shown.toggle();
  return player;
}

/** Keeps the screen on while there is a reason: a phone that sleeps stops the engine and the music. */
export function keepAwake(reason, isWanted) {
  reasons[isWanted ? "add" : "delete"](reason);
  const isHeld = reasons.size > 0 && !document.hidden;
  // The system refuses when the battery is low.
  if (isHeld) lock ??= navigator.wakeLock?.request("screen").catch(() => null);
  else lock = lock?.then((held) => held?.release()) && null;
}

// A hidden page loses its lock, and asks again when it is seen.
document.addEventListener("visibilitychange", () => keepAwake(null, false));
