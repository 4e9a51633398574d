// Where MP3 files (ISO 11172-3 and 13818-3, layer III) can be cut: before any frame, if the piece also has the frames before, from
// which a frame takes bits and overlaps.

import { pieceSeconds, Uncuttable } from "./local_cut.js";

/** Frames before a piece: a frame takes at most 511 bytes from those before, which are 40 frames of the fewest bits. */
const earlierFrames = 50;
/** Frames that the last piece has at least: more than an encoder adds, 4,095 samples. */
const lastFrames = 8;
/** Samples by which a decoder is late, of which those that know the encoder's delay leave out as many more. */
const decoderDelay = 529;
/** kbit/s by index, of MPEG-1 and of MPEG-2 and 2.5. */
const bitRates = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/** Of MPEG-1 by index; MPEG-2 halves and MPEG-2.5 quarters them. */
const rates = [44100, 48000, 32000];
/** What may follow the last frame. */
const trailers = /^(TAG|APETAGEX|LYRICSBEGIN|ID3)/;

export async function* pieces(file, at, rate) {
  const first = frameHeader(await file.read(at, 4));
  if (first?.rate !== rate) throw new Uncuttable();
  const { samples } = first;
  const tag = gaplessTag(await file.read(at, first.bytes), first);
  let isGapless = false;
  // The places of the piece's frames, and how many frames come before them.
  let places = [];
  let earlier = 0;
  for (;;) {
    const count = Math.ceil((pieceSeconds * rate) / samples) + (earlier ? earlierFrames : 0);
    at = await collect(file, at, first, places, count + lastFrames);
    if (places.length < count + lastFrames) break;
    const end = (earlier + count) * samples;
    const length = yield { parts: [file.file.slice(earlier ? places[0] : 0, places[count])], ...(earlier ? { start: earlier * samples } : {}), end };
    // The browser leaves out the tag's frame, the decoder's delay and, if it knows the tag, the encoder's.
    if (!earlier) isGapless = tag !== null && length === end - samples - tag.delay - decoderDelay;
    places = places.slice(count - earlierFrames);
    earlier += count - earlierFrames;
  }
  await requireEnd(file, at);
  if (!earlier) return yield { parts: [file.file], start: 0 };
  const frames = earlier + places.length;
  if (isGapless && tag.frames < frames - 1) throw new Uncuttable();
  const until = isGapless && tag.frames === frames - 1 ? frames * samples - Math.max(0, tag.padding - decoderDelay) : Infinity;
  yield { parts: [file.file.slice(places[0])], start: earlier * samples, until };
}

/** Adds the places of frames from `at` on until there are `wanted`; returns the place after them. */
async function collect(file, at, first, places, wanted) {
  while (places.length < wanted) {
    const frame = frameHeader(await file.read(at, 4));
    if (!frame || at + frame.bytes > file.size) break;
    if (frame.rate !== first.rate || frame.samples !== first.samples || frame.isMono !== first.isMono) throw new Uncuttable();
    places.push(at);
    at += frame.bytes;
  }
  return at;
}

/** Nothing but a tag, or a frame that is cut off, may follow the last frame: its decoding is the browser's affair. */
async function requireEnd(file, at) {
  const rest = await file.read(at, 4096);
  if (at + rest.length < file.size && !trailers.test(String.fromCharCode(...rest.subarray(0, 11)))) throw new Uncuttable();
}

/** A frame's facts by its first four bytes; null if they are no header. */
export function frameHeader([sync, kind, coding, mode]) {
  const [version, layer] = [(kind >> 3) & 3, (kind >> 1) & 3];
  const [bits, rateIndex] = [coding >> 4, (coding >> 2) & 3];
  if (sync !== 0xff || kind < 0xe0 || version === 1 || layer !== 1 || bits === 0 || bits === 15 || rateIndex === 3) return null;
  const isFirst = version === 3;
  const isMono = mode >> 6 === 3;
  const samples = isFirst ? 1152 : 576;
  const rate = rates[rateIndex] / [4, 1, 2, 1][version];
  return {
    samples,
    rate,
    isMono,
    /** After the header: where the bits of its parts are. */
    sideBytes: isFirst ? (isMono ? 17 : 32) : isMono ? 9 : 17,
    bytes: Math.floor((samples * 125 * bitRates[isFirst ? 0 : 1][bits]) / rate) + ((coding >> 1) & 1),
  };
}

/** What a first frame without sound says: the number of frames, and the samples that the encoder added. Null if it is an ordinary one. */
function gaplessTag(frame, { sideBytes }) {
  let at = 4 + sideBytes;
  if (!/^(Xing|Info)$/.test(String.fromCharCode(...frame.subarray(at, at + 4)))) return null;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const flags = frame[at + 7];
  const frames = flags & 1 ? view.getUint32(at + 8) : null;
  at += 8 + [4, 4, 100, 4].reduce((sum, size, bit) => sum + (flags & (1 << bit) ? size : 0), 0) + 21;
  if (at + 3 > frame.length) return null;
  return { frames, delay: view.getUint16(at) >> 4, padding: view.getUint16(at + 1) & 0xfff };
}
