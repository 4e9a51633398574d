// A WAV file of stems at another speed and pitch, rendered by a worker piece by piece.

import { signed } from "./format.js";
import { percent } from "./tuning.js";
import { wavHeader } from "./wav.js";

/** "Song - mix (70 %, +2).wav" */
export const stretchedName = (song, part, { speed, semitones }) => `${song} - ${part} (${percent(speed)}, ${signed(semitones)}).wav`;

/** `gains` has gain and pan of each stem. `onProgress` gets 0…1. */
export async function stretchedFile(pieces, names, gains, tuning, onProgress) {
  const strips = names.map((name, index) => ({ name, index, gain: gains[index][0], pan: gains[index][1] })).filter(({ gain }) => gain > 0);
  const { frames, pieceFrames, sampleRate } = pieces;
  const worker = new Worker("stretch_worker.js", { type: "module" });
  try {
    worker.postMessage({ song: { frames, pieceFrames, stems: strips, tuning } });
    const parts = [wavHeader(2, sampleRate, Math.floor(frames / tuning.speed))];
    for (let index = 0; index < pieces.count; index += 1) {
      const buffers = await pieces.get(index);
      const stems = strips.map((strip) => [0, 1].map((channel) => buffers[strip.index].getChannelData(channel).slice()));
      const rendered = await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage({ piece: { index, stems } }, stems.flat().map(({ buffer }) => buffer));
      });
      // The browser keeps blobs outside the page's memory.
      parts.push(new Blob(rendered));
      onProgress((index + 1) / pieces.count);
    }
    return new Blob(parts, { type: "audio/wav" });
  } finally {
    worker.terminate();
  }
}
