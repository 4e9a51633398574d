// A worker that computes the spectrogram of a piece of sound. Columns are short-time Fourier
// transforms, bands are spaced logarithmically.

const size = 2048;
const hop = 1024;
export const bands = 96;
const lowestHz = 40;
/** Loudness from −90 dB to −10 dB becomes 0…255. */
const floorDecibels = -90;
const rangeDecibels = 80;

const hann = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
const cosines = Float32Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
const sines = Float32Array.from({ length: size / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / size));
const reversed = Uint16Array.from({ length: size }, (_, i) => {
  let out = 0;
  for (let bit = 1; bit < size; bit <<= 1) out = (out << 1) | ((i & bit) !== 0);
  return out;
});

/** In-place Fourier transform, radix 2, of inputs in bit-reversed order. */
function transform(real, imaginary) {
  for (let half = 1; half < size; half *= 2) {
    const stride = size / (2 * half);
    for (let start = 0; start < size; start += 2 * half) {
      for (let k = 0; k < half; k += 1) {
        const a = start + k;
        const b = a + half;
        const c = cosines[k * stride];
        const s = sines[k * stride];
        const x = real[b] * c + imaginary[b] * s;
        const y = imaginary[b] * c - real[b] * s;
        real[b] = real[a] - x;
        imaginary[b] = imaginary[a] - y;
        real[a] += x;
        imaginary[a] += y;
      }
    }
  }
}

/** Computes bytes [column, band], the lowest band first. */
export function spectrogram(samples, sampleRate) {
  const columns = Math.max(1, Math.ceil(samples.length / hop));
  const result = new Uint8Array(columns * bands);
  const real = new Float32Array(size);
  const imaginary = new Float32Array(size);
  const highestHz = Math.min(16000, sampleRate / 2);
  const edges = Array.from({ length: bands + 1 }, (_, band) => (lowestHz * (highestHz / lowestHz) ** (band / bands) * size) / sampleRate);
  for (let column = 0; column < columns; column += 1) {
    const first = column * hop + hop / 2 - size / 2;
    for (let i = 0; i < size; i += 1) real[reversed[i]] = (samples[first + i] ?? 0) * hann[i];
    imaginary.fill(0);
    transform(real, imaginary);
    for (let band = 0; band < bands; band += 1) {
      // Low bands are narrower than a bin and share one.
      const from = Math.max(1, Math.round(edges[band]));
      const to = Math.max(from + 1, Math.round(edges[band + 1]));
      let power = 0;
      for (let bin = from; bin < to; bin += 1) power = Math.max(power, real[bin] ** 2 + imaginary[bin] ** 2);
      const decibels = 10 * Math.log10(power * (4 / size) ** 2 + 1e-20);
      result[column * bands + band] = Math.max(0, Math.min(255, ((decibels - floorDecibels) / rangeDecibels) * 255));
    }
  }
  return result;
}

if (typeof WorkerGlobalScope !== "undefined") {
  onmessage = ({ data: { key, samples, sampleRate } }) => {
    const levels = spectrogram(samples, sampleRate);
    postMessage({ key, levels }, [levels.buffer]);
  };
}
