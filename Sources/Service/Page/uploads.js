// Uploads songs one after the other: two at once would both be slower.

import { upload } from "./api.js";
import { bytes } from "./format.js";

/** Attempts after a lost connection, before the upload fails. */
const mostAttempts = 4;
const fullQueueSeconds = 10;

export class Uploads {
  #items = [];
  #isBusy = false;
  #isConnected = false;
  /** Files of accepted jobs, to send them again; lost when the page is closed. */
  #files = new Map();
  #count = 0;
  bodyLimitBytes = Infinity;

  /** `onChange()` is called when an item changed; `onJob(job)` when the service has accepted a job. */
  constructor({ onChange, onJob }) {
    Object.assign(this, { onChange, onJob });
  }

  get items() {
    return this.#items;
  }

  set isConnected(value) {
    this.#isConnected = value;
    if (value) this.#next();
  }

  /** Queues files; `options` are fields of the form. */
  add(files, options) {
    for (const file of files) {
      const item = { id: `upload-${(this.#count += 1)}`, file, name: file.name, options, state: "waiting", fraction: 0, attempts: 0, stop: new AbortController() };
      if (file.size > this.bodyLimitBytes) this.#refuse(item, `This file has ${bytes(file.size)}; the service takes up to ${bytes(this.bodyLimitBytes)}.`);
      else if (file.size === 0) this.#refuse(item, "This file is empty.");
      this.#items.push(item);
    }
    this.onChange();
    this.#next();
  }

  remove(item) {
    item.stop.abort();
    this.#items = this.#items.filter((other) => other !== item);
    this.onChange();
  }

  canRetry(id) {
    return this.#files.has(id);
  }

  /** Sends a job's file again. */
  retry(id) {
    const { file, options } = this.#files.get(id);
    this.add([file], options);
  }

  retryItem(item) {
    this.remove(item);
    this.add([item.file], item.options);
  }

  #refuse(item, sentence) {
    Object.assign(item, { state: "failed", error: { detail: sentence } });
  }

  async #next() {
    const item = this.#items.find(({ state }) => state === "waiting");
    if (this.#isBusy || !this.#isConnected || !item) return;
    this.#isBusy = true;
    item.state = "uploading";
    item.attempts += 1;
    this.onChange();
    // Fields first, because the service reads the form as a stream.
    const form = new FormData();
    for (const [name, value] of Object.entries(item.options)) form.append(name, value);
    form.append("file", item.file, item.name);
    try {
      const job = await upload("v1/separations", form, (fraction) => {
        item.fraction = fraction;
        this.onChange();
      }, item.stop.signal);
      this.#files.set(job.id, { file: item.file, options: item.options });
      this.#items = this.#items.filter((other) => other !== item);
      this.onJob(job);
    } catch (error) {
      this.#handle(item, error);
    }
    this.#isBusy = false;
    this.onChange();
    this.#next();
  }

  #handle(item, error) {
    if (error.name === "AbortError") return;
    item.fraction = 0;
    const isBusy = error.status === 429 || error.status === 503;
    if (isBusy || (error instanceof TypeError && item.attempts < mostAttempts)) {
      item.state = "delayed";
      item.words = isBusy ? "The queue is full. Trying again soon." : "Connection lost. Trying again.";
      setTimeout(() => {
        if (item.state !== "delayed") return;
        item.state = "waiting";
        this.onChange();
        this.#next();
      }, (error.retryAfterSeconds ?? (isBusy ? fullQueueSeconds : 1)) * 1000);
    } else {
      this.#refuse(item, error.message);
    }
  }
}
