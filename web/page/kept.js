// The settings that the browser keeps; no other module uses its storage. They may be damaged, or be of another version of the page or
// another page of the origin: each has a type and a range, and a plain value in place of all others. A storage that is full or forbidden
// keeps nothing, and the page goes on.

import { metres, mostCountedBars } from "./practice/grid.js";
import { fastest, longestDelay, loudestClick, mostSemitones, plainTuning, quietestClick, slowest } from "./sound/mix.js";
import { oneLine } from "./words.js";

export const [mostSections, longestName] = [100, 100];
/** Of times in seconds, and of beats. */
const most = 1e6;

// Each check returns the value that is kept, or the plain one.
const number = (low, high, plain) => (value) => (typeof value === "number" && value >= low && value <= high ? value : plain);
const whole = (low, high) => (value) => (Number.isInteger(value) ? number(low, high, 0)(value) : 0);
const flag = (plain) => (value) => (typeof value === "boolean" ? value : plain);
const text = (value) => (typeof value === "string" ? value : null);
const record = (checks) => (value) => Object.fromEntries(Object.entries(checks).map(([key, check]) => [key, check(value?.[key])]));
/** Seconds, rounded to milliseconds as links have them. */
const edges = (value) => (Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && value[0] >= 0 && value[0] < value[1] ? value.map((edge) => Number(edge.toFixed(3))) : null);

/** `{ name, from, to }` in seconds; songs of older pages have the edges alone of A, B and C. */
function section(value, index) {
  const ends = edges(Array.isArray(value) ? value : [value?.from, value?.to]);
  return ends && { name: [...oneLine(text(value.name) ?? "")].slice(0, longestName).join("") || "ABC"[index] || "?", from: ends[0], to: ends[1] };
}

const correction = record({
  factor: number(0.25, 4, 1), shift: number(-most, most, 0), bar: number(-most, most, null), moved: whole(-most, most),
  steady: (value) => (number(0.02, 2, 0)(value?.interval) && number(-most, most, null)(value.first) !== null ? { interval: value.interval, first: value.first } : null),
  metre: (value) => (metres.includes(value) ? value : null),
});

const noteChecks = {
  sections: (value) => (Array.isArray(value) ? value.map(section).filter(Boolean).slice(0, mostSections) : []),
  // Empty, if the beats are as they were found.
  correction: (value) => (value?.constructor === Object && Object.keys(value).length ? correction(value) : {}),
};

/** What the back end keeps of a song: its sections in seconds, its loop, `[start, end]` or null, and the correction of its beats. */
export const notes = record({ ...noteChecks, loop: edges });

export const rehearsal = record({
  speed: number(slowest, fastest, plainTuning.speed), semitones: number(-mostSemitones, mostSemitones, plainTuning.semitones), keepsFormants: flag(plainTuning.keepsFormants),
  isClicking: flag(false), clickVolume: number(quietestClick, loudestClick, 0), countsIn: whole(0, mostCountedBars), countsTurns: flag(false),
  snaps: flag(false), getsFaster: flag(false), ...noteChecks,
  // The notes on which this browser and the back end agreed last.
  agreed: (value) => (value?.constructor === Object ? notes(value) : null),
});

/** By key. Songs are `[song, fragment, rehearsal]`, of which the latter two are checked when the song is opened. */
const checks = {
  "my instrument": text,
  "sound delay": number(0, longestDelay, 0),
  token: text,
  options: Object,
  songs: (value) => (Array.isArray(value) ? value.filter((entry) => Array.isArray(entry) && text(entry[0]) && text(entry[1])) : []),
};

/** A token is forgotten with its tab. */
const storageOf = (key) => (key === "token" ? sessionStorage : localStorage);

export function kept(key) {
  try {
    return checks[key](JSON.parse(storageOf(key).getItem(key)));
  } catch {
    // Unreadable, or forbidden.
    return checks[key]();
  }
}

/** Returns whether there was room. */
export function keep(key, value) {
  try {
    storageOf(key).setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
