// The main module of the static page: the browser answers the page's requests in place of a service.

import { answerWith } from "./api.js";
import { capabilities, requireSIMD } from "./capabilities.js";
import { LocalBackend } from "./local_backend.js";
import { LocalJobs } from "./local_jobs.js";
import { Refusal } from "./local_problem.js";
import { workOffline } from "./offline.js";
import { openStorage } from "./storage.js";

/** One tab separates: two would write the same files and share the memory. */
const lockName = "swift-demucs jobs";

/** Resolves with true if no other tab of the page is open, and keeps others from working until it is left. */
function isFirstTab() {
  // Without a secure context there are neither locks nor stored files.
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks.request(lockName, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      // A browser may keep a page that was left, with its locks, to show it again.
      return lock && new Promise((release) => addEventListener("pagehide", release));
    });
  });
}

async function open() {
  // Before songs are read: on a host without the headers for threads, this reloads the page.
  const offline = workOffline();
  const notices = crossOriginIsolated ? [] : [await offline];
  if (!(await isFirstTab())) {
    navigator.locks.request(lockName, () => location.reload());
    throw new Refusal(503, "other-tab", "Songs are separated there. Close that tab to go on here.", { heading: "This page is open in another tab.", retryAfter: 5 });
  }
  const browser = capabilities();
  try {
    requireSIMD(browser);
  } catch (error) {
    throw new Refusal(503, "unsupported", error.message, { heading: "This browser can't separate songs." });
  }
  const storage = await openStorage();
  document.getElementById("notice").textContent = [...notices, storage.words, browser.words].filter(Boolean).join(" ");
  const jobs = new LocalJobs(storage);
  await jobs.start();
  return jobs;
}

addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
const opened = open();
// The refusal is a reply to each request; until the first, nobody waits for it.
opened.catch(() => {});
const backend = new LocalBackend(opened);
answerWith((path, options) => backend.answer(path, options));
await import("./main.js");
