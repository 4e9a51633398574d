// Stretches drums in the time domain: frames of the input overlap by half, each placed near its time where
// it fits the frame before (WSOLA: Verhelst and Roelands, 1993). Attacks are kept: all frames that sound at
// an attack's time lie so that it comes exactly then, unchanged, and no other frame contains it, so that
// none is doubled.

/** How far from its time a frame may lie, in samples: a period of 86 Hz at 44,100 Hz. */
const search = 512;
/** Candidates and samples that are compared at first; the best one's neighbours are compared one by one. */
const coarse = 8;

export class DrumStretcher {
  #window;
  #finder = new OnsetFinder({ growth: 2.5, decay: 0.9, riseBlocks: 4 });
  /** The input that would continue the last frame. */
  #following = null;
  #kept = null;
  #tail;
  #mid;
  #left;
  #right;

  constructor(size) {
    this.size = size;
    this.hop = size / 2;
    this.reach = 2 * size + search;
    this.#window = Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    const span = this.hop + 2 * search;
    [this.#mid, this.#left, this.#right] = [0, 0, 0].map(() => new Float64Array(span));
    this.#tail = new Float64Array(this.hop);
    /** The samples of the frame made last, under the window. */
    this.frame = { left: new Float64Array(size), right: new Float64Array(size) };
  }

  reset() {
    this.#following = null;
    this.#kept = null;
  }

  /** Makes the frame around a sample of the input; `step` is how far the input moves in a sample of the output. */
  make(read, centre, { step }) {
    const { size, frame } = this;
    if (this.#following === null) this.#finder.reset(Math.round(centre) - this.reach);
    this.#finder.advance(read, centre - this.reach, centre + this.reach);
    const first = this.#place(read, centre, step);
    read(first, size, frame.left, frame.right);
    // The samples that should follow are compared with the next frame's beginning.
    this.#following = first + this.hop;
    for (let i = 0; i < this.hop; i += 1) this.#tail[i] = frame.left[this.hop + i] + frame.right[this.hop + i];
    for (let i = 0; i < size; i += 1) {
      frame.left[i] *= this.#window[i];
      frame.right[i] *= this.#window[i];
    }
  }

  /** The first sample of the input for the frame around `centre`. */
  #place(read, centre, step) {
    const { size } = this;
    const target = Math.round(centre) - size / 2;
    /** Where in the frame an attack has to sound. */
    const placeOf = ({ at }) => Math.round((at - centre) / step) + size / 2;
    const { onsets } = this.#finder;
    let strongest = null;
    for (const onset of onsets) {
      const place = placeOf(onset);
      if (place >= 0 && place < size && !(strongest?.energy >= onset.energy)) strongest = onset;
    }
    // While an attack sounds, its frames follow one another as in the input.
    const isKept = strongest !== null && strongest === this.#kept;
    this.#kept = strongest;
    if (isKept) return this.#following;
    if (strongest) return strongest.at - placeOf(strongest);
    if (this.#following === null) return target;
    let low = target - search;
    let high = target + search;
    for (const onset of onsets) {
      if (placeOf(onset) >= size) high = Math.min(high, onset.at - size);
      else low = Math.max(low, onset.at);
    }
    return low < high ? this.#best(read, low, high) : Math.max(low, Math.min(high, target));
  }

  /** The place between `low` and `high` whose first samples fit best to the end of the last frame. */
  #best(read, low, high) {
    const { hop } = this;
    const count = high - low + hop;
    read(low, count, this.#left, this.#right);
    for (let i = 0; i < count; i += 1) this.#mid[i] = this.#left[i] + this.#right[i];
    let best = { offset: 0, score: -Infinity };
    const compare = (from, end, stride) => {
      for (let offset = from; offset < end; offset += stride) {
        let product = 0;
        let energy = 1e-12;
        for (let i = 0; i < hop; i += stride) {
          const value = this.#mid[offset + i];
          product += value * this.#tail[i];
          energy += value * value;
        }
        const score = product / Math.sqrt(energy);
        if (score > best.score) best = { offset, score };
      }
    };
    compare(0, high - low, coarse);
    const middle = best.offset;
    // Sums over fewer samples can't be compared with those over all.
    best.score = -Infinity;
    compare(Math.max(0, middle - coarse), Math.min(high - low, middle + coarse), 1);
    return low + best.offset;
  }
}

// Finds attacks in a growing signal.

const block = 64;
/** Blocks that are read at once. */
const readBlocks = 16;
/** An attack is compared with so many blocks before it: 35 ms at 44,100 Hz. */
const memoryBlocks = 24;
/** Energy of a block below which nothing is heard: −90 dB. */
const floor = block * 1e-9;

export class OnsetFinder {
  growth; decay; riseBlocks;
  #next = 0;
  #rising = 0;
  #before = 0;
  /** Energies of the last blocks, of the samples and of their differences: kicks show in the first, hats in the second. */
  #recent = [];
  #left = new Float64Array(readBlocks * block);
  #right = new Float64Array(readBlocks * block);

  /** Attacks in the order of time: `{ at, energy }`, the sample at which it begins and its loudest block. */
  onsets = [];

  /** An attack has `growth` times the energy of the blocks before it, which decays by a share a block, and rises for some blocks of 1.5 ms. */
  constructor({ growth, decay, riseBlocks }) {
    Object.assign(this, { growth, decay, riseBlocks });
  }

  /** Begins at a sample; attacks before it are unknown. */
  reset(at) {
    this.#next = Math.floor(at / block) * block;
    // The first block only fills the memory: a sound that is under way is no attack.
    this.#rising = 1;
    this.#recent = [];
    this.onsets = [];
  }

  /** Looks at all samples before `end`, and forgets attacks before `start`. */
  advance(read, start, end) {
    while (this.onsets[0]?.at < start) this.onsets.shift();
    while (this.#next + block <= end) {
      const count = block * Math.min(readBlocks, Math.floor((end - this.#next) / block));
      read(this.#next, count, this.#left, this.#right);
      for (let first = 0; first < count; first += block, this.#next += block) this.#look(first);
    }
  }

  /** Looks at the block that begins at a place of what was read. */
  #look(first) {
    const energy = [floor, floor];
    for (let i = first; i < first + block; i += 1) {
      const value = this.#left[i] + this.#right[i];
      energy[0] += value ** 2;
      energy[1] += (value - this.#before) ** 2;
      this.#before = value;
    }
    const held = [0, 0];
    for (const each of this.#recent) for (const i of [0, 1]) held[i] = Math.max(each[i], held[i] * this.decay);
    const isAttack = energy.some((value, i) => value > this.growth * (held[i] + floor));
    this.#recent.push(energy);
    if (this.#recent.length > memoryBlocks) this.#recent.shift();
    this.#rising -= 1;
    const last = this.onsets.at(-1);
    if (this.#rising >= 0) {
      // A plectrum's noise comes several milliseconds before its string, which is ten times as loud.
      if (this.#rising < this.riseBlocks - 4 && energy[0] > 10 * last?.energy) last.at = this.#next - block / 2;
      if (last) last.energy = Math.max(last.energy, energy[0]);
    } else if (isAttack) {
      this.onsets.push({ at: this.#next - block / 2, energy: energy[0] });
      this.#rising = this.riseBlocks;
    }
  }
}
