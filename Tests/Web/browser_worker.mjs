// A browser's worker in a thread of node: browser.mjs starts it.

import { parentPort, workerData } from "node:worker_threads";
import { imitateBrowser } from "./browser.mjs";

imitateBrowser(workerData);
globalThis.onmessage = null;
globalThis.postMessage = (message, transfer) => parentPort.postMessage(message, transfer);
await import(workerData.url);
parentPort.on("message", (data) => globalThis.onmessage({ data }));
