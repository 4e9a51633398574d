// Stems as short pieces of decoded sound, fetched by range requests when they are needed. An hour
// of music then starts as fast as four minutes, and takes no more memory.

import { backend } from "../backend.js";
import { Problem } from "../words.js";
import { decodeFrames, encodeFrames, parseHeader } from "../wav.js";
import { decodeFLAC, decodesFLAC } from "./flac.js";

/** Frames of a piece: about six seconds at 44,100 Hz, or what the back end says. */
const usualPieceFrames = 1 << 18;

/** Pause before the files of a job that has ended are asked for again. */
const pauseSeconds = 1;

/** Limit of decoded sound in memory, in bytes: a little more than a minute of four stems. */
const keptBytes = 96e6;

/** The rate of a job's stems. Jobs of older versions don't tell it; most have the sound's. */
export function stemRate(job) {
  return job.stem_rate ?? job.sample_rate;
}

/** A stem whose WAV file is read by ranges, each sample multiplied by `factor`. `read(from, end, onProgress)` gives bytes as `backend.read`. */
class RangedStem {
  readBytes; format; totalBytes; factor; frames;
  /** Gives a part in seconds as `backend.flac`, or is null. */
  readFLAC = null;

  constructor(read, format, totalBytes, factor) {
    Object.assign(this, { readBytes: read, format, totalBytes, factor, frames: format.frames });
  }

  /** The bytes of frames, in the file's format. */
  async bytes(first, count, onProgress) {
    const { dataOffset, bytesPerFrame } = this.format;
    const from = dataOffset + first * bytesPerFrame;
    const { bytes, total } = await this.readBytes(from, from + count * bytesPerFrame, onProgress);
    // The file of a running job is replaced when the job is done.
    if (total !== null && total !== this.totalBytes) throw new Error("The stem has changed. Press play to try again.");
    return bytes;
  }

  async read(first, count, onProgress) {
    const { sampleRate } = this.format;
    // Half a frame more, because the service rounds down.
    const seconds = (frame) => (frame + 0.5) / sampleRate;
    const planes = this.readFLAC
      ? await decodeFLAC(await this.readFLAC(seconds(first), seconds(first + count), onProgress), this.format)
      : decodeFrames(await this.bytes(first, count, onProgress), this.format);
    if (this.factor !== 1) for (const plane of planes) plane.forEach((sample, frame) => { plane[frame] = sample * this.factor; });
    return stereoBuffer(planes, sampleRate);
  }
}

/** A stem decoded as a whole by the browser: for services without a WAV file of it. */
class DecodedStem {
  buffer; frames;

  constructor(buffer) {
    Object.assign(this, { buffer, frames: buffer.length });
  }

  get format() {
    return { isFloat: true, channels: 2, bits: 32, bytesPerFrame: 8, sampleRate: this.buffer.sampleRate };
  }

  async bytes(first, count) {
    const part = excerpt(this.buffer, first, count);
    return encodeFrames([0, 1].map((channel) => part.getChannelData(channel))).buffer;
  }

  async read(first, count) {
    return excerpt(this.buffer, first, count);
  }
}

/** A buffer of the first two planes, or of one twice: a mono buffer would be 3 dB softer in a panner's centre than a stereo one. */
export function stereoBuffer(planes, sampleRate) {
  const buffer = new AudioBuffer({ length: Math.max(1, planes[0].length), numberOfChannels: 2, sampleRate });
  for (const side of [0, 1]) buffer.copyToChannel(planes[Math.min(side, planes.length - 1)], side);
  return buffer;
}

/** A stereo copy of a part of a buffer. */
export function excerpt(buffer, first, count) {
  const part = new AudioBuffer({ length: count, numberOfChannels: 2, sampleRate: buffer.sampleRate });
  for (const channel of [0, 1]) {
    const plane = buffer.getChannelData(Math.min(channel, buffer.numberOfChannels - 1));
    part.copyToChannel(plane.subarray(first, first + count), channel);
  }
  return part;
}

/** Bytes of a WAV file's beginning that have its header, and show how fast the line is. */
const headerBytes = 16384;
/** A line that brings less than this many times the sound in WAV files gets FLAC, which is half as large. */
const leastHeadroom = 1.5;

/** The stems of a job, whose samples are multiplied by `factorOf(stem)`. */
async function openStems(job, sampleRate, factorOf = (stem) => 1) {
  const began = performance.now();
  const stems = await Promise.all(job.stems.map((stem) => openStem(job, stem, sampleRate, factorOf(stem))));
  const bytesPerSecond = (stems.length * headerBytes * 1000) / (performance.now() - began);
  const needed = stems.reduce((sum, { format }) => sum + format.bytesPerFrame * sampleRate, 0);
  // Floats don't fit in FLAC. The service makes it of whole files only.
  const isFLAC = backend.flac && job.state !== "running" && bytesPerSecond < leastHeadroom * needed && stems.every(({ format }) => !format.isFloat && format.bits < 32) && (await decodesFLAC());
  if (isFLAC) stems.forEach((stem, index) => { stem.readFLAC = (from, to, onProgress) => backend.flac(job.id, job.stems[index], from, to, onProgress); });
  return stems;
}

async function openStem(job, stem, sampleRate, factor) {
  const read = (from, end, onProgress) => backend.read(job.id, stem, from, end, onProgress);
  try {
    const { bytes, total } = await read(0, headerBytes);
    const format = total ? parseHeader(bytes, total) : null;
    if (format?.sampleRate === sampleRate) return new RangedStem(read, format, total, factor);
  } catch (error) {
    // There may be no WAV file of it.
    if (!(error.status >= 400)) throw error;
  }
  const file = await backend.whole(job.id, stem);
  return new DecodedStem(await new OfflineAudioContext(2, 1, sampleRate).decodeAudioData(file));
}

/** Whether the same request may succeed later: the connection is lost, or the back end or a proxy before it can't answer now. */
const isTransient = (error) => (error instanceof Problem ? error.retryAfterSeconds !== null || [502, 503, 504].includes(error.status) : error instanceof TypeError);

/** All stems of a job, cut into pieces at the same frames. Those of a running job grow. */
export class Pieces {
  #stems;
  /** Piece number → promise of a buffer for each stem; the least lately used first. */
  #kept = new Map();
  /** Frames from the beginning that can be read. */
  #readyFrames = Infinity;
  /** Whether the stems were opened while their job ran, at the level before its gain: that level is kept. */
  #isUnscaled = false;
  #isGrowing = false;
  /** Whether the files of the job, which has ended, are being opened. */
  #isOpening = false;
  #isClosed = false;
  /** The piece that was begun last: when, and which share of each stem is there. */
  #loading = null;
  /** Callers that wait for the next state of the job. */
  #waiting = [];

  constructor(stems, sampleRate, pieceFrames = usualPieceFrames) {
    this.#stems = stems;
    this.sampleRate = sampleRate;
    this.pieceFrames = pieceFrames;
  }

  static async open(job) {
    const rate = stemRate(job);
    const pieces = new Pieces(await openStems(job, rate), rate, job.piece_frames ?? usualPieceFrames);
    pieces.#isUnscaled = pieces.#isGrowing = job.state === "running";
    if (pieces.#isGrowing) pieces.#readyFrames = Math.floor(job.ready_seconds * rate);
    return pieces;
  }

  get frames() {
    return Math.min(...this.#stems.map((stem) => stem.frames));
  }

  get count() {
    return Math.ceil(this.frames / this.pieceFrames);
  }

  /** Whether frames can be read now: those of a running job grow. */
  hasFrames(first, count) {
    return first + count <= this.#readyFrames;
  }

  /** Seconds until the piece that is being fetched is there; null if nothing tells. */
  get secondsLeft() {
    const { began, shares } = this.#loading ?? { shares: [0] };
    const share = shares.reduce((sum, each) => sum + each, 0) / shares.length;
    return share > 0 ? ((performance.now() - began) / 1000) * (1 / share - 1) : null;
  }

  get isGrowing() {
    return this.#isGrowing;
  }

  /** Resolves when a newer state of the job is known. */
  grown() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Frames of one stem as bytes, `{ bytes, format }`, which are not kept. */
  async bytes(stem, first, count) {
    return { bytes: await this.#stems[stem].bytes(first, count), format: this.#stems[stem].format };
  }

  /** Takes a newer state of a running job: its stems have grown, or are complete, in other files. */
  async update(job) {
    // The last state may come again, as after a lost connection.
    if (!this.#isGrowing || this.#isOpening) return;
    try {
      if (job.state === "running") {
        this.#readyFrames = Math.floor(job.ready_seconds * this.sampleRate);
      } else if (job.state === "done") {
        this.#isOpening = true;
        this.#stems = await this.#openFiles(job);
        this.#readyFrames = Infinity;
      }
    } finally {
      if (this.#isOpening) this.#isGrowing = this.#isOpening = false;
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  /** Ends the wait for a lost connection. */
  close() {
    this.#isClosed = true;
  }

  /** The stems of a job that has ended; a lost connection is waited for. */
  async #openFiles(job) {
    for (;;) {
      try {
        return await openStems(job, this.sampleRate, (stem) => (this.#isUnscaled ? 1 / (stem.gain ?? 1) : 1));
      } catch (error) {
        if (this.#isClosed || !isTransient(error)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pauseSeconds * 1000));
    }
  }

  /** The buffers of a piece, one for each stem, when they are finished. */
  get(index) {
    let piece = this.#kept.get(index);
    this.#kept.delete(index);
    if (!piece) {
      piece = this.#read(index * this.pieceFrames);
      // A failed piece is requested again the next time.
      piece.catch(() => this.#kept.delete(index));
    }
    this.#kept.set(index, piece);
    const limit = Math.max(4, Math.floor(keptBytes / (this.#stems.length * this.pieceFrames * 8)));
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= limit) break;
      this.#kept.delete(oldest);
    }
    return piece;
  }

  async #read(first) {
    for (;;) {
      const stems = this.#stems;
      const count = Math.min(this.pieceFrames, this.frames - first);
      if (this.hasFrames(first, count)) {
        try {
          const shares = stems.map(() => 0);
          this.#loading = { began: performance.now(), shares };
          const buffers = await Promise.all(stems.map((stem, index) => stem.read(first, count, (received, total) => { shares[index] = total && received / total; })));
          if (stems === this.#stems) return buffers;
        } catch (error) {
          if (stems === this.#stems && !this.#isGrowing) throw error;
        }
      }
      // The job may have ended just now. Files that were replaced meanwhile are read again.
      if (stems !== this.#stems) continue;
      if (!this.#isGrowing) throw new Error("The stems of this song can't be opened. Open the song again.");
      await this.grown();
    }
  }
}
