// Separates music on a page: loads a model, and runs it in workers. docs/web.md has an example.

import { capabilities, requireSIMD } from "./capabilities.js";

/** Models, options and results are described in swift-demucs.d.ts. */
export async function load(model, { precision = null, threads = null, onProgress = undefined, signal = undefined } = {}) {
  requireOption(precision === null || precisions.includes(precision), "precision", precision, precisions.join(", "));
  requireOption(threads === null || (Number.isInteger(threads) && threads > 0), "threads", threads, "a whole number from 1");
  const browser = capabilities();
  requireSIMD(browser);
  const files = await openModel(model, { onProgress, signal });
  const worker = new EngineWorker();
  try {
    const description = await worker.call({
      task: "open", ...files, precision, ...moduleFor(browser),
      // More than eight threads gain little, and each takes memory.
      threads: browser.sharedMemory ? (threads ?? Math.min(browser.threads, 8)) : 1,
    }, { signal, cancel: () => worker.close(), onEvent: (event) => onProgress?.(event) });
    return new Engine(worker, description);
  } catch (error) {
    worker.close();
    throw error;
  }
}

/** The outputs and the values of all settings for a model of these sources, without a model. */
export async function plan(settings, sources) {
  const browser = capabilities();
  requireSIMD(browser);
  const worker = new EngineWorker();
  try {
    return await worker.call({ task: "plan", ...moduleFor(browser), settings: { ...settings, sources: sources.join(",") } }, { cancel: () => worker.close() });
  } finally {
    worker.close();
  }
}

const moduleFor = ({ relaxedSIMD, sharedMemory }) =>
  ({ isShared: sharedMemory, moduleURL: new URL(`engine_${relaxedSIMD ? "relaxedsimd" : "simd128"}.wasm`, import.meta.url).href });

export const precisions = ["float32", "bfloat16", "int8"];

class Engine {
  #worker;
  #description;
  #isBusy = false;

  constructor(worker, description) {
    this.#worker = worker;
    this.#description = description;
  }

  get sources() {
    return [...this.#description.sources];
  }

  get sampleRate() {
    return this.#description.sampleRate;
  }

  get precision() {
    return this.#description.precision;
  }

  get threads() {
    return this.#description.threads;
  }

  get architecture() {
    return this.#description.architecture;
  }

  get warnings() {
    return [...this.#description.warnings];
  }

  async separate(track, { start = 0, collect = true, analyze = false, finished = null, edits = [], values = "", reduce = null, onProgress = null, onPlan = null, onStems = null, onValue = null, onBlock = null, signal = undefined, ...settings } = {}) {
    requireOption(Number.isSafeInteger(start) && start >= 0 && start < 2 ** 31, "start", start, "a whole number from 0");
    return this.#alone(async () => {
      // Our page gives sounds that it has opened.
      const sound = track instanceof Blob ? await opened(track) : track;
      if (!sound.header) requireSamples(sound.channels, sound.sampleRate);
      const before = analyze && start > 0 ? await this.#finishedBefore(start, finished) : null;
      const stems = {};
      let names = [];
      const analysis = await this.#worker.call({ task: "separate", sound, finished: before, settings, start, analyze, edits, values, reduce: reduce && new URL(reduce, globalThis.location?.href).href, timesBlocks: Boolean(onBlock) }, {
        signal,
        cancel: () => this.#cancel(),
        onEvent: (event) => {
          const { plan, start: place, rows, ...progress } = event;
          if ("value" in event) {
            onValue?.(event.value);
          } else if ("block" in event) {
            onBlock(event.block, event.milliseconds);
          } else if (plan) {
            names = plan.outputs.map(({ name }) => name);
            if (collect) Object.assign(stems, this.#named(names, () => new Float32Array(plan.samples - start)));
            onPlan?.(plan);
          } else if (rows) {
            if (collect) this.#named(names, (row, name, channel) => stems[name][channel].set(rows[row], place - start));
            onStems?.({ start: place, stems: this.#named(names, (row) => rows[row]) });
          } else {
            onProgress?.(progress);
          }
        },
      });
      return { stems, analysis };
    });
  }

  async analyze(track, { shifts = 0, ...options } = {}) {
    const { analysis } = await this.separate(track, /** @type {any} */ ({ shifts, ...options, collect: false, analyze: true }));
    return analysis;
  }

  parameters(patterns = "*") {
    return this.#alone(async () => {
      const found = {};
      await this.#worker.call({ task: "parameters", patterns }, { onEvent: ({ value }) => { found[value.name] ??= value; }, cancel: () => {} });
      return found;
    });
  }

  /** Runs what the engine does one at a time. */
  async #alone(work) {
    if (this.#isBusy) throw new Error("The engine is separating another track; wait for it, or cancel it by its signal.");
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      this.#isBusy = false;
    }
  }

  /** The sounds of all stems before `start`, in the order of the sources. */
  #finishedBefore(start, finished) {
    const { audioChannels } = this.#description;
    return Promise.all(this.sources.map(async (name) => {
      const stem = finished?.[name];
      const sound = stem instanceof Blob ? await opened(stem) : { channels: stem };
      const lengths = sound.header ? new Array(sound.header.channels).fill(sound.header.frames) : sound.channels?.map(({ length }) => length);
      const isWhole = lengths?.length === audioChannels && lengths.every((length) => length === start);
      if (!isWhole) throw new Error(`The option finished lacks the ${start} samples of ${name} before start, which an analysis needs; give all stems, or leave out analyze.`);
      return sound;
    }));
  }

  /** `{ name: [value of each channel] }` of all outputs; a row is a channel of an output. */
  #named(names, value) {
    const count = this.#description.audioChannels;
    return Object.fromEntries(names.map((name, index) => [
      name, Array.from({ length: count }, (_, channel) => value(index * count + channel, name, channel)),
    ]));
  }

  /** Asks the engine to stop. It looks at shared memory between two layers, and for messages between two blocks. */
  #cancel() {
    const { memory, cancellation } = this.#description;
    if (memory) Atomics.store(new Int32Array(memory.buffer), cancellation / 4, 1);
    this.#worker.post({ task: "cancel" });
  }

  close() {
    this.#worker.close();
  }
}

/** The worker that runs the engine. After a trap, and when it is closed, all calls fail. */
class EngineWorker {
  #worker = new Worker(new URL("engine_worker.js", import.meta.url), { type: "module" });
  #calls = new Map();
  #count = 0;
  #failure = null;

  constructor() {
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => this.#end(new Error(`The engine can't start: ${event.message || "its worker can't be loaded"}; reload the page.`));
  }

  #receive({ id, event, error, result }) {
    const call = this.#calls.get(id);
    if (!call) return;
    if (!event) {
      this.#calls.delete(id);
      if (!error) return call.resolve(result);
      const thrown = error.name === "AbortError" ? cancelled() : Object.assign(new Error(error.message), { name: error.name });
      call.reject(thrown);
      if (error.name === "EngineFailure") this.#end(thrown);
      return;
    }
    // An error of the caller's function ends its call, not the engine.
    try {
      call.onEvent(event);
    } catch (thrown) {
      call.fail(thrown);
    }
  }

  post(message, id = (this.#count += 1)) {
    this.#worker.postMessage({ id, ...message });
    return id;
  }

  /** The result of a task. `cancel` asks the worker to end it: the call ends when the worker has. */
  call(message, { signal = undefined, cancel, onEvent = null }) {
    if (this.#failure) return Promise.reject(this.#failure);
    if (signal?.aborted) return Promise.reject(cancelled());
    return new Promise((resolve, reject) => {
      let failure = null;
      const fail = (error) => {
        failure ??= error;
        cancel();
      };
      const abort = () => fail(cancelled());
      signal?.addEventListener("abort", abort, { once: true });
      const settle = (error, value) => {
        signal?.removeEventListener("abort", abort);
        if (failure ?? error) reject(failure ?? error);
        else resolve(value);
      };
      this.#calls.set(this.post(message), { onEvent, fail, resolve: (value) => settle(null, value), reject: settle });
    });
  }

  close() {
    this.#end(new Error("The engine is closed; load the model again."));
  }

  #end(error) {
    this.#failure ??= error;
    this.#worker.terminate();
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
  }
}

/** The sound of a file: the worker reads it piece by piece. */
async function opened(file) {
  const { inspect, soundOf } = await import("./track.js");
  return soundOf(file, await inspect(file));
}

const cancelled = () => new DOMException("The work was cancelled.", "AbortError");

/** The model's files: of a name, an address, a file, or its bytes. */
async function openModel(model, options) {
  if (model instanceof ArrayBuffer || ArrayBuffer.isView(model)) return { files: [{ name: "model", blob: new Blob([model]) }] };
  if (model instanceof Blob) return { files: [{ name: /** @type {any} */ (model).name ?? "model", blob: model }] };
  if (typeof model === "string" && !model.includes("/")) return (await import("./models.js")).openNamedModel(model, options);
  return { files: [await fetched(new URL(model, globalThis.location?.href), options)] };
}

async function fetched(url, { signal }) {
  try {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new Error(`the host replied ${response.status}`);
    return { name: url.pathname.split("/").at(-1), blob: await response.blob() };
  } catch (error) {
    if (signal?.aborted) throw cancelled();
    throw new Error(`The model ${url.href} can't be loaded: ${error.message}; check the address and the connection.`);
  }
}

function requireSamples(channels, sampleRate) {
  const isPlanar = Array.isArray(channels) && channels.length > 0 && channels.every((channel) => channel instanceof Float32Array && channel.length === channels[0].length);
  if (!isPlanar) throw new Error("The track's channels are not an array of Float32Array of one length; give one for each channel, or a File.");
  requireOption(Number.isInteger(sampleRate) && sampleRate >= 1000 && sampleRate <= 768000, "sampleRate", sampleRate, "a whole number from 1000 to 768000");
}

function requireOption(isValid, name, value, allowed) {
  if (!isValid) throw new Error(`The value ${value} is invalid for ${name}; use ${allowed}.`);
}
