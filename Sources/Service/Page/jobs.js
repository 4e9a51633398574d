// The service's jobs on the page. Events update them; each connection starts with a list.

import { json } from "./api.js";
import { follow } from "./feed.js";

export class Jobs {
  #jobs = new Map();
  /** Jobs with an event since the connection began: newer than the list that is being loaded. */
  #touched = new Set();
  isLoaded = false;

  /** `onChange(job, before)`: `job` is null for a removed job, `before` for a new one; `onConnection(isOpen, problem)`. */
  constructor({ onChange, onLoaded, onConnection }) {
    Object.assign(this, { onChange, onLoaded, onConnection });
  }

  get(id) {
    return this.#jobs.get(id);
  }

  /** All jobs, newest first. */
  list() {
    return [...this.#jobs.values()].sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : 0));
  }

  apply(job) {
    const before = this.#jobs.get(job.id) ?? null;
    this.#jobs.set(job.id, job);
    this.onChange(job, before);
  }

  remove(id) {
    const before = this.#jobs.get(id);
    if (!before) return;
    this.#jobs.delete(id);
    this.onChange(null, before);
  }

  start() {
    follow("v1/events", {
      onOpen: () => {
        this.#touched.clear();
        this.onConnection(true, null);
        this.#load();
      },
      onEvent: (type, data) => {
        if (!data.id) return;
        this.#touched.add(data.id);
        if (type === "removed") this.remove(data.id);
        else if (type === "job") this.apply(data);
      },
      onLost: (problem) => this.onConnection(false, problem),
    });
  }

  async #load() {
    let jobs;
    try {
      jobs = (await json("v1/separations")).separations;
    } catch {
      // The event stream breaks at the same time as the list, and reconnecting starts both again.
      return;
    }
    const present = new Set(jobs.map((job) => job.id));
    for (const id of this.#jobs.keys()) if (!present.has(id) && !this.#touched.has(id)) this.remove(id);
    for (const job of jobs) if (!this.#touched.has(job.id)) this.apply(job);
    this.isLoaded = true;
    this.onLoaded();
  }
}
