// Which songs the list shows, in which order, and which of them are selected; and the row above the list, by which that is chosen.

import { announce, chipButton, element, setText } from "../dom.js";
import { count } from "../words.js";

/** Orders of the finished songs by the value of the choice. */
const orders = {
  newest: () => 0,
  name: (a, b) => collator.compare(a.name, b.name),
  longest: (a, b) => (b.duration_seconds ?? 0) - (a.duration_seconds ?? 0),
};
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

const isActive = (job) => job.state === "running" || job.state === "queued";
/** Running songs first, then the waiting ones in the order in which they run. */
const place = (job) => (job.state === "running" ? 0 : (job.queue_position ?? Infinity));

export class Library {
  text = "";
  order = "newest";
  /** Ids of the selected songs while songs are being selected, or null. */
  selected = null;
  #last = null;

  /** The songs to show of jobs, newest first: those in line as they run, then the finished ones. */
  arrange(jobs) {
    const wanted = this.text.trim().toLocaleLowerCase();
    const found = wanted ? jobs.filter(({ name }) => name.toLocaleLowerCase().includes(wanted)) : jobs;
    const active = found.filter(isActive).sort((a, b) => place(a) - place(b));
    const ended = active.length ? found.filter((job) => !isActive(job)) : found;
    return [...active, ...(this.order === "newest" ? ended : [...ended].sort(orders[this.order]))];
  }

  /** Whether the list needs every song, also those that are not loaded: all of them can be selected. */
  get needsAll() {
    return this.text.trim() !== "" || this.order !== "newest" || this.selected !== null;
  }

  /** Selects a song or takes it back; with `isRange`, all between the last one and it in `jobs`. */
  select(id, jobs, isRange) {
    const ids = jobs.map((job) => job.id);
    const [from, to] = [ids.indexOf(isRange ? this.#last : id), ids.indexOf(id)].sort((a, b) => a - b);
    const isOn = !this.selected.has(id);
    for (const each of ids.slice(from < 0 ? to : from, to + 1)) {
      if (isOn) this.selected.add(each);
      else this.selected.delete(each);
    }
    this.#last = id;
  }

  /** Begins or ends selecting. */
  toggleSelecting() {
    this.selected = this.selected ? null : new Set();
    this.#last = null;
  }
}

/** The fewest songs for which the row is shown. */
const leastSongs = 2;
const armedSeconds = 4;
const hasEnded = ({ state }) => state === "done" || state === "failed" || state === "cancelled";

export class LibraryTools {
  #root = document.getElementById("library");
  #empty = document.getElementById("not-found");
  #search = document.getElementById("search");
  #armed = null;
  #jobs = [];

  /** `onChange()` after a change of `library`; `removeAll(jobs)` resolves with how many it has removed. */
  constructor(library, { onChange, removeAll }) {
    this.library = library;
    this.removeAll = removeAll;
    this.change = () => {
      document.getElementById("queue").scrollTop = 0;
      onChange();
    };
    this.#search.addEventListener("input", () => {
      library.text = this.#search.value;
      this.change();
    });
    const order = document.getElementById("order");
    order.addEventListener("change", () => {
      library.order = order.value;
      this.change();
    });
    this.select = document.getElementById("select");
    this.select.addEventListener("click", () => {
      library.toggleSelecting();
      this.#disarm();
      onChange();
    });
    this.all = chipButton("All", () => {
      const isAll = library.selected.size >= this.#jobs.length;
      library.selected = new Set(isAll ? [] : this.#jobs.map(({ id }) => id));
      this.#disarm();
      onChange();
    });
    this.remove = chipButton("Delete", () => this.#press("remove", this.#jobs.filter(({ id }) => library.selected.has(id))));
    this.finished = chipButton("Remove finished", () => this.#press("finished", this.#jobs.filter(hasEnded)));
    this.selection = element("div", { className: "presets", hidden: true }, this.all, this.remove, this.finished);
    this.#root.append(this.selection);
  }

  /** Shows what the row can do with the songs of the list; `hasMore` if others are still loaded. */
  show(jobs, loaded, hasMore) {
    const { library } = this;
    this.#jobs = jobs.filter(({ isOthers }) => !isOthers);
    this.#root.hidden = loaded < leastSongs && !library.selected && !library.text;
    setText(this.#empty, library.text.trim() && !jobs.length ? (hasMore ? "Searching" : `No song has “${library.text.trim()}” in its name.`) : "");
    this.select.setAttribute("aria-pressed", library.selected !== null);
    this.selection.hidden = !library.selected;
    if (!library.selected) return;
    const chosen = this.#jobs.filter(({ id }) => library.selected.has(id)).length;
    const ended = this.#jobs.filter(hasEnded).length;
    this.remove.disabled = chosen === 0;
    this.finished.disabled = ended === 0 || hasMore;
    setText(this.remove, this.#armed?.name === "remove" ? `Press again to delete ${count(chosen, "song")}` : chosen ? `Delete ${chosen}` : "Delete");
    setText(this.finished, this.#armed?.name === "finished" ? `Press again to remove ${count(ended, "song")}` : "Remove finished");
  }

  /** Removes songs at the second press. */
  #press(name, jobs) {
    if (this.#armed?.name !== name) {
      this.#disarm();
      this.#armed = { name, timer: setTimeout(() => this.#disarm(), armedSeconds * 1000) };
    } else {
      this.#disarm();
      this.library.toggleSelecting();
      this.removeAll(jobs).then((removed) => {
        // Otherwise a reason was announced.
        if (removed === jobs.length) announce(`${count(removed, "song")} removed`);
      });
    }
    this.change();
  }

  #disarm() {
    clearTimeout(this.#armed?.timer);
    const wasArmed = this.#armed !== null;
    this.#armed = null;
    if (wasArmed) this.change();
  }
}
