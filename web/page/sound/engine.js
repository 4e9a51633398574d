// Plays all stems on one clock, as they are or at another speed and pitch.

import { Clicks } from "./clicks.js";
import { isPlain, plainTuning } from "./mix.js";
import { PieceRun } from "./piece_run.js";

const rampSeconds = 0.015;
/** Delay from a click to the sound: enough to schedule all sources on the audio thread. */
const leadSeconds = 0.03;

export class Engine {
  #context;
  #pieces;
  #names;
  #strips;
  #master;
  /** What sounds now: a `PieceRun` or a `StretchRun`. */
  #run = null;
  #fades = [];
  #restFrame = 0;
  #request = 0;
  #timer = null;
  #loop = null;
  #tuning = plainTuning;
  #wasWaiting = false;
  #lastPosition = 0;
  /** Seconds that the browser doesn't know of, as of a Bluetooth loudspeaker. */
  extraLatency = 0;
  /** Called when a turn of the loop has ended. */
  onTurn = () => {};

  /** `context` has the sample rate of `pieces`. `onState` is called when playing starts, waits, stops or fails. */
  constructor(context, pieces, names, onState = (error) => {}) {
    this.#context = context;
    this.#pieces = pieces;
    this.#names = names;
    this.onState = onState;
    this.isPlaying = false;
    this.#master = context.createGain();
    this.#master.connect(context.destination);
    this.clicks = new Clicks(context);
    this.#strips = names.map(() => {
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

  /** The song's frame that is heard now: what is sent to the output arrives later. */
  get position() {
    return this.#positionAt(this.#heardFrame());
  }

  /** The frame that is sent to the output now. */
  get #sent() {
    return this.#positionAt(this.#nowFrame());
  }

  #positionAt(now) {
    return this.#run ? this.#run.positionAt(now) : this.#restFrame;
  }

  /** True while playing waits for sound to arrive. */
  get isWaiting() {
    return this.isPlaying && (!this.#run || this.#run.isWaitingAt(this.#nowFrame()));
  }

  /** Seconds until the sound that is waited for, as far as that is known; null otherwise. */
  get secondsLeft() {
    return this.isWaiting ? this.#pieces.secondsLeft : null;
  }

  setGain(index, value, seconds = rampSeconds) {
    this.#ramp(this.#strips[index].gain.gain, value, seconds);
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
    const position = this.#sent;
    this.#loop = loop && { start: Math.max(0, Math.round(loop.start)), end: Math.min(this.frames, Math.round(loop.end)) };
    // Sound ahead was scheduled with the old loop.
    if (this.isPlaying) this.play(position);
  }

  /** `{ speed, semitones, keepsFormants }`. */
  set tuning(tuning) {
    const wasPlain = isPlain(this.#tuning);
    this.#tuning = tuning;
    if (!this.isPlaying || (wasPlain && isPlain(tuning))) return;
    if (this.#run && !wasPlain && !isPlain(tuning)) {
      this.#run.tune(tuning);
      this.clicks.stop();
    } else {
      this.play();
    }
  }

  /** Plays from a frame, counted in if the grid counts. Resolves when the sound is scheduled. */
  async play(from = this.#sent, isCounted = false) {
    const request = (this.#request += 1);
    let frame = Math.max(0, Math.min(this.frames, Math.round(from)));
    if (frame >= this.frames) frame = this.#loop?.start ?? 0;
    this.#stopRun();
    this.#restFrame = this.#lastPosition = frame;
    this.isPlaying = true;
    this.onState(null);
    try {
      // Loaded when it is needed: most songs are played as they are.
      const Run = isPlain(this.#tuning) ? PieceRun : (await import("../stretch/run.js")).StretchRun;
      const { grid } = this.clicks;
      const count = isCounted ? grid?.countIn(frame / this.#rate) : null;
      const loop = this.#loop && { ...this.#loop, gap: grid?.countsTurns ? Math.ceil((grid.countIn(this.#loop.start / this.#rate)?.lead ?? 0) * this.#rate) : 0 };
      const run = await Run.open({ context: this.#context, pieces: this.#pieces, names: this.#names, frame, loop, tuning: this.#tuning, isCounted: Boolean(count) });
      if (request !== this.#request) return run.stop();
      this.#run = run;
      const at = this.#nowFrame() + Math.ceil((leadSeconds + (count?.lead ?? 0) / this.#tuning.speed) * this.#rate);
      this.#fades = this.#strips.map(({ gain }) => this.#fadeIn(gain, at, frame > 0));
      await run.start(at, this.#fades);
      if (request !== this.#request) return;
      this.#timer = setInterval(() => this.#tick(), 200);
      this.#tick();
      this.onState(null);
    } catch (error) {
      if (request === this.#request) this.#fail(error);
    }
  }

  pause() {
    this.#request += 1;
    this.#restFrame = this.position;
    this.#stopRun();
    this.isPlaying = false;
    this.onState(null);
  }

  seek(frame) {
    const target = Math.max(0, Math.min(this.frames, Math.round(frame)));
    if (this.isPlaying) return this.play(target);
    this.#restFrame = target;
    this.onState(null);
    return Promise.resolve();
  }

  /** Stops the sound; the context stays open for other engines. */
  close() {
    this.pause();
    this.#master.disconnect();
    this.clicks.close();
  }

  get #rate() {
    return this.#context.sampleRate;
  }

  #nowFrame() {
    return Math.round(this.#context.currentTime * this.#rate);
  }

  /** The frame of the context that reaches the ear now. */
  #heardFrame() {
    return this.#nowFrame() - Math.round(((this.#context.outputLatency || 0) + this.extraLatency) * this.#rate);
  }

  #ramp(parameter, value, seconds = rampSeconds) {
    const now = this.#context.currentTime;
    parameter.cancelScheduledValues(now);
    parameter.setValueAtTime(parameter.value, now);
    parameter.linearRampToValueAtTime(value, now + seconds);
  }

  /** A gain for one run, before the strip; a run fades in unless it starts at the song's first frame. */
  #fadeIn(strip, at, isRamped) {
    const fade = this.#context.createGain();
    fade.connect(strip);
    if (isRamped) {
      fade.gain.setValueAtTime(0, at / this.#rate);
      fade.gain.linearRampToValueAtTime(1, at / this.#rate + rampSeconds);
    }
    return fade;
  }

  #tick() {
    const run = this.#run;
    if (!run) return;
    if (run.isOverAt(this.#heardFrame())) {
      this.pause();
      return;
    }
    run.pump().catch((error) => run === this.#run && this.#fail(error));
    this.clicks.schedule(run.spans);
    const position = this.#sent;
    if (this.#loop && position < this.#lastPosition && position >= this.#loop.start) this.onTurn();
    this.#lastPosition = position;
    if (this.isWaiting === this.#wasWaiting) return;
    this.#wasWaiting = this.isWaiting;
    this.onState(null);
  }

  #fail(error) {
    this.pause();
    this.onState(error);
  }

  #stopRun() {
    clearInterval(this.#timer);
    this.clicks.stop();
    const run = this.#run;
    const fades = this.#fades;
    this.#run = null;
    if (!run) return;
    for (const fade of fades) this.#ramp(fade.gain, 0);
    run.stop(rampSeconds);
    setTimeout(() => fades.forEach((fade) => fade.disconnect()), 200);
  }
}
