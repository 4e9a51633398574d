// The visible window of a song: zoom and scroll as plain numbers, in seconds.

/** At 44,100 Hz some 10 samples, of which each can be seen. */
const smallestWindowSeconds = 0.00025;

export class Timeline {
  constructor(duration) {
    this.duration = Math.max(duration, 0.01);
    this.start = 0;
    this.end = this.duration;
  }

  get span() {
    return this.end - this.start;
  }

  get isZoomed() {
    return this.span < this.duration - 1e-6;
  }

  /** Whether the window can't be smaller. */
  get isClosest() {
    return this.span <= Math.min(smallestWindowSeconds, this.duration) + 1e-6;
  }

  /** Position of a time in the window: 0 is the left edge, 1 the right one. */
  share(time) {
    return (time - this.start) / this.span;
  }

  time(share) {
    return Math.min(this.duration, Math.max(0, this.start + share * this.span));
  }

  /** Zooms in by `factor`; the time at `anchor` (a share of the window) stays there. */
  zoom(factor, anchor = 0.5) {
    const span = Math.min(this.duration, Math.max(Math.min(smallestWindowSeconds, this.duration), this.span / factor));
    this.#show(this.start + anchor * (this.span - span), span);
  }

  scroll(seconds) {
    this.#show(this.start + seconds, this.span);
  }

  /** Scrolls by a window when the time has left the window; returns whether it did. */
  follow(time) {
    if (!this.isZoomed || (time >= this.start && time < this.start + this.span * 0.96)) return false;
    const before = this.start;
    this.#show(time - this.span * 0.04, this.span);
    return this.start !== before;
  }

  #show(start, span) {
    this.start = Math.min(this.duration - span, Math.max(0, start));
    this.end = this.start + span;
  }

  /** Times for a ruler with at most `most` marks, at round steps. */
  ticks(most) {
    const steps = [0.0001, 0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
    const step = steps.find((seconds) => this.span / seconds <= most) ?? steps.at(-1);
    const times = [];
    for (let time = Math.ceil(this.start / step) * step; time <= this.end; time += step) times.push(time);
    return times;
  }
}
