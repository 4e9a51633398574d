// A worker that computes columns of a spectrogram: short-time Fourier transforms, in bands that are spaced
// logarithmically.

import { decodeFrames } from "../wav.js";
import { Fourier } from "../stretch/fft.js";

/** Frames of one transform. */
export const spectrumFrames = 2048;
export const bands = 112;
export const lowestHz = 40;
/** The upper end of the scale at a rate. */
export const highestHz = (sampleRate) => Math.min(16000, sampleRate / 2);
/** Loudness from −84 dB to −10 dB becomes 0…255; the power makes the floor of noise fainter. */
const floorDecibels = -84;
const rangeDecibels = 74;
const contrast = 1.4;

const size = spectrumFrames;
const hann = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
const fourier = new Fourier(size);

/** Bytes [column, band], the lowest band first. `read(first, count)` returns samples; columns are at `centre`, `centre + hop`… */
export function spectrogram(read, sampleRate, { centre, hop, count }) {
  const result = new Uint8Array(count * bands);
  const real = new Float32Array(size);
  const imaginary = new Float32Array(size);
  const top = highestHz(sampleRate);
  const edges = Array.from({ length: bands + 1 }, (_, band) => (lowestHz * (top / lowestHz) ** (band / bands) * size) / sampleRate);
  for (let column = 0; column < count; column += 1) {
    const samples = read(Math.round(centre + column * hop) - size / 2, size);
    for (let i = 0; i < size; i += 1) real[i] = samples[i] * hann[i];
    imaginary.fill(0);
    fourier.forward(real, imaginary);
    for (let band = 0; band < bands; band += 1) {
      // Low bands are narrower than a bin and share one.
      const from = Math.max(1, Math.round(edges[band]));
      const to = Math.max(from + 1, Math.round(edges[band + 1]));
      let power = 0;
      for (let bin = from; bin < to; bin += 1) power = Math.max(power, real[bin] ** 2 + imaginary[bin] ** 2);
      const decibels = 10 * Math.log10(power * (4 / size) ** 2 + 1e-20);
      result[column * bands + band] = 255 * Math.max(0, Math.min(1, (decibels - floorDecibels) / rangeDecibels)) ** contrast;
    }
  }
  return result;
}

/** Reads the mean of all channels from the bytes of frames; silence beyond them. */
function reader(bytes, format) {
  const frames = Math.floor(bytes.byteLength / format.bytesPerFrame);
  return (first, count) => {
    const samples = new Float32Array(count);
    const [from, end] = [Math.max(0, first), Math.min(frames, first + count)];
    if (from >= end) return samples;
    const planes = decodeFrames(bytes.slice(from * format.bytesPerFrame, end * format.bytesPerFrame), format);
    for (const plane of planes) for (let i = 0; i < plane.length; i += 1) samples[from - first + i] += plane[i] / planes.length;
    return samples;
  };
}

if (typeof WorkerGlobalScope !== "undefined") {
  onmessage = ({ data: { id, bytes, format, centre, hop, count } }) => {
    const levels = spectrogram(reader(bytes, format), format.sampleRate, { centre, hop, count });
    postMessage({ id, levels }, [levels.buffer]);
  };
}
