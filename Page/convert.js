// Sounds that the service can't read, decoded by the browser and written as WAV files.

import { encodeFrames, wavHeader } from "./wav.js";

/** A decoded song of this length takes about 400 MB of memory. */
export const longestDecodedSeconds = 20 * 60;
/** Rate of the WAV file, to which the browser resamples: that of the models. */
const sampleRate = 44100;
/** Least bytes of a second of sound, for files that don't tell their length. */
const leastBytesPerSecond = 8000;
const framesPerStep = 1 << 18;

/** The song is longer than a browser should decode. */
export class TooLong extends Error {}

/** A WAV file with the sound of a file; throws `TooLong`, or another error if the browser can't decode it either. */
export async function decodeToWAV(file) {
  const seconds = await durationOf(file);
  if ((Number.isFinite(seconds) ? seconds : file.size / leastBytesPerSecond) > longestDecodedSeconds) throw new TooLong();
  const planes = await decodedPlanes(file, sampleRate);
  const frames = planes[0].length;
  const parts = [wavHeader(planes.length, sampleRate, frames)];
  for (let frame = 0; frame < frames; frame += framesPerStep) {
    // The browser keeps blobs outside the page's memory.
    parts.push(new Blob([encodeFrames(planes.map((plane) => plane.subarray(frame, frame + framesPerStep)))]));
    // The page answers clicks between the steps.
    await new Promise((resolve) => setTimeout(resolve));
  }
  return new Blob(parts, { type: "audio/wav" });
}

/** The samples of each channel, at a rate to which the browser resamples. */
export async function decodedPlanes(file, rate) {
  const sound = await new OfflineAudioContext(1, 1, rate).decodeAudioData(await file.arrayBuffer());
  return Array.from({ length: sound.numberOfChannels }, (_, channel) => sound.getChannelData(channel));
}

/** The length that a file tells, which needs no decoding. Infinity if it tells none. */
export function durationOf(file) {
  const address = URL.createObjectURL(file);
  return new Promise((resolve, reject) => {
    const player = new Audio();
    player.preload = "metadata";
    player.onloadedmetadata = () => resolve(player.duration);
    player.onerror = () => reject(new Error("The browser can't read the file."));
    player.src = address;
  }).finally(() => URL.revokeObjectURL(address));
}
