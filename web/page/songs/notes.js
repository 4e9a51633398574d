// The notes of the open song (sections, loop, correction of its beats), which the back end keeps, so that all browsers of its owner agree.
// Those of another user's song begin as the owner's, and changes stay in this browser.

import { backend } from "../backend.js";
import { notes } from "../kept.js";
import { mayHelpToRetry } from "../words.js";
import { changeKept } from "./memory.js";

/** From the last change until it is sent, and from a failure until the next attempt. */
const [pauseSeconds, retrySeconds] = [1, 5];

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const none = notes({});

/**
 * The notes of this browser (`mine`) and of the back end (`theirs`) in one. Where they differ, those count that were changed since both had
 * `agreed`. If they never have, the back end's count; where it has none, and for the loop, which may come from a link, this browser's.
 */
export function merge(mine, theirs, agreed) {
  const isMine = (key) => (agreed ? !isSame(mine[key], agreed[key]) : isSame(theirs[key], none[key]) || (key === "loop" && mine.loop !== null));
  return Object.fromEntries(Object.keys(none).map((key) => [key, (isMine(key) ? mine : theirs)[key]]));
}

/** The notes as the back end takes them: without what is empty. */
export function written({ sections, loop, correction }) {
  const changed = Object.entries(correction).filter(([, value]) => value !== null);
  return { ...(sections.length ? { sections } : {}), ...(loop ? { loop } : {}), ...(changed.length ? { correction: Object.fromEntries(changed) } : {}) };
}

export class Notes {
  #song; #isOthers; #onSent;
  /** What the back end had last, as text: events that tell of other changes bring it again. */
  #seen = null;
  #timer = null;
  #isSending = false;
  #isClosed = false;

  /** `song` is a `Song`. `onSent()` is called when notes that came in the meantime can be taken. */
  constructor(song, isOthers, onSent) {
    this.#song = song;
    this.#isOthers = isOthers;
    this.#onSent = onSent;
  }

  /** Takes the notes of a job; returns whether they have changed the song. */
  take(job) {
    const theirs = notes(job.notes);
    const text = JSON.stringify(theirs);
    if (this.#isSending || text === this.#seen) return false;
    this.#seen = text;
    const { notes: mine, rehearsal: { agreed } } = this.#song;
    const merged = merge(mine, theirs, agreed);
    this.#song.rehearsal.agreed = theirs;
    const isChanged = !isSame(merged, mine);
    if (isChanged) this.#song.notes = merged;
    this.changed();
    return isChanged;
  }

  /** Sends the notes soon, if they have changed. */
  changed(seconds = pauseSeconds) {
    clearTimeout(this.#timer);
    if (!this.#isOthers && !isSame(this.#song.notes, this.#song.rehearsal.agreed)) this.#timer = setTimeout(() => this.send(), seconds * 1000);
  }

  /** Sends the notes now, if they have changed, and again if that fails. */
  async send() {
    clearTimeout(this.#timer);
    const { id, notes: sent, rehearsal: { agreed } } = this.#song;
    if (this.#isOthers || this.#isSending || isSame(sent, agreed)) return;
    this.#isSending = true;
    let pause = pauseSeconds;
    try {
      await backend.change(id, { notes: written(sent) });
      this.#song.rehearsal.agreed = sent;
      changeKept(id, { agreed: sent });
    } catch (error) {
      // What is refused for good, such as the notes of a song that was deleted, stays here.
      pause = mayHelpToRetry(error) ? retrySeconds : null;
    }
    this.#isSending = false;
    if (this.#isClosed) return;
    if (pause !== null) this.changed(pause);
    this.#onSent();
  }

  close() {
    this.send();
    this.#isClosed = true;
  }
}
