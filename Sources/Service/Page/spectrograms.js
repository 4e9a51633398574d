// Spectrograms of a song's stems, computed by a worker piece by piece as they become visible.

import { bands } from "./spectrum.js";

/** A longer window would fetch too much sound for one image. */
export const longestWindowSeconds = 900;

export class Spectrograms {
  #worker = new Worker("spectrum.js", { type: "module" });
  #pictures = new Map();
  #pieces;
  #colours;
  #wanted = [];
  #isBusy = false;
  #onPicture;

  constructor(pieces, colours, onPicture) {
    this.#pieces = pieces;
    this.#colours = colours;
    this.#onPicture = onPicture;
    this.#worker.onmessage = ({ data }) => this.#keep(data);
  }

  close() {
    this.#worker.terminate();
    this.#wanted = [];
  }

  /** Finished images of a stem in a window: their frames and canvases. Missing ones are requested. */
  visible(stem, firstFrame, endFrame) {
    const found = [];
    const { pieceFrames } = this.#pieces;
    this.#wanted = this.#wanted.filter((index) => (index + 1) * pieceFrames > firstFrame && index * pieceFrames < endFrame);
    for (let index = Math.floor(firstFrame / pieceFrames); index * pieceFrames < endFrame && index < this.#pieces.count; index += 1) {
      const pictures = this.#pictures.get(index);
      if (pictures?.[stem]) found.push({ start: index * pieceFrames, ...pictures[stem] });
      else if (!pictures && !this.#wanted.includes(index)) this.#wanted.push(index);
    }
    this.#next();
    return found;
  }

  async #next() {
    if (this.#isBusy || !this.#wanted.length) return;
    this.#isBusy = true;
    const index = this.#wanted.shift();
    try {
      const buffers = await this.#pieces.get(index);
      this.#pictures.set(index, []);
      buffers.forEach((buffer, stem) => {
        const left = buffer.getChannelData(0);
        const right = buffer.getChannelData(1);
        const samples = Float32Array.from(left, (value, i) => (value + right[i]) / 2);
        this.#worker.postMessage({ key: { index, stem, frames: buffer.length, isLast: stem === buffers.length - 1 }, samples, sampleRate: buffer.sampleRate }, [samples.buffer]);
      });
    } catch {
      // The row stays empty; the next drawing of this window requests it again.
      this.#isBusy = false;
    }
  }

  #keep({ key: { index, stem, frames, isLast }, levels }) {
    const columns = levels.length / bands;
    const canvas = document.createElement("canvas");
    canvas.width = columns;
    canvas.height = bands;
    const image = new ImageData(columns, bands);
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(this.#colours[stem].slice(at, at + 2), 16));
    for (let column = 0; column < columns; column += 1) {
      for (let band = 0; band < bands; band += 1) {
        const level = levels[column * bands + band];
        image.data.set([red, green, blue, level], ((bands - 1 - band) * columns + column) * 4);
      }
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    this.#pictures.get(index)[stem] = { canvas, frames };
    this.#onPicture(stem);
    if (!isLast) return;
    this.#isBusy = false;
    this.#next();
  }
}
