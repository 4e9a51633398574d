// Plays stems as they are. Every piece of every stem starts at a whole sample of the context, so that stems
// cannot drift, and consecutive pieces join without a gap.

import { excerpt } from "./pieces.js";

/** Delay of a piece that comes late. */
const leadSeconds = 0.03;
/** Sound scheduled ahead; a tab in the background gets its timers only once a second. */
const aheadSeconds = 8;
const mostSpans = 32;

export class PieceRun {
  /** What is scheduled: `count` frames of the song from `frame` on sound from frame `at` of the context on. */
  spans = [];
  #sources = [];
  #fades;
  #nextFrame;
  #nextAt = Infinity;
  #isComplete = false;
  #isPumping = false;
  #isStopped = false;

  /** Resolves when the first piece is there. */
  static async open({ context, pieces, frame, loop }) {
    await pieces.get(Math.floor(frame / pieces.pieceFrames));
    return new PieceRun(context, pieces, frame, loop);
  }

  constructor(context, pieces, frame, loop) {
    Object.assign(this, { context, pieces, loop });
    this.#nextFrame = frame;
  }

  /** Schedules the sound from frame `at` of the context on, each stem into its node. */
  start(at, fades) {
    this.#nextAt = at;
    this.#fades = fades;
    return this.pump();
  }

  positionAt(now) {
    let span = this.spans[0];
    for (const each of this.spans) if (each.at <= now) span = each;
    if (!span) return this.#nextFrame;
    return span.frame + Math.min(span.count, Math.max(0, now - span.at));
  }

  isWaitingAt(now) {
    return now >= this.#nextAt && !this.#isComplete;
  }

  isOverAt(now) {
    return this.#isComplete && now >= this.#nextAt;
  }

  /** Schedules pieces until enough sound is ahead. */
  async pump() {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const { pieceFrames } = this.pieces;
    try {
      while (!this.#isStopped && !this.#isComplete && this.#nextAt < this.#now + aheadSeconds * this.context.sampleRate) {
        const index = Math.floor(this.#nextFrame / pieceFrames);
        const buffers = await this.pieces.get(index);
        if (this.#isStopped) return;
        this.#plan(index * pieceFrames, buffers);
      }
      // The next piece is fetched while this one plays.
      const next = Math.floor(this.#nextFrame / pieceFrames);
      if (!this.#isComplete && next < this.pieces.count) this.pieces.get(next).catch(() => {});
    } finally {
      this.#isPumping = false;
    }
  }

  stop(fadeSeconds = 0) {
    this.#isStopped = true;
    for (const source of this.#sources) source.stop(this.context.currentTime + fadeSeconds);
  }

  get #now() {
    return Math.round(this.context.currentTime * this.context.sampleRate);
  }

  #plan(pieceStart, buffers) {
    const { context, loop } = this;
    const frame = this.#nextFrame;
    const loopEnd = loop && frame < loop.end ? loop.end : Infinity;
    const end = Math.min(pieceStart + buffers[0].length, this.pieces.frames, loopEnd);
    const count = end - frame;
    // A late piece starts late for all stems.
    if (this.#nextAt <= this.#now) this.#nextAt = this.#now + Math.ceil(leadSeconds * context.sampleRate);
    buffers.forEach((buffer, stem) => {
      const isWhole = frame === pieceStart && count === buffer.length;
      const source = context.createBufferSource();
      // An excerpt instead of start's offset and duration: seconds can't address a sample exactly.
      source.buffer = isWhole ? buffer : excerpt(buffer, frame - pieceStart, count);
      source.connect(this.#fades[stem]);
      source.start(this.#nextAt / context.sampleRate);
      source.onended = () => this.#sources.splice(this.#sources.indexOf(source), 1);
      this.#sources.push(source);
    });
    this.spans.push({ at: this.#nextAt, frame, count, speed: 1 });
    if (this.spans.length > mostSpans) this.spans.shift();
    this.#nextAt += count;
    this.#nextFrame = end === loopEnd ? loop.start : end;
    this.#isComplete = this.#nextFrame >= this.pieces.frames;
  }
}
