// The notes of the open song (sections, loop, correction of its beats), which the back end keeps, so that all browsers of its owner agree.
// Those of another user's song begin as the owner's, and changes stay in this browser.

import { backend } from "../backend.js";
import { say } from "../dom.js";
import { notes } from "../kept.js";
import { failureWords, mayHelpToRetry } from "../words.js";
import { changeKept } from "./memory.js";

/** From the last change until it is sent, and from a failure until the next attempt. */
const [pauseSeconds, retrySeconds] = [1, 5];
const notFound = 404;

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const none = notes({});

/**
 * The notes of this browser (`mine`) and of the back end (`theirs`) in one, for sections, loop and correction each:
 *
 * - What this browser has changed since both had `agreed` is this browser's, even if the back end's has changed too.
 * - What it has not changed is the back end's.
 * - If they never agreed, all is the back end's, except what is empty there, and a loop of this browser, which may come from a link.
 */
export function merge(mine, theirs, agreed) {
  const isMine = (key) => (agreed ? !isSame(mine[key], agreed[key]) : isSame(theirs[key], none[key]) || (key === "loop" && mine.loop !== null));
  return Object.fromEntries(Object.keys(none).map((key) => [key, (isMine(key) ? mine : theirs)[key]]));
}

/** What is other in notes than `before`, as the back end takes it: null for what is empty now. Another browser may have changed the rest. */
export function written(now, before = none) {
  const value = { ...now, correction: Object.fromEntries(Object.entries(now.correction).filter(([, each]) => each !== null)) };
  return Object.fromEntries(Object.keys(none).filter((key) => !isSame(now[key], before[key])).map((key) => [key, isSame(now[key], none[key]) ? null : value[key]]));
}

export class Notes {
  #song; #isOthers; #onSent;
  /** What the back end had last, as text: events that tell of other changes bring it again. */
  #seen = null;
  /** What was sent and has not come back as an event yet, as texts. */
  #sent = [];
  /** What is being sent, as text. */
  #sending = null;
  #timer = null;
  #isClosed = false;
  #isRefusalSaid = false;

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
    const place = this.#sent.indexOf(text);
    if (place >= 0) {
      // An event of a change of this page, which may have changed more since.
      this.#sent.splice(0, place + 1);
      this.#seen = text;
      return false;
    }
    if (this.#sending !== null || text === this.#seen) return false;
    this.#seen = text;
    // Events of changes that were sent may be of later ones than this one, and then count.
    this.#sent = [];
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

  /** Sends the notes now, if they have changed, and again if that fails. A page that is left doesn't wait for the reply to those before. */
  async send(isLeft = false) {
    clearTimeout(this.#timer);
    const { id, notes: sent, rehearsal: { agreed } } = this.#song;
    const text = JSON.stringify(sent);
    if (this.#isOthers || isSame(sent, agreed) || this.#sending === text || (this.#sending !== null && !isLeft)) return;
    this.#sending = text;
    this.#sent.push(text);
    let isDone = false;
    let pause = pauseSeconds;
    try {
      await backend.change(id, { notes: written(sent, agreed ?? none) });
      this.#song.rehearsal.agreed = sent;
      changeKept(id, { agreed: sent });
      isDone = true;
    } catch (error) {
      // What is refused for good, such as the notes of a song that was deleted, stays here.
      pause = mayHelpToRetry(error) ? retrySeconds : null;
      if (pause === null && error.status !== notFound && !this.#isRefusalSaid) {
        say(failureWords(error));
        this.#isRefusalSaid = true;
      }
    }
    if (this.#sending === text) this.#sending = null;
    if (this.#isClosed) {
      if (isDone) this.send();
      return;
    }
    if (pause !== null) this.changed(pause);
    this.#onSent();
  }

  close() {
    this.send();
    this.#isClosed = true;
  }
}
