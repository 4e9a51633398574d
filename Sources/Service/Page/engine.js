// Plays all stems on one clock. Every piece of every stem starts at a whole sample of the context,
// so that stems cannot drift, and consecutive pieces join without a gap.

import { excerpt } from "./pieces.js";

const rampSeconds = 0.015;
/** Delay from a click to the sound: enough to schedule all sources on the audio thread. */
const leadSeconds = 0.03;
/** Sound scheduled ahead; a tab in the background gets its timers only once a second. */
const aheadSeconds = 8;

export class Engine {
  #context;
  #pieces;
  #strips;
  #master;
  /** The present run: sources, their gains, and the song's frames at each frame of the context. */
  #run = null;
  #restFrame = 0;
  #request = 0;
  #timer = null;
  #loop = null;

  /** `context` has the sample rate of `pieces`. `onState` is called when playing starts, waits, stops or fails. */
  constructor(context, pieces, stemCount, onState = () => {}) {
    this.#context = context;
    this.#pieces = pieces;
    this.onState = onState;
    this.isPlaying = false;
    this.#master = context.createGain();
    this.#master.connect(context.destination);
    this.#strips = Array.from({ length: stemCount }, () => {
      const gain = context.createGain();
      const panner = context.createStereoPanner();
      gain.connect(panner).connect(this.#master);
      return { gain, panner };
    });
  }

  /** The sum of all stems, for meters. */
  get output() {
    return this.#master;
  }

  /** Each stem as it sounds in the sum, for meters. */
  get stemOutputs() {
    return this.#strips.map(({ panner }) => panner);
  }

  get frames() {
    return this.#pieces.frames;
  }

  /** The song's frame that is playing now. */
  get position() {
    if (!this.#run) return this.#restFrame;
    const now = this.#nowFrame();
    let spot = this.#run.segments[0];
    for (const segment of this.#run.segments) if (segment.at <= now) spot = segment;
    if (!spot) return this.#run.nextFrame;
    return spot.frame + Math.min(spot.count, Math.max(0, now - spot.at));
  }

  /** True while playing waits for sound to arrive. */
  get isWaiting() {
    return this.isPlaying && (!this.#run || (this.#nowFrame() >= this.#run.nextAt && !this.#run.isComplete));
  }

  setGain(index, value) {
    this.#ramp(this.#strips[index].gain.gain, value);
  }

  setPan(index, value) {
    this.#ramp(this.#strips[index].panner.pan, value);
  }

  /** Linear gain of the sum. */
  setMaster(value) {
    this.#ramp(this.#master.gain, value);
  }

  /** The loop in frames [start, end), or null. */
  get loop() {
    return this.#loop;
  }

  set loop(loop) {
    const position = this.position;
    this.#loop = loop && { start: Math.max(0, Math.round(loop.start)), end: Math.min(this.frames, Math.round(loop.end)) };
    // Pieces ahead were scheduled with the old loop.
    if (this.isPlaying) this.play(position);
  }

  /** Plays from a frame. Resolves when the sound is scheduled. */
  async play(from = this.position) {
    const request = (this.#request += 1);
    let frame = Math.max(0, Math.min(this.frames, Math.round(from)));
    if (frame >= this.frames) frame = this.#loop?.start ?? 0;
    this.#stopRun();
    this.#restFrame = frame;
    this.isPlaying = true;
    this.onState();
    try {
      await this.#pieces.get(Math.floor(frame / this.#pieces.pieceFrames));
      if (request !== this.#request) return;
      const nextAt = this.#nowFrame() + Math.ceil(leadSeconds * this.#rate);
      this.#run = { sources: [], segments: [], nextFrame: frame, nextAt, isComplete: false, isPumping: false };
      this.#run.fades = this.#strips.map(({ gain }) => this.#fadeIn(gain, frame > 0));
      await this.#pump(this.#run);
      if (request !== this.#request) return;
      this.#timer = setInterval(() => this.#tick(), 200);
      this.onState();
    } catch (error) {
      if (request === this.#request) this.#fail(error);
    }
  }

  pause() {
    this.#request += 1;
    this.#restFrame = this.position;
    this.#stopRun();
    this.isPlaying = false;
    this.onState();
  }

  seek(frame) {
    const target = Math.max(0, Math.min(this.frames, Math.round(frame)));
    if (this.isPlaying) return this.play(target);
    this.#restFrame = target;
    this.onState();
    return Promise.resolve();
  }

  /** Stops the sound; the context stays open for other engines. */
  close() {
    this.pause();
    this.#master.disconnect();
  }

  get #rate() {
    return this.#context.sampleRate;
  }

  #nowFrame() {
    return Math.round(this.#context.currentTime * this.#rate);
  }

  #ramp(parameter, value) {
    const now = this.#context.currentTime;
    parameter.cancelScheduledValues(now);
    parameter.setValueAtTime(parameter.value, now);
    parameter.linearRampToValueAtTime(value, now + rampSeconds);
  }

  /** A gain for one run, before the strip; a run fades in unless it starts at the song's first frame. */
  #fadeIn(strip, isRamped) {
    const fade = this.#context.createGain();
    fade.connect(strip);
    if (isRamped) {
      const start = this.#run.nextAt / this.#rate;
      fade.gain.setValueAtTime(0, start);
      fade.gain.linearRampToValueAtTime(1, start + rampSeconds);
    }
    return fade;
  }

  /** Schedules pieces until enough sound is ahead. */
  async #pump(run) {
    if (run.isPumping) return;
    run.isPumping = true;
    const { pieceFrames } = this.#pieces;
    try {
      while (run === this.#run && !run.isComplete && run.nextAt < this.#nowFrame() + aheadSeconds * this.#rate) {
        const index = Math.floor(run.nextFrame / pieceFrames);
        const buffers = await this.#pieces.get(index);
        if (run !== this.#run) return;
        this.#plan(run, index * pieceFrames, buffers);
      }
      // The next piece is fetched while this one plays.
      const next = Math.floor(run.nextFrame / pieceFrames);
      if (!run.isComplete && next < this.#pieces.count) this.#pieces.get(next).catch(() => {});
    } finally {
      run.isPumping = false;
    }
  }

  #plan(run, pieceStart, buffers) {
    const loopEnd = this.#loop && run.nextFrame < this.#loop.end ? this.#loop.end : Infinity;
    const end = Math.min(pieceStart + buffers[0].length, this.frames, loopEnd);
    const count = end - run.nextFrame;
    // A late piece starts late for all stems.
    if (run.nextAt <= this.#nowFrame()) run.nextAt = this.#nowFrame() + Math.ceil(leadSeconds * this.#rate);
    buffers.forEach((buffer, stem) => {
      const isWhole = run.nextFrame === pieceStart && count === buffer.length;
      const source = this.#context.createBufferSource();
      // An excerpt instead of start's offset and duration: seconds can't address a sample exactly.
      source.buffer = isWhole ? buffer : excerpt(buffer, run.nextFrame - pieceStart, count);
      source.connect(run.fades[stem]);
      source.start(run.nextAt / this.#rate);
      source.onended = () => run.sources.splice(run.sources.indexOf(source), 1);
      run.sources.push(source);
    });
    run.segments.push({ at: run.nextAt, frame: run.nextFrame, count });
    if (run.segments.length > 32) run.segments.shift();
    run.nextAt += count;
    run.nextFrame = end === loopEnd ? this.#loop.start : end;
    run.isComplete = run.nextFrame >= this.frames;
  }

  #tick() {
    const run = this.#run;
    if (!run) return;
    if (run.isComplete && this.#nowFrame() >= run.nextAt) {
      this.pause();
      return;
    }
    this.#pump(run).catch((error) => this.#fail(error));
    if (this.isWaiting !== run.wasWaiting) {
      run.wasWaiting = this.isWaiting;
      this.onState();
    }
  }

  #fail(error) {
    this.pause();
    this.onState(error);
  }

  #stopRun() {
    clearInterval(this.#timer);
    const run = this.#run;
    this.#run = null;
    if (!run) return;
    const now = this.#context.currentTime;
    for (const fade of run.fades) this.#ramp(fade.gain, 0);
    for (const source of run.sources) source.stop(now + rampSeconds);
    setTimeout(() => run.fades.forEach((fade) => fade.disconnect()), 200);
  }
}
