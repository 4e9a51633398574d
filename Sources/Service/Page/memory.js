// The mix and loop of each song, kept by the browser as the fragments that links have too.

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
}

/** What is kept of a song: `{ loop, master, strips }`. */
export function recall(song) {
  const found = fragments().find((fragment) => readLink(fragment).song === song);
  const { loop, master, strips } = readLink(found ?? "");
  return { loop, master, strips };
}
