// The worker that runs the engine, and the workers that are its other threads.
//
// A page's thread posts `{ task, id, … }` and gets `{ id, result }` or `{ id, error }`, and before that
// any number of `{ id, event }`. The engine's functions are in Sources/Engine/EngineExports.swift.

import { choosePrecision, neededMemory } from "./capabilities.js";

/** Pages of 64 KB: as many as the modules ask for at least, and as at most (tools/build_web). */
const memoryPages = { initial: 64, maximum: 32768 };
const stackBytes = 1 << 20;

let engine = null;

onmessage = ({ data }) => {
  if (data.task === "serve") serve(data);
  else tasks[data.task](data).then(
    (result) => postMessage({ id: data.id, result }),
    (error) => postMessage({ id: data.id, error: errorOf(error) }));
};

const tasks = {
  async open({ id, moduleURL, threads, isShared, ...model }) {
    engine = await Engine.start(moduleURL, threads, isShared);
    const totalBytes = model.files.reduce((sum, { blob }) => sum + blob.size, 0);
    let receivedBytes = 0;
    await engine.addMembers(model, (count) => {
      receivedBytes += count;
      postMessage({ id, event: { state: "loading", receivedBytes, totalBytes } });
    });
    const description = engine.left(engine.exports.describe());
    engine.channelCount = description.audioChannels;
    return { ...description, architecture: engine.architecture, memory: isShared ? engine.memory : null, cancellation: engine.exports.cancellation() };
  },

  async separate({ id, sound, finished, ...options }) {
    // Before anything is awaited: the message that cancels this task may come meanwhile.
    engine.cancellation[0] = 0;
    const parts = finished && await Promise.all(finished.map(samplesOf));
    await engine.observe(options, (event, transfer) => postMessage({ id, event }, transfer));
    return engine.separate(await samplesOf(sound), sound.sampleRate, { ...options, finished: parts && joined(parts) }, (event, transfer) => postMessage({ id, event }, transfer));
  },

  /** Posts the parameters of each file whose names match. */
  async parameters({ id, patterns }) {
    engine.cancellation[0] = 0;
    engine.value = (value) => {
      const { result, transfer } = copied(value);
      postMessage({ id, event: { value: result } }, transfer);
    };
    for (const { blob } of engine.model.files) {
      engine.checked(await engine.withFile(blob, (at) => engine.withText(patterns, (textAt, count) => engine.exports.parameters(at, blob.size, textAt, count))));
    }
  },

  /** Needs no model. */
  async plan({ moduleURL, isShared, settings }) {
    const planner = await Engine.start(moduleURL, 1, isShared);
    return planner.plan(settings);
  },

  async cancel() {
    engine.cancellation[0] = 1;
  },
};

/** An error for the page's thread. A trap has no message of its own: the engine printed one before it. */
function errorOf(error) {
  const isTrap = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
  if (!isTrap) return { name: error.name, message: error.message };
  const line = engine?.lastLine ?? "";
  return {
    name: "EngineFailure",
    message: line === "out of memory"
      ? "The engine ran out of memory; close other tabs, choose a smaller model or the precision int8, and load the model again."
      : `The engine stopped (${line || error.message}); load the model again.`,
  };
}

/** A sound whose samples the engine reads: from a file, or from memory in the same form. */
async function samplesOf({ file, header, channels }) {
  if (header) return new (await import("./track.js")).WAVSamples(file, header);
  return {
    channelCount: channels.length,
    sampleCount: channels[0].length,
    read: (channel, start, count) => channels[channel].subarray(start, start + count),
  };
}

/** Equally long sounds as one that has the channels of all. */
const joined = (sounds) => ({
  sampleCount: sounds[0].sampleCount,
  read: (row, start, count) => sounds[Math.floor(row / sounds[0].channelCount)].read(row % sounds[0].channelCount, start, count),
});

class Engine {
  /** Compiles the engine, and starts its other threads: `threads` in all. */
  static async start(moduleURL, threads, isShared) {
    const response = await fetch(moduleURL);
    if (!response.ok) throw new Error(`${moduleURL} can't be loaded: the host replied ${response.status}.`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (!isShared) importPlainMemory(bytes);
    const module = await WebAssembly.compile(bytes);
    const engine = new Engine(module, new WebAssembly.Memory({ ...memoryPages, shared: isShared }));
    engine.exports._initialize();
    const ready = [];
    for (let thread = 1; thread < threads; thread++) ready.push(engine.startThread(module));
    await Promise.all(ready);
    engine.exports.start(threads);
    return engine;
  }

  channelCount = 0;
  architecture = null;

  constructor(module, memory) {
    this.memory = memory;
    this.lastLine = "";
    this.exports = /** @type {any} */ (new WebAssembly.Instance(module, this.imports(module)).exports);
  }

  imports(module) {
    const page = {
      progress: (done, total) => this.report({ segmentsDone: done, segmentsTotal: total, fraction: done / total }),
      block: (at, count) => this.block?.(new TextDecoder().decode(this.bytes(at, count).slice())),
      value: (nameAt, nameCount, shapeAt, rank, at, count) => this.value({
        name: new TextDecoder().decode(this.bytes(nameAt, nameCount).slice()),
        shape: Array.from(new Int32Array(this.memory.buffer, shapeAt, rank)),
        values: this.floats(at, count),
      }),
      read: (channel, start, count, at) => this.floats(at, count).set(this.track.read(channel, start, count)),
      // A browser writes neither random numbers nor text to shared memory, and reads no text from it.
      random: (at, count) => this.bytes(at, count).set(crypto.getRandomValues(new Uint8Array(count))),
      print: (at, count) => {
        this.lastLine = new TextDecoder().decode(this.bytes(at, count).slice());
        console.error(this.lastLine);
      },
    };
    // The C library names functions of a system for its files, which the engine has none of.
    const NOT_SUPPORTED = 58;
    const noSystem = Object.fromEntries(
      WebAssembly.Module.imports(module).filter((one) => one.module === "wasi_snapshot_preview1").map(({ name }) => [name, () => NOT_SUPPORTED]));
    return { env: { memory: this.memory }, page, wasi_snapshot_preview1: noSystem };
  }

  /** A worker that runs parts of the engine's loops; ready when it has its instance. */
  startThread(module) {
    const worker = new Worker(import.meta.url, { type: "module" });
    const stack = this.allocate(stackBytes) + stackBytes;
    return new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = (event) => reject(new Error(`A thread of the engine can't start: ${event.message}.`));
      worker.postMessage({ task: "serve", module, memory: this.memory, stack });
    });
  }

  // A view ends where the memory ended when it was made, so each access has its own.
  bytes(at, count) {
    return new Uint8Array(this.memory.buffer, at, count);
  }

  floats(at, count) {
    return new Float32Array(this.memory.buffer, at, count);
  }

  /** Memory of the engine. */
  allocate(count) {
    const at = this.exports.allocate(count);
    if (at === 0) throw new Error(`The model needs ${Math.ceil(count / 1e6)} MB more memory than a page can have; choose a smaller one.`);
    return at;
  }

  /** The text of `count` bytes that a function of the engine left. */
  text(count) {
    return this.withMemory(count, (at) => {
      this.exports.copyText(at);
      return new TextDecoder().decode(this.bytes(at, count).slice());
    });
  }

  /** Calls `body` with memory, and gives it back. */
  withMemory(count, body) {
    const at = this.allocate(count);
    try {
      return body(at);
    } finally {
      this.exports.release(at);
    }
  }

  /** Calls `body` with the place and the length of a text in memory. */
  withText(text, body) {
    const bytes = new TextEncoder().encode(text);
    return this.withMemory(bytes.length, (at) => {
      this.bytes(at, bytes.length).set(bytes);
      return body(at, bytes.length);
    });
  }

  /** The number that a function of the engine returned; throws the error that it left in place of one. */
  checked(number) {
    if (number >= 0) return number;
    const message = this.text(-number);
    throw this.cancellation[0] !== 0 ? new DOMException("The work was cancelled.", "AbortError") : new Error(message);
  }

  /** The value that a function of the engine left as JSON. */
  left(number) {
    return JSON.parse(this.text(this.checked(number)));
  }

  plan(settings) {
    return this.left(this.withText(JSON.stringify(settings), (at, count) => this.exports.plan(at, count)));
  }

  /** Calls `body` with the place of a file's bytes in memory. */
  async withFile(blob, body, progress = (count) => {}) {
    const at = this.allocate(blob.size);
    try {
      let end = at;
      const reader = blob.stream().getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        this.bytes(end, value.length).set(value);
        end += value.length;
        progress(value.length);
      }
      return body(at);
    } finally {
      this.exports.release(at);
    }
  }

  /** Loads the networks of a model: `{ files, precision, weights, segmentSeconds }`. */
  async addMembers(model, progress) {
    this.isLoaded = false;
    for (const [index, file] of model.files.entries()) {
      model.precision = await this.addMember(file, { ...model, weights: model.weights?.[index] ?? [] }, progress);
    }
    this.model = model;
    this.isLoaded = true;
  }

  /** Loads a network of the model, and returns the precision. The file is in memory only meanwhile. */
  async addMember({ name, blob }, { files, precision, segmentSeconds, weights }, progress) {
    let chosen;
    this.checked(await this.withFile(blob, (at) => {
      const needs = this.left(this.withText(name, (nameAt, count) => this.exports.openMember(nameAt, count, at, blob.size, segmentSeconds ?? 0)));
      this.architecture ??= { ...needs.architecture, segmentSeconds: needs.segmentSeconds };
      precision ??= needs.isQuantized ? "int8" : null;
      chosen = choosePrecision(neededMemory(needs, files.length), precision, self);
      return this.withMemory(8 * weights.length, (weightsAt) => {
        new Float64Array(this.memory.buffer, weightsAt, weights.length).set(weights);
        return this.exports.loadMember(precisions.indexOf(chosen), weightsAt, weights.length);
      });
    }, progress));
    return chosen;
  }

  /**
   * Sets the edits of the next separation and the values that it posts. `reduce` is the address of a module whose `reduce(value)`
   * returns what is posted in place of a value: `{ result, transfer }`.
   */
  async observe({ edits, values, reduce, timesBlocks }, report) {
    const change = reduce ? (await import(reduce)).reduce : copied;
    this.value = (value) => {
      const { result, transfer } = change(value);
      report({ value: result }, transfer);
    };
    this.block = timesBlocks ? (name) => report({ block: name, milliseconds: performance.now() }) : null;
    const mustLoad = this.checked(this.withText(edits.join("\n"), (at, count) => this.withText(values, (valuesAt, valueCount) => this.exports.observe(at, count, valuesAt, valueCount, this.isLoaded ? 1 : 0))));
    if (mustLoad) await this.addMembers(this.model, () => {});
  }

  /** A number that ends the work under way once it is not 0. */
  get cancellation() {
    return new Int32Array(this.memory.buffer, this.exports.cancellation(), 1);
  }

  /** Posts the plan, and finished samples of all outputs as they come; returns the analysis, or null if none is wanted. `finished`
   * are the stems before `start`, which the analysis needs, or null. */
  async separate(track, sampleRate, { settings, start: first, analyze, finished }, report) {
    this.track = track;
    this.report = report;
    const plan = this.left(this.withText(JSON.stringify(settings), (at, count) => this.exports.separate(track.channelCount, track.sampleCount, sampleRate, at, count, first, analyze ? 1 : 0)));
    if (finished) {
      this.track = finished;
      this.checked(this.exports.analyzeFinished(finished.sampleCount));
      this.track = track;
    }
    report({ plan });
    for (let start = first; start < plan.samples; ) {
      const count = this.checked(this.exports.next());
      const rows = this.withMemory(4 * count, (at) =>
        Array.from({ length: plan.outputs.length * this.channelCount }, (_, row) => {
          this.exports.copyRow(row, at);
          return this.floats(at, count).slice();
        }));
      report({ start, rows }, rows.map(({ buffer }) => buffer));
      start += count;
      // Messages arrive between two blocks.
      await new Promise((resolve) => setTimeout(resolve));
    }
    this.track = null;
    return analyze ? this.left(this.exports.analysis()) : null;
  }
}

/** A value whose numbers lie in the engine's memory, to be posted. */
function copied(value) {
  const values = value.values.slice();
  return { result: { ...value, values }, transfer: [values.buffer] };
}

const precisions = ["float32", "bfloat16", "int8"];

/** Makes the module import memory that is not shared, where the page may not share any: the limits of its
 * memory, after the import's name, begin with 3 for shared memory with a maximum, and with 1 for other. */
function importPlainMemory(bytes) {
  const name = [6, ...new TextEncoder().encode("memory"), 2, 3];
  const at = bytes.findIndex((_, index) => name.every((byte, offset) => bytes[index + offset] === byte));
  bytes[at + name.length - 1] = 1;
}

/** Makes this worker a thread of the engine, for good. */
function serve({ module, memory, stack }) {
  const thread = new Engine(module, memory);
  thread.exports.__stack_pointer.value = stack;
  postMessage("ready");
  thread.exports.serve();
}
