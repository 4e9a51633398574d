// The description in a song's file, and its samples at its own rate. The engine reads WAV files piece by piece; the
// browser decodes others as a whole.

import { decodableSeconds, decodeFrames, decodeToWAV, longestMinutes, modelRate, noSongWords, parseHeader, TooLong } from "./wav.js";

/** A file whose sound can't be read; the message is a sentence for the user. */
class UnreadableFile extends Error {
  /** As in HTTP. */
  status = 422;
}

/** Rates that a recording has, in Hz. */
const recordedRates = [1000, 768000];
/** Rates that an OfflineAudioContext takes in every browser. */
const contextRates = [8000, 96000];

/** The description in a file: `{ seconds, sampleRate, header }`, of which `header` is null unless it is a WAV file. Throws `UnreadableFile`. */
export async function inspect(file) {
  const { at, start } = await soundStart(file);
  const header = parseHeader(start.buffer, file.size - at);
  if (header) {
    const [least, most] = recordedRates;
    if (header.sampleRate < least || header.sampleRate > most) {
      throw new UnreadableFile(`This file states a sample rate of ${header.sampleRate} Hz, expected ${least} to ${most}. Its header is probably damaged.`);
    }
    header.dataOffset += at;
    if (header.isOpenEnded) header.frames = Math.floor((await endOfSamples(file, header.dataOffset) - header.dataOffset) / header.bytesPerFrame);
  }
  const sampleRate = header?.sampleRate ?? rateOf(start) ?? modelRate;
  const seconds = header ? header.frames / sampleRate : await readable(decodableSeconds(file, contextRate(sampleRate)), sampleRate);
  if (!(seconds > 0)) throw new UnreadableFile(noSongWords);
  return { seconds, sampleRate, header };
}

/** What the engine reads of an inspected file, `{ file, header, sampleRate }`. Throws `UnreadableFile`. */
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

/** The first bytes of the sound after tags, `start`, and their place in the file, `at`. */
async function soundStart(file) {
  for (let at = 0; ; ) {
    const start = new Uint8Array(await file.slice(at, at + headerBytes).arrayBuffer());
    const tag = tagBytes(start);
    if (!tag) return { at, start };
    at += tag;
  }
}

/** Chunks that programs write behind the samples; covers are the largest. */
const lastChunks = ["LIST", "id3 ", "ID3 ", "bext", "iXML", "cue ", "smpl", "afsp", "cart", "acid", "inst", "axml", "PAD ", "JUNK", "umid", "_PMX", "fact", "PEAK"];
const longestChunkBytes = 1 << 20;

/** The end of samples whose size is unknown: the beginning of chunks that reach to the end of the file. */
async function endOfSamples(file, from) {
  const first = Math.max(from, file.size - longestChunkBytes);
  const bytes = await file.slice(first).arrayBuffer();
  const view = new DataView(bytes);
  // A tag of ID3 version 1 may be the end.
  const tag = bytes.byteLength - 128;
  const hasTag = tag >= 0 && String.fromCharCode(...new Uint8Array(bytes, tag, 3)) === "TAG";
  const count = hasTag ? tag : bytes.byteLength;
  // From the last place to the first, so that each is looked at once. Chunks begin at even places behind the samples.
  // Eight bytes or fewer may be anything.
  const leads = new Uint8Array(count + 1).fill(1, Math.max(0, count - 7));
  let end = count;
  for (let at = count - 8 - ((first + count - from) % 2); at >= 0; at -= 2) {
    const name = String.fromCharCode(...new Uint8Array(bytes, at, 4));
    if (!/^[ -~]{4}$/.test(name)) continue;
    const size = view.getUint32(at + 4, true);
    leads[at] = leads[Math.min(count + 1, at + 8 + size + (size % 2))] ?? 0;
    if (leads[at] && lastChunks.includes(name)) end = at;
  }
  return first + end;
}

/** What the browser makes of a file with a rate; throws `UnreadableFile` if it can't. */
async function readable(result, rate) {
  try {
    return await result;
  } catch (error) {
    throw new UnreadableFile(error instanceof TooLong
      ? `This song is too long for the browser to decode: ${longestMinutes(contextRate(rate))} minutes are the most. Convert it to WAV, which may have any length.`
      : noSongWords);
  }
}

// The samples of a WAV file for the engine's worker, read when it wants them: an hour of music takes no more memory than a minute.

export class WAVSamples {
  channelCount; sampleCount;
  #file;
  #header;
  #reader = new FileReaderSync();
  /** The range that was read last: the engine asks for one channel of it after the other. */
  #kept = { start: 0, count: 0, planes: [] };

  /** `header` is what `parseHeader` has found. */
  constructor(file, header) {
    this.#file = file;
    this.#header = header;
    Object.assign(this, { channelCount: header.channels, sampleCount: header.frames });
  }

  read(channel, start, count) {
    if (this.#kept.start !== start || this.#kept.count !== count) {
      const { dataOffset, bytesPerFrame } = this.#header;
      const from = dataOffset + start * bytesPerFrame;
      const bytes = this.#reader.readAsArrayBuffer(this.#file.slice(from, from + count * bytesPerFrame));
      this.#kept = { start, count, planes: decodeFrames(bytes, this.#header) };
    }
    return this.#kept.planes[channel];
  }
}

// The sample rate in a sound file's header. `decodeAudioData` resamples to the rate of its context
// without a word; a context of the file's own rate gets the samples as they are.

/** Bytes of a file's beginning that tell its rate. */
export const headerBytes = 1 << 16;
/** Opus always decodes to this rate. */
const opusRate = 48000;
/** AAC by index (ISO 14496-3). */
const aacRates = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
/** kbit/s of MP3 by index, of MPEG-1 and of MPEG-2 and 2.5 (ISO 11172-3 and 13818-3, layer III). */
const bitRates = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/** MP3 of MPEG-1 by index; MPEG-2 halves and MPEG-2.5 quarters them. */
const mp3Rates = [44100, 48000, 32000];

/** The rate of a FLAC, MP3, AAC, Ogg, MP4, WebM, WAV or AIFF file from its first bytes after tags; null for another one. */
export function rateOf(bytes) {
  const text = (at, count) => String.fromCharCode(...bytes.subarray(at, at + count));
  if (text(0, 4) === "fLaC") return readBig(bytes, 18, 3) >> 4;
  if (text(0, 4) === "OggS") return oggRate(bytes);
  if (text(4, 4) === "ftyp") return mp4Rate(bytes);
  if (readBig(bytes, 0, 4) === 0x1a45dfa3) return find(bytes, "A_OPUS") < 0 ? null : opusRate;
  if ((text(0, 4) === "RIFF" || text(0, 4) === "RF64") && text(8, 4) === "WAVE") return wavRate(bytes);
  if (text(0, 4) === "FORM" && text(8, 3) === "AIF") return aiffRate(bytes);
  return framesRate(bytes);
}

const readBig = (bytes, at, count) => bytes.subarray(at, at + count).reduce((sum, byte) => sum * 256 + byte, 0);

/** The size of the ID3v2 tag with which bytes begin, 0 without one. A tag says it in four groups of seven bits. */
export function tagBytes(bytes) {
  if (bytes.length < 10 || String.fromCharCode(...bytes.subarray(0, 3)) !== "ID3") return 0;
  const hasFooter = (bytes[5] & 0x10) !== 0;
  return (hasFooter ? 20 : 10) + bytes.subarray(6, 10).reduce((sum, byte) => sum * 128 + (byte & 127), 0);
}

function find(bytes, text, from = 0) {
  const codes = [...text].map((letter) => letter.charCodeAt(0));
  for (let at = from; at + codes.length <= bytes.length; at += 1) if (codes.every((code, i) => bytes[at + i] === code)) return at;
  return -1;
}

function oggRate(bytes) {
  if (find(bytes, "OpusHead") >= 0) return opusRate;
  const vorbis = find(bytes, "\x01vorbis");
  if (vorbis >= 0) return new DataView(bytes.buffer, bytes.byteOffset).getUint32(vorbis + 12, true);
  const flac = find(bytes, "fLaC");
  return flac < 0 ? null : readBig(bytes, flac + 18, 3) >> 4;
}

/** Of a file that this page doesn't read itself, such as one of 8 bits. */
function wavRate(bytes) {
  const format = find(bytes, "fmt ");
  return format < 0 || format + 16 > bytes.length ? null : new DataView(bytes.buffer, bytes.byteOffset).getUint32(format + 12, true) || null;
}

/** AIFF states its rate as a number of 80 bits: sign and exponent, then a mantissa whose first bit is its whole part. */
function aiffRate(bytes) {
  const common = find(bytes, "COMM");
  if (common < 0 || common + 26 > bytes.length) return null;
  const exponent = readBig(bytes, common + 16, 2) - 16383;
  return exponent < 0 || exponent > 31 ? null : Math.round(readBig(bytes, common + 18, 4) * 2 ** (exponent - 31));
}

/** The sample entry of the first sound track; the index of an MP4 file may be at its end, out of sight. */
function mp4Rate(bytes) {
  for (let at = 0; ; ) {
    const list = find(bytes, "stsd", at);
    // Before its type, the entry has its size, and the list its version and its count.
    if (list < 0 || list + 46 > bytes.length) return null;
    const type = String.fromCharCode(...bytes.subarray(list + 16, list + 20));
    if (type === "Opus") return opusRate;
    if (["mp4a", "fLaC", "alac"].includes(type)) return readBig(bytes, list + 44, 2) || null;
    at = list + 4;
  }
}

/** The first frame of MP3 or AAC that another one follows: samples, too, have bytes that look like the head of one. */
function framesRate(bytes) {
  for (let at = 0; at + 4 <= bytes.length; at += 1) {
    const frame = frameAt(bytes, at);
    if (!frame) continue;
    const next = at + frame.bytes;
    if (next + 4 > bytes.length || frameAt(bytes, next)?.rate === frame.rate) return frame.rate;
  }
  return null;
}

/** The frame of MP3 or AAC at a place, `{ rate, bytes }`; null without one. */
function frameAt(bytes, at) {
  const head = bytes.subarray(at, at + 6);
  const rate = aacRates[(head[2] >> 2) & 15];
  const size = (readBig(head, 3, 3) >> 5) & 0x1fff;
  const isAAC = head[0] === 0xff && (head[1] & 0xf6) === 0xf0 && rate && size >= 7;
  return isAAC ? { rate, bytes: size } : mp3Frame(head);
}

/** A frame of MP3 by its first four bytes; null if they are no header. */
function mp3Frame([sync, kind, coding]) {
  const [version, layer] = [(kind >> 3) & 3, (kind >> 1) & 3];
  const [bits, rateIndex] = [coding >> 4, (coding >> 2) & 3];
  if (sync !== 0xff || kind < 0xe0 || version === 1 || layer !== 1 || bits === 0 || bits === 15 || rateIndex === 3) return null;
  const isFirst = version === 3;
  const rate = mp3Rates[rateIndex] / [4, 1, 2, 1][version];
  return { rate, bytes: Math.floor(((isFirst ? 144000 : 72000) * bitRates[isFirst ? 0 : 1][bits]) / rate) + ((coding >> 1) & 1) };
}
