// Sets: songs in an order, each with a key and a speed. The region above the songs shows them, and the songs of the open one.

import { backend, newId } from "../backend.js";
import { announce, askForName, chipButton, element, fill, icon, iconButton, relabel, say, setText } from "../dom.js";
import { longestName } from "../kept.js";
import { percent } from "../sound/mix.js";
import { count, failureWords, keyWords, signed, stateWords, title } from "../words.js";
import { linkToSet } from "./memory.js";

const collator = new Intl.Collator(undefined, { numeric: true });
const mostSongs = 200;

/** The songs with that at `index` moved by `step` places. */
export function moved(songs, index, step) {
  const list = [...songs];
  list.splice(index + step, 0, ...list.splice(index, 1));
  return list;
}

/** The place `step` (1 or −1) from a place, without songs that are gone; −1 if there is none. From −1, which is no place, it is the first one. */
export function placeFrom(songs, place, step, isGone) {
  let next = place + step;
  while (songs[next] && isGone(songs[next].id)) next += step;
  return songs[next] ? next : -1;
}

const isSameTuning = (a, b) => a.semitones === b.semitones && a.speed === b.speed;

/** "F minor (−2) · 90 %". */
function tuningWords({ semitones, speed }, key) {
  const steps = semitones ? signed(semitones) : "";
  return [key ? `${keyWords(key, semitones)}${steps && ` (${steps})`}` : steps, percent(speed)].filter(Boolean).join(" · ");
}

/** A song of the open set, by its place; the element stays, and with it the focus. */
class Row {
  constructor(place, { play, change }) {
    this.number = element("span", { className: "mark", textContent: String(place + 1) });
    this.name = element("span", { className: "name" });
    this.words = element("span", { className: "words" });
    this.open = element("button", { type: "button", className: "open", onclick: () => play(place) }, this.number, this.name, this.words);
    this.up = iconButton("up", "", () => change((songs) => moved(songs, place, -1), place - 1, "up"));
    this.down = iconButton("down", "", () => change((songs) => moved(songs, place, 1), place + 1, "down"));
    this.out = iconButton("close", "", () => change((songs) => songs.filter((_, index) => index !== place), place, "out"));
    this.root = element("li", {}, this.open, this.up, this.down, this.out);
  }

  /** `job` is that of the song, undefined while it is not known. */
  update({ song, job, isGone, isOpen, isOwn, isFirst, isLast }) {
    const name = isGone ? "A song that is gone" : job ? title(job.name) : "Loading";
    setText(this.name, name);
    this.name.title = job?.name ?? "";
    setText(this.words, job && job.state !== "done" ? stateWords(job) : tuningWords(song, job?.key));
    if (isOpen) this.open.setAttribute("aria-current", "true");
    else this.open.removeAttribute("aria-current");
    this.open.disabled = isGone;
    for (const button of [this.up, this.down, this.out]) button.hidden = !isOwn;
    this.up.disabled = isFirst;
    this.down.disabled = isLast;
    relabel(this.up, `Move ${name} up`);
    relabel(this.down, `Move ${name} down`);
    relabel(this.out, `Take ${name} out of the set`);
  }
}

export class Sets {
  #region = document.getElementById("sets-region");
  #panel = document.getElementById("set");
  #songs = document.getElementById("set-songs");
  #list = [];
  #rows = [];
  /** The open set, and the place of the song that was opened last from it: a song may be in a set twice. */
  #openId = null;
  #place = -1;
  /** Changes of sets, one after the other, and how many are not done. */
  #changing = Promise.resolve();
  #changes = 0;
  #loads = 0;

  /**
   * `jobs` are the page's `Jobs`. `actions`: `openId()`, `tuning()` and `users()` of the page, `openSong(song)` opens a song of a set, and
   * `showLink()` the address of the present place.
   */
  constructor(jobs, actions) {
    this.jobs = jobs;
    this.actions = actions;
    this.chips = element("span", { className: "chips" });
    this.add = chipButton("Add this song", () => this.#add());
    this.tune = chipButton("Keep this key and speed", () => this.#change((songs) => songs.map((song, index) => (index === this.#current ? { ...song, ...actions.tuning() } : song))));
    this.forAll = chipButton("For all", () => this.#share());
    this.edit = chipButton("Rename or remove", () => this.#edit());
    this.owner = element("p", { className: "facts", textContent: "A set of another user." });
    document.getElementById("sets").append(this.chips, chipButton("New set", () => this.#create()));
    this.#panel.append(this.owner, element("div", { className: "presets" }, this.add, this.tune, this.forAll, this.edit));
  }

  /** Loads the sets, at first and when they have changed. */
  async load() {
    const load = (this.#loads += 1);
    try {
      const list = await backend.sets();
      // A change under way, or another load, brings newer ones.
      if (this.#changes === 0 && load === this.#loads) this.#list = list.sort((a, b) => Number(b.is_own) - Number(a.is_own) || collator.compare(a.name, b.name));
    } catch {
      // They are loaded again when there is a connection.
    }
    this.show();
  }

  get #openSet() {
    return this.#list.find(({ id }) => id === this.#openId) ?? null;
  }

  /** The place of the open song in the open set, or −1. */
  get #current() {
    const id = this.actions.openId();
    const songs = this.#openSet?.songs ?? [];
    return songs[this.#place]?.id === id ? this.#place : songs.findIndex((song) => song.id === id);
  }

  /** Opens a set, or none with null. */
  open(id) {
    this.#openId = id;
    this.#place = -1;
    linkToSet(id);
  }

  /** Opens the next song of the open set, or the one before with −1, at the first press of a key that is held; returns whether a set is open. */
  step(direction, isHeld = false) {
    const set = this.#openSet;
    if (!set || isHeld) return Boolean(set);
    const place = this.#placeFrom(direction);
    if (place < 0) say(direction > 0 ? `That was the last song of ${set.name}.` : `That is the first song of ${set.name}.`);
    else this.#play(place);
    return true;
  }

  /** The title of the next song, "" after the last one, null without an open set. */
  get nextTitle() {
    const song = this.#openSet?.songs[this.#placeFrom(1)];
    return this.#openSet && (song ? title(this.jobs.get(song.id)?.name ?? "Loading") : "");
  }

  #placeFrom(direction) {
    return placeFrom(this.#openSet.songs, this.#current, direction, (id) => this.jobs.isMissing(id));
  }

  #play(place) {
    const song = this.#openSet.songs[place];
    this.#place = place;
    this.actions.openSong(song);
    announce(`${place + 1} of ${this.#openSet.songs.length}: ${title(this.jobs.get(song.id)?.name ?? "")}`);
  }

  // Changes

  /** Calls `work()` after the changes before; says a failure. Resolves with whether it succeeded. */
  #then(work) {
    this.#changes += 1;
    const isDone = this.#changing.then(work).then(() => true, (error) => {
      say(failureWords(error));
      return false;
    });
    this.#changing = isDone.then(() => {
      this.#changes -= 1;
      return this.load();
    });
    return this.#changing.then(() => isDone);
  }

  /** Changes the songs of the open set; then the focus is at a button of the row at `place`. */
  #change(change, place = -1, button = "open") {
    const set = { ...this.#openSet, songs: change(this.#openSet.songs) };
    const current = this.#openSet.songs[this.#current];
    this.#list = this.#list.map((each) => (each.id === set.id ? set : each));
    if (set.songs.includes(current)) this.#place = set.songs.indexOf(current);
    this.show();
    const row = this.#rows[Math.min(place, set.songs.length - 1)] ?? { open: this.add };
    if (place >= 0) (row[button] && !row[button].disabled ? row[button] : row.open).focus();
    return this.#then(() => backend.keepSet(set));
  }

  async #create() {
    const name = await askForName("Name of the new set", "", { most: longestName });
    if (!name) return;
    const id = newId();
    if (await this.#then(async () => this.#list.push(await backend.keepSet({ id, name, songs: this.#openSong })))) this.#choose(id);
  }

  /** The open song as one of a set, in a list; none without a song. */
  get #openSong() {
    const job = this.jobs.get(this.actions.openId());
    return job ? [{ id: job.id, ...this.actions.tuning() }] : [];
  }

  async #add() {
    const [song] = this.#openSong;
    const { shared } = this.#openSet;
    if (!(await this.#change((songs) => [...songs, song]))) return;
    await this.#then(async () => {
      const opened = shared ? await this.#shareSongs([song]) : 0;
      say(`${title(this.jobs.get(song.id)?.name ?? "The song")} is in the set${opened ? ", and open for all users as the set is" : ""}.`);
    });
  }

  async #edit() {
    const set = this.#openSet;
    const name = await askForName("Name of the set", set.name, { most: longestName, canRemove: true });
    if (name === null) return;
    if (!name) {
      this.#choose(null);
      await this.#then(() => backend.removeSet(set.id));
      return;
    }
    // Its songs may have changed in the meantime, and may change again before the reply.
    const known = this.#list.find(({ id }) => id === set.id);
    if (!known) return say(`${set.name} was removed on another page.`);
    const renamed = { ...known, name };
    this.#list = this.#list.map((each) => (each.id === set.id ? renamed : each));
    this.show();
    await this.#then(() => backend.keepSet(renamed));
  }

  /** Opens the set for all users with its songs, or takes it back without them. */
  #share() {
    const set = this.#openSet;
    return this.#then(async () => {
      const { shared } = await backend.shareSet(set.id, !set.shared);
      const opened = shared ? await this.#shareSongs(set.songs) : 0;
      say(shared ? `The set is open for all users of this service${opened ? `, and so ${opened === 1 ? "is" : "are"} ${count(opened, "song")} of it` : ""}.` : "The set is yours alone again; its songs stay open.");
    });
  }

  /** Opens the user's own finished songs of a set for all; returns how many it opened. */
  async #shareSongs(songs) {
    const own = [...new Set(songs.map(({ id }) => this.jobs.get(id)))].filter((job) => job?.state === "done" && !job.isOthers && !job.shared);
    await Promise.all(own.map(({ id }) => backend.share(id, true)));
    return own.length;
  }

  #choose(id) {
    this.open(id);
    this.actions.showLink();
    this.show();
  }

  // Elements

  /** Shows the sets, and the songs of the open one. */
  show() {
    this.#region.hidden = !this.#list.length && !this.jobs.list().length;
    this.#showChips();
    const set = this.#openSet;
    this.#panel.hidden = !set;
    this.#songs.hidden = !set;
    if (!set) return;
    const { songs, is_own: isOwn } = set;
    const [current, tuning] = [this.#current, this.actions.tuning()];
    const actions = { play: (place) => this.#play(place), change: (...change) => this.#change(...change) };
    fill(this.#songs, songs.length, (place) => (this.#rows[place] = new Row(place, actions)).root);
    songs.forEach((song, index) => {
      const [job, isGone] = [this.jobs.get(song.id), this.jobs.isMissing(song.id)];
      if (!job && !isGone && this.jobs.isLoaded) this.jobs.find(song.id);
      this.#rows[index].update({ song, job, isGone, isOwn, isOpen: index === current, isFirst: index === 0, isLast: index === songs.length - 1 });
    });
    this.owner.hidden = isOwn;
    for (const button of [this.add, this.forAll, this.edit]) button.hidden = !isOwn;
    this.add.disabled = !this.jobs.get(this.actions.openId()) || songs.length >= mostSongs;
    this.tune.hidden = !isOwn || current < 0 || isSameTuning(songs[current], tuning);
    this.forAll.hidden = !isOwn || !(this.actions.users() > 1);
    this.forAll.setAttribute("aria-pressed", set.shared);
  }

  #showChips() {
    const choose = (index) => this.#choose(this.#list[index].id === this.#openId ? null : this.#list[index].id);
    fill(this.chips, this.#list.length, (index) => chipButton("", () => choose(index), {}, icon("users"), element("span")));
    this.#list.forEach(({ id, name, is_own: isOwn }, index) => {
      const chip = this.chips.children[index];
      setText(chip.lastChild, name);
      chip.title = isOwn ? name : `${name}, of another user`;
      chip.firstChild.style.display = isOwn ? "none" : "";
      chip.setAttribute("aria-pressed", id === this.#openId);
    });
  }
}
