// Sounds that the browser decodes, as WAV files.

import { encodeFrames, wavHeader } from "./wav.js";

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
  const parts = [wavHeader(planes.length, rate, frames)];
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
