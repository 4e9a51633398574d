// A song's mix: volume, pan, mute and solo of each stem, the master volume, and what sounds by all of them.

import { residualName } from "./presets.js";

export const silenceDecibels = -48;
export const loudestDecibels = 6;

/** A gain in decibels as a factor; the lowest is silence. */
export const linear = (decibels) => (decibels <= silenceDecibels ? 0 : 10 ** (decibels / 20));

/** The strip of a stem. One that is no part of the plain mix (`isPart` is false: a sum of other stems, which would sound twice; the residual) is muted at first. */
export const newStrip = (isPart = true) => ({ volume: 0, pan: 0, isMuted: !isPart, isSolo: false, isPart });

/**
 * Linear gain of one strip among all strips. Several strips may be solo; mute overrides solo, but
 * not in a strip that is muted at first.
 */
export function gain(strip, strips) {
  const isHeard = strip.isSolo ? !strip.isMuted || !strip.isPart : !strip.isMuted && !strips.some((other) => other.isSolo);
  return isHeard ? linear(strip.volume) : 0;
}

/** How much of a stem's left and right channels each side gets, `[[ll, rl], [lr, rr]]`: as by a StereoPannerNode (Web Audio API, 1.36), pan in −1…1. */
export function panMatrix(pan) {
  if (pan === 0) return [[1, 0], [0, 1]];
  const angle = ((pan < 0 ? pan + 1 : pan) * Math.PI) / 2;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return pan < 0 ? [[1, cos], [0, sin]] : [[cos, 0], [sin, 1]];
}

/** Adds a stem's `[left, right]` to the two sides of a mix, with its gain and pan. */
export function addPanned(sides, [left, right], { gain, pan }) {
  panMatrix(pan).forEach((shares, side) => {
    const [a, b] = shares.map((share) => gain * share);
    const sum = sides[side];
    for (let i = 0; i < sum.length; i += 1) sum[i] += a * left[i] + b * right[i];
  });
}

export class Mix {
  /** The gain at which the original sounds in place of the mix, or null. */
  original = null;
  #isPartOfOriginal;

  /** `stems` are those of a job; `saved` has the strips and the master volume of a link. */
  constructor(stems, saved) {
    this.names = stems.map(({ name }) => name);
    this.strips = stems.map((stem) => ({ ...newStrip(stem.is_part && stem.name !== residualName), ...saved?.strips[stem.name] }));
    this.master = { volume: saved?.master ?? 0 };
    this.#isPartOfOriginal = stems.map((stem) => stem.is_part);
  }

  /** Whether the stems and what they leave out add up to the original. */
  get hasOriginal() {
    return this.names.includes(residualName);
  }

  /** `[gain, pan]` of each stem in the mix, without the master volume. */
  get gains() {
    return this.strips.map((strip) => [gain(strip, this.strips), strip.pan / 100]);
  }

  /** `[gain, pan]` of each stem in the original. */
  get originalGains() {
    return this.#isPartOfOriginal.map((isPart) => [isPart ? 1 : 0, 0]);
  }

  /** `[gain, pan]` of each stem as it sounds now. */
  get heard() {
    return this.original === null ? this.gains : this.originalGains.map(([part, pan]) => [part * this.original, pan]);
  }

  get masterGain() {
    return linear(this.master.volume);
  }

  get isChanged() {
    return this.master.volume !== 0 || this.strips.some(({ volume, pan, isMuted, isSolo, isPart }) => volume || pan || isSolo || isMuted === isPart);
  }

  /** Sets everything as it was when the song was opened first. */
  reset() {
    for (const strip of this.strips) Object.assign(strip, newStrip(strip.isPart));
    this.master.volume = 0;
  }

  /** The strips of a file of the mix: `{ name, gain, pan }`, with the master volume. */
  get levels() {
    return this.gains.map(([gain, pan], index) => ({ name: this.names[index], gain: gain * this.masterGain, pan }));
  }
}
