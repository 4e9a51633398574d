// The description in a song's file, and its samples at its own rate. The engine reads WAV files piece by piece
// (local_wav.js); the browser decodes others, piece by piece where they can be cut.

import { decodedPlanes, durationOf } from "./convert.js";
import { parseHeader } from "./wav.js";
import { bytes as sizeWords } from "./format.js";
import { FileWindow } from "./local_cut.js";
import { decodeInto } from "./local_decode.js";
import { headerBytes, rateOf, tagBytes } from "./local_rate.js";

/** The rate of a context for files that don't tell theirs. */
const usualRate = 44100;
/** Rates that an OfflineAudioContext takes in every browser. */
const contextRates = [8000, 96000];
/** Decoded sound that a tab can hold beside the engine: 25 minutes in stereo at 44,100 Hz. */
const mostDecodedBytes = 530e6;

/** The song can't be decoded; the message is a sentence for the user. */
export class Unreadable extends Error {}

/**
 * The description in a file: `{ seconds, sampleRate, channels, header, decodedBytes }`. WAV files have a `header`, and others `at`, the
 * place of their sound, and `cut`, which loads what gives their pieces (local_cut.js), or null. Throws `Unreadable`.
 */
export async function inspect(file) {
  const { start, at } = await soundStart(file);
  const header = parseHeader(start.buffer, file.size);
  const facts = header
    ? { seconds: header.frames / header.sampleRate, sampleRate: header.sampleRate, channels: header.channels, header, decodedBytes: 0 }
    : { seconds: await readable(durationOf(file)), sampleRate: rateOf(start) ?? usualRate, channels: 2, header, at, cut: cutterOf(start) };
  if (!(facts.seconds > 0)) throw new Unreadable("This file has no sound.");
  facts.decodedBytes ??= facts.seconds * facts.sampleRate * facts.channels * 4;
  if (!header && !facts.cut) requireFits(facts);
  return facts;
}

/**
 * The samples of an inspected file that is no WAV file, stored as the file `place.path` of `place.storage`: `{ file, header, sampleRate }`,
 * where `header` says how they lie. `onProgress` gets the fraction that is done. Throws `Unreadable`.
 */
export async function decode(file, facts, place, { signal, onProgress } = {}) {
  const [least, most] = contextRates;
  const rate = Math.min(most, Math.max(least, facts.sampleRate));
  return decodeInto(place, {
    rate,
    pieces: facts.cut && (await facts.cut()).pieces(new FileWindow(file), facts.at, rate),
    decodeWhole() {
      requireFits(facts);
      return readable(decodedPlanes(file, rate));
    },
    signal,
    onProgress: (samples) => onProgress?.(Math.min(1, samples / rate / facts.seconds)),
  });
}

/** The first bytes of the sound, and where they are: after tags. */
async function soundStart(file) {
  for (let at = 0; ; ) {
    const start = new Uint8Array(await file.slice(at, at + headerBytes).arrayBuffer());
    const tag = tagBytes(start);
    if (!tag) return { start, at };
    at += tag;
  }
}

/** Loads what cuts a format's files, by the first bytes of their sound; null for formats that are decoded whole. */
function cutterOf(start) {
  const name = String.fromCharCode(...start.subarray(0, 4));
  if (name === "fLaC") return () => import("./local_flac.js");
  if (name === "OggS") return () => import("./local_ogg.js");
  if (String.fromCharCode(...start.subarray(4, 8)) === "ftyp") return () => import("./local_mp4.js");
  // The first bits of a frame, and layer III.
  return start[0] === 0xff && (start[1] & 0xe6) === 0xe2 ? () => import("./local_mp3.js") : null;
}

function requireFits({ decodedBytes }) {
  if (!Number.isFinite(decodedBytes) || decodedBytes <= mostDecodedBytes) return;
  throw new Unreadable(`This song is too long for the browser to decode: it has ${sizeWords(decodedBytes)} then, and at most ${sizeWords(mostDecodedBytes)} fit. Convert it to WAV, which is read in pieces.`);
}

/** What the browser makes of a file; throws `Unreadable` if it can't. */
async function readable(result) {
  try {
    return await result;
  } catch {
    throw new Unreadable("This browser can't decode the file. Convert it to WAV, FLAC or MP3, and drop it again.");
  }
}
