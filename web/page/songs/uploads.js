// Uploads songs one after the other: two at once would both be slower.

import { backend } from "../backend.js";
import { decodableSeconds, decodeToWAV, longestMinutes, modelRate, noSongWords, TooLong } from "../wav.js";
import { bytes, leastSeconds, Problem } from "../words.js";

/** Attempts after a lost connection, before the upload fails. */
const mostAttempts = 4;
const unsupportedMediaType = 415;

export class Uploads {
  onChange; onJob;
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
      const item = { id: `upload-${(this.#count += 1)}`, file, sound: file, name: file.name, options, state: "waiting", fraction: 0, attempts: 0, stop: new AbortController() };
      if (file.size === 0) this.#refuse(item, "This file is empty.");
      else this.#checkSize(item);
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

  /** Sends a job's file again, with its options or others. */
  retry(id, others) {
    const { file, options } = this.#files.get(id);
    this.add([file], others ?? options);
  }

  retryItem(item) {
    this.remove(item);
    this.add([item.file], item.options);
  }

  /** Ends an upload; `status` is that of the reply, null without one, or 400 for what the page itself refuses. */
  #refuse(item, sentence, status = 400) {
    Object.assign(item, { state: "failed", error: { detail: sentence, status } });
  }

  #checkSize(item) {
    const { size } = item.sound;
    if (size > this.bodyLimitBytes) this.#refuse(item, `This file has ${bytes(size)}; the service takes up to ${bytes(this.bodyLimitBytes)}.`);
  }

  async #next() {
    const item = this.#items.find(({ state }) => state === "waiting");
    if (this.#isBusy || !this.#isConnected || !item) return;
    this.#isBusy = true;
    item.state = "uploading";
    item.attempts += 1;
    this.onChange();
    const onProgress = (fraction) => {
      item.fraction = fraction;
      this.onChange();
    };
    try {
      const job = await backend.add(item.sound, item.options, { onProgress, signal: item.stop.signal });
      if ((job.duration_seconds ?? leastSeconds) < leastSeconds) {
        // It is cancelled first, then removed.
        while (await backend.remove(job.id));
        throw new Problem(400, noSongWords);
      }
      this.#files.set(job.id, { file: item.file, options: item.options });
      this.#items = this.#items.filter((other) => other !== item);
      this.onJob(job);
    } catch (error) {
      await this.#handle(item, error);
    }
    this.#isBusy = false;
    this.onChange();
    this.#next();
  }

  async #handle(item, error) {
    if (error.name === "AbortError") return;
    item.fraction = 0;
    const isLost = error instanceof TypeError && item.attempts < mostAttempts;
    if (isLost || error.retryAfterSeconds) {
      item.state = "delayed";
      item.words = isLost ? "Connection lost. Trying again." : `${error.message} Trying again by itself, as long as this page is open.`;
      setTimeout(() => {
        if (item.state !== "delayed") return;
        item.state = "waiting";
        this.onChange();
        this.#next();
      }, (error.retryAfterSeconds ?? 1) * 1000);
    } else if (error.status === unsupportedMediaType && item.sound === item.file) {
      await this.#decode(item);
    } else {
      this.#refuse(item, error.message, error.status ?? null);
    }
  }

  /** Decodes a file in the browser, because the service can't read it. */
  async #decode(item) {
    item.state = "decoding";
    this.onChange();
    try {
      await decodableSeconds(item.file, modelRate);
      item.sound = new File([await decodeToWAV(item.file, modelRate)], item.name);
      item.state = "waiting";
      this.#checkSize(item);
    } catch (error) {
      this.#refuse(item, error instanceof TooLong ? `The service can't read this format, and the browser can convert only ${longestMinutes(modelRate)} minutes of it.` : noSongWords);
    }
  }
}
