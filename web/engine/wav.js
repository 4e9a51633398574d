// Reads headers and samples of WAV files, enough to play any range of a stem without the rest of its file; writes them; and makes
// them of sounds that the browser decodes.

const pcm = 1;
const float = 3;
const extensible = 0xfffe;
/** The most that a size in a header can be; in a longer file it stands for "to the end". */
const mostBytes = 0xffffffff;

/**
 * Reads the header of a WAV file from its first bytes.
 *
 * `totalBytes` is the length of the whole file: a header written before the end was known (data
 * size 0 or 0xFFFFFFFF) ends with the file. Returns null for bytes that are not a WAV file that
 * `decodeFrames` can read.
 */
export function parseHeader(buffer, totalBytes) {
  const view = new DataView(buffer);
  const tag = (at) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (view.byteLength < 12 || !["RIFF", "RF64"].includes(tag(0)) || tag(8) !== "WAVE") return null;
  let format = null;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const kind = tag(at);
    const size = view.getUint32(at + 4, true);
    if (kind === "fmt " && at + 24 <= view.byteLength) {
      let encoding = view.getUint16(at + 8, true);
      if (encoding === extensible && size >= 26 && at + 34 <= view.byteLength) encoding = view.getUint16(at + 32, true);
      format = {
        isFloat: encoding === float,
        channels: view.getUint16(at + 10, true),
        sampleRate: view.getUint32(at + 12, true),
        bytesPerFrame: view.getUint16(at + 20, true),
        bits: view.getUint16(at + 22, true),
      };
      const readable = encoding === pcm ? [16, 24, 32] : encoding === float ? [32] : [];
      if (!readable.includes(format.bits) || format.channels < 1) return null;
      if (format.bytesPerFrame !== (format.channels * format.bits) / 8) return null;
    } else if (kind === "data") {
      if (!format) return null;
      const dataOffset = at + 8;
      const isOpenEnded = size === 0 || size === mostBytes;
      const dataBytes = isOpenEnded ? totalBytes - dataOffset : Math.min(size, totalBytes - dataOffset);
      return { ...format, dataOffset, isOpenEnded, frames: Math.floor(dataBytes / format.bytesPerFrame) };
    }
    // Chunks begin at even addresses.
    at += 8 + size + (size & 1);
  }
  return null;
}

/** The samples of whole frames, one Float32Array for each channel, in −1…1. */
export function decodeFrames(buffer, format) {
  const { channels, bits, isFloat, bytesPerFrame } = format;
  const frames = Math.floor(buffer.byteLength / bytesPerFrame);
  const planes = Array.from({ length: channels }, () => new Float32Array(frames));
  const view = new DataView(buffer);
  const step = bits / 8;
  const read = isFloat
    ? (at) => view.getFloat32(at, true)
    : bits === 16
      ? (at) => view.getInt16(at, true) / 0x8000
      : bits === 24
        ? (at) => (view.getUint16(at, true) | (view.getInt8(at + 2) << 16)) / 0x800000
        : (at) => view.getInt32(at, true) / 0x80000000;
  for (let channel = 0; channel < channels; channel += 1) {
    const plane = planes[channel];
    for (let frame = 0, at = channel * step; frame < frames; frame += 1, at += bytesPerFrame) plane[frame] = read(at);
  }
  return planes;
}

/** The head of a WAV file with float samples, or those of 16 bits. */
export function wavHeader(channels, sampleRate, frames, bits = 32) {
  const view = new DataView(new ArrayBuffer(44));
  const tag = (at, text) => [...text].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  const bytesPerFrame = (bits / 8) * channels;
  const bytes = frames * bytesPerFrame;
  tag(0, "RIFF");
  view.setUint32(4, Math.min(mostBytes, 36 + bytes), true);
  tag(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, bits === 32 ? float : pcm, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * bytesPerFrame, true);
  view.setUint16(32, bytesPerFrame, true);
  view.setUint16(34, bits, true);
  tag(36, "data");
  view.setUint32(40, Math.min(mostBytes, bytes), true);
  return view.buffer;
}

/** Interleaved float samples: the opposite of `decodeFrames`. */
export function encodeFrames(planes) {
  const samples = new Float32Array(planes[0].length * planes.length);
  planes.forEach((plane, channel) => {
    for (let frame = 0, at = channel; frame < plane.length; frame += 1, at += planes.length) samples[at] = plane[frame];
  });
  return samples;
}

/** The same file with samples of 16 bits; a sound beyond full scale gets quieter as a whole, so that it isn't clipped. */
export async function to16Bits(file) {
  const { channels, sampleRate, frames, bytesPerFrame } = parseHeader(await file.slice(0, 44).arrayBuffer(), file.size);
  const parts = /** @type {BlobPart[]} */ ([wavHeader(channels, sampleRate, frames, 16)]);
  const places = Array.from({ length: Math.ceil(frames / framesPerStep) }, (_, step) => 44 + step * framesPerStep * bytesPerFrame);
  const samples = async (at) => new Float32Array(await file.slice(at, at + framesPerStep * bytesPerFrame).arrayBuffer());
  let peak = 1;
  for (const at of places) peak = (await samples(at)).reduce((most, sample) => Math.max(most, Math.abs(sample)), peak);
  for (const at of places) parts.push(new Blob([Int16Array.from(await samples(at), (sample) => Math.round((sample / peak) * 0x7fff))]));
  return new Blob(parts, { type: "audio/wav" });
}

// Sounds that the browser decodes, as WAV files.

/** Rate of the models. */
export const modelRate = 44100;
/** Decoded sound that a tab can hold: 20 minutes in stereo at 44,100 Hz. */
const mostDecodedBytes = 424e6;
/** A sample of both channels. */
const bytesPerFrame = 8;
/** Least bytes of a second of sound, for files that don't tell their length. */
const leastBytesPerSecond = 8000;
const framesPerStep = 1 << 18;

/** Whole minutes of a song that a browser should decode at a rate. */
export const longestMinutes = (rate) => Math.floor(mostDecodedBytes / bytesPerFrame / rate / 60);

/** For a file without sound that can be read. */
export const noSongWords = "No song can be read in this file: it is broken, or of an unknown format.";

/** The song is longer than a browser should decode. */
export class TooLong extends Error {}

/** The seconds of a file that is to be decoded at a rate, Infinity if it tells none; throws `TooLong`, or another error if the browser can't read it. */
export async function decodableSeconds(file, rate) {
  const seconds = await durationOf(file);
  if ((Number.isFinite(seconds) ? seconds : file.size / leastBytesPerSecond) > 60 * longestMinutes(rate)) throw new TooLong();
  return seconds;
}

/** A WAV file with the sound of a file, to whose rate the browser resamples; throws if it can't decode it. */
export async function decodeToWAV(file, rate) {
  const sound = await new OfflineAudioContext(1, 1, rate).decodeAudioData(await file.arrayBuffer());
  const planes = Array.from({ length: sound.numberOfChannels }, (_, channel) => sound.getChannelData(channel));
  const frames = planes[0].length;
  const parts = /** @type {BlobPart[]} */ ([wavHeader(planes.length, rate, frames)]);
  for (let frame = 0; frame < frames; frame += framesPerStep) {
    // The browser keeps blobs outside the page's memory.
    parts.push(new Blob([encodeFrames(planes.map((plane) => plane.subarray(frame, frame + framesPerStep)))]));
    // The page answers clicks between the steps.
    await new Promise((resolve) => setTimeout(resolve));
  }
  return new Blob(parts, { type: "audio/wav" });
}

/** The length that a file tells, which needs no decoding. Infinity if it tells none. */
function durationOf(file) {
  const address = URL.createObjectURL(file);
  return new Promise((resolve, reject) => {
    const player = new Audio();
    player.preload = "metadata";
    player.onloadedmetadata = () => resolve(player.duration);
    player.onerror = () => reject(new Error("The browser can't read the file."));
    player.src = address;
  }).finally(() => URL.revokeObjectURL(address));
}
