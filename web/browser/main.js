// The main module of the static page: the engine in the browser is its back end.

import { capabilities, requireSIMD } from "../engine/capabilities.js";
import { workOffline } from "../engine/offline.js";
import { openStorage } from "../engine/storage.js";
import { useBackend } from "../page/backend.js";
import { Problem } from "../page/words.js";
import { LocalBackend } from "./backend.js";
import { LocalJobs } from "./jobs.js";

/** One tab separates: two would write the same files and share the memory. */
const lockName = "swift-demucs jobs";

/** Keeps other tabs from working until this one is left, and resolves with whether it can; without `ifAvailable`, it waits for them. */
function takeLock(ifAvailable) {
  // Without a secure context there are neither locks nor stored files.
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks.request(lockName, { ifAvailable }, (lock) => {
      resolve(lock !== null);
      // A browser may keep a page that was left, with its locks, to show it again.
      return lock && new Promise((release) => addEventListener("pagehide", release));
    });
  });
}

/** Opens the jobs; those of a second tab when the first one is closed. */
async function open() {
  // On a host without the headers for threads, this reloads the page, unless songs wait in it by now.
  const offline = workOffline(async () => (await import("../page/main.js")).uploads.items.length === 0);
  const notices = crossOriginIsolated ? [] : [await offline];
  if (await takeLock(true)) return openJobs(notices);
  takeLock(false).then(() => serve(openJobs(notices)));
  throw new Problem(503, "Songs are separated there. Close that tab to go on here.", { heading: "This page is open in another tab.", retryAfterSeconds: 5 });
}

async function openJobs(notices) {
  const browser = capabilities();
  try {
    requireSIMD(browser);
  } catch (error) {
    throw new Problem(503, error.message, { heading: "This browser can't separate songs." });
  }
  const storage = await openStorage();
  document.getElementById("notice").textContent = [...notices, storage.words, browser.words].filter(Boolean).join(" ");
  const jobs = new LocalJobs(storage);
  await jobs.start();
  return jobs;
}

/** Lets the page have a promise of jobs. */
function serve(opened) {
  // A refusal is the result of each call; until the first, nobody waits for it.
  opened.catch(() => {});
  backend.opened = opened;
}

addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
const backend = new LocalBackend();
useBackend(backend);
serve(open());
await import("../page/main.js");
