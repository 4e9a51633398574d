// The beats of a song: those that the analysis found, as the user has corrected them.

/** Taps that are further apart begin a new count. */
const longestTapSeconds = 2;
const leastTaps = 4;
/** Tempos within this share of each other are the same. */
const tolerance = 0.08;
/** What nobody has changed. `factor` 2 doubles the beats and 0.5 leaves out every second; `shift` moves them; `bar` is a first beat; `steady` replaces them. */
const asFound = { factor: 1, shift: 0, bar: null, steady: null };

/** Interval and first beat of the steady beat that fits taps best: a line through them. */
function steadyBeat(taps) {
  const middle = (taps.length - 1) / 2;
  const mean = taps.reduce((sum, tap) => sum + tap, 0) / taps.length;
  let [product, square] = [0, 0];
  taps.forEach((tap, i) => {
    product += (i - middle) * (tap - mean);
    square += (i - middle) ** 2;
  });
  const interval = product / square;
  return { interval, first: mean - middle * interval };
}

export class Beats {
  /** The times in seconds, rising. */
  times = [];
  /** The index of a beat that begins a bar. */
  first = 0;
  bpm = null;
  #duration;
  /** Tempo, beats, downbeats, metre and key as the analysis found them. */
  found = { beats: [], downbeats: [] };
  #correction = asFound;
  #taps = [];

  constructor(duration) {
    this.#duration = duration;
  }

  /** The reply of `GET …/analysis`. */
  set analysis(analysis) {
    this.found = analysis;
    this.update();
  }

  /** What the user has changed, for storing. */
  get correction() {
    return this.#correction;
  }

  set correction({ factor, shift, bar, steady }) {
    this.#correction = { factor: factor ?? 1, shift: shift ?? 0, bar: bar ?? null, steady: steady ?? null };
    this.update();
  }

  scale(factor) {
    this.correction = { ...this.correction, factor: Math.min(4, Math.max(0.25, this.#correction.factor * factor)) };
  }

  /** Takes a tap at a time of the song, the first on the first beat of a bar; returns whether the taps have set the beat. */
  tap(time) {
    const last = this.#taps.at(-1);
    if (!(time > last && time - last < longestTapSeconds)) this.#taps = [];
    this.#taps.push(time);
    if (this.#taps.length < leastTaps) return false;
    const steady = steadyBeat(this.#taps);
    const base = this.found.tempo_bpm ? 60 / this.found.tempo_bpm : null;
    const factor = [0.5, 1, 2].find((each) => base && Math.abs(base / each / steady.interval - 1) < tolerance);
    const tapped = { ...this.correction, ...asFound, bar: steady.first };
    if (factor) {
      // The tempo is right, or twice or half what it should be: the beats that were found follow the band.
      this.correction = { ...tapped, factor, bar: null };
      const misses = this.#taps.map((tap) => tap - this.nearest(tap)).sort((a, b) => a - b);
      this.correction = { ...tapped, factor, shift: misses[misses.length >> 1] };
    } else {
      this.correction = { ...tapped, steady };
    }
    return true;
  }

  /** The time of the beat next to a time. */
  nearest(time) {
    return this.times.reduce((best, beat) => (Math.abs(beat - time) < Math.abs(best - time) ? beat : best), Infinity);
  }

  update() {
    const { factor, shift, bar, steady } = this.#correction;
    let times = steady ? this.#steadyTimes(steady) : this.found.beats;
    for (let left = factor; left > 1; left /= 2) times = times.flatMap((time, i) => (i + 1 < times.length ? [time, (time + times[i + 1]) / 2] : [time]));
    const first = bar === null ? this.found.downbeats[0] : bar - shift;
    const nearestIndex = (list) => list.reduce((best, time, i) => (Math.abs(time - first) < Math.abs(list[best] - first) ? i : best), 0);
    for (let left = factor; left < 1; left *= 2) {
      const keep = nearestIndex(times) % 2;
      times = times.filter((_, i) => i % 2 === keep);
    }
    const all = times.map((time) => time + shift);
    this.times = all.filter((time) => time >= 0 && time <= this.#duration);
    this.first = nearestIndex(times) - Math.max(0, all.indexOf(this.times[0]));
    const tempo = steady ? 60 / steady.interval : this.found.tempo_bpm;
    this.bpm = tempo ? tempo * factor : null;
  }

  #steadyTimes({ interval, first }) {
    const begin = first - Math.floor(first / interval) * interval;
    return Array.from({ length: Math.max(0, Math.floor((this.#duration - begin) / interval) + 1) }, (_, i) => begin + i * interval);
  }
}
