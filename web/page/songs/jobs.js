// The service's jobs on the page; those of other users have `isOthers`. The newest are loaded first, events keep them up to date, and
// older ones are loaded page by page.

import { backend } from "../backend.js";
import { Problem } from "../words.js";

const pageJobs = 100;
const notFound = 404;
/** Before a job that could not be loaded is looked for again. */
const searchPauseSeconds = 2;

export class Jobs {
  onChange; onLoaded; onConnection; onSearch; onSets;
  #jobs = new Map();
  /** The jobs before a `state` event, to tell what has changed since. */
  #before = new Map();
  /** Ids in the order of the list; null if jobs were added or removed since. */
  #sorted = null;
  /** Where the next older page begins; null if all jobs are loaded. */
  #next = null;
  /** One set for each request under way: the jobs with an event since it began, which is newer than the reply. */
  #loads = new Set();
  #finding = new Set();
  #missing = new Set();
  isLoaded = false;

  /**
   * `onChange(job, before)`: `job` is null for a removed job, `before` for a new one; `onConnection(isOpen, problem)`;
   * `onSets()` when sets may have changed; `onSearch()` when a job that could not be loaded may be found by another call of `find`.
   */
  constructor({ onChange, onLoaded, onConnection, onSearch, onSets }) {
    Object.assign(this, { onChange, onLoaded, onConnection, onSearch, onSets });
  }

  get(id) {
    return this.#jobs.get(id);
  }

  /** The loaded jobs, the user's before those of others, newest first. */
  list() {
    this.#sorted ??= [...this.#jobs.keys()].sort((a, b) => {
      const [first, second] = [this.#jobs.get(a), this.#jobs.get(b)];
      return Number(first.isOthers ?? 0) - Number(second.isOthers ?? 0) || (first.created < second.created ? 1 : first.created > second.created ? -1 : 0);
    });
    return this.#sorted.map((id) => this.#jobs.get(id));
  }

  /** Whether the service has jobs that are older than the loaded ones. */
  get hasOlder() {
    return this.#next !== null;
  }

  /** Whether the service has said that it has no such job, or no more. */
  isMissing(id) {
    return this.#missing.has(id);
  }

  apply(job) {
    const before = this.#jobs.get(job.id) ?? this.#before.get(job.id) ?? null;
    if (!this.#jobs.has(job.id)) this.#sorted = null;
    // A song that its owner opens again.
    this.#missing.delete(job.id);
    this.#jobs.set(job.id, job);
    this.onChange(job, before);
  }

  remove(id) {
    const before = this.#jobs.get(id);
    if (!before) return;
    this.#jobs.delete(id);
    this.#missing.add(id);
    this.#sorted = null;
    this.onChange(null, before);
  }

  start() {
    backend.follow({
      begin: async () => {
        const reply = await backend.list({ limit: pageJobs });
        const shared = await (backend.shared?.() ?? []);
        this.#forget(reply.next ?? null);
        for (const job of reply.separations) this.apply(job);
        for (const job of shared) this.apply({ ...job, isOthers: true });
        this.isLoaded = true;
        this.onLoaded();
        return reply.last_event;
      },
      onOpen: () => {
        this.onConnection(true, null);
        this.onSets();
      },
      onEvent: (type, data) => {
        for (const touched of this.#loads) touched.add(data.id);
        if (type === "state" || type === "sets") this.onSets();
        if (type === "state") this.#forget(data.next);
        else if (type === "removed") this.remove(data.id);
        else if (type === "job") this.apply(data);
        else if (type === "shared") this.apply({ ...data, isOthers: true });
      },
      onLost: (problem) => this.onConnection(false, problem),
    });
  }

  /** Loads the next page of older jobs. */
  async loadOlder() {
    const from = this.#next;
    if (from === null || this.#loads.size) return;
    const reply = await this.#load(() => backend.list({ limit: pageJobs, after: from }));
    // After a `state` event, the pages begin again.
    if (!reply || this.#next !== from) return;
    this.#next = reply.document.next ?? null;
    for (const job of reply.document.separations) if (!reply.touched.has(job.id)) this.apply(job);
  }

  /** Loads one job that is on no loaded page. */
  async find(id) {
    if (this.#finding.has(id) || this.#missing.has(id)) return;
    this.#finding.add(id);
    const reply = await this.#load(() => backend.job(id), (problem) => {
      // Other refusals will pass: the service is too busy, or songs are separated in another tab.
      if (problem.status !== notFound) return;
      this.#missing.add(id);
      this.onChange(null, this.#before.get(id) ?? { id });
    });
    if (reply && !reply.touched.has(id)) this.apply(reply.document);
    const isOpen = !reply && !this.#missing.has(id);
    if (isOpen) await new Promise((resolve) => setTimeout(resolve, searchPauseSeconds * 1000));
    this.#finding.delete(id);
    if (isOpen) this.onSearch();
  }

  /** Returns null if `call` failed; `onRefused(problem)` is called if the back end refused it. */
  async #load(call, onRefused = (problem) => {}) {
    const touched = new Set();
    this.#loads.add(touched);
    try {
      return { document: await call(), touched };
    } catch (error) {
      if (error instanceof Problem) onRefused(error);
      return null;
    } finally {
      this.#loads.delete(touched);
    }
  }

  #forget(next) {
    this.#before = this.#jobs;
    this.#jobs = new Map();
    this.#sorted = null;
    this.#next = next;
  }
}
