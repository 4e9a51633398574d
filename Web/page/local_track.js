// The description in a song's file, and its samples at its own rate. The engine reads WAV files piece by piece
// (local_wav.js); the browser decodes others as a whole.

import { decodableSeconds, decodeToWAV, longestMinutes, modelRate, TooLong } from "./convert.js";
import { headerBytes, rateOf, tagBytes } from "./local_rate.js";
import { Problem } from "./problem.js";
import { parseHeader } from "./wav.js";
import { noSongWords } from "./words.js";

/** Rates that an OfflineAudioContext takes in every browser. */
const contextRates = [8000, 96000];

/** The description in a file: `{ seconds, sampleRate, header }`, of which `header` is null unless it is a WAV file. Throws `Problem`. */
export async function inspect(file) {
  const start = await soundStart(file);
  const header = parseHeader(start.buffer, file.size);
  const sampleRate = header?.sampleRate ?? rateOf(start) ?? modelRate;
  const seconds = header ? header.frames / sampleRate : await readable(decodableSeconds(file, contextRate(sampleRate)), sampleRate);
  if (!(seconds > 0)) throw new Problem(422, noSongWords);
  return { seconds, sampleRate, header };
}

/** What the engine reads of an inspected file, `{ file, header, sampleRate }`. Throws `Problem`. */
export async function soundOf(file, { header, sampleRate }) {
  if (header) return { file, header, sampleRate };
  const rate = contextRate(sampleRate);
  const sound = await readable(decodeToWAV(file, rate), rate);
  return { file: sound, header: parseHeader(await sound.slice(0, headerBytes).arrayBuffer(), sound.size), sampleRate: rate };
}

/** The rate at which the browser decodes a song. */
function contextRate(rate) {
  const [least, most] = contextRates;
  return Math.min(most, Math.max(least, rate));
}

/** The first bytes of the sound, after tags. */
async function soundStart(file) {
  for (let at = 0; ; ) {
    const start = new Uint8Array(await file.slice(at, at + headerBytes).arrayBuffer());
    const tag = tagBytes(start);
    if (!tag) return start;
    at += tag;
  }
}

/** What the browser makes of a file with a rate; throws `Problem` if it can't. */
async function readable(result, rate) {
  try {
    return await result;
  } catch (error) {
    throw new Problem(422, error instanceof TooLong
      ? `This song is too long for the browser to decode: ${longestMinutes(contextRate(rate))} minutes are the most. Convert it to WAV, which may have any length.`
      : noSongWords);
  }
}
