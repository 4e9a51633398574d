// A WAV file of stems at another speed and pitch, or with clicks, rendered by a worker piece by piece.

import { wavHeader } from "./wav.js";

/**
 * `part` is in seconds of the song, as are `clicks` (`{ time, strength }`) and the `lead`, which is the time of the clicks before the sound;
 * `strips` are `{ name, index, gain, pan }`. `onProgress` gets 0…1.
 */
export async function renderedFile({ pieces, strips, tuning, part, clicks, lead, clickGain }, onProgress) {
  const { frames, pieceFrames, sampleRate } = pieces;
  const [from, end] = part.map((edge) => Math.min(frames, Math.round(edge * sampleRate)));
  const stems = strips.filter(({ gain }) => gain > 0);
  const outputFrames = (seconds) => Math.round((seconds * sampleRate) / tuning.speed);
  const length = outputFrames(lead) + Math.floor((end - from) / tuning.speed);
  const placed = clicks.map(({ time, strength }) => ({ frame: outputFrames(lead + time - part[0]), strength }));
  const worker = new Worker("render_worker.js", { type: "module" });
  try {
    worker.postMessage({ song: { frames, pieceFrames, sampleRate, stems, tuning, from, lead: outputFrames(lead), length, clicks: placed, clickGain } });
    const parts = [wavHeader(2, sampleRate, length)];
    const first = Math.floor(from / pieceFrames);
    for (let index = first, isDone = false; index < pieces.count && !isDone; index += 1) {
      const buffers = await pieces.get(index);
      const planes = stems.map((strip) => [0, 1].map((channel) => buffers[strip.index].getChannelData(channel).slice()));
      const rendered = await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage({ piece: { index, stems: planes } }, planes.flat().map(({ buffer }) => buffer));
      });
      // The browser keeps blobs outside the page's memory.
      parts.push(new Blob(rendered.parts));
      isDone = rendered.isDone;
      onProgress(Math.min(1, ((index + 1) * pieceFrames - from) / (end - from)));
    }
    return new Blob(parts, { type: "audio/wav" });
  } finally {
    worker.terminate();
  }
}
