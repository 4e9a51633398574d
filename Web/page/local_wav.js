// The samples of a WAV file for the engine's worker, read when it wants them: an hour of music takes no more memory than a minute.

import { decodeFrames } from "./wav.js";

export class WAVSamples {
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
