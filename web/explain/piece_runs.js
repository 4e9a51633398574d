// Runs the network on one piece of music: unchanged, and with changes.

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

/** An engine's runs, one after another. A change is `{ edits, segment, overlap }`. */
export class PieceRuns {
  #engine;
  #last = Promise.resolve();
  #abort = new AbortController();

  constructor(engine) {
    this.#engine = engine;
  }

  get sources() {
    return this.#engine.sources;
  }

  get architecture() {
    return this.#engine.architecture;
  }

  /** Gives up all runs that were begun: they end with an `AbortError`. */
  stop() {
    this.#abort.abort();
    this.#abort = new AbortController();
  }

  #inTurn(work) {
    const { signal } = this.#abort;
    const run = this.#last.then(() => {
      signal.throwIfAborted();
      return work(signal);
    });
    this.#last = run.catch(() => {});
    return run;
  }

  /** Separates a piece, `{ channels, sampleRate }`. `onValue` gets pictures of values, or with `isWhole` all of their numbers. */
  #separate(signal, piece, { edits = [], segment = null, overlap = null } = {}, { values = "", isWhole = false, onValue = null, onBlock = null } = {}) {
    const settings = { shifts: 0, overlap: overlap ?? 0, ...(segment === null ? {} : { segment }) };
    return this.#engine.separate(piece, { ...settings, edits, values, reduce: isWhole ? null : reduceURL, onValue, onBlock, signal });
  }

  /** The stems of the unchanged network, and each block's share of the time. */
  unchanged(piece) {
    return this.#inTurn(async (signal) => {
      const times = [];
      const { stems } = await this.#separate(signal, piece, {}, { onBlock: (name, milliseconds) => times.push([name, milliseconds]) });
      return { stems, shares: sharesOf(times) };
    });
  }

  /** The stems of a changed network. */
  changed(piece, change) {
    return this.#inTurn(async (signal) => (await this.#separate(signal, piece, change)).stems);
  }

  /** Pictures of values, in the order of computation. */
  pictures(piece, patterns, change) {
    return this.#inTurn(async (signal) => {
      const values = new Map();
      // Of several segments the first one is shown.
      await this.#separate(signal, piece, change, { values: patterns, onValue: (value) => values.has(value.name) || values.set(value.name, value) });
      return [...values.values()];
    });
  }

  /** Whole values of the unchanged network by their names. */
  values(piece, names) {
    return this.#inTurn(async (signal) => {
      const found = {};
      await this.#separate(signal, piece, {}, { values: names.join(","), isWhole: true, onValue: (value) => { found[value.name] = value; } });
      return found;
    });
  }

  /** Parameters by their names. */
  parameters(patterns) {
    return this.#inTurn(() => this.#engine.parameters(patterns));
  }

  close() {
    this.stop();
    this.#last.then(() => this.#engine.close());
  }
}
