// Clicks on the beats of the song that sounds, and the count-in before it.

import { beatsPerBar } from "./beats.js";

/** Clicks are scheduled so far ahead: a tab in the background gets its timers only once a second. */
const aheadSeconds = 1.5;
const lengthSeconds = 0.04;
const level = 0.5;

/** A short tone, higher on the first beat of a bar. */
function clickSound(context, hertz) {
  const { sampleRate } = context;
  const buffer = context.createBuffer(1, Math.ceil(lengthSeconds * sampleRate), sampleRate);
  const plane = buffer.getChannelData(0);
  for (let i = 0; i < plane.length; i += 1) {
    const t = i / sampleRate;
    plane[i] = level * Math.sin(2 * Math.PI * hertz * t) * Math.exp(-t * 120);
  }
  return buffer;
}

export class Clicks {
  /** Beats in seconds of the song: `{ time, isDownbeat }`, in rising order. */
  beats = [];
  #isOn = false;
  #context;
  #sounds;
  #output;
  #sources = new Set();
  /** Clicks before this frame of the context are scheduled. */
  #done = 0;

  constructor(context) {
    this.#context = context;
    this.#sounds = [1000, 1500].map((hertz) => clickSound(context, hertz));
    this.#output = context.createGain();
    this.#output.connect(context.destination);
  }

  /** Schedules the clicks of what will sound soon. `spans`: see `PieceRun`. */
  schedule(spans) {
    if (!this.#isOn) return;
    const rate = this.#context.sampleRate;
    const from = Math.max(this.#done, this.#context.currentTime * rate);
    const end = (this.#context.currentTime + aheadSeconds) * rate;
    for (const { at, frame, count, speed } of spans) {
      for (const { time, isDownbeat } of this.beats) {
        const place = Math.round(time * rate) - frame;
        const when = at + place / speed;
        if (place >= 0 && place < count && when >= from && when < end) this.#click(when / rate, isDownbeat);
      }
    }
    this.#done = Math.max(this.#done, end);
  }

  /** Clicks through a bar of so many seconds, which begins after a delay. */
  countIn(seconds, delay) {
    for (let beat = 0; beat < beatsPerBar; beat += 1) this.#click(this.#context.currentTime + delay + (beat * seconds) / beatsPerBar, beat === 0);
  }

  set isOn(isOn) {
    if (this.#isOn && !isOn) this.stop();
    this.#isOn = isOn;
  }

  /** Takes back the clicks that have not sounded. */
  stop() {
    for (const source of this.#sources) source.stop();
    this.#sources.clear();
    this.#done = 0;
  }

  close() {
    this.stop();
    this.#output.disconnect();
  }

  #click(time, isDownbeat) {
    const source = this.#context.createBufferSource();
    source.buffer = this.#sounds[Number(isDownbeat)];
    source.connect(this.#output);
    source.start(time);
    source.onended = () => this.#sources.delete(source);
    this.#sources.add(source);
  }
}
