// The mix of a finished job with the volumes and pans of the mixer, as a WAV file.

import { addPanned } from "./mix.js";
import { encodeFrames, wavHeader } from "./wav.js";

const framesPerStep = 1 << 18;

/** The sum of `strips`, `{ name, gain, pan }`, of samples `begin` to `end`. */
export async function mixdown(stems, strips, [begin, end]) {
  const { channels, sampleRate } = stems.shape;
  const parts = [wavHeader(2, sampleRate, end - begin)];
  for (let first = begin; first < end; first += framesPerStep) {
    const count = Math.min(framesPerStep, end - first);
    const sum = [new Float32Array(count), new Float32Array(count)];
    for (const strip of strips.filter(({ gain }) => gain > 0)) {
      const planes = await stems.samples(strip.name, first, count);
      addPanned(sum, [planes[0], planes[channels - 1]], strip);
    }
    // The browser keeps blobs outside the page's memory.
    parts.push(new Blob([encodeFrames(sum)]));
  }
  return new Blob(parts, { type: "audio/wav" });
}
