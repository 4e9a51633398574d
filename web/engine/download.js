// Downloads a file into the page's storage: streamed under a partial name, from which a later call
// goes on, also after a reload, and verified before it gets its name.

import { StorageFull } from "./storage.js";

/** Received bytes are stored in pieces of this size: a tab that is closed loses less than one. */
const pieceBytes = 1 << 20;
const attempts = 5;
/** The wait before the second attempt; doubled before each further one. */
const firstPauseSeconds = 1;
const stallSeconds = 30;

/** @type {RequestInit} Options of a request that tells other hosts nothing about the user or the page. */
export const anonymous = { credentials: "omit", referrerPolicy: "no-referrer" };

/** A file could not be downloaded; the message is a sentence for the user. */
export class DownloadError extends Error {
  constructor(message, { isTransient = false, isWrong = false } = {}) {
    super(message);
    this.name = "DownloadError";
    /** Whether the same request may succeed later. */
    this.isTransient = isTransient;
    /** Whether bytes came that are not those of the file. */
    this.isWrong = isWrong;
  }
}

/** Whether bytes have a SHA-256 that begins with the given digits. */
async function hasChecksum(file, digits) {
  // The whole file in memory, for a moment: published checkpoints have at most 168 MB, and the
  // browser's own function is several times as fast as any that could take pieces.
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("").startsWith(digits);
}

const pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });

/** What sentences say of an address. */
export const hostOf = (address) => new URL(address, globalThis.location?.href).host;

/** The error for a reply that is not the file; null for one that is. */
function refusal({ status }, host) {
  if (status === 200 || status === 206) return null;
  if (status === 404 || status === 410) return new DownloadError(`${host} doesn't have the file (${status}).`);
  if (status === 401 || status === 403) return new DownloadError(`${host} refuses the file (${status}).`);
  if (status === 429) return new DownloadError(`${host} has too many requests for now (429).`, { isTransient: true });
  if (status >= 500) return new DownloadError(`${host} has failed (${status}).`, { isTransient: true });
  return new DownloadError(`${host} answered with status ${status}; expected 200 or 206.`);
}

export class Download {
  #storage;
  #path;
  #part;
  #options;

  /**
   * `path` is the file's path in `storage`, `sha256` the first digits of its checksum, as many as
   * are known. `onProgress({ state, receivedBytes, totalBytes })` is called with the states
   * "downloading", "waiting" (before another attempt) and "verifying"; `totalBytes` is null if the
   * server doesn't say.
   */
  constructor(storage, path, { address, sha256, signal, onProgress = (progress) => {} }) {
    this.#storage = storage;
    this.#path = path;
    this.#part = `${path}.part`;
    this.#options = { address, sha256, signal, onProgress };
  }

  /** Downloads the file. Throws `DownloadError`, `StorageFull`, or the reason of `signal`; received bytes are kept. */
  async run() {
    let fruitless = 0;
    let mayStartAfresh = true;
    for (;;) {
      const before = await this.#storage.size(this.#part);
      try {
        await this.#transfer(before);
        await this.#verify();
        return;
      } catch (error) {
        if (error.isWrong) {
          await this.#storage.remove(this.#part);
          // Bytes of an earlier request may be the wrong ones: one more try without them.
          if (before === 0 || !mayStartAfresh) throw error;
          mayStartAfresh = false;
          continue;
        }
        const received = await this.#storage.size(this.#part);
        fruitless = received > before ? 1 : fruitless + 1;
        // A server that never sent a byte can't be reached, and another attempt would not help.
        if (!error.isTransient || fruitless === attempts || received === 0) throw error;
        this.#options.onProgress({ state: "waiting", receivedBytes: received, totalBytes: null });
        await pause(firstPauseSeconds * 2 ** (fruitless - 1), this.#options.signal);
      }
    }
  }

  /** Requests the bytes from `start` on and appends them. */
  async #transfer(start) {
    const { address, signal } = this.#options;
    const stop = new AbortController();
    const relay = () => stop.abort(signal.reason);
    signal?.throwIfAborted();
    signal?.addEventListener("abort", relay);
    let stall = null;
    const watch = () => {
      clearTimeout(stall);
      stall = setTimeout(() => stop.abort(this.#interruption(`nothing came for ${stallSeconds} s`)), stallSeconds * 1000);
    };
    try {
      watch();
      const headers = start > 0 ? { Range: `bytes=${start}-` } : {};
      const reply = await fetch(address, { headers, signal: stop.signal, cache: "no-store", ...anonymous });
      // No bytes after `start`: the file is complete, or another one, which its checksum will tell.
      if (reply.status === 416 && start > 0) return;
      const refused = refusal(reply, hostOf(address));
      if (refused) throw refused;
      await this.#receive(reply, start, watch);
    } catch (error) {
      if (stop.signal.aborted) throw stop.signal.reason;
      // fetch and its stream say no more than TypeError about a network that failed.
      if (error instanceof TypeError) throw start > 0 ? this.#interruption(error.message) : this.#unreachable();
      throw error;
    } finally {
      clearTimeout(stall);
      signal?.removeEventListener("abort", relay);
    }
  }

  async #receive(reply, start, watch) {
    let size = reply.status === 206 ? start : 0;
    if (size < start) await this.#storage.truncate(this.#part, 0);
    const length = Number(reply.headers.get("Content-Length"));
    const totalBytes = length > 0 ? size + length : null;
    const freeBytes = await this.#storage.freeBytes();
    if (freeBytes !== null && length > freeBytes) throw new StorageFull(length, freeBytes);
    const reader = reply.body.getReader();
    let chunks = [];
    let gathered = 0;
    const store = async () => {
      const piece = new Blob(chunks);
      [chunks, gathered] = [[], 0];
      if (piece.size > 0) size = await this.#storage.append(this.#part, await piece.arrayBuffer());
    };
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        watch();
        chunks.push(value);
        gathered += value.byteLength;
        if (gathered >= pieceBytes) await store();
        this.#options.onProgress({ state: "downloading", receivedBytes: size + gathered, totalBytes });
      }
    } catch (error) {
      if (error instanceof TypeError) throw this.#interruption(error.message);
      throw error;
    } finally {
      reader.cancel().catch(() => {});
      await store();
    }
    if (totalBytes !== null && size < totalBytes) throw this.#interruption(`after ${size} of ${totalBytes} bytes`);
  }

  async #verify() {
    const { address, sha256, onProgress } = this.#options;
    const file = await this.#storage.file(this.#part);
    onProgress({ state: "verifying", receivedBytes: file.size, totalBytes: file.size });
    if (!(await hasChecksum(file, sha256))) {
      throw new DownloadError(`${hostOf(address)} sent a file whose SHA-256 doesn't begin with ${sha256}. It was removed; try again later.`, { isWrong: true });
    }
    await this.#storage.rename(this.#part, this.#path);
  }

  #interruption(reason) {
    return new DownloadError(`The download from ${hostOf(this.#options.address)} broke off (${reason}). Start it again to go on from there.`, { isTransient: true });
  }

  #unreachable() {
    return new DownloadError(`${hostOf(this.#options.address)} can't be reached.`, { isTransient: true });
  }
}
