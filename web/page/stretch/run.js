// Plays stems at another speed and pitch: an audio worklet renders them, and gets pieces of the song before it needs
// them.

import { Tape } from "./stretch.js";

/** Seconds of the song that the worklet has ahead: a tab in the background gets its timers only once a second. */
const aheadSeconds = 8;

/** The contexts that have the worklet's module. */
const prepared = new WeakMap();

/** Loads the worklet's module; throws what the user can do without worklets, or a `TypeError` without a connection. */
async function prepare(context) {
  if (!context.audioWorklet) {
    throw new Error("Browsers change speed and pitch only on pages with https, or on localhost. Ask whoever runs the service for https, or play at 100 % and the song's own pitch.");
  }
  if (!prepared.has(context)) prepared.set(context, context.audioWorklet.addModule(new URL("worklet.js", import.meta.url)));
  try {
    await prepared.get(context);
  } catch {
    // The next attempt loads it again.
    prepared.delete(context);
    throw new TypeError("The worklet can't be loaded.");
  }
}

export class StretchRun {
  context; pieces; isCounted;
  #node = null;
  /** What the worklet begins with; its first pieces come with it, so that it never waits for messages at the start. */
  #beginning;
  /** Knows which pieces belong to a part of the tape; it has no samples. */
  #tape;
  #tuning;
  /** The worklet's last report: from frame `at` of the context on, the tape moves on from `place`, or waits there. */
  #clock;
  #startAt = 0;
  #sent = new Set();
  #isPumping = false;
  #isStopped = false;

  static async open({ context, pieces, names, frame, loop, tuning, isCounted }) {
    await prepare(context);
    const run = new StretchRun(context, pieces, names, frame, loop, tuning, isCounted);
    await run.pump();
    return run;
  }

  constructor(context, pieces, names, frame, loop, tuning, isCounted) {
    Object.assign(this, { context, pieces, isCounted });
    const song = { frames: pieces.frames, pieceFrames: pieces.pieceFrames, from: frame, loop };
    this.#tape = new Tape(song);
    this.#tuning = tuning;
    this.#clock = { at: 0, place: frame, isWaiting: true };
    this.#beginning = { ...song, names, tuning, pieces: [] };
  }

  start(at, fades) {
    this.#startAt = at;
    this.#node = new AudioWorkletNode(this.context, "stretch", {
      numberOfInputs: 0,
      numberOfOutputs: fades.length,
      outputChannelCount: fades.map(() => 2),
      processorOptions: { ...this.#beginning, startAt: at },
    });
    this.#beginning = null;
    this.#node.port.onmessage = ({ data }) => {
      this.#clock = data;
    };
    fades.forEach((fade, stem) => this.#node.connect(fade, stem));
    this.#clock = { ...this.#clock, at, isWaiting: false };
  }

  tune(tuning) {
    const now = this.#now;
    this.#clock = { ...this.#clock, at: Math.max(now, this.#clock.at), place: this.#placeAt(now) };
    this.#tuning = tuning;
    this.#node.port.postMessage({ tuning });
  }

  positionAt(now) {
    return Math.min(this.pieces.frames, this.#tape.songFrame(this.#placeAt(now)));
  }

  isWaitingAt() {
    return this.#clock.isWaiting;
  }

  isOverAt(now) {
    return this.#tape.songFrame(this.#placeAt(now)) >= this.pieces.frames;
  }

  /** What will sound: parts of the song between the loop's edges, with the frames of the context at which they begin. */
  get spans() {
    if (this.#clock.isWaiting) return [];
    const spans = [];
    const { speed } = this.#tuning;
    const end = this.#placeAt(this.#now) + aheadSeconds * this.context.sampleRate;
    let isCounted = this.isCounted && this.#now < this.#startAt;
    for (let place = this.#placeAt(this.#now); place < end; ) {
      const gap = this.#tape.silentFrames(place);
      isCounted ||= gap > 0;
      place += gap;
      const frame = this.#tape.songFrame(place);
      const count = Math.min(end - place, (this.#tape.loop?.end ?? this.pieces.frames) - frame);
      if (count <= 0) break;
      spans.push({ at: this.#clock.at + (place - this.#clock.place) / speed, frame, count, speed, isCounted });
      isCounted = false;
      place += count;
    }
    return spans;
  }

  /** Sends the pieces that are needed soon. */
  async pump() {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      const place = Math.floor(this.#placeAt(this.#now));
      const wanted = this.#tape.piecesIn(place - this.context.sampleRate, place + aheadSeconds * this.context.sampleRate);
      for (const index of wanted.filter((each) => !this.#sent.has(each))) {
        const buffers = await this.pieces.get(index);
        if (this.#isStopped) return;
        const stems = buffers.map((buffer) => [0, 1].map((channel) => buffer.getChannelData(channel).slice()));
        if (this.#node) this.#node.port.postMessage({ piece: { index, stems } }, stems.flat().map((plane) => plane.buffer));
        else this.#beginning.pieces.push({ index, stems });
        this.#sent.add(index);
      }
      for (const index of this.#sent) if (!wanted.includes(index)) this.#sent.delete(index);
      this.#node?.port.postMessage({ keep: [...this.#sent] });
    } finally {
      this.#isPumping = false;
    }
  }

  stop(fadeSeconds = 0) {
    this.#isStopped = true;
    setTimeout(() => {
      this.#node?.port.postMessage({ isStopped: true });
      this.#node?.disconnect();
    }, fadeSeconds * 1000);
  }

  get #now() {
    return Math.round(this.context.currentTime * this.context.sampleRate);
  }

  #placeAt(now) {
    const { at, place, isWaiting } = this.#clock;
    // What is heard may be older than the last report, and never older than the start.
    return place + (isWaiting ? 0 : (Math.max(now, this.#startAt) - at) * this.#tuning.speed);
  }
}
