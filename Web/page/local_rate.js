// The sample rate in a sound file's header. `decodeAudioData` resamples to the rate of its context
// without a word; a context of the file's own rate gets the samples as they are.

/** Bytes of a file's beginning that tell its rate. */
export const headerBytes = 1 << 16;
/** Opus always decodes to this rate. */
const opusRate = 48000;
/** MPEG-1 audio by index (ISO 11172-3); MPEG-2 halves and MPEG-2.5 quarters them. */
const mpegRates = [44100, 48000, 32000];
/** AAC by index (ISO 14496-3). */
const aacRates = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

/** The rate of a FLAC, MP3, AAC, Ogg, MP4 or WebM file from its first bytes after tags; null for another one. */
export function rateOf(bytes) {
  const text = (at, count) => String.fromCharCode(...bytes.subarray(at, at + count));
  if (text(0, 4) === "fLaC") return readBig(bytes, 18, 3) >> 4;
  if (text(0, 4) === "OggS") return oggRate(bytes);
  if (text(4, 4) === "ftyp") return mp4Rate(bytes);
  if (readBig(bytes, 0, 4) === 0x1a45dfa3) return find(bytes, "A_OPUS") < 0 ? null : opusRate;
  return framesRate(bytes);
}

const readBig = (bytes, at, count) => bytes.subarray(at, at + count).reduce((sum, byte) => sum * 256 + byte, 0);

/** The size of the ID3v2 tag with which bytes begin, 0 without one. A tag says it in four groups of seven bits. */
export function tagBytes(bytes) {
  if (bytes.length < 10 || String.fromCharCode(...bytes.subarray(0, 3)) !== "ID3") return 0;
  const hasFooter = (bytes[5] & 0x10) !== 0;
  return (hasFooter ? 20 : 10) + bytes.subarray(6, 10).reduce((sum, byte) => sum * 128 + (byte & 127), 0);
}

function find(bytes, text) {
  const codes = [...text].map((letter) => letter.charCodeAt(0));
  for (let at = 0; at + codes.length <= bytes.length; at += 1) if (codes.every((code, i) => bytes[at + i] === code)) return at;
  return -1;
}

function oggRate(bytes) {
  if (find(bytes, "OpusHead") >= 0) return opusRate;
  const vorbis = find(bytes, "\x01vorbis");
  if (vorbis >= 0) return new DataView(bytes.buffer, bytes.byteOffset).getUint32(vorbis + 12, true);
  const flac = find(bytes, "fLaC");
  return flac < 0 ? null : readBig(bytes, flac + 18, 3) >> 4;
}

/** The sample entry of the first sound track; the index of an MP4 file may be at its end, out of sight. */
function mp4Rate(bytes) {
  if (find(bytes, "Opus") >= 0) return opusRate;
  const entry = Math.max(find(bytes, "mp4a"), find(bytes, "fLaC"), find(bytes, "alac"));
  return entry < 0 || entry + 30 > bytes.length ? null : readBig(bytes, entry + 28, 2) || null;
}

/** The first frame of MP3 or AAC whose header is valid. */
function framesRate(bytes) {
  for (let at = 0; at + 4 <= bytes.length; at += 1) {
    if (bytes[at] !== 0xff || (bytes[at + 1] & 0xe0) !== 0xe0) continue;
    const [version, layer] = [(bytes[at + 1] >> 3) & 3, (bytes[at + 1] >> 1) & 3];
    if (layer === 0 && (bytes[at + 1] & 0xf0) === 0xf0) return aacRates[(bytes[at + 2] >> 2) & 15] ?? null;
    const index = (bytes[at + 2] >> 2) & 3;
    if (version !== 1 && layer !== 0 && index !== 3 && bytes[at + 2] >> 4 !== 15) return mpegRates[index] / [4, 1, 2, 1][version];
  }
  return null;
}
