// Where FLAC files (RFC 9639) can be cut: each frame decodes by itself. A frame is found by the sync code, the number that
// follows that of the frame before, and the checksum of its header.

import { pieceSeconds, Uncuttable } from "./local_cut.js";

const mostFrameBytes = 1 << 20;
/** "fLaC", the head of a block, and STREAMINFO. */
const headBytes = 42;

export async function* pieces(file, at, rate) {
  const head = (await file.read(at, headBytes)).slice();
  const view = new DataView(head.buffer);
  if (head.length < headBytes || view.getUint32(18) >>> 12 !== rate) throw new Uncuttable();
  const samples = (head[21] & 15) * 2 ** 32 + view.getUint32(22);
  at = await firstFrame(file, at + 4);
  let header = frameHeader(await file.read(at, 16), 0);
  for (let [from, start, end] = [at, 0, 0]; header; ) {
    end += header.samples;
    const next = await nextFrame(file, at, header);
    at = next?.at ?? file.size;
    header = next?.header;
    if (header && end - start < pieceSeconds * rate) continue;
    if (!header && samples && samples !== end) throw new Uncuttable();
    yield { parts: [headOf(head, end - start), file.file.slice(from, at)], start, end };
    [from, start] = [at, end];
  }
}

/** The first byte after the blocks of metadata, of which `at` is the first. */
async function firstFrame(file, at) {
  for (;;) {
    const [flags, ...size] = await file.read(at, 4);
    if (size.length < 3) throw new Uncuttable();
    at += 4 + size[0] * 65536 + size[1] * 256 + size[2];
    if (flags & 0x80) return at;
  }
}

/** A stream's head for a part of its samples, without a checksum of them. */
function headOf(whole, samples) {
  const head = whole.slice();
  head[4] = 0x80;
  head[21] &= 0xf0;
  new DataView(head.buffer).setUint32(22, samples);
  return head.fill(0, 26);
}

/** The frame after that at `at`, `{ at, header }`; null if that is the last. */
async function nextFrame(file, at, { number, samples, isVariable }) {
  const wanted = isVariable ? number + samples : number + 1;
  const bytes = await file.read(at, mostFrameBytes);
  for (let place = bytes.indexOf(0xff, 8); place >= 0; place = bytes.indexOf(0xff, place + 1)) {
    const header = frameHeader(bytes, place);
    if (header?.number === wanted && header.isVariable === isVariable) return { at: at + place, header };
  }
  if (at + bytes.length < file.size) throw new Uncuttable();
  return null;
}

/** The header of a frame: its number, or that of its first sample, and its samples. Null if there is none. */
function frameHeader(bytes, at) {
  if (bytes[at] !== 0xff || (bytes[at + 1] & 0xfe) !== 0xf8) return null;
  const [size, rate] = [bytes[at + 2] >> 4, bytes[at + 2] & 15];
  if (size === 0 || rate === 15 || bytes[at + 3] & 1) return null;
  let end = at + 4;
  const read = (count) => {
    end += count;
    return bytes.subarray(end - count, end).reduce((sum, byte) => sum * 256 + byte, 0);
  };
  // As UTF-8, up to 36 bits.
  const first = read(1);
  const more = Math.max(0, Math.clz32(~(first << 24)) - 1);
  let number = more ? first & (0x3f >> more) : first;
  for (let i = 0; i < more; i += 1) number = number * 64 + (read(1) & 0x3f);
  const samples = size === 1 ? 192 : size < 6 ? 576 << (size - 2) : size < 8 ? read(size - 5) + 1 : 256 << (size - 8);
  read([0, 1, 2, 2][Math.max(0, rate - 11)]);
  return end < bytes.length && crc8(bytes.subarray(at, end)) === bytes[end] ? { number, samples, isVariable: (bytes[at + 1] & 1) === 1 } : null;
}

/** The checksum with the polynomial x^8 + x^2 + x + 1. */
function crc8(bytes) {
  let value = 0;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value << 1) ^ (value & 0x80 ? 0x107 : 0);
  }
  return value;
}
