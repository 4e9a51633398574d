// The parts of a browser that the modules of web/engine need, for node: workers, and `fetch` of files.

import { webcrypto } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Worker as Thread } from "node:worker_threads";

const threads = new Set();

/** Ends the workers that a page would end when it is closed. */
export function endWorkers() {
  for (const thread of threads) thread.terminate();
}

/** Puts a browser's names into the global scope; `isIsolated` is whether its pages may share memory. */
export function imitateBrowser({ isIsolated = true } = {}) {
  globalThis.self = globalThis;
  globalThis.crypto ??= webcrypto;
  globalThis.crossOriginIsolated = isIsolated;
  globalThis.Worker = class {
    #thread;

    constructor(url) {
      this.#thread = new Thread(new URL("browser_worker.mjs", import.meta.url), { workerData: { url: String(url), isIsolated } });
      threads.add(this.#thread);
      this.#thread.on("message", (data) => this.onmessage?.({ data }));
      this.#thread.on("error", (error) => this.onerror?.(error));
    }

    postMessage(message, transfer) {
      this.#thread.postMessage(message, transfer);
    }

    terminate() {
      this.#thread.terminate();
    }
  };
  const fetchOfNetwork = globalThis.fetch;
  globalThis.fetch = async (address, options) => {
    const url = new URL(address);
    if (url.protocol !== "file:") return fetchOfNetwork(url, options);
    try {
      return new Response(await readFile(url));
    } catch {
      return new Response(null, { status: 404 });
    }
  };
}
