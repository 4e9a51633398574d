// Loudness of mixes of the same signals, K-weighted (ITU-R BS.1770-5), without gating: enough to compare two
// mixes of one excerpt.

import { panMatrix } from "./mix.js";

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
