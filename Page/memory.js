// The browser's memory of each song: its mix and loop, as the fragments that links have too, and the settings of its
// rehearsal.

import { readLink } from "./link.js";

/** The songs of which something is kept: those that were changed last. */
const mostSongs = 200;

/** A stored list with one entry for each song: `isEntry(entry)` leaves out what is damaged, `songOf(entry)` is the song. */
class Memory {
  constructor(stored, isEntry, songOf) {
    Object.assign(this, { stored, isEntry, songOf });
  }

  find(song) {
    return this.#entries().find((entry) => this.songOf(entry) === song);
  }

  /** Keeps an entry in place of the song's last one; without one, forgets the song. */
  replace(song, ...entry) {
    const others = this.#entries().filter((other) => this.songOf(other) !== song);
    localStorage.setItem(this.stored, JSON.stringify([...others, ...entry].slice(-mostSongs)));
  }

  #entries() {
    try {
      const list = JSON.parse(localStorage.getItem(this.stored));
      return Array.isArray(list) ? list.filter(this.isEntry) : [];
    } catch {
      // Unreadable stored entries are ignored.
      return [];
    }
  }
}

/** Fragments of links. */
const mixes = new Memory("mixes", (entry) => typeof entry === "string", (fragment) => readLink(fragment).song);
/** Pairs of a song and its settings. */
const rehearsals = new Memory("rehearsals", Array.isArray, ([song]) => song);

/** Keeps what a song's fragment says about its place, mix and loop. */
export const remember = (song, fragment) => mixes.replace(song, fragment);

/** What is kept of a song: `{ time, loop, master, strips }`. */
export function recall(song) {
  const { song: _, ...kept } = readLink(mixes.find(song) ?? "");
  return kept;
}

/** Keeps speed, pitch, beats and sections of a song. */
export const rememberRehearsal = (song, settings) => rehearsals.replace(song, [song, settings]);

export const recallRehearsal = (song) => rehearsals.find(song)?.[1] ?? {};

export function forget(song) {
  mixes.replace(song);
  rehearsals.replace(song);
}
