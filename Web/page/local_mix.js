// The mix of a finished job with the volumes and pans of the mixer, as a WAV file.

import { encodeFrames, wavHeader } from "./wav.js";

const framesPerStep = 1 << 18;

/** The sum of `strips`, `{ name, gain, pan }`, of samples `begin` to `end`. */
export async function mixdown(stems, strips, [begin, end]) {
  const { channels, sampleRate } = stems.shape;
  const parts = [wavHeader(2, sampleRate, end - begin)];
  for (let first = begin; first < end; first += framesPerStep) {
    const count = Math.min(framesPerStep, end - first);
    const sum = [new Float32Array(count), new Float32Array(count)];
    for (const { name, gain, pan } of strips.filter((strip) => strip.gain > 0)) {
      const planes = await stems.samples(name, first, count);
      const placed = panned([planes[0], planes[channels - 1]], pan);
      sum.forEach((plane, side) => placed[side].forEach((sample, i) => { plane[i] += gain * sample; }));
    }
    // The browser keeps blobs outside the page's memory.
    parts.push(new Blob([encodeFrames(sum)]));
  }
  return new Blob(parts, { type: "audio/wav" });
}

/** Pans a stereo signal as a StereoPannerNode does (Web Audio API, 1.36). */
function panned([left, right], pan) {
  if (pan === 0) return [left, right];
  const angle = ((pan < 0 ? pan + 1 : pan) * Math.PI) / 2;
  const [kept, moved] = [Math.cos(angle), Math.sin(angle)];
  if (pan < 0) return [left.map((sample, i) => sample + right[i] * kept), right.map((sample) => sample * moved)];
  return [left.map((sample) => sample * kept), right.map((sample, i) => sample + left[i] * moved)];
}
