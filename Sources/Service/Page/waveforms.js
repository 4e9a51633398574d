// The waveforms of a song's stems, loaded as fine as the visible window needs.

import { json } from "./api.js";
import { loudest, resolutionFor } from "./peaks.js";

export class Waveforms {
  #job;
  #onLoaded;
  #peaks = new Map();
  /** Seconds of sound in the loaded waveforms. */
  #seconds = 0;
  #wanted = new Set();
  /** The loudest sample of all stems, the height of all waveforms; null before the first is loaded. */
  scale = null;

  constructor(job, onLoaded) {
    this.#job = job;
    this.#onLoaded = onLoaded;
  }

  /** Loads the points for a width in pixels and a window of the song. */
  async load(width, timeline) {
    const points = resolutionFor(width, timeline.span / timeline.duration);
    if (this.#wanted.has(points)) return;
    this.#wanted.add(points);
    try {
      const reply = await json(`v1/separations/${this.#job.id}/peaks?points=${points}`);
      // Waveforms from before a part was finished are out of date at each resolution.
      if (reply.duration_seconds > this.#seconds) this.#peaks.clear();
      this.#seconds = reply.duration_seconds;
      this.#peaks.set(points, reply.stems);
      this.scale = loudest(reply.stems);
      this.#onLoaded();
    } catch {
      this.#wanted.delete(points);
    }
  }

  /** Lets the waveforms be loaded again, because the song has grown. */
  renew() {
    this.#wanted.clear();
  }

  /** The finest waveform of a stem that is loaded; a coarse one is shown until a finer one arrives. */
  of(name) {
    const finest = this.#peaks.get([...this.#peaks.keys()].sort((a, b) => b - a)[0]);
    return finest?.find((stem) => stem.name === name)?.channels;
  }
}
