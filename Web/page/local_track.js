// Decodes a song to samples at its own rate: WAV files exactly, others by the browser.

import { decodeFrames, parseHeader } from "./wav.js";
import { bytes as sizeWords } from "./format.js";
import { headerBytes, rateOf } from "./local_rate.js";

/** The rate of a context for files that don't tell theirs. */
const usualRate = 44100;
/** Rates that an OfflineAudioContext takes in every browser. */
const contextRates = [8000, 96000];
/** Decoded sound that a tab can hold beside the engine: 25 minutes in stereo at 44,100 Hz. */
const mostDecodedBytes = 530e6;
const framesPerStep = 1 << 20;

/** The song can't be decoded; the message is a sentence for the user. */
export class Unreadable extends Error {}

/** What a file says about itself: `{ seconds, sampleRate, channels, header }`, `header` for WAV files. Throws `Unreadable`. */
export async function inspect(file) {
  const start = await file.slice(0, headerBytes).arrayBuffer();
  const header = parseHeader(start, file.size);
  const facts = header
    ? { seconds: header.frames / header.sampleRate, sampleRate: header.sampleRate, channels: header.channels, header }
    : { seconds: await durationOf(file), sampleRate: rateOf(new Uint8Array(start)) ?? usualRate, channels: 2, header };
  if (!(facts.seconds > 0)) throw new Unreadable("This file has no sound.");
  const decodedBytes = facts.seconds * facts.sampleRate * facts.channels * 4;
  if (Number.isFinite(facts.seconds) && decodedBytes > mostDecodedBytes) {
    throw new Unreadable(`This song is too long for the browser: decoded it has ${sizeWords(decodedBytes)}, and at most ${sizeWords(mostDecodedBytes)} fit. Cut it into parts, or separate it with the swift-demucs command.`);
  }
  return facts;
}

/** The samples of an inspected file: `{ channels, sampleRate }`. Throws `Unreadable`. */
export async function decode(file, { header, sampleRate }) {
  if (header) return { channels: await readWAV(file, header), sampleRate };
  const [least, most] = contextRates;
  const rate = Math.min(most, Math.max(least, sampleRate));
  try {
    const sound = await new OfflineAudioContext(1, 1, rate).decodeAudioData(await file.arrayBuffer());
    return { channels: Array.from({ length: sound.numberOfChannels }, (_, channel) => sound.getChannelData(channel)), sampleRate: rate };
  } catch {
    throw new Unreadable(unreadableWords);
  }
}

const unreadableWords = "This browser can't decode the file. Convert it to WAV, FLAC or MP3, and drop it again.";

async function readWAV(file, header) {
  const planes = Array.from({ length: header.channels }, () => new Float32Array(header.frames));
  for (let frame = 0; frame < header.frames; frame += framesPerStep) {
    const from = header.dataOffset + frame * header.bytesPerFrame;
    const count = Math.min(framesPerStep, header.frames - frame);
    const part = decodeFrames(await file.slice(from, from + count * header.bytesPerFrame).arrayBuffer(), header);
    planes.forEach((plane, channel) => plane.set(part[channel], frame));
  }
  return planes;
}

/** The length that a file tells, which needs no decoding. Infinity if it tells none. */
function durationOf(file) {
  const address = URL.createObjectURL(file);
  return new Promise((resolve, reject) => {
    const player = new Audio();
    player.preload = "metadata";
    player.onloadedmetadata = () => resolve(player.duration);
    player.onerror = () => reject(new Unreadable(unreadableWords));
    player.src = address;
  }).finally(() => URL.revokeObjectURL(address));
}
