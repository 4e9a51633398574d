// Decodes a song that is no WAV file into the storage, from where the engine reads it like one. Formats that can be cut are decoded
// piece by piece, so that an hour of music takes no more memory than a minute.

import { decodedPlanes } from "./convert.js";
import { encodeFrames } from "./wav.js";
import { Uncuttable } from "./local_cut.js";

/** Samples of each channel that are stored at once. */
const storedSamples = 1 << 21;
/** Samples that two pieces share, which have to be the same where only the browser knows the start: SNR of 40 dB, or -100 dB of full scale. */
const comparedSamples = 4096;
const mostDifference = 1e-4;
const inaudible = 1e-10;

/**
 * Stores a song's samples at `rate` as the file `path` of a storage: `{ file, header, sampleRate }`, of which `header` is like that of
 * `parseHeader`. `pieces` cut the song's file, or are null; `decodeWhole()` decodes it without them. `onProgress` gets the number of
 * samples that are done.
 */
export async function decodeInto({ storage, path }, { rate, pieces, decodeWhole, signal, onProgress }) {
  const store = async (parts) => {
    await storage.truncate(path, 0);
    let [frames, channels] = [0, null];
    for await (const planes of parts) {
      channels ??= planes.length;
      if (planes.length !== channels) throw new Uncuttable();
      for (let at = 0; at < planes[0].length; at += storedSamples) {
        signal?.throwIfAborted();
        await storage.append(path, encodeFrames(planes.map((plane) => plane.subarray(at, at + storedSamples))));
      }
      frames += planes[0].length;
      onProgress?.(frames);
    }
    const header = { isFloat: true, channels, bits: 32, bytesPerFrame: 4 * channels, sampleRate: rate, dataOffset: 0, frames };
    return { file: await storage.file(path), header, sampleRate: rate };
  };
  if (pieces) {
    try {
      return await store(joined(pieces, rate));
    } catch (error) {
      if (!(error instanceof Uncuttable)) throw error;
    }
  }
  return store([await decodeWhole()]);
}

/** The samples of pieces, one after the other. */
async function* joined(pieces, rate) {
  // Where the samples end that were given, and the last ones of them.
  let done = null;
  let before = [];
  let length;
  for (;;) {
    const { value: piece, done: isOver } = await pieces.next(length).catch(cannotCut);
    if (isOver && done === null) throw new Uncuttable();
    if (isOver) return;
    const planes = await decodedPlanes(new Blob(piece.parts), rate).catch(cannotCut);
    length = planes[0].length;
    const start = piece.start ?? piece.end - length;
    const from = (done ?? start) - start;
    const isExpected = piece.start === undefined ? fit(before, planes, from) : (piece.end ?? start + length) === start + length;
    if (from < 0 || from > length || !isExpected) throw new Uncuttable();
    const end = Math.min(length, (piece.until ?? Infinity) - start);
    yield planes.map((plane) => plane.subarray(from, end));
    done = start + end;
    before = planes.map((plane) => plane.slice(Math.max(0, end - comparedSamples), end));
  }
}

/** A piece can't be decoded, or a table of the file ends too early. The decoding of the whole finds the file's faults. */
function cannotCut() {
  throw new Uncuttable();
}

/** Whether the samples of a piece before `from` are those `before` it. */
function fit(before, planes, from) {
  return before.every((known, channel) => {
    const count = Math.min(known.length, from);
    let [energy, difference] = [0, 0];
    for (let i = 1; i <= count; i += 1) {
      const sample = known[known.length - i];
      energy += sample * sample;
      difference += (sample - planes[channel][from - i]) ** 2;
    }
    return difference <= mostDifference * energy + inaudible * count;
  });
}
