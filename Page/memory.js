// The browser's memory of each song: its mix and loop, as the fragments that links have too, and the settings of its
// rehearsal.

import { readLink } from "./link.js";

const stored = "mixes";
/** The songs whose mixes are kept: those that were changed last. */
const mostSongs = 200;

function fragments() {
  try {
    const list = JSON.parse(localStorage.getItem(stored));
    return Array.isArray(list) ? list.filter((fragment) => typeof fragment === "string") : [];
  } catch {
    // Unreadable stored mixes are ignored.
    return [];
  }
}

const others = (song) => fragments().filter((fragment) => readLink(fragment).song !== song);

/** Keeps what a song's fragment says about its mix and loop. */
export function remember(song, fragment) {
  localStorage.setItem(stored, JSON.stringify([...others(song), fragment].slice(-mostSongs)));
}

export function forget(song) {
  localStorage.setItem(stored, JSON.stringify(others(song)));
  localStorage.setItem(storedRehearsals, JSON.stringify(otherRehearsals(song)));
}

/** What is kept of a song: `{ loop, master, strips }`. */
export function recall(song) {
  const found = fragments().find((fragment) => readLink(fragment).song === song);
  const { loop, master, strips } = readLink(found ?? "");
  return { loop, master, strips };
}

const storedRehearsals = "rehearsals";

/** Pairs of a song and the settings of its rehearsal. */
function rehearsals() {
  try {
    const list = JSON.parse(localStorage.getItem(storedRehearsals));
    return Array.isArray(list) ? list.filter(Array.isArray) : [];
  } catch {
    // Unreadable stored settings are ignored.
    return [];
  }
}

const otherRehearsals = (song) => rehearsals().filter(([other]) => other !== song);

/** Keeps speed, pitch, beats and sections of a song. */
export function rememberRehearsal(song, settings) {
  localStorage.setItem(storedRehearsals, JSON.stringify([...otherRehearsals(song), [song, settings]].slice(-mostSongs)));
}

export function recallRehearsal(song) {
  return rehearsals().find(([other]) => other === song)?.[1] ?? {};
}
