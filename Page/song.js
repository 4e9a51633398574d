// A song as its user has left it: mix, loop, place and rehearsal. The browser keeps it; a link has all but the rehearsal.

import { Grid } from "./grid.js";
import { writeLink } from "./link.js";
import { Loop } from "./loop.js";
import { recallRehearsal, remember, rememberRehearsal } from "./memory.js";
import { Mix } from "./mix.js";
import { plainTuning } from "./tuning.js";

const plainRehearsal = {
  ...plainTuning, isClicking: false, clickVolume: 0, countsIn: 0, countsTurns: false, snaps: false, getsFaster: false, sections: [null, null, null], correction: {},
};

export class Song {
  /** `saved` has the place, the loop and the mix that the song opens with: see `readLink`. */
  constructor(job, duration, saved) {
    this.id = job.id;
    this.duration = duration;
    this.mix = new Mix(job.stems, saved);
    this.grid = new Grid(duration);
    this.loop = new Loop(duration, saved?.loop, (seconds) => (this.rehearsal.snaps ? this.grid.snap(seconds) : seconds));
    this.startTime = Math.min(saved?.time ?? 0, duration);
    this.rehearsal = { ...plainRehearsal };
    this.rehearse(recallRehearsal(job.id));
  }

  /** `{ speed, semitones, keepsFormants }`. */
  get tuning() {
    const { speed, semitones, keepsFormants } = this.rehearsal;
    return { speed, semitones, keepsFormants };
  }

  /** Changes settings of the rehearsal. */
  rehearse(changes) {
    Object.assign(this.rehearsal, changes);
    this.grid.countedBars = Number(this.rehearsal.countsIn);
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
    remember(this.id, this.linkTo(time));
    rememberRehearsal(this.id, this.rehearsal);
  }
}
