// Finds the attacks of drums in a growing signal.

const block = 64;
/** An attack has so many times the energy of what sounded before, which decays by this share a block. */
const growth = 2.5;
const decay = 0.9;
/** An attack rises for so many blocks: 6 ms at 44,100 Hz. */
const riseBlocks = 4;
/** Energy of a block below which nothing is heard: −90 dB. */
const floor = block * 1e-9;

export class OnsetFinder {
  #next = 0;
  #rising = 0;
  #before = 0;
  /** Energies, held at their peaks, of the samples and of their differences: kicks show in the first, hats in the second. */
  #held = [0, 0];
  #left = new Float64Array(block);
  #right = new Float64Array(block);

  /** Attacks in the order of time: `{ at, energy }`, the sample at which it begins and its loudest block. */
  onsets = [];

  /** Begins at a sample; attacks before it are unknown. */
  reset(at) {
    this.#next = Math.floor(at / block) * block;
    // The first block only fills the memory: a sound that is under way is no attack.
    this.#rising = 1;
    this.#held = [0, 0];
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
      const isAttack = energy.some((value, i) => value > growth * (this.#held[i] + floor));
      this.#held = this.#held.map((held, i) => Math.max(energy[i], held * decay));
      this.#rising -= 1;
      const last = this.onsets.at(-1);
      if (this.#rising >= 0) {
        if (last) last.energy = Math.max(last.energy, energy[0]);
      } else if (isAttack) {
        this.onsets.push({ at: this.#next - block / 2, energy: energy[0] });
        this.#rising = riseBlocks;
      }
    }
  }
}
