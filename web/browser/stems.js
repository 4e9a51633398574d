// The stems of a job in the browser's storage: written piece by piece while the engine works, and read by
// ranges as WAV files. Each piece is a file of its own, so that a reader never meets a half-written one.

import { decodeFrames, encodeFrames, wavHeader } from "../engine/wav.js";
import { Problem } from "../page/words.js";

/** Samples of a block, 6 ms at 44,100 Hz. */
const blockSamples = 256;

const quantized = (sample) => Math.max(-128, Math.min(127, Math.round(sample * 128)));

/** Least and greatest samples of one stem's blocks, as the service makes them for drawing, filled piece by piece. */
export class Waveform {
  blocks; min; max;

  /** `[channel][block]`; an empty block has its least value above its greatest. */
  constructor(channels, samples) {
    const blocks = Math.ceil(samples / blockSamples);
    const filled = (value) => Array.from({ length: channels }, () => new Int8Array(blocks).fill(value));
    Object.assign(this, { blocks, min: filled(127), max: filled(-128) });
  }

  /** Adds the samples of a piece, which may begin and end within a block. */
  add(start, planes) {
    planes.forEach((plane, channel) => {
      const [min, max] = [this.min[channel], this.max[channel]];
      for (let at = 0; at < plane.length; ) {
        const block = Math.floor((start + at) / blockSamples);
        const end = Math.min(plane.length, (block + 1) * blockSamples - start);
        let [least, most] = [Infinity, -Infinity];
        for (; at < end; at += 1) {
          if (plane[at] < least) least = plane[at];
          if (plane[at] > most) most = plane[at];
        }
        min[block] = Math.min(min[block], quantized(least));
        max[block] = Math.max(max[block], quantized(most));
      }
    });
  }

  /** The blocks `[first, end]` that have the samples of a part. */
  blocksOf(first, end) {
    return [Math.floor(first / blockSamples), Math.min(this.blocks, Math.ceil(end / blockSamples))];
  }

  /** `points` points of each channel for the blocks `[first, end]`; of B blocks, point i covers those from i·B/N to (i + 1)·B/N. */
  reduced(points, [first, last] = [0, this.blocks]) {
    const blocks = last - first;
    return this.min.map((min, channel) => {
      const max = this.max[channel];
      const reply = { min: [], max: [] };
      for (let point = 0; point < points; point += 1) {
        let [least, most] = [127, -128];
        const end = first + Math.floor((point + 1) * blocks / points);
        for (let block = first + Math.floor(point * blocks / points); block < end; block += 1) {
          if (min[block] < least) least = min[block];
          if (max[block] > most) most = max[block];
        }
        reply.min.push(least > most ? 0 : least);
        reply.max.push(least > most ? 0 : most);
      }
      return reply;
    });
  }

  /** The bytes of a stored waveform: least, then greatest values of each channel. */
  get stored() {
    return this.min.flatMap((min, channel) => [min, this.max[channel]]);
  }

  /** Fills the waveform from stored bytes, which can have a block more: the song's end was an estimate. */
  restore(bytes) {
    const planes = this.stored;
    const stride = bytes.byteLength / planes.length;
    planes.forEach((plane, index) => plane.set(new Int8Array(bytes, index * stride, this.blocks)));
  }
}

const sampleBytes = 4;

export class Stems {
  #storage;
  #folder;
  #waveforms;
  /** Files of the pieces in order. */
  #files = [];
  /** Callers that wait for samples: `{ sample, resolve, reject }`. */
  #waiting = [];
  #isComplete = false;
  #wavs = new Map();

  /** `shape` is `{ names, channels, sampleRate, samples, pieces }`, of which `pieces` are `[start, count]`. */
  constructor(storage, folder, shape) {
    this.#storage = storage;
    this.#folder = folder;
    this.shape = shape;
    this.peaks = shape.names.map(() => 0);
    this.#waveforms = shape.names.map(() => new Waveform(shape.channels, shape.samples));
  }

  /** The stems of a job that has ended. */
  static async open(storage, folder, shape) {
    const stems = new Stems(storage, folder, shape);
    stems.#files = await Promise.all(shape.pieces.map(([start]) => storage.file(stems.#path(start))));
    if (stems.#files.includes(null)) throw new Problem(410, "The browser has removed the stems of this song. Delete it here, and separate it again.");
    const stored = await storage.read(`${folder}/waveforms`);
    const each = stored.byteLength / shape.names.length;
    stems.#waveforms.forEach((waveform, index) => waveform.restore(stored.slice(index * each, (index + 1) * each)));
    stems.#isComplete = true;
    return stems;
  }

  /** The stems that an interrupted separation has left. A piece is whole if another one begins where it ends; the last one may
   * be broken off, and is removed. */
  static async resume(storage, folder, shape) {
    const stems = new Stems(storage, folder, { ...shape, pieces: [] });
    const starts = (await storage.list(`${folder}/pieces`)).map(Number);
    for (const [place, start] of starts.entries()) {
      const file = await storage.file(stems.#path(start));
      const bytes = file.size / shape.names.length;
      const count = bytes / stems.#frameBytes;
      if (start !== stems.ready || starts[place + 1] !== start + count) {
        await storage.remove(stems.#path(start));
        continue;
      }
      const format = { channels: shape.channels, bits: 32, isFloat: true, bytesPerFrame: stems.#frameBytes };
      const samples = await file.arrayBuffer();
      stems.#take(start, file, shape.names.map((_, index) => decodeFrames(samples.slice(index * bytes, (index + 1) * bytes), format)));
    }
    return stems;
  }

  /** Samples from the beginning that are stored. */
  get ready() {
    const [start, count] = this.shape.pieces.at(-1) ?? [0, 0];
    return start + count;
  }

  get seconds() {
    return this.shape.samples / this.shape.sampleRate;
  }

  wavBytes() {
    return 44 + this.shape.samples * this.#frameBytes;
  }

  /** The stems as their job lists them. */
  listed() {
    return this.shape.names.map((name, index) => ({ name, is_part: true, peak: this.peaks[index], bytes: this.wavBytes() }));
  }

  /** Stores the next piece: the planes of each stem, in order. */
  async add(start, stems) {
    const count = stems[0][0].length;
    const samples = new Float32Array(stems.length * count * this.shape.channels);
    stems.forEach((planes, index) => samples.set(encodeFrames(planes), index * count * this.shape.channels));
    await this.#storage.append(this.#path(start), samples);
    this.#take(start, await this.#storage.file(this.#path(start)), stems);
    this.#release((sample) => sample <= this.ready);
  }

  /** Counts a piece that is stored. */
  #take(start, file, stems) {
    this.#files.push(file);
    this.shape.pieces.push([start, stems[0][0].length]);
    stems.forEach((planes, index) => {
      this.peaks[index] = planes.reduce((most, plane) => plane.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), most), this.peaks[index]);
      this.#waveforms[index].add(start, planes);
    });
    this.#wavs.clear();
  }

  /** Stores what the pieces don't have. The stems end with the last piece: those of a cancelled song, or of a resampled one, which
   * can end a sample sooner than planned. */
  async finish() {
    this.shape.samples = this.ready;
    this.#wavs.clear();
    const planes = this.#waveforms.flatMap((waveform) => waveform.stored);
    // A tab may have been closed between this file and the job's record.
    await this.#storage.truncate(`${this.#folder}/waveforms`, 0);
    await this.#storage.append(`${this.#folder}/waveforms`, new Uint8Array(await new Blob(planes).arrayBuffer()));
    this.#isComplete = true;
    this.#release(() => true);
  }

  /** Ends all waiting for samples that will not come. */
  stop(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Resolves when samples before `sample` are stored. */
  until(sample) {
    if (this.#isComplete || sample <= this.ready) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ sample, resolve, reject }));
  }

  /** Bytes `from` to `end` of a stem's WAV file, as soon as they are stored. */
  async wav(name, from = 0, end = this.wavBytes()) {
    await this.until(Math.min(this.shape.samples, Math.ceil((end - 44) / this.#frameBytes)));
    if (!this.#wavs.has(name)) this.#wavs.set(name, this.#assemble(name));
    return this.#wavs.get(name).slice(from, end, "audio/wav");
  }

  /** The samples of a part of `[from, to]` seconds, or of the song for null: `[first, end]`. */
  part(edges) {
    const { sampleRate, samples } = this.shape;
    if (edges === null) return [0, samples];
    const [first, end] = edges.map((seconds) => Math.min(samples, Math.round(seconds * sampleRate)));
    if (!(first >= 0 && first < end)) throw new Problem(422, `The part from ${edges.join(" to ")} seconds is not in the song, which has ${(samples / sampleRate).toFixed(2)} seconds.`);
    return [first, end];
  }

  /** A part of a stem as a WAV file of its own. */
  async wavOf(name, [first, end]) {
    const { channels, sampleRate, samples } = this.shape;
    if (first === 0 && end === samples) return this.wav(name);
    const sound = await this.wav(name, 44 + first * this.#frameBytes, 44 + end * this.#frameBytes);
    return new Blob([wavHeader(channels, sampleRate, end - first), sound], { type: "audio/wav" });
  }

  /** Samples of a stem: one plane for each channel. */
  async samples(name, first, count) {
    const from = 44 + first * this.#frameBytes;
    const values = new Float32Array(await (await this.wav(name, from, from + count * this.#frameBytes)).arrayBuffer());
    const { channels } = this.shape;
    return Array.from({ length: channels }, (_, channel) => Float32Array.from({ length: values.length / channels }, (_, frame) => values[frame * channels + channel]));
  }

  /** The waveforms of a part in the form of the service's reply. */
  waveforms(points, [first, end]) {
    const { names, sampleRate, samples } = this.shape;
    const blocks = this.#waveforms[0].blocksOf(first, end);
    const count = Math.min(points, blocks[1] - blocks[0]);
    const second = (block) => Math.min(samples, block * blockSamples) / sampleRate;
    return {
      duration_seconds: this.ready / sampleRate,
      from: second(blocks[0]),
      to: second(blocks[1]),
      points: count,
      stems: names.map((name, index) => ({ name, channels: this.#waveforms[index].reduced(count, blocks) })),
    };
  }

  get #frameBytes() {
    return sampleBytes * this.shape.channels;
  }

  /** Starts have nine digits, so that names are in the order of time. */
  #path(start) {
    return `${this.#folder}/pieces/${String(start).padStart(9, "0")}`;
  }

  #assemble(name) {
    const { names, channels, sampleRate, samples, pieces } = this.shape;
    const index = names.indexOf(name);
    const parts = pieces.map(([, count], place) => {
      const bytes = count * this.#frameBytes;
      return this.#files[place].slice(index * bytes, (index + 1) * bytes);
    });
    return new Blob([wavHeader(channels, sampleRate, samples), ...parts]);
  }

  #release(isReady) {
    this.#waiting = this.#waiting.filter(({ sample, resolve }) => {
      if (isReady(sample)) resolve();
      return !isReady(sample);
    });
  }
}
