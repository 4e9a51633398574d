// Which songs the list shows, in which order, and which of them are selected.

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
