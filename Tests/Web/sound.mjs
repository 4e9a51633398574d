// Float WAV files, and comparisons of sounds.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { decodeFrames, encodeFrames, parseHeader, wavHeader } from "../../web/engine/wav.js";

/** Reads a WAV file of 32-bit floats: `{ channels, sampleRate }`. */
export function readWAV(path) {
  const { buffer } = Uint8Array.from(readFileSync(path));
  const format = parseHeader(buffer, buffer.byteLength);
  if (!format?.isFloat) throw new Error(`${path} has no float samples`);
  const { dataOffset, frames, bytesPerFrame, sampleRate } = format;
  return { channels: decodeFrames(buffer.slice(dataOffset, dataOffset + frames * bytesPerFrame), format), sampleRate };
}

/** Writes a WAV file of 32-bit floats. */
export function writeWAV(path, { channels, sampleRate }) {
  const head = wavHeader(channels.length, sampleRate, channels[0].length);
  writeFileSync(path, Buffer.concat([head, encodeFrames(channels).buffer].map((part) => Buffer.from(part))));
}

/** The ratio of a sound to another's difference from it, in dB. */
export function signalToNoise(expected, found) {
  let signal = 0;
  let noise = 0;
  expected.forEach((channel, index) => {
    if (found[index].length !== channel.length) throw new Error(`${found[index].length} samples, expected ${channel.length}`);
    for (let i = 0; i < channel.length; i += 1) {
      signal += channel[i] ** 2;
      noise += (found[index][i] - channel[i]) ** 2;
    }
  });
  return 10 * Math.log10(signal / noise);
}

/** The lowest ratio of all stems, in dB. The samples of the command's files, which are expected, end at ±1. */
export function worstSignalToNoise(expected, found) {
  const names = Object.keys(expected);
  if (names.some((name) => !found[name]) || Object.keys(found).length !== names.length) throw new Error(`stems ${Object.keys(found)}, expected ${names}`);
  return Math.min(...names.map((name) => signalToNoise(expected[name], found[name].map(clamped))));
}

const clamped = (samples) => samples.map((sample) => Math.max(-1, Math.min(1, sample)));

/** A hash of all samples of stems. */
export function digest(stems) {
  const hash = createHash("sha256");
  for (const name of Object.keys(stems).sort()) {
    for (const channel of stems[name]) hash.update(name).update(new Uint8Array(channel.buffer, channel.byteOffset, channel.byteLength));
  }
  return hash.digest("hex");
}
