// The waveforms of a song's stems, as fine as the visible window needs: peaks of the whole song, peaks of a
// part of it, and its samples.

import { backend } from "../backend.js";

/** Windows up to this length are drawn from samples. */
const sampleSeconds = 8;
/** Share of the window that is loaded on each side of it, so that scrolling finds it. */
const around = 0.5;

export class Waveforms {
  #job;
  #player;
  #onLoaded;
  #peaks = new Map();
  /** Seconds of sound in the loaded waveforms. */
  #seconds = 0;
  #wanted = new Set();
  /** Peaks of a part: `{ from, to, points, stems }`. */
  #part = null;
  /** Samples of a part: `{ from, to, stems }`, `[left, right]` of each stem. */
  #samples = null;
  #isLoading = false;
  #isLoadingWhole = false;
  /** Points that were asked for while waveforms of the whole song were loaded; null for none. */
  #nextPoints = null;
  /** The loudest sample of all stems, the height of all waveforms; null before the first is loaded. */
  scale = null;

  constructor(job, player, onLoaded) {
    this.#job = job;
    this.#player = player;
    this.#onLoaded = onLoaded;
  }

  /** Shows a newer state of the job: the song may have grown. */
  update(job) {
    this.#job = job;
    this.#wanted.clear();
    this.#part = null;
  }

  /** Loads what a window of the song needs at a width in pixels. */
  load(width, timeline) {
    this.#loadWhole(resolutionFor(width, timeline.span / timeline.duration));
    const isFine = (resolutions.at(-1) * timeline.span) / timeline.duration >= width * 0.9;
    const isReady = this.#job.state !== "running" || timeline.end <= (this.#job.ready_seconds ?? 0);
    if (isFine || !isReady || this.#isLoading) return;
    const [from, to] = [Math.max(0, timeline.start - around * timeline.span), Math.min(timeline.duration, timeline.end + around * timeline.span)];
    if (timeline.span <= sampleSeconds) {
      if (!covers(this.#samples, timeline)) this.#load(async () => { this.#samples = await this.#player.excerpt(from, to); });
    } else if (!covers(this.#part, timeline) || this.#part.points * timeline.span < 0.9 * width * (this.#part.to - this.#part.from)) {
      const points = Math.ceil((width * (to - from)) / timeline.span);
      this.#load(async () => {
        const reply = await backend.peaks(this.#job.id, { points, from, to });
        this.#part = { from: reply.from, to: reply.to, points, stems: reply.stems };
      });
    }
  }

  async #load(work) {
    this.#isLoading = true;
    try {
      await work();
      this.#isLoading = false;
      this.#onLoaded();
    } catch {
      // The coarser waveform stays; the next drawing of a window tries again.
      this.#isLoading = false;
    }
  }

  async #loadWhole(points) {
    if (this.#wanted.has(points)) return;
    // A song may grow faster than its waveforms arrive.
    if (this.#isLoadingWhole) {
      this.#nextPoints = points;
      return;
    }
    this.#isLoadingWhole = true;
    this.#wanted.add(points);
    try {
      const reply = await backend.peaks(this.#job.id, { points });
      // Waveforms from before a part was finished are out of date at each resolution.
      if (reply.duration_seconds > this.#seconds) this.#peaks.clear();
      this.#seconds = reply.duration_seconds;
      this.#peaks.set(points, reply.stems);
      this.scale = loudest(reply.stems);
      this.#onLoaded();
    } catch {
      this.#wanted.delete(points);
    }
    this.#isLoadingWhole = false;
    const next = this.#nextPoints;
    this.#nextPoints = null;
    if (next !== null) this.#loadWhole(next);
  }

  /** The finest waveform of a stem for a window: `{ from, to, planes }` or `{ from, to, channels }`; a coarse one until a finer one arrives. */
  of(index, timeline) {
    if (timeline.span <= sampleSeconds && covers(this.#samples, timeline)) return { ...this.#samples, planes: this.#samples.stems[index] };
    const name = this.#job.stems[index]?.name;
    const channels = (stems) => stems?.find((stem) => stem.name === name)?.channels ?? [];
    const finest = Math.max(...this.#peaks.keys());
    const isPartFiner = this.#part && this.#part.points / (this.#part.to - this.#part.from) > finest / timeline.duration;
    if (isPartFiner && covers(this.#part, timeline)) return { ...this.#part, channels: channels(this.#part.stems) };
    return { from: 0, to: timeline.duration, channels: channels(this.#peaks.get(finest)) };
  }
}

const covers = (part, timeline) => part !== null && part.from <= timeline.start + 1e-6 && part.to >= timeline.end - 1e-6;

// A waveform's peaks for a window of time and a width in pixels.

/** Numbers of points. A window takes the smallest with a point for each pixel, or the largest. */
const resolutions = [1200, 4800, 19200];

export function resolutionFor(pixels, visibleShare) {
  return resolutions.find((points) => points * visibleShare >= pixels * 0.9) ?? resolutions.at(-1);
}

/**
 * Lowest and highest value of each pixel column over all channels, from point `first` to `end` of the arrays in
 * `lows` and `highs`; 0 beyond them. A column covers every point that it touches, so that no peak is lost when
 * zooming out.
 */
function extremes(lows, highs, first, end, width) {
  const low = new Float32Array(width);
  const high = new Float32Array(width);
  const points = lows[0]?.length ?? 0;
  const scale = (end - first) / width;
  for (let column = 0; column < width; column += 1) {
    const from = Math.max(0, Math.floor(first + column * scale));
    const to = Math.min(points, Math.max(from + 1, Math.ceil(first + (column + 1) * scale)));
    if (from >= to) continue;
    let [least, most] = [Infinity, -Infinity];
    for (let channel = 0; channel < lows.length; channel += 1) {
      for (let point = from; point < to; point += 1) {
        if (lows[channel][point] < least) least = lows[channel][point];
        if (highs[channel][point] > most) most = highs[channel][point];
      }
    }
    low[column] = least;
    high[column] = most;
  }
  return { low, high };
}

/**
 * The columns of a waveform, in −1…1: `channels` are the reply's `{min, max}` with values −128…127, `from` and
 * `to` shares of the whole duration.
 */
export function columns(channels, from, to, width) {
  const points = channels[0]?.min.length ?? 0;
  const { low, high } = extremes(channels.map(({ min }) => min), channels.map(({ max }) => max), from * points, to * points, width);
  return { low: low.map((value) => value / 128), high: high.map((value) => value / 127) };
}

/** The columns of samples from frame `first` to `end`. */
export const sampleColumns = (planes, first, end, width) => extremes(planes, planes, first, end, width);

/** The largest absolute value of several stems' peaks, with a lower bound: the scale of all stems. */
export function loudest(stems) {
  let most = 6;
  for (const { channels } of stems) {
    for (const { min, max } of channels) {
      for (let point = 0; point < min.length; point += 1) most = Math.max(most, -min[point], max[point]);
    }
  }
  return most / 128;
}
