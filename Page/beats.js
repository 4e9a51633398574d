// The beats and bars of a song: those that the analysis found, as the user has corrected them.

export const beatsPerBar = 4;
/** Taps that are further apart begin a new count. */
const longestTapSeconds = 2;
const leastTaps = 4;
/** Tempos within this share of each other are the same. */
const tolerance = 0.08;
const notes = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

/** `F# minor` moved by semitones. */
export function transposed(key, semitones) {
  const [note, ...mode] = key.split(" ");
  return [notes[(notes.indexOf(note) + semitones + 2 * notes.length) % notes.length], ...mode].join(" ");
}

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
  /** `{ time, isDownbeat }` in seconds, in rising order. */
  list = [];
  bpm = null;
  key = null;
  #duration;
  #found = { beats: [], downbeats: [] };
  /** `factor` 2 doubles the beats and 0.5 leaves out every second; `shift` moves them; `bar` is a first beat; `steady` replaces them. */
  #correction = { factor: 1, shift: 0, bar: null, steady: null };
  #taps = [];

  constructor(duration) {
    this.#duration = duration;
  }

  /** The reply of `GET …/analysis`. */
  set analysis(analysis) {
    this.#found = analysis;
    this.key = analysis.key;
    this.#update();
  }

  /** What the user has changed, for storing. */
  get correction() {
    return this.#correction;
  }

  set correction(correction) {
    this.#correction = { ...this.#correction, ...correction };
    this.#update();
  }

  scale(factor) {
    this.correction = { factor: Math.min(4, Math.max(0.25, this.#correction.factor * factor)) };
  }

  /** Takes a tap at a time of the song, the first on the first beat of a bar; returns whether the taps have set the beat. */
  tap(time) {
    const last = this.#taps.at(-1);
    if (!(time > last && time - last < longestTapSeconds)) this.#taps = [];
    this.#taps.push(time);
    if (this.#taps.length < leastTaps) return false;
    const steady = steadyBeat(this.#taps);
    const plain = { factor: 1, shift: 0, bar: null, steady: null };
    const base = this.#found.tempo_bpm ? 60 / this.#found.tempo_bpm : null;
    const factor = [0.5, 1, 2].find((each) => base && Math.abs(base / each / steady.interval - 1) < tolerance);
    if (factor) {
      // The tempo is right, or twice or half what it should be: the beats that were found follow the band.
      this.correction = { ...plain, factor };
      const misses = this.#taps.map((tap) => tap - this.nearest(tap)).sort((a, b) => a - b);
      this.correction = { shift: misses[misses.length >> 1], bar: steady.first };
    } else {
      this.correction = { ...plain, bar: steady.first, steady };
    }
    return true;
  }

  /** The time of the beat next to a time. */
  nearest(time) {
    return this.list.reduce((best, beat) => (Math.abs(beat.time - time) < Math.abs(best - time) ? beat.time : best), Infinity);
  }

  /** The bar line next to a time; the time itself in a song without bars. */
  snap(seconds) {
    const bars = this.list.filter(({ isDownbeat }) => isDownbeat);
    return bars.reduce((best, { time }) => (best === null || Math.abs(time - seconds) < Math.abs(best - seconds) ? time : best), null) ?? seconds;
  }

  /** Seconds from the beat at or before a time to the next one. */
  intervalAt(time) {
    const next = this.list.findIndex((beat) => beat.time > time);
    const [a, b] = next < 0 ? this.list.slice(-2) : this.list.slice(Math.max(0, next - 1), Math.max(2, next + 1));
    return b ? b.time - a.time : null;
  }

  #update() {
    const { factor, shift, bar, steady } = this.#correction;
    let times = steady ? this.#steadyTimes(steady) : this.#found.beats;
    for (let left = factor; left > 1; left /= 2) times = times.flatMap((time, i) => (i + 1 < times.length ? [time, (time + times[i + 1]) / 2] : [time]));
    const first = bar === null ? this.#found.downbeats[0] : bar - shift;
    const nearestIndex = (list) => list.reduce((best, time, i) => (Math.abs(time - first) < Math.abs(list[best] - first) ? i : best), 0);
    for (let left = factor; left < 1; left *= 2) {
      const keep = nearestIndex(times) % 2;
      times = times.filter((_, i) => i % 2 === keep);
    }
    const start = nearestIndex(times) % beatsPerBar;
    this.list = times.map((time, i) => ({ time: time + shift, isDownbeat: i % beatsPerBar === start })).filter(({ time }) => time >= 0 && time <= this.#duration);
    const tempo = steady ? 60 / steady.interval : this.#found.tempo_bpm;
    this.bpm = tempo ? tempo * factor : null;
  }

  #steadyTimes({ interval, first }) {
    const begin = first - Math.floor(first / interval) * interval;
    return Array.from({ length: Math.max(0, Math.floor((this.#duration - begin) / interval) + 1) }, (_, i) => begin + i * interval);
  }
}

/** Beats that are closer than this are left out of the picture, and so are bars. */
const leastPixels = 5;

/** Draws beats as short lines and bars as longer ones along the lower edge of a canvas. */
export function drawBeats(context, beats, { timeline, width, height, ratio, ink }) {
  const visible = beats.list.filter(({ time }) => time >= timeline.start && time <= timeline.end);
  const gap = width / Math.max(1, visible.length);
  if (gap * beatsPerBar < leastPixels * ratio) return;
  context.fillStyle = ink;
  for (const { time, isDownbeat } of visible) {
    if (!isDownbeat && gap < leastPixels * ratio) continue;
    context.globalAlpha = isDownbeat ? 0.6 : 0.3;
    const length = (isDownbeat ? 9 : 5) * ratio;
    context.fillRect(Math.round(timeline.share(time) * width), height - length, ratio, length);
  }
  context.globalAlpha = 1;
}
