// A browser's worker in a thread of node: browser.mjs starts it.

import { MessageChannel, parentPort, receiveMessageOnPort, Worker as Thread, workerData } from "node:worker_threads";
import { imitateBrowser } from "./browser.mjs";

imitateBrowser(workerData);
/** Another thread reads the file while this one waits. */
globalThis.FileReaderSync = class {
  #isRead = new Int32Array(new SharedArrayBuffer(4));
  #port;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const reader = `
      const { workerData: { port, isRead } } = require("node:worker_threads");
      port.on("message", async (file) => {
        port.postMessage(await file.arrayBuffer());
        Atomics.store(isRead, 0, 1);
        Atomics.notify(isRead, 0);
      });`;
    new Thread(reader, { eval: true, workerData: { port: port2, isRead: this.#isRead }, transferList: [port2] }).unref();
  }

  readAsArrayBuffer(file) {
    Atomics.store(this.#isRead, 0, 0);
    this.#port.postMessage(file);
    Atomics.wait(this.#isRead, 0, 0);
    return receiveMessageOnPort(this.#port).message;
  }
};
globalThis.onmessage = null;
globalThis.postMessage = (message, transfer) => parentPort.postMessage(message, transfer);
await import(workerData.url);
parentPort.on("message", (data) => globalThis.onmessage({ data }));
