// What a song's file says of itself, and its samples at its own rate. WAV files are read piece by piece
// (local_wav.js), others are decoded by the browser.

import { parseHeader } from "./wav.js";
import { bytes as sizeWords } from "./format.js";
import { headerBytes, rateOf } from "./local_rate.js";

/** The rate of a context for files that don't tell theirs. */
const usualRate = 44100;
/** Rates that an OfflineAudioContext takes in every browser. */
const contextRates = [8000, 96000];
/** Decoded sound that a tab can hold beside the engine: 25 minutes in stereo at 44,100 Hz. */
const mostDecodedBytes = 530e6;

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
  if (!header && Number.isFinite(facts.seconds) && decodedBytes > mostDecodedBytes) {
    throw new Unreadable(`This song is too long for the browser to decode: it has ${sizeWords(decodedBytes)} then, and at most ${sizeWords(mostDecodedBytes)} fit. Convert it to WAV, which is read in pieces.`);
  }
  return facts;
}

/** The samples of an inspected file that is no WAV file: `{ channels, sampleRate }`. Throws `Unreadable`. */
export async function decode(file, { sampleRate }) {
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
