// What the page keeps of a song: its place, loop and mixer as the fragment of a link, which is never sent to a server, and in the
// browser the settings of its rehearsal, too.

import { backend } from "../backend.js";
import { keep, kept, rehearsal } from "../kept.js";
import { loudestDecibels, silenceDecibels } from "../sound/mix.js";

const within = (text, low, high) => {
  const number = Number(text);
  return Number.isFinite(number) ? Math.min(high, Math.max(low, number)) : 0;
};

/** `#song=ID&t=42.5&loop=10,20&master=-2&mix.vocals=-3,40,ms`: volumes in decibels, pan in percent, mute and solo. */
export function writeLink({ song, time = 0, loop = null, master = 0, names = [], strips = [] }) {
  if (!song) return "";
  const parts = [`song=${encodeURIComponent(song)}`];
  if (time > 0) parts.push(`t=${Number(time.toFixed(2))}`);
  if (loop) parts.push(`loop=${loop.map((edge) => Number(edge.toFixed(3))).join(",")}`);
  if (master) parts.push(`master=${master}`);
  names.forEach((name, index) => {
    const { volume, pan, isMuted, isSolo, isPart } = strips[index];
    if (!volume && !pan && isMuted !== isPart && !isSolo) return;
    parts.push(`mix.${encodeURIComponent(name)}=${volume},${pan},${isMuted ? "m" : ""}${isSolo ? "s" : ""}`);
  });
  return `#${parts.join("&")}`;
}

let openSet = null;

/** Names the open set, or none with null, in each link that is shown from now on. */
export const linkToSet = (id) => {
  openSet = id;
};

/** Shows a link to the present place in the address bar; `isNew` keeps the place before for Back. */
export function showLink(fragment, isNew = false) {
  const change = isNew ? "pushState" : "replaceState";
  const parts = [openSet && `set=${encodeURIComponent(openSet)}`, fragment.slice(1)].filter(Boolean);
  // The state tells entries of the page's own from links that were pasted.
  history[change]({ isOwn: true }, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
}

/** The place and mix of the address bar; `isOwn` if the page itself has put it there. */
export function shownLink() {
  return { ...readLink(location.hash), isOwn: history.state?.isOwn === true };
}

/** Parses the fragment of `writeLink`; invalid parts are left out. `strips` maps names to controls of strips. */
export function readLink(fragment) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ""));
  const volume = (text) => Math.round(within(text, silenceDecibels, loudestDecibels));
  const state = { set: fields.get("set"), song: fields.get("song"), time: within(fields.get("t") ?? 0, 0, 1e6), loop: null, master: volume(fields.get("master") ?? 0), strips: {} };
  const edges = (fields.get("loop") ?? "").split(",").map((edge) => within(edge, 0, 1e6));
  if (edges.length === 2 && edges[1] > edges[0]) state.loop = edges;
  for (const [key, value] of fields) {
    if (!key.startsWith("mix.")) continue;
    const [decibels = "", pan = "", flags = ""] = value.split(",");
    state.strips[key.slice(4)] = {
      volume: volume(decibels),
      pan: Math.round(within(pan, -100, 100)),
      isMuted: flags.includes("m"),
      isSolo: flags.includes("s"),
    };
  }
  return state;
}

/** Where a link to a job's song works; `users` is the number of users, null without tokens. */
export function reachOfLink({ shared, state }, users) {
  if (users > 1 && !shared) return `It works for you alone.${state === "done" ? " “For all” opens the song for the other users." : ""}`;
  const isLocal = /^(localhost|127\.|\[::1\])/.test(location.hostname);
  const people = users > 1 ? "for all users of this service" : users ? "for everyone who has the token" : isLocal ? null : "for everyone who can open this page";
  const places = backend.worksHere ? ["in this browser only"] : [people, isLocal ? "on this computer only" : null].filter(Boolean);
  return `It works ${places.join(", ")}, as long as the song is kept.`;
}

/** The songs of which something is kept: those that were changed last. */
const mostSongs = 200;

const find = (song) => kept("songs").find(([other]) => other === song) ?? [song, "", null];

/** Puts an entry in place of the song's last one; without room, the older half of all songs goes. */
function replace(song, ...entry) {
  let list = [...kept("songs").filter(([other]) => other !== song), ...entry].slice(-mostSongs);
  while (!keep("songs", list) && list.length > 1) list = list.slice(Math.ceil(list.length / 2));
}

/** Keeps what a song's fragment says about its place, mix and loop, and the settings of its rehearsal. */
export const remember = (song, fragment, settings = find(song)[2]) => replace(song, [song, fragment, settings]);

/** What is kept of a song's fragment: `{ time, loop, master, strips }`. */
export function recall(song) {
  const { set, song: _, ...state } = readLink(find(song)[1]);
  return state;
}

export const recallRehearsal = (song) => rehearsal(find(song)[2]);

/** Changes settings of a song's rehearsal, also while it is not open. */
export function changeKept(song, changes) {
  const [, fragment, settings] = find(song);
  remember(song, fragment || writeLink({ song }), { ...settings, ...changes });
}

export const forget = (song) => replace(song);
