// The mix of a finished job with the volumes and pans of the mixer, as a WAV file.

import { encodeFrames, wavHeader } from "./wav.js";

const framesPerStep = 1 << 18;

/** `fields` are those of the address: `vocals=0.5&vocals.pan=-1`; `from` and `to` choose a part. */
export async function mixdown(stems, fields) {
  const { names, channels, sampleRate } = stems.shape;
  const [begin, end] = stems.part(fields);
  const strips = names.map((name) => ({ name, volume: Number(fields.get(name) ?? 1), pan: Number(fields.get(`${name}.pan`) ?? 0) })).filter(({ volume }) => volume > 0);
  const parts = [wavHeader(2, sampleRate, end - begin)];
  for (let first = begin; first < end; first += framesPerStep) {
    const count = Math.min(framesPerStep, end - first);
    const sum = [new Float32Array(count), new Float32Array(count)];
    for (const { name, volume, pan } of strips) {
      const planes = await stems.samples(name, first, count);
      const placed = panned([planes[0], planes[channels - 1]], pan);
      sum.forEach((plane, side) => placed[side].forEach((sample, i) => { plane[i] += volume * sample; }));
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
