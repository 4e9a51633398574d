// Runs the network on one piece of music: as it is, and with changes.

import { sharesOf } from "./network.js";

const reduceURL = new URL("reduce.js", import.meta.url);

/** 10 log₁₀ of the energy of `truth` over that of its difference from `found`: SDR as the Music Demixing Challenge defines it. */
export function ratioDecibels(truth, found) {
  let [signal, noise] = [0, 0];
  truth.forEach((channel, index) => channel.forEach((value, sample) => {
    signal += value * value;
    noise += (value - found[index][sample]) ** 2;
  }));
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}

export class Lab {
  #engine;
  /** The last run: one at a time. */
  #last = Promise.resolve();
  #abort = null;

  constructor(engine) {
    this.#engine = engine;
  }

  get sources() {
    return this.#engine.sources;
  }

  get architecture() {
    return this.#engine.architecture;
  }

  get sampleRate() {
    return this.#engine.sampleRate;
  }

  /** Runs one after another. */
  #inTurn(work) {
    const run = this.#last.then(work);
    this.#last = run.catch(() => {});
    return run;
  }

  /**
   * Separates a piece: `{ channels, sampleRate }`.
   * @param change `{ edits, segment, overlap }`
   * @param values patterns of the values that `onValue` gets: their pictures, or with `isWhole` all of their numbers
   */
  #separate(piece, { edits = [], segment = null, overlap = null } = {}, { values = "", isWhole = false, onValue, onBlock, signal } = {}) {
    const settings = { shifts: 0, overlap: overlap ?? 0, ...(segment === null ? {} : { segment }) };
    return this.#engine.separate(piece, { ...settings, edits, values, reduce: isWhole ? null : reduceURL, onValue, onBlock, signal });
  }

  /** The stems as they are, and each block's share of the time. */
  async plain(piece) {
    return this.#inTurn(async () => {
      const times = [];
      const { stems } = await this.#separate(piece, {}, { onBlock: (name, milliseconds) => times.push([name, milliseconds]) });
      // The first block, the STFT, ends soon after the pass has begun.
      return { stems, shares: sharesOf(times, times[0][1] - (times[1][1] - times[0][1])) };
    });
  }

  /** The stems of a changed network. The runs of the change before are given up. */
  changed(piece, change) {
    this.#abort?.abort();
    const { signal } = (this.#abort = new AbortController());
    return this.#inTurn(async () => (await this.#separate(piece, change, { signal })).stems);
  }

  /** Pictures of values, in the order of computation: of the network with the change made last, or of the unchanged one. */
  pictures(piece, patterns, change = {}) {
    const signal = this.#abort?.signal;
    return this.#inTurn(async () => {
      const values = new Map();
      // Of several segments the first one is shown.
      await this.#separate(piece, change, { values: patterns, signal, onValue: (value) => values.has(value.name) || values.set(value.name, value) });
      return [...values.values()];
    });
  }

  /** Whole values of the unchanged network by their names. */
  values(piece, names) {
    return this.#inTurn(async () => {
      const found = {};
      await this.#separate(piece, {}, { values: names.join(","), isWhole: true, onValue: (value) => { found[value.name] = value; } });
      return found;
    });
  }

  /** Parameters by their names. */
  parameters(patterns) {
    return this.#inTurn(() => this.#engine.parameters(patterns));
  }

  close() {
    this.#engine.close();
  }
}
