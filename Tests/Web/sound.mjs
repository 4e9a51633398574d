// Float WAV files, and comparisons of sounds.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

/** Reads a WAV file of 32-bit floats: `{ channels, sampleRate }`. */
export function readWAV(path) {
  const bytes = readFileSync(path);
  let channelCount = 0;
  let sampleRate = 0;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = bytes.toString("latin1", at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    if (name === "fmt ") {
      channelCount = bytes.readUInt16LE(at + 10);
      sampleRate = bytes.readUInt32LE(at + 12);
      if (bytes.readUInt16LE(at + 22) !== 32) throw new Error(`${path} has no samples of 32 bits`);
    }
    if (name === "data") {
      const samples = new Float32Array(bytes.buffer.slice(bytes.byteOffset + at + 8, bytes.byteOffset + at + 8 + size));
      const count = samples.length / channelCount;
      const channels = Array.from({ length: channelCount }, (_, channel) => Float32Array.from({ length: count }, (__, index) => samples[index * channelCount + channel]));
      return { channels, sampleRate };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error(`${path} has no samples`);
}

/** Writes a WAV file of 32-bit floats. */
export function writeWAV(path, { channels, sampleRate }) {
  const frameBytes = 4 * channels.length;
  const dataBytes = frameBytes * channels[0].length;
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + dataBytes, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(3, 20);
  head.writeUInt16LE(channels.length, 22);
  head.writeUInt32LE(sampleRate, 24);
  head.writeUInt32LE(frameBytes * sampleRate, 28);
  head.writeUInt16LE(frameBytes, 32);
  head.writeUInt16LE(32, 34);
  head.write("data", 36);
  head.writeUInt32LE(dataBytes, 40);
  const samples = Float32Array.from({ length: dataBytes / 4 }, (_, index) => channels[index % channels.length][Math.floor(index / channels.length)]);
  writeFileSync(path, Buffer.concat([head, Buffer.from(samples.buffer)]));
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
