// The beats of a song, as the analysis found them and the user has corrected them, and its bars: beats in a metre, which the ruler, loops,
// clicks and the count-in stand on.

/** Taps that are further apart begin a new count. */
const longestTapSeconds = 2;
const leastTaps = 4;
/** Factors by which a tempo that was found may be wrong, as of rhythms of three against two or four; and how far taps may be from it. */
const wrongFactors = [[1, 0.08], [2, 0.08], [1 / 2, 0.08], [3 / 4, 0.03], [4 / 3, 0.03], [2 / 3, 0.03], [3 / 2, 0.03]];
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
    const [factor] = wrongFactors.find(([each, tolerance]) => base && Math.abs(base / each / steady.interval - 1) < tolerance) ?? [];
    const tapped = { ...this.correction, ...asFound, bar: steady.first };
    if (factor) {
      // The beats that were found follow the band.
      this.correction = { ...tapped, factor };
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
    const found = steady ? this.#steadyTimes(steady) : this.found.beats;
    const first = bar === null ? this.found.downbeats[0] : bar - shift;
    const start = found.reduce((best, time, i) => (Math.abs(time - first) < Math.abs(found[best] - first) ? i : best), 0);
    // The beat that begins a bar stays; the others lie at equal shares of those that were found.
    const [before, after] = [start, found.length - 1 - start].map((beats) => Math.floor(beats * factor + 1e-6));
    const all = Array.from({ length: Math.max(0, before + 1 + after) }, (_, i) => {
      const place = start + (i - before) / factor;
      const whole = Math.min(found.length - 1, Math.floor(place + 1e-6));
      return found[whole] + (place - whole) * ((found[whole + 1] ?? found[whole]) - found[whole]) + shift;
    });
    this.times = all.filter((time) => time >= 0 && time <= this.#duration);
    this.first = before - Math.max(0, all.indexOf(this.times[0]));
    const tempo = steady ? 60 / steady.interval : this.found.tempo_bpm;
    this.bpm = tempo ? tempo * factor : null;
  }

  #steadyTimes({ interval, first }) {
    const begin = first - Math.floor(first / interval) * interval;
    return Array.from({ length: Math.max(0, Math.floor((this.#duration - begin) / interval) + 1) }, (_, i) => begin + i * interval);
  }
}

export const metres = ["2/4", "3/4", "4/4", "5/4", "6/4", "7/4", "6/8", "12/8"];
export const mostCountedBars = 4;
/** A bar line so shortly before a place is at it. */
const nearSeconds = 0.03;

/** The beats of a bar, and the parts of a beat: three eighths in 6/8 and 12/8. */
function shapeOf(metre) {
  const [upper, lower] = metre.split("/").map(Number);
  return lower === 8 ? { beats: upper / 3, parts: 3 } : { beats: upper, parts: 1 };
}

/** The strength of a click, by its number from a bar line on: 2 at the bar line, 1 at a beat, 0 within a beat. */
const strength = (index, { beats, parts }) => (index % (beats * parts) === 0 ? 2 : index % parts === 0 ? 1 : 0);

export class Grid extends Beats {
  /** `{ time, strength }` in seconds, rising. */
  clicks = [];
  /** The times of the bar lines; that of bar 1 comes first. */
  bars = [];
  /** The bars that are counted before the sound; 0 is no count-in. */
  countedBars = 0;
  /** Whether each turn of a loop is counted in. */
  countsTurns = false;
  #metre = null;
  /** Beats by which the bars are moved. */
  #moved = 0;

  get metre() {
    return this.#metre ?? this.found.metre ?? "4/4";
  }

  get correction() {
    return { ...super.correction, metre: this.#metre, moved: this.#moved };
  }

  /** All that is left out is as it was found. */
  set correction({ metre, moved, ...beats }) {
    this.#metre = metres.includes(metre) ? metre : null;
    this.#moved = moved ?? 0;
    super.correction = beats;
  }

  /** Takes the taps as `Beats` does; the first is at a bar line. */
  tap(time) {
    const isSet = super.tap(time);
    if (isSet) this.correction = { ...this.correction, moved: 0 };
    return isSet;
  }

  /** Moves all bar lines by beats. */
  moveBars(beats) {
    this.correction = { ...this.correction, moved: this.#moved + beats };
  }

  update() {
    super.update();
    const shape = shapeOf(this.metre);
    const { times } = this;
    const start = this.first + this.#moved;
    // Counted from the first bar line in the song: beats before it are a pickup.
    const indexed = times.map((time, i) => ({ time, next: times[i + 1], index: i - start + shape.beats * times.length }));
    this.clicks = indexed.flatMap(({ time, next, index }) =>
      Array.from({ length: next === undefined ? 1 : shape.parts }, (_, part) => ({ time: time + (part ? (part * (next - time)) / shape.parts : 0), strength: strength(index * shape.parts + part, shape) })));
    this.bars = this.clicks.filter((click) => click.strength === 2).map(({ time }) => time);
  }

  /** The bar line next to a time; the time itself in a song without bars. */
  snap(seconds) {
    return this.bars.reduce((best, time) => (best === null || Math.abs(time - seconds) < Math.abs(best - seconds) ? time : best), null) ?? seconds;
  }

  /**
   * The count before sound that begins at `time`: it ends at the next bar line. `{ lead, clicks, end }` in seconds of the song: the sound
   * begins `lead` after the first click, those after `time` sound with it, and `end` is the bar line. Null without a count or bars.
   */
  countIn(time) {
    const { times, bars } = this;
    if (!this.countedBars || bars.length === 0 || times.length < 2) return null;
    const shape = shapeOf(this.metre);
    const known = bars.find((bar) => bar >= time - nearSeconds);
    // The beats near the bar line, or the last ones.
    const from = Math.min(known === undefined ? Infinity : times.indexOf(known), times.length - 2);
    const until = Math.min(times.length - 1, from + shape.beats);
    const interval = (times[until] - times[from]) / (until - from);
    const bar = interval * shape.beats;
    const end = known ?? bars.at(-1) + Math.ceil((time - nearSeconds - bars.at(-1)) / bar) * bar;
    const count = this.countedBars * shape.beats * shape.parts;
    const clicks = Array.from({ length: count }, (_, i) => {
      const even = end - ((count - i) * interval) / shape.parts;
      const beat = strength(i, shape) ? this.nearest(even) : Infinity;
      // Where the song sounds, the count is on its beats.
      return { time: even >= time && Math.abs(beat - even) < interval / 4 ? beat : even, strength: strength(i, shape) };
    });
    return { lead: Math.max(0, time - clicks[0].time), clicks, end };
  }
}

/** Bars and beats that are closer than this are left out of the picture. */
const leastPixels = 5;
const pixelsPerNumber = 34;

/** Draws beats as short lines and bars as longer ones along the lower edge of a canvas, and the numbers of bars in its lowest row. */
export function drawGrid(context, grid, { timeline, width, height, ratio, ink }) {
  const isSeen = (time) => time >= timeline.start && time <= timeline.end;
  const at = (time) => Math.round(timeline.share(time) * width);
  const line = (time, alpha, length) => {
    context.globalAlpha = alpha;
    context.fillRect(at(time), height - length * ratio, ratio, length * ratio);
  };
  const gapOf = (list) => width / ratio / Math.max(1, list.length);
  const bars = grid.bars.filter(isSeen);
  context.fillStyle = ink;
  if (gapOf(bars) < leastPixels) return;
  const beats = grid.times.filter(isSeen);
  if (gapOf(beats) >= leastPixels) for (const time of beats) line(time, 0.3, 4);
  // Every bar has its number, or every second, fourth, …
  const step = 2 ** Math.max(0, Math.ceil(Math.log2(pixelsPerNumber / gapOf(bars))));
  context.font = `${10 * ratio}px system-ui, sans-serif`;
  context.textBaseline = "alphabetic";
  for (const time of bars) {
    const index = grid.bars.indexOf(time);
    const isNumbered = index % step === 0;
    line(time, 0.6, isNumbered ? 14 : 7);
    context.globalAlpha = 0.68;
    if (isNumbered) context.fillText(String(index + 1), at(time) + 3 * ratio, height - 6 * ratio);
  }
  context.globalAlpha = 1;
}
