// The network's operations on small arrays, to follow numbers through it and to test puzzles (docs/MODEL.md, sections 4 to 7).

/** The periodic Hann window of `n` samples, `torch.hann_window(n)`. */
export const hann = (n) => Float64Array.from({ length: n }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / n));

/** Reflects `x` at both ends without the edge sample, `demucs.hdemucs.pad1d`: a short `x` gets zeros first, on the right where it can. */
export function reflect(x, left, right) {
  const missing = Math.max(0, Math.max(left, right) - x.length + 1);
  const before = missing - Math.min(right, missing);
  const size = x.length + missing;
  return Float64Array.from({ length: left + x.length + right }, (_, n) => {
    let place = Math.abs(n - left + before);
    if (place >= size) place = 2 * (size - 1) - place;
    return x[place - before] ?? 0;
  });
}

/** Cosines of `n` equal steps around the circle; the sine of step k is the cosine of step k − n / 4. */
const circle = (n) => Float64Array.from({ length: n }, (_, k) => Math.cos((2 * Math.PI * k) / n));

/**
 * Spectrogram of one channel, `HTDemucs._spec` with frames outermost:
 * X[t][f] = nfft^(−½) Σ w[n] p[t · hop + n] exp(−2πi f n / nfft), where p is `samples` reflected at its ends.
 * Frame t begins at sample t · hop − 3 · hop / 2.
 * @param {ArrayLike<number>} samples [N]
 * @param {number} nfft a multiple of 8; hop = nfft / 4
 * @returns {{ re: Float64Array, im: Float64Array }[]} ⌈N / hop⌉ frames of nfft / 2 bins: without the last one
 */
export function stft(samples, nfft) {
  const hop = nfft / 4;
  const count = Math.ceil(samples.length / hop);
  const edge = (3 * hop) / 2;
  const padded = reflect(samples, edge, edge + count * hop - samples.length);
  const [window, cosine] = [hann(nfft), circle(nfft)];
  return Array.from({ length: count }, (_, t) => {
    const [re, im] = [new Float64Array(nfft / 2), new Float64Array(nfft / 2)];
    for (let f = 0; f < nfft / 2; f += 1) {
      for (let n = 0; n < nfft; n += 1) {
        const value = (window[n] * padded[t * hop + n]) / Math.sqrt(nfft);
        re[f] += value * cosine[(f * n) % nfft];
        im[f] -= value * cosine[(f * n + nfft - hop) % nfft];
      }
    }
    return { re, im };
  });
}

/**
 * Sound of a spectrogram: `HTDemucs._ispec`. The last bin is zero, and so are two more frames at each end.
 * x[n] = Σ w[n − start] y[t][n − start] / Σ w[n − start]², where y[t] is the inverse transform of frame t.
 * @param {{ re: ArrayLike<number>, im: ArrayLike<number> }[]} frames as of `stft`
 * @returns {Float64Array} `length` samples
 */
export function istft(frames, length, nfft) {
  const hop = nfft / 4;
  const [window, cosine] = [hann(nfft), circle(nfft)];
  const [sum, weight] = [new Float64Array(length), new Float64Array(length)];
  for (let t = -2; t < frames.length + 2; t += 1) {
    for (let n = 0; n < nfft; n += 1) {
      const place = t * hop - (3 * hop) / 2 + n;
      if (place < 0 || place >= length) continue;
      weight[place] += window[n] ** 2;
      if (!frames[t]) continue;
      const { re, im } = frames[t];
      // The bins above nfft / 2 are the conjugates of those below: twice the real part, but once for bin 0.
      let value = re[0];
      for (let f = 1; f < nfft / 2; f += 1) {
        value += 2 * (re[f] * cosine[(f * n) % nfft] - im[f] * cosine[(f * n + nfft - hop) % nfft]);
      }
      sum[place] += (window[n] * value) / Math.sqrt(nfft);
    }
  }
  return sum.map((value, place) => value / weight[place]);
}

/** (x − mean) / √(variance + eps) over all numbers of `rows`; the variance is divided by their count. */
function standardise(rows, eps) {
  let [count, sum, squares] = [0, 0, 0];
  for (const row of rows) for (const value of row) [count, sum] = [count + 1, sum + value];
  const mean = sum / count;
  for (const row of rows) for (const value of row) squares += (value - mean) ** 2;
  const scale = 1 / Math.sqrt(squares / count + eps);
  return rows.map((row) => Float64Array.from(row, (value) => (value - mean) * scale));
}

/** GroupNorm of `x` [channel][time], `torch.nn.functional.group_norm`; `weight` and `bias` [channel] may be left out. */
export function groupNorm(x, groups, weight, bias, eps = 1e-5) {
  const size = x.length / groups;
  return Array.from({ length: groups }, (_, group) => standardise(x.slice(group * size, (group + 1) * size), eps))
    .flat()
    .map((row, channel) => row.map((value) => value * (weight?.[channel] ?? 1) + (bias?.[channel] ?? 0)));
}

/** Weights of the scores `row`: exp(row[j]) / Σ exp(row[k]), `torch.softmax(row, 0)`. */
export function softmax(row) {
  const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(row, (score) => Math.exp(score - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** The error function, to the precision of a double: 2 / √π · exp(−x²) Σ 2ᵏ x²ᵏ⁺¹ / (1 · 3 · … · (2k + 1)). */
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum); k += 1) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** ½ x (1 + erf(x / √2)), `torch.nn.functional.gelu`: the exact form. */
export const gelu = (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2));

/** 1 / (1 + exp(−x)), `torch.sigmoid`. */
export const sigmoid = (x) => 1 / (1 + Math.exp(-x));
