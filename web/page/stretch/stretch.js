// Plays the stems of a song at another speed and pitch. All stems follow one clock, which says which sample
// of the song belongs to a sample of the output: stems cannot drift apart, whatever makes their frames.
//
// A stem's frames overlap on a timeline of its own, on which the song has its new speed but another
// pitch; this timeline is read `pitch` times as fast. Drums keep their pitch, as a drummer does when the band
// transposes.

import { plainTuning } from "../sound/mix.js";
import { DrumStretcher, OnsetFinder } from "./drums.js";
import { TonalStretcher } from "./tonal.js";

const drumNames = ["drums", "kick", "snare", "toms", "hihat", "hh", "ride", "crash", "cymbals", "percussion"];
const voiceNames = ["vocals", "lead", "backing", "speech", "karaoke", "male", "female"];

/** How a stem is stretched: "drums", "voice" or "tonal". */
export function kindOf(name) {
  if (drumNames.includes(name)) return "drums";
  return voiceNames.includes(name) ? "voice" : "tonal";
}

/** Sizes of frames in samples: long ones separate low notes, short ones keep consonants and attacks. */
const sizes = { drums: 1024, voice: 2048, tonal: 4096 };

/** A windowed sinc: the samples on each side, and the table's steps between two samples. */
const reachOfKernel = 16;
const steps = 256;
const kernel = Float64Array.from({ length: 2 * reachOfKernel * steps + 2 }, (_, i) => {
  const x = i / steps - reachOfKernel;
  if (Math.abs(x) >= reachOfKernel) return 0;
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  const turn = (Math.PI * x) / reachOfKernel;
  return sinc * (0.42 + 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn));
});

/** One stem: frames, overlapped on its timeline, and read at the pitch's rate. */
class Voice {
  #maker;
  #read;
  #left;
  #right;
  #mask;
  /** The timeline's sample that the output reads next, and the first that frames have not completed. */
  #place;
  #nextFrame;

  constructor(kind, read) {
    this.isPitched = kind !== "drums";
    this.isVoice = kind === "voice";
    // The energy of a low tone swings, and a pluck rises in steps: 16 blocks of 1.5 ms.
    const finder = kind === "tonal" ? new OnsetFinder({ growth: 4, decay: 1, riseBlocks: 16 }) : null;
    this.#maker = kind === "drums" ? new DrumStretcher(sizes.drums) : new TonalStretcher(sizes[kind], finder);
    this.#read = read;
    const length = 4 * sizes[kind];
    this.#left = new Float64Array(length);
    this.#right = new Float64Array(length);
    this.#mask = length - 1;
    this.reach = this.#maker.reach + this.#maker.size;
    this.reset();
  }

  reset() {
    this.#maker.reset();
    this.#left.fill(0);
    this.#right.fill(0);
    this.#place = 0;
    this.#nextFrame = -this.#maker.size / 2;
  }

  /** `inputAt(i)` is the song's sample for sample i of this call's output. */
  render(left, right, count, inputAt, { speed, semitones, keepsFormants }) {
    const pitch = this.isPitched ? 2 ** (semitones / 12) : 1;
    const { hop, size } = this.#maker;
    const settings = { pitch, step: speed / pitch, keepsFormants: this.isVoice && keepsFormants };
    const begin = this.#place;
    for (let i = 0; i < count; i += 1) {
      const place = begin + i * pitch;
      while (this.#nextFrame - size / 2 <= place + reachOfKernel) {
        // Off by a little: the rounding of a tie would depend on the sizes of blocks.
        this.#maker.make(this.#read, inputAt((this.#nextFrame - begin) / pitch) + 1e-6, settings);
        this.#overlap(this.#nextFrame - size / 2);
        this.#nextFrame += hop;
      }
      this.#sample(place, i, left, right);
    }
    this.#place = begin + count * pitch;
  }

  #overlap(first) {
    const { size, hop, frame } = this.#maker;
    const mask = this.#mask;
    const fresh = size - hop;
    for (let i = 0; i < size; i += 1) {
      const at = (first + i) & mask;
      if (i >= fresh) this.#left[at] = this.#right[at] = 0;
      this.#left[at] += frame.left[i];
      this.#right[at] += frame.right[i];
    }
  }

  #sample(place, i, left, right) {
    const whole = Math.floor(place);
    const share = place - whole;
    const mask = this.#mask;
    if (share < 1e-9) {
      left[i] = this.#left[whole & mask];
      right[i] = this.#right[whole & mask];
      return;
    }
    let [a, b] = [0, 0];
    const shift = (1 - share) * steps;
    const below = Math.floor(shift);
    const between = shift - below;
    for (let tap = 0; tap < 2 * reachOfKernel; tap += 1) {
      const at = tap * steps + below;
      const weight = kernel[at] + between * (kernel[at + 1] - kernel[at]);
      const from = (whole - reachOfKernel + 1 + tap) & mask;
      a += weight * this.#left[from];
      b += weight * this.#right[from];
    }
    left[i] = a;
    right[i] = b;
  }
}

export class Stretch {
  #voices;
  #tuning = plainTuning;
  /** The song's sample that sounds at the next sample of the output. */
  position = 0;

  /** `read(stem, first, count, left, right)` copies samples of the song; silence outside of it. */
  constructor(names, read) {
    this.#voices = names.map((name, stem) => new Voice(kindOf(name), (first, count, left, right) => read(stem, first, count, left, right)));
  }

  /** `{ speed, semitones, keepsFormants }`: may change between any two calls of `render`. */
  set tuning(tuning) {
    this.#tuning = tuning;
  }

  seek(position) {
    this.position = position;
    for (const voice of this.#voices) voice.reset();
  }

  /** The samples of the song, [first, end), that the next `count` samples of the output need. */
  needs(count) {
    const reach = Math.max(...this.#voices.map((voice) => voice.reach)) * 2;
    return [Math.floor(this.position) - reach, Math.ceil(this.position + count * this.#tuning.speed) + reach];
  }

  /** Renders the next samples of each stem: `outputs` has a left and a right plane for each. */
  render(outputs, count) {
    const { position } = this;
    const { speed } = this.#tuning;
    const inputAt = (i) => position + i * speed;
    this.#voices.forEach((voice, stem) => voice.render(...outputs[stem], count, inputAt, this.#tuning));
    this.position = position + count * speed;
  }
}

// A song as it is played: endless where it loops, and of pieces that come and go.

export class Tape {
  frames; pieceFrames; from; loop;
  #pieces = new Map();

  /** `from` is the first sample that is played; pieces before it may be missing. `loop` is `{ start, end, gap }`, with samples of silence before each turn, or null. */
  constructor({ frames, pieceFrames, from = 0, loop = null }) {
    Object.assign(this, { frames, pieceFrames, from, loop: loop && from < loop.end ? loop : null });
  }

  /** The sample of the song at a place of the tape; in the silence before a turn, its first one. */
  songFrame(place) {
    return this.#isTurning(place) ? this.loop.start + Math.max(0, this.#turned(place) - (this.loop.gap ?? 0)) : place;
  }

  /** Samples of silence from a place on. */
  silentFrames(place) {
    return this.#isTurning(place) ? Math.max(0, (this.loop.gap ?? 0) - this.#turned(place)) : 0;
  }

  #isTurning(place) {
    return this.loop !== null && place >= this.loop.end;
  }

  /** Samples since the last end of the loop. */
  #turned(place) {
    const { start, end, gap = 0 } = this.loop;
    return (place - end) % (end - start + gap);
  }

  /** Calls `use(frame, count, offset)` for each part of [first, end) that lies in one piece of the song. */
  #parts(first, end, use) {
    for (let place = Math.max(0, first); place < end; ) {
      place += this.silentFrames(place);
      if (place >= end) return;
      const frame = this.songFrame(place);
      if (frame >= this.frames) return;
      const limit = this.loop ? this.loop.end : this.frames;
      const pieceEnd = (Math.floor(frame / this.pieceFrames) + 1) * this.pieceFrames;
      const count = Math.min(end - place, limit - frame, pieceEnd - frame);
      use(frame, count, place - first);
      place += count;
    }
  }

  /** The numbers of the pieces with the places [first, end). */
  piecesIn(first, end) {
    const found = new Set();
    this.#parts(Math.max(this.from, Math.floor(first)), end, (frame) => found.add(Math.floor(frame / this.pieceFrames)));
    return [...found];
  }

  /** `stems` are planes: a left and a right one for each stem. */
  put(index, stems) {
    this.#pieces.set(index, stems);
  }

  /** Forgets all pieces but these. */
  keep(indices) {
    for (const index of [...this.#pieces.keys()]) if (!indices.includes(index)) this.#pieces.delete(index);
  }

  has(indices) {
    return indices.every((index) => this.#pieces.has(index));
  }

  /** Copies samples of a stem; there is silence outside of the song. */
  read(stem, first, count, left, right) {
    left.fill(0, 0, count);
    right.fill(0, 0, count);
    this.#parts(first, first + count, (frame, length, offset) => {
      const index = Math.floor(frame / this.pieceFrames);
      const planes = this.#pieces.get(index)?.[stem];
      if (!planes) return;
      const from = frame - index * this.pieceFrames;
      left.set(planes[0].subarray(from, from + length), offset);
      right.set(planes[1].subarray(from, from + length), offset);
    });
  }
}
