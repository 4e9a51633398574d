// Files that the page keeps: models, stems, records of jobs. They lie in the origin's private file
// system, in one folder, because other pages may share the origin; where a browser has none, as in
// some private windows, in memory until the tab is closed.
//
// A path has names with slashes between them, "jobs/1/drums.f32"; folders come into being with
// their first file.

const ownFolder = "swift-demucs";

/** The browser refuses to keep more bytes. `freeBytes` is its own estimate, or null; it can be wrong. */
export class StorageFull extends Error {
  constructor(neededBytes, freeBytes) {
    const numbers =
      freeBytes === null || freeBytes >= neededBytes
        ? `${megabytes(neededBytes)} MB more are needed`
        : `${megabytes(neededBytes)} MB more are needed, ${megabytes(freeBytes)} MB are free`;
    super(`The browser's storage is full: ${numbers}. Remove songs or models from this page, or free space on the disk.`);
    this.name = "StorageFull";
  }
}

/** Rounded up: "0.0 MB more are needed" would be no reason. */
const megabytes = (bytes) => bytes < 1e7 ? (Math.ceil(bytes / 1e5) / 10).toFixed(1) : Math.ceil(bytes / 1e6).toFixed(0);

let opened = null;

/** The storage of this page. Never throws: without a file system it is in memory, and says so. */
export const openStorage = () => (opened ??= open());

async function open() {
  let writer = null;
  try {
    const root = await navigator.storage.getDirectory();
    writer = new Writer();
    await writer.ask({ task: "probe" });
    return new FileStorage(await root.getDirectoryHandle(ownFolder, { create: true }), writer);
  } catch {
    writer?.close();
    return new MemoryStorage();
  }
}

/** A file of the user is copied in pieces of this size. */
const copiedBytes = 1 << 22;

/** What both kinds of storage do with their few primitives. */
class Storage {
  /** @this {any} Appends a file of the user, piece by piece. Throws the reason of `signal` before a piece. */
  async appendFile(path, file, signal) {
    for (let at = 0; at < file.size; at += copiedBytes) {
      signal?.throwIfAborted();
      await this.append(path, await file.slice(at, at + copiedBytes).arrayBuffer());
    }
  }

  /** @this {any} The file's bytes from `start` to `end`. */
  async read(path, start, end) {
    return (await this.file(path)).slice(start, end).arrayBuffer();
  }

  /** @this {any} The file's size in bytes; 0 if there is none. */
  async size(path) {
    return (await this.file(path))?.size ?? 0;
  }

  /** @this {any} The value of a JSON file; null if it is missing or damaged. Throws if it can't be read. */
  async readJSON(path) {
    const text = (await (await this.file(path))?.text()) ?? "";
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }

  #writing = Promise.resolve();

  /** Replaces a JSON file: whenever the tab is closed, its old or its new value is there. Calls wait for those before. */
  writeJSON(path, value) {
    this.#writing = this.#writing.catch(() => {}).then(() => this.#replace(path, value));
    return this.#writing;
  }

  /** @this {any} */
  async #replace(path, value) {
    const unfinished = `${path}.new`;
    await this.truncate(unfinished, 0);
    await this.append(unfinished, new TextEncoder().encode(JSON.stringify(value)));
    await this.rename(unfinished, path);
  }
}

class FileStorage extends Storage {
  #root;
  #writer;

  constructor(root, writer) {
    super();
    this.#root = root;
    this.#writer = writer;
    /** A sentence for the user if everything is lost when the tab is closed. */
    this.words = null;
  }

  /**
   * Appends an ArrayBuffer or a view of one to a file, all of it or nothing, and returns the file's
   * size. The buffer is handed over: it is empty afterwards.
   */
  async append(path, bytes) {
    const { byteLength } = bytes;
    try {
      return await this.#writer.ask({ task: "append", path: `${ownFolder}/${path}`, bytes }, [bytes.buffer ?? bytes]);
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
      throw new StorageFull(byteLength, await this.freeBytes());
    }
  }

  /** Shortens a file to `size` bytes; creates it if there is none. */
  truncate(path, size) {
    return this.#writer.ask({ task: "truncate", path: `${ownFolder}/${path}`, size });
  }

  /** The file as it is now; null if there is none. A longer file needs another call. */
  async file(path) {
    try {
      const { folder, name } = await this.#place(path, false);
      return await (await folder.getFileHandle(name)).getFile();
    } catch (error) {
      if (error.name === "NotFoundError") return null;
      throw error;
    }
  }

  /** The names in a folder; none if there is no folder. */
  async list(path) {
    const names = [];
    try {
      const { folder, name } = await this.#place(path, false);
      for await (const entry of (await folder.getDirectoryHandle(name)).keys()) names.push(entry);
    } catch (error) {
      if (error.name !== "NotFoundError") throw error;
    }
    return names.sort();
  }

  /** Gives a file another name; a file of that name is replaced. */
  async rename(from, to) {
    const source = await this.#place(from, false);
    const target = await this.#place(to, true);
    await (await source.folder.getFileHandle(source.name)).move(target.folder, target.name);
  }

  /** Removes a file, or a folder with all that is in it; nothing happens if there is none. */
  async remove(path) {
    try {
      const { folder, name } = await this.#place(path, false);
      await folder.removeEntry(name, { recursive: true });
    } catch (error) {
      if (error.name === "NotFoundError") return;
      if (error.name !== "NoModificationAllowedError") throw error;
      // The writer has a file of it open: it answers when that is closed.
      await this.#writer.ask({ task: "probe" });
      await this.remove(path);
    }
  }

  /** Bytes that the browser still lets this origin keep: an estimate. Null if it doesn't say. */
  async freeBytes() {
    const { quota, usage } = await navigator.storage.estimate();
    return quota === undefined ? null : Math.max(0, quota - usage);
  }

  async #place(path, create) {
    const names = path.split("/");
    let folder = this.#root;
    for (const name of names.slice(0, -1)) folder = await folder.getDirectoryHandle(name, { create });
    return { folder, name: names.at(-1) };
  }
}

/** Files in memory, for browsers without a file system, and for tests. */
export class MemoryStorage extends Storage {
  #files = new Map();

  constructor() {
    super();
    this.words =
      "This window can't keep files (a private window, or an old browser): songs and models are lost when the tab is closed. " +
      "Save the stems that you want to keep, or open this page in an ordinary window.";
  }

  async append(path, bytes) {
    this.#files.set(path, new Blob([this.#files.get(path) ?? "", bytes]));
    return this.#files.get(path).size;
  }

  async truncate(path, size) {
    this.#files.set(path, (this.#files.get(path) ?? new Blob()).slice(0, size));
  }

  async file(path) {
    return this.#files.get(path) ?? null;
  }

  async list(path) {
    const inside = [...this.#files.keys()].filter((other) => other.startsWith(`${path}/`));
    return [...new Set(inside.map((other) => other.slice(path.length + 1).split("/")[0]))].sort();
  }

  async rename(from, to) {
    this.#files.set(to, this.#files.get(from));
    this.#files.delete(from);
  }

  async remove(path) {
    for (const other of this.#files.keys()) if (other === path || other.startsWith(`${path}/`)) this.#files.delete(other);
  }

  async freeBytes() {
    return null;
  }
}

/** The worker that writes, because only workers can append to a file without a copy of it. */
class Writer {
  #worker = new Worker(new URL("storage_worker.js", import.meta.url), { type: "module" });
  #open = new Map();
  #count = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#open.get(id);
      this.#open.delete(id);
      if (error) reject(new DOMException(error.message, error.name));
      else resolve(result);
    };
    this.#worker.onerror = () => {
      for (const { reject } of this.#open.values()) reject(new Error("the storage's worker can't be started; reload the page."));
    };
  }

  ask(message, transfer = []) {
    return new Promise((resolve, reject) => {
      const id = (this.#count += 1);
      this.#open.set(id, { resolve, reject });
      this.#worker.postMessage({ ...message, id }, transfer);
    });
  }

  close() {
    this.#worker.terminate();
  }
}
