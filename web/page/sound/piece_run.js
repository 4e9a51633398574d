// Plays stems as they are. Every piece of every stem starts at a whole sample of the context, so that stems
// cannot drift, and consecutive pieces join without a gap.

import { excerpt } from "./pieces.js";

/** Delay of a piece that comes late. */
const leadSeconds = 0.03;
/** Sound scheduled ahead; a tab in the background gets its timers only once a second. */
const aheadSeconds = 8;
const mostSpans = 32;

export class PieceRun {
  context; pieces; loop; isCounted;

  /** What is scheduled: `count` frames of the song from `frame` on sound from frame `at` of the context on, at a speed, and counted in or not. */
  spans = [];
  #sources = [];
  #fades;
  #nextFrame;
  #nextAt = Infinity;
  /** The part of a piece that is started next, cut for each stem. */
  #part = null;
  #isComplete = false;
  #isPumping = false;
  #isStopped = false;

  /** Resolves when the first piece is there. */
  static async open({ context, pieces, frame, loop, isCounted }) {
    const run = new PieceRun(context, pieces, frame, loop, isCounted);
    await run.#cut();
    return run;
  }

  constructor(context, pieces, frame, loop, isCounted) {
    Object.assign(this, { context, pieces, loop, isCounted });
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
    try {
      while (!this.#isStopped && !this.#isComplete && this.#nextAt < this.#now + aheadSeconds * this.context.sampleRate) {
        if (!this.#part) await this.#cut();
        if (this.#isStopped) return;
        this.#schedule();
      }
      // The next piece is fetched while this one plays.
      const next = Math.floor(this.#nextFrame / this.pieces.pieceFrames);
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

  /** Fetches and cuts the next part. Copies take long on a slow machine, so all are made before the first stem starts. */
  async #cut() {
    const { pieces, loop } = this;
    const frame = this.#nextFrame;
    const index = Math.floor(frame / pieces.pieceFrames);
    const buffers = await pieces.get(index);
    const start = index * pieces.pieceFrames;
    const loopEnd = loop && frame < loop.end ? loop.end : Infinity;
    const end = Math.min(start + buffers[0].length, pieces.frames, loopEnd);
    const isWhole = frame === start && end - frame === buffers[0].length;
    this.#part = {
      frame,
      count: end - frame,
      next: end === loopEnd ? loop.start : end,
      // Excerpts instead of start's offset and duration: seconds can't address a sample exactly.
      buffers: isWhole ? buffers : buffers.map((buffer) => excerpt(buffer, frame - start, end - frame)),
    };
    // The context's time may stand still during a task.
    if (!isWhole) await new Promise((resolve) => setTimeout(resolve));
  }

  #schedule() {
    const { frame, count, next, buffers } = this.#part;
    this.#part = null;
    for (const source of this.#startTogether(buffers)) {
      source.onended = () => this.#sources.splice(this.#sources.indexOf(source), 1);
      this.#sources.push(source);
    }
    this.spans.push({ at: this.#nextAt, frame, count, speed: 1, isCounted: this.isCounted });
    this.#nextAt += count;
    this.#nextFrame = next;
    this.isCounted = next <= frame && this.loop.gap > 0;
    if (this.isCounted) {
      this.spans.push({ at: this.#nextAt, frame: next, count: 0, speed: 1 });
      this.#nextAt += this.loop.gap;
    }
    this.spans.splice(0, this.spans.length - mostSpans);
    this.#isComplete = next >= this.pieces.frames;
  }

  /** Starts all stems at one sample. What comes late starts late for all, and again if its time may have passed between two calls. */
  #startTogether(buffers) {
    const { sampleRate } = this.context;
    for (let lead = leadSeconds; ; lead *= 2) {
      const begin = performance.now();
      const now = this.#now;
      if (this.#nextAt < now + (lead / 2) * sampleRate) this.#nextAt = now + Math.ceil(lead * sampleRate);
      const sources = buffers.map((buffer, stem) => {
        const source = this.context.createBufferSource();
        source.buffer = buffer;
        source.connect(this.#fades[stem]);
        return source;
      });
      for (const source of sources) source.start(this.#nextAt / sampleRate);
      if (performance.now() - begin < (lead / 2) * 1000) return sources;
      for (const source of sources) {
        source.stop();
        source.disconnect();
      }
    }
  }
}
