// Finds attacks in a growing signal.

const block = 64;
/** An attack is compared with so many blocks before it: 35 ms at 44,100 Hz. */
const memoryBlocks = 24;
/** Energy of a block below which nothing is heard: −90 dB. */
const floor = block * 1e-9;

export class OnsetFinder {
  #next = 0;
  #rising = 0;
  #before = 0;
  /** Energies of the last blocks, of the samples and of their differences: kicks show in the first, hats in the second. */
  #recent = [];
  #left = new Float64Array(block);
  #right = new Float64Array(block);

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
    for (; this.#next + block <= end; this.#next += block) {
      read(this.#next, block, this.#left, this.#right);
      const energy = [floor, floor];
      for (let i = 0; i < block; i += 1) {
        const value = this.#left[i] + this.#right[i];
        energy[0] += value ** 2;
        energy[1] += (value - this.#before) ** 2;
        this.#before = value;
      }
      const held = (i) => this.#recent.reduce((most, each) => Math.max(each[i], most * this.decay), 0);
      const isAttack = energy.some((value, i) => value > this.growth * (held(i) + floor));
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
}
