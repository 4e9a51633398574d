// A song as its user has left it: mix, loop, place and rehearsal. The browser keeps it; a link has all but the rehearsal.

import { Grid } from "../practice/grid.js";
import { notes } from "../kept.js";
import { recallRehearsal, remember, writeLink } from "../songs/memory.js";
import { Mix } from "../sound/mix.js";
import { spokenTime } from "../words.js";

// The part of a song that repeats: its two edges, set one after the other, dragged or moved by keys.

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
    this.set(edges);
  }

  /** Sets both edges, or clears the loop: also for edges that aren't in the song. */
  set(edges) {
    this.begun = null;
    this.edges = edges?.[1] <= this.duration + 0.01 ? edges : null;
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

export class Song {
  /** `saved` has the place, the loop and the mix that the song opens with: see `readLink`. */
  constructor(job, duration, saved) {
    this.id = job.id;
    this.duration = duration;
    this.mix = new Mix(job.stems, saved);
    this.grid = new Grid(duration);
    this.loop = new Loop(duration, saved?.loop, (seconds) => (this.rehearsal.snaps ? this.grid.snap(seconds) : seconds));
    this.startTime = Math.min(saved?.time ?? 0, duration);
    this.rehearsal = recallRehearsal(job.id);
    this.rehearse({});
  }

  /** What the back end keeps of the song: see `notes` in kept.js. */
  get notes() {
    return notes({ ...this.rehearsal, loop: this.loop.edges });
  }

  set notes({ loop, ...settings }) {
    // In seconds, rounded to milliseconds, the loop may be the same.
    if (JSON.stringify(loop) !== JSON.stringify(this.notes.loop)) this.loop.set(loop);
    this.rehearse(settings);
  }

  /** `{ speed, semitones, keepsFormants }`. */
  get tuning() {
    const { speed, semitones, keepsFormants } = this.rehearsal;
    return { speed, semitones, keepsFormants };
  }

  /** Changes settings of the rehearsal. */
  rehearse(changes) {
    Object.assign(this.rehearsal, changes);
    this.grid.countedBars = this.rehearsal.countsIn;
    this.grid.countsTurns = this.rehearsal.countsTurns;
    this.grid.correction = this.rehearsal.correction;
  }

  /** The fragment of a link to a place in the song. */
  linkTo(time) {
    const { mix, loop } = this;
    return writeLink({ song: this.id, time, loop: loop.edges, master: mix.master.volume, names: mix.names, strips: mix.strips });
  }

  /** Keeps everything in the browser, with the place to go on from. */
  keep(time) {
    remember(this.id, this.linkTo(time), this.rehearsal);
  }
}
