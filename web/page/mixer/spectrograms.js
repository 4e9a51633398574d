// Spectrograms of a song's stems: one column for each pixel of the visible window, computed by a worker from
// the bytes of the stems' files. Only the window's own columns are transformed, so that ten minutes take no
// longer than their transfer.

import { bands, highestHz, lowestHz, spectrumFrames } from "./spectrum.js";

/** Frames of a request at most: 8 MB of 16-bit stereo. */
const chunkFrames = 1 << 21;
/** Requests at once: one is fetched while another is transformed. */
const mostLoads = 3;
/** A window must stay so long before its own columns are computed. */
const restMilliseconds = 120;
/** The scale at the left edge, in hertz. */
const marks = { "100 Hz": 100, "1 kHz": 1000, "10 kHz": 10000 };
const leastBandPixels = 60;

export class Spectrograms {
  #worker = new Worker(new URL("spectrum.js", import.meta.url), { type: "module" });
  #pieces;
  #colours;
  #onPicture;
  /** Pictures of windows: the whole song, and the last window; `{ start, hop, columns, canvases, left }` in frames. */
  #whole = null;
  #window = null;
  #timer = null;
  #wanted = null;
  #loads = 0;
  /** Parts of pictures to compute: `{ picture, stem, column, count, first, end }`, of which the last two are the frames that it takes. */
  #queue = [];
  #isWaiting = false;
  #answers = new Map();
  #count = 0;

  /** `colours` of the stems; `onPicture(stem)` is called when a part of a picture has arrived. */
  constructor(pieces, colours, onPicture) {
    this.#pieces = pieces;
    this.#colours = colours;
    this.#onPicture = onPicture;
    this.#worker.onmessage = ({ data: { id, levels } }) => {
      this.#answers.get(id)(levels);
      this.#answers.delete(id);
    };
  }

  close() {
    this.#worker.terminate();
    clearTimeout(this.#timer);
    this.#queue = [];
  }

  /** Whether all columns of the last window have arrived. */
  get isComplete() {
    return this.#whole !== null && !this.#timer && this.#loads === 0 && this.#queue.length === 0;
  }

  /** The latest picture of a stem: its canvas, and the frames of its start and of a column. */
  picture(stem) {
    const { canvases, start, hop } = this.#window ?? this.#whole;
    return { canvas: canvases[stem], start, hop };
  }

  /** Draws a stem's part of a window; what is missing is requested. */
  draw(context, stem, timeline, { width, height, ratio, ink }) {
    const rate = this.#pieces.sampleRate;
    const [first, end] = [timeline.start * rate, Math.min(timeline.end * rate, this.#pieces.frames)];
    this.#want(first, end, width, timeline.isZoomed);
    for (const picture of [this.#whole, this.#window]) {
      if (!picture) continue;
      const canvas = picture.canvases[stem];
      const from = (first - picture.start) / picture.hop;
      const count = (end - first) / picture.hop;
      const [left, right] = [Math.max(0, from), Math.min(canvas.width, from + count)];
      if (left >= right) continue;
      const x = ((left - from) / count) * width;
      const wide = ((right - left) / count) * width;
      // A finer picture takes the place of the coarse one.
      if (picture === this.#window) context.clearRect(x, 0, wide * picture.share, height);
      context.drawImage(canvas, left, 0, right - left, bands, x, 0, wide, height);
    }
    if (height < leastBandPixels * ratio) return;
    context.fillStyle = ink;
    context.font = `${10 * ratio}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    const top = highestHz(rate);
    for (const [words, hertz] of Object.entries(marks)) {
      if (hertz >= top) continue;
      const y = height * (1 - Math.log(hertz / lowestHz) / Math.log(top / lowestHz));
      context.fillRect(0, y, 5 * ratio, ratio);
      context.fillText(words, 8 * ratio, y);
    }
  }

  /** Requests the columns of a window when it has come to rest. */
  #want(first, end, width, isZoomed) {
    const hop = Math.max(1, (end - first) / width);
    const key = `${first} ${end} ${width}`;
    if (this.#wanted === key) return;
    this.#wanted = key;
    clearTimeout(this.#timer);
    const begin = () => {
      this.#timer = null;
      this.#begin(first, end, hop, isZoomed);
    };
    this.#timer = setTimeout(begin, this.#whole ? restMilliseconds : 0);
  }

  #begin(first, end, hop, isZoomed) {
    const columns = Math.ceil((end - first) / hop);
    const canvases = this.#colours.map(() => Object.assign(document.createElement("canvas"), { width: columns, height: bands }));
    const picture = { start: first, hop, columns, canvases, share: 0 };
    if (isZoomed) this.#window = picture;
    else [this.#whole, this.#window] = [picture, null];
    const step = Math.max(1, Math.floor(chunkFrames / hop));
    this.#queue = [];
    for (let column = 0; column < columns; column += step) {
      const count = Math.min(step, columns - column);
      // Each column is the spectrum around the middle of its frames.
      const centre = first + (column + 0.5) * hop;
      const from = Math.max(0, Math.floor(centre - spectrumFrames / 2));
      const until = Math.min(this.#pieces.frames, Math.ceil(centre + (count - 1) * hop + spectrumFrames / 2));
      this.#colours.forEach((_, stem) => this.#queue.push({ picture, stem, column, count, first: from, end: until }));
    }
    this.#next();
  }

  #next() {
    while (this.#loads < mostLoads) {
      const index = this.#queue.findIndex(({ first, end }) => this.#pieces.hasFrames(first, end - first));
      if (index < 0) break;
      const [part] = this.#queue.splice(index, 1);
      this.#loads += 1;
      this.#load(part).catch(async () => {
        // A part that can't be fetched stays empty, and the next window asks again; but the files of a job that
        // has just ended are replaced.
        if (!this.#pieces.isGrowing) return;
        await this.#pieces.grown();
        if (part.picture === this.#whole || part.picture === this.#window) this.#queue.push(part);
      }).finally(() => {
        this.#loads -= 1;
        this.#next();
      });
    }
    if (this.#queue.length) this.#waitForMore();
  }

  /** Goes on when the song has grown. */
  async #waitForMore() {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    await this.#pieces.grown();
    this.#isWaiting = false;
    this.#next();
  }

  async #load({ picture, stem, column, count, first, end }) {
    const { start, hop } = picture;
    const centre = start + (column + 0.5) * hop;
    const { bytes, format } = await this.#pieces.bytes(stem, first, end - first);
    const id = (this.#count += 1);
    const levels = await new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.#worker.postMessage({ id, bytes, format, centre: centre - first, hop, count }, [bytes]);
    });
    if (picture !== this.#whole && picture !== this.#window) return;
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(this.#colours[stem].slice(at, at + 2), 16));
    const image = new ImageData(count, bands);
    for (let i = 0; i < count; i += 1) {
      for (let band = 0; band < bands; band += 1) {
        const at = ((bands - 1 - band) * count + i) * 4;
        image.data[at] = red;
        image.data[at + 1] = green;
        image.data[at + 2] = blue;
        image.data[at + 3] = levels[i * bands + band];
      }
    }
    picture.canvases[stem].getContext("2d").putImageData(image, column, 0);
    picture.share = Math.max(picture.share, (column + count) / picture.columns);
    this.#onPicture(stem);
  }
}
