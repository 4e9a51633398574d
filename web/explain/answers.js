// How a line of code in a puzzle must do: each test calls it with random inputs and compares it with maths.js.

import { groupNorm, hann, istft, softmax, stft } from "./maths.js";

const tries = 50;
const uniform = (low, high) => low + (high - low) * Math.random();
const whole = (low, high) => Math.floor(uniform(low, high + 1));
const list = (length, make) => Array.from({ length }, make);
const noise = (length) => list(length, () => uniform(-1, 1));

/** A value as text, numbers with four digits. */
export function show(value) {
  if (typeof value === "number") return String(Number(value.toPrecision(4))).replace("-", "−");
  if (typeof value === "string") return `"${value}"`;
  if (typeof value === "function") return "a function";
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const values = Array.from(/** @type {any} */ (value));
    return `[${values.slice(0, 12).map(show).join(", ")}${values.length > 12 ? ", …" : ""}]`;
  }
  if (!value || typeof value !== "object") return String(value);
  return `{ ${Object.entries(value).map(([key, part]) => `${key}: ${show(part)}`).join(", ")} }`;
}

const isNear = (value, right) => typeof value === "number" && Math.abs(value - right) <= 1e-4 * (1 + Math.abs(right));

/**
 * A test: `make` gives random inputs by name, what is right for them, and, where more than one answer is right,
 * `accepts(value)`. `run` returns null, or a counter-example in words.
 */
function property(parameters, make) {
  return {
    parameters,
    run(answer) {
      for (let i = 0; i < tries; i += 1) {
        const { inputs, right, accepts = (value) => isNear(value, right) } = make();
        const given = `For ${Object.entries(inputs).map(([name, value]) => `${name} = ${show(value)}`).join(", ")}`;
        let value;
        try {
          value = answer(...Object.values(structuredClone(inputs)));
        } catch (error) {
          return `${given}, the line throws an error: ${error?.message ?? error}.`;
        }
        if (!accepts(value)) return `${given}, the line gives ${show(value)}; right is ${show(right)}.`;
      }
      return null;
    },
  };
}

/** Window length of the small spectrograms here, and its hop. */
const nfft = 16;
const hop = nfft / 4;
/** One value of frame `t` of a spectrogram. */
const point = (frames, t, f) => ({ re: frames[t].re[f], im: frames[t].im[f] });

export const tests = {
  difference: property("X, Y", () => {
    const [x, y, f] = [noise(32), noise(32), whole(1, nfft / 2 - 1)];
    const rest = point(stft(x.map((value, n) => value - y[n]), nfft), 3, f);
    return { inputs: { X: point(stft(x, nfft), 3, f), Y: point(stft(y, nfft), 3, f) }, right: Math.hypot(rest.re, rest.im) };
  }),

  shift: property("Z, t, n", () => {
    const [x, n, f] = [noise(48), whole(1, 3), whole(0, nfft / 2 - 1)];
    const values = (samples) => Array.from(stft(samples, nfft), ({ re }) => re[f]);
    const t = whole(2 + n, 9);
    return { inputs: { Z: values(x), t, n }, right: values([...list(n * hop, () => 0), ...x].slice(0, 48))[t] };
  }),

  mask: property("drums, bass, other", () => {
    const [drums, bass, other] = list(3, () => uniform(0.01, 0.33));
    const mixture = stft(noise(16), nfft);
    const sound = (mask) => istft(mixture.map(({ re, im }) => ({ re: re.map((a) => mask * a), im: im.map((a) => mask * a) })), 16, nfft);
    const whole = sound(1);
    return {
      inputs: { drums, bass, other },
      right: 1 - drums - bass - other,
      accepts: (vocals) => {
        const stems = [drums, bass, other, vocals].map(sound);
        return typeof vocals === "number" && whole.every((sample, n) => isNear(stems.reduce((sum, stem) => sum + stem[n], 0), sample));
      },
    };
  }),

  gain: property("y, g", () => {
    const [x, g, i] = [list(8, () => uniform(-9, 9)), whole(0, 1) ? uniform(0.5, 4) : uniform(-4, -0.5), whole(0, 7)];
    const norm = (row) => groupNorm([row], 1)[0][i];
    return { inputs: { y: norm(x), g }, right: norm(x.map((value) => g * value)) };
  }),

  softmax: property("s", () => {
    const size = 10 ** uniform(0, 4);
    const s = list(4, () => Math.round(uniform(-size, size)));
    const weights = softmax(s);
    return {
      inputs: { s },
      right: s.map((score) => score - Math.max(...s)),
      accepts: (scores) => {
        const powers = Array.isArray(scores) || ArrayBuffer.isView(scores) ? Array.from(/** @type {any} */ (scores), (score) => Math.exp(score)) : [];
        const sum = powers.reduce((a, b) => a + b, 0);
        return powers.length === 4 && sum > 0 && powers.every((power, i) => isNear(power / sum, weights[i]));
      },
    };
  }),

  overlap: property("w", () => {
    const [window, n] = [hann(64), whole(0, 15)];
    const w = list(4, (_, k) => window[n + 16 * k]);
    return { inputs: { w }, right: 1 / w.reduce((sum, value) => sum + value * value, 0) };
  }),
};

/**
 * Judges an expression of the test's parameters.
 * @returns {{ isRight: boolean, words: string }} words only if it is not right
 */
export function judgeCode(source, test) {
  const expression = source.trim().replace(/^return\b/, "").replace(/;+$/, "");
  if (!expression) return { isRight: false, words: "Write an expression first." };
  let answer;
  try {
    answer = new Function(tests[test].parameters, `"use strict"; return (${expression}\n);`);
  } catch (error) {
    if (error instanceof EvalError) return { isRight: false, words: "This host forbids the check of code: its header Content-Security-Policy must not reach answer_worker.js." };
    return { isRight: false, words: `This is not an expression of JavaScript: ${error.message}.` };
  }
  const words = tests[test].run(answer);
  return { isRight: words === null, words: words ?? "" };
}
