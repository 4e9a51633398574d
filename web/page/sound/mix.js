// A song's mix: volume, pan, mute and solo of each stem, the master volume, and what sounds by all of them; presets of it, its speed and
// pitch, and its loudness.

// Mixes for practice in one tap, as the stems that sound.

/** The stem of a song that its stems leave out: the original minus their sum. */
export const residualName = "residual";

/** The presets that a song's stems allow: `{ id, words, title, sounds(name), solo }`. `mine` is the stem of the user's instrument. */
export function presetsOf(names, mine) {
  const isMusic = (name) => name !== residualName;
  const without = (gone) => (name) => isMusic(name) && name !== gone;
  const all = [
    { id: "all", words: "All stems", sounds: isMusic },
    { id: "karaoke", words: "Karaoke", needs: "vocals", sounds: without("vocals") },
    { id: "no-drums", words: "No drums", needs: "drums", sounds: without("drums") },
    { id: "bass", words: "Bass alone", needs: "bass", sounds: (name) => name === "bass" },
    { id: "mine", words: `Without ${mine}`, needs: mine, sounds: without(mine) },
    { id: "left", words: "What is left", title: "What the stems leave out of the original", needs: residualName, sounds: isMusic, solo: residualName },
  ];
  return all.filter(({ needs }) => !needs || (names.includes(needs) && names.filter(isMusic).length > 1));
}

/** Mutes what a preset leaves out. Volumes and pans stay; sums of other stems stay silent. */
export function applyPreset(preset, names, strips) {
  names.forEach((name, index) => {
    strips[index].isSolo = name === preset.solo;
    strips[index].isMuted = !strips[index].isPart || !preset.sounds(name);
  });
}

/** Whether the strips sound as a preset says. */
export const isPreset = (preset, names, strips) =>
  names.every((name, index) => strips[index].isSolo === (name === preset.solo) && strips[index].isMuted === (!strips[index].isPart || !preset.sounds(name)));

export const slowest = 0.25;
export const fastest = 1.5;
export const mostSemitones = 12;
/** Volumes of the click, in decibels, and delays of a loudspeaker, in seconds. */
export const quietestClick = -24;
export const loudestClick = 12;
export const longestDelay = 0.5;

export const plainTuning = { speed: 1, semitones: 0, keepsFormants: true };

/** Whether the stems sound as they are: nothing needs stretching then. */
export const isPlain = ({ speed, semitones }) => speed === 1 && semitones === 0;

/** "70 %" for a speed. */
export const percent = (speed) => `${Math.round(speed * 100)} %`;

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
function panMatrix(pan) {
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

// Loudness of mixes of the same signals, K-weighted (ITU-R BS.1770-5), without gating: enough to compare two
// mixes of one excerpt.

/** Coefficients `[b0, b1, b2, a1, a2]` of the two filters at a rate; BS.1770 gives them at 48 kHz. */
function weighting(rate) {
  // High shelf of 4 dB: the head.
  const k = Math.tan((Math.PI * 1681.974450955533) / rate);
  const [q, gain] = [0.7071752369554196, 10 ** (3.999843853973347 / 20)];
  const root = gain ** 0.4996667741545416;
  const norm = 1 + k / q + k * k;
  const shelf = [(gain + (root * k) / q + k * k) / norm, (2 * (k * k - gain)) / norm, (gain - (root * k) / q + k * k) / norm, (2 * (k * k - 1)) / norm, (1 - k / q + k * k) / norm];
  // High pass at 38 Hz.
  const h = Math.tan((Math.PI * 38.13547087602444) / rate);
  const sharpness = 0.5003270373238773;
  const below = 1 + h / sharpness + h * h;
  return [shelf, [1, -2, 1, (2 * (h * h - 1)) / below, (1 - h / sharpness + h * h) / below]];
}

/** A K-weighted copy of samples. */
function weighted(samples, rate) {
  let signal = samples;
  for (const [b0, b1, b2, a1, a2] of weighting(rate)) {
    const result = new Float32Array(signal.length);
    let [x1, x2, y1, y2] = [0, 0, 0, 0];
    for (let i = 0; i < signal.length; i += 1) {
      const y = b0 * signal[i] + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2;
      [x2, x1, y2, y1] = [x1, signal[i], y1, y];
      result[i] = y;
    }
    signal = result;
  }
  return signal;
}

/** The energies of an excerpt of stems, from which the power of any mix of them follows. */
export class Excerpt {
  #products;

  /** `stems` are `[left, right]` of each stem. */
  constructor(stems, rate) {
    const signals = stems.flatMap(([left, right]) => [weighted(left, rate), weighted(right, rate)]);
    this.#products = signals.map((a, row) => signals.map((b, column) => {
      if (column > row) return 0;
      let sum = 0;
      for (let i = 0; i < a.length; i += 1) sum += a[i] * b[i];
      return sum;
    }));
  }

  /** Power of a mix: `[gain, pan]` of each stem, pan in −1…1. */
  power(mix) {
    let power = 0;
    for (const side of [0, 1]) {
      const weights = mix.flatMap(([gain, pan]) => panMatrix(pan)[side].map((share) => gain * share));
      weights.forEach((a, row) => weights.forEach((b, column) => {
        power += a * b * this.#products[Math.max(row, column)][Math.min(row, column)];
      }));
    }
    return Math.max(0, power);
  }
}

/** The most that a quieter original is raised. */
const mostGain = 2;

/** The gain at which `original` is as loud as `mix`; 1 if one of them is silent. */
export function matchingGain(excerpt, mix, original) {
  const [wanted, has] = [excerpt.power(mix), excerpt.power(original)];
  return wanted > 1e-9 && has > 1e-9 ? Math.min(mostGain, Math.sqrt(wanted / has)) : 1;
}
