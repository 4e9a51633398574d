// What a song's file says of itself, and its samples at its own rate. WAV files are read piece by piece
// (local_wav.js), others are decoded by the browser.

import { decodedPlanes, durationOf } from "./convert.js";
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
    : { seconds: await readable(durationOf(file)), sampleRate: rateOf(new Uint8Array(start)) ?? usualRate, channels: 2, header };
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
  return { channels: await readable(decodedPlanes(file, rate)), sampleRate: rate };
}

/** What the browser makes of a file; throws `Unreadable` if it can't. */
async function readable(result) {
  try {
    return await result;
  } catch {
    throw new Unreadable("This browser can't decode the file. Convert it to WAV, FLAC or MP3, and drop it again.");
  }
}
