// The part of a song that repeats: its two edges, set one after the other, dragged or moved by keys.

import { spokenTime } from "./format.js";

/** The shortest loop. */
const shortestSeconds = 0.05;
/** Length of a loop whose end is set right after its start. */
const usualSeconds = 4;

export class Loop {
  /** `[start, end]` in seconds, or null. */
  edges = null;
  /** Start of a loop whose end is not set yet. */
  begun = null;

  /** `snap(seconds)` moves an edge to the grid that the song has. */
  constructor(duration, edges = null, snap = (seconds) => seconds) {
    this.duration = duration;
    this.snap = snap;
    if (edges?.[1] <= duration + 0.01) this.edges = edges;
  }

  /** Sets both edges, or clears the loop. */
  set(edges) {
    this.begun = null;
    this.edges = edges;
    this.tidy();
  }

  /** Clears a loop that is too short: the drag was a click. */
  tidy() {
    if (this.edges && this.edges[1] - this.edges[0] < shortestSeconds - 1e-9) this.edges = null;
  }

  /** Sets the loop's start, then its end, then clears the loop; returns what to announce. */
  step(time) {
    if (this.edges) {
      this.set(null);
      return "Loop cleared";
    }
    if (this.begun === null) {
      this.begun = this.#snapped(time);
      return `Loop from ${spokenTime(this.begun)}`;
    }
    const edges = [this.begun, this.#snapped(time)].sort((a, b) => a - b);
    if (edges[1] - edges[0] < 0.2) edges[1] = Math.min(this.duration, edges[0] + usualSeconds);
    this.set(edges);
    return this.words;
  }

  /** Moves an edge (0 or 1) to a time, onto the grid unless it is exact; the edges never pass each other. */
  move(edge, time, isExact = false) {
    const [start, end] = this.edges;
    const snapped = isExact ? time : this.#snapped(time);
    this.edges = edge === 0 ? [Math.min(snapped, end - shortestSeconds), end] : [start, Math.max(snapped, start + shortestSeconds)];
    this.edges = this.edges.map((each) => Math.min(this.duration, Math.max(0, each)));
  }

  /** Sets an edge at a time; the other one is the song's start or end if there is no loop, or the edges would pass. */
  setEdge(edge, time) {
    this.begun = null;
    const here = this.#snapped(time);
    const [start, end] = this.edges ?? [0, this.duration];
    const edges = edge === 0 ? [here, end > here ? end : this.duration] : [start < here ? start : 0, here];
    this.set(edges);
  }

  /** Moves the nearer edge to a time; without a loop, makes one from `position`. */
  extend(time, position) {
    if (!this.edges) return this.select(position, time);
    const [start, end] = this.edges;
    this.move(Math.abs(time - start) < Math.abs(time - end) ? 0 : 1, time);
  }

  /** Both edges between two times, in any order. */
  select(from, to) {
    this.begun = null;
    this.edges = [this.#snapped(Math.min(from, to)), this.#snapped(Math.max(from, to))];
  }

  get words() {
    return this.edges ? `Loop from ${spokenTime(this.edges[0])} to ${spokenTime(this.edges[1])}` : "No loop";
  }

  #snapped(time) {
    return Math.min(this.duration, Math.max(0, this.snap(time)));
  }
}
