// The models of the page: the demo model beside it, published ones from their addresses, and files
// of the user. models.json, which tools/web_lists makes from the native program's table, lists the
// published ones.

import { anonymous, Download, DownloadError, hostOf } from "./download.js";
import { openStorage } from "./storage.js";

const demo = {
  name: "demo",
  kind: "demo",
  summary: "a small model for trying the page, trained on generated music",
  sources: ["drums", "bass", "other", "vocals"],
  address: new URL("demo.safetensors", import.meta.url),
};
/** Folders in the storage: of downloads, and of files that the user has given. */
const downloaded = "models";
const own = "own-models";

/** Runs `work` while no other tab of the page works on the same file. */
const exclusively = (path, signal, work) => {
  const locks = globalThis.navigator?.locks;
  return locks ? locks.request(`swift-demucs ${path}`, { signal }, work) : work();
};

/** The models of a list in a storage. */
export class Models {
  #list;
  #storage;

  /** `list` is the content of models.json. */
  constructor(list, storage) {
    this.#list = list.models;
    this.#storage = storage;
  }

  /**
   * All models: `{ name, kind, summary, sources, downloadBytes, storedBytes, isStored }`, where `kind`
   * is "demo", "published" or "own", `sources` is null for a file of the user, and `downloadBytes`,
   * rounded, is null if unknown.
   */
  async list() {
    const { address, ...entry } = demo;
    const published = await Promise.all(
      this.#list.map(async (model) => {
        const files = await Promise.all(model.members.map((member) => this.#find(member)));
        return {
          name: model.name,
          kind: "published",
          summary: model.summary,
          sources: model.sources,
          downloadBytes: model.downloadMegabytes && model.downloadMegabytes * 1e6,
          storedBytes: await this.#storedBytes(model),
          isStored: files.every(Boolean),
        };
      }));
    const names = (await this.#storage.list(own)).filter((name) => !name.endsWith(".part"));
    const files = await Promise.all(
      names.map(async (name) => ({
        name,
        kind: "own",
        summary: "a file of yours",
        sources: null,
        downloadBytes: 0,
        storedBytes: await this.#storage.size(`${own}/${name}`),
        isStored: true,
      })));
    return [{ ...entry, downloadBytes: 0, storedBytes: 0, isStored: true }, ...published, ...files];
  }

  /**
   * The files of a model, `{ files: [{ name, blob }], weights, segmentSeconds }`; missing ones are
   * downloaded. `weights[file][source]` is null for all ones, `segmentSeconds` replaces longer segments
   * of the files unless it is null.
   *
   * `onProgress` gets `{ state, receivedBytes, totalBytes }` of the whole model, where the total is
   * an estimate until each file has begun. `base` is an address that has the published files under
   * their names, "955717e8-8726e21a.th", in place of the published addresses.
   */
  async open(name, { onProgress = (progress) => {}, signal = undefined, base = null } = {}) {
    const model = this.#list.find((other) => other.name === name);
    if (model) return this.#openPublished(model, onProgress, signal, base);
    const blob = name === demo.name ? await this.#demoFile(signal) : await this.#storage.file(`${own}/${name}`);
    if (!blob) throw new DownloadError(`No model is called ${name}. Choose one of the list, or drop a model's file on this page.`);
    return { files: [{ name: name === demo.name ? "demo.safetensors" : name, blob }], weights: null, segmentSeconds: null };
  }

  /** Keeps a file of the user under its name, which `open` takes, and returns the name. */
  async keep(file, { signal = undefined } = {}) {
    if (this.#list.some(({ name }) => name === file.name) || file.name === demo.name) {
      throw new Error(`The file ${file.name} has the name of a model of the list; rename it.`);
    }
    const path = `${own}/${file.name}`;
    await exclusively(path, signal, async () => {
      const part = `${path}.part`;
      await this.#storage.truncate(part, 0);
      try {
        await this.#storage.appendFile(part, file, signal);
      } catch (error) {
        await this.#storage.remove(part);
        throw error;
      }
      await this.#storage.rename(part, path);
    });
    return file.name;
  }

  /** Removes a model's files, also unfinished ones, and those that it shares with other models. */
  async remove(name) {
    const model = this.#list.find((other) => other.name === name);
    const paths = model ? this.#paths(model) : [`${own}/${name}`];
    for (const path of paths) {
      await this.#storage.remove(path);
      await this.#storage.remove(`${path}.part`);
    }
  }

  /** The file is a part of the page, which keeps it with its other files. */
  async #demoFile(signal) {
    const reply = await fetch(demo.address, { signal });
    if (!reply.ok) throw new DownloadError(`The demo model can't be loaded (${reply.status}). Reload the page.`);
    return reply.blob();
  }

  async #openPublished(model, onProgress, signal, base) {
    const totals = model.members.map(() => (model.downloadMegabytes ?? 0) * 1e6 / model.members.length);
    const received = model.members.map(() => 0);
    const sum = (numbers) => Math.round(numbers.reduce((one, other) => one + other, 0));
    const files = [];
    for (const [index, member] of model.members.entries()) {
      const report = (progress) => {
        received[index] = progress.receivedBytes;
        totals[index] = Math.max(progress.totalBytes ?? totals[index], progress.receivedBytes);
        onProgress({ state: progress.state, receivedBytes: sum(received), totalBytes: sum(totals) });
      };
      const file = await exclusively(`${downloaded}/${member.signature}`, signal, async () => {
        return (await this.#find(member)) ?? this.#download(model.name, member, report, signal, base);
      });
      received[index] = totals[index] = file.blob.size;
      files.push(file);
    }
    return { files, weights: model.weights, segmentSeconds: model.segmentSeconds };
  }

  /** Downloads a checkpoint from the first address that has it, and returns its stored file. */
  async #download(name, member, onProgress, signal, base) {
    if (!globalThis.crypto?.subtle) {
      throw new DownloadError("Published models are checked after the download, which browsers do only on pages with https, or on localhost. Choose the demo model, drop a model's file on this page, or open the page with https.");
    }
    const sources = base ? [torchFile(member, `${String(base).replace(/\/+$/, "")}/${fileName(member.torchAddress)}`)] : [fromHub(member), torchFile(member, member.torchAddress)];
    const reasons = [];
    for (const source of sources) {
      try {
        const sha256 = await source.checksum(signal);
        const path = `${downloaded}/${fileName(source.address)}`;
        await new Download(this.#storage, path, { address: source.address, sha256, signal, onProgress }).run();
        return await this.#find(member);
      } catch (error) {
        if (!(error instanceof DownloadError)) throw error;
        reasons.push(error.message);
      }
    }
    throw new DownloadError([`${name} was not fetched.`, ...reasons, "Nothing is lost: try again when the network is there, or drop a file of the model on this page."].join(" "));
  }

  /** The stored file of a checkpoint, `{ name, blob }`, or undefined. */
  async #find(member) {
    for (const path of pathsOf(member)) {
      const blob = await this.#storage.file(path);
      if (blob) return { name: fileName(path), blob };
    }
    return undefined;
  }

  #paths(model) {
    return [...new Set(model.members.flatMap(pathsOf))];
  }

  async #storedBytes(model) {
    let bytes = 0;
    for (const path of this.#paths(model)) bytes += (await this.#storage.size(path)) + (await this.#storage.size(`${path}.part`));
    return bytes;
  }
}

const fileName = (address) => address.split("/").at(-1);

const pathsOf = ({ hubAddress, torchAddress }) => [hubAddress, torchAddress].map((address) => `${downloaded}/${fileName(address)}`);

/** A file of torch, of the author's first server or a mirror: the table has its checksum. */
const torchFile = ({ torchChecksum }, address) => ({ address, checksum: async () => torchChecksum });

/**
 * The Hugging Face hub, which has the same weights as safetensors. Scripts can't read the headers of
 * its redirect, so the checksum comes from the file's pointer: the lines "oid sha256:…" and "size …"
 * that Git LFS keeps in place of a large file.
 */
const fromHub = ({ hubAddress }) => ({
  address: hubAddress,
  async checksum(signal) {
    const address = hubAddress.replace("/resolve/", "/raw/");
    let text = "";
    try {
      const reply = await fetch(address, { signal, ...anonymous });
      if (reply.ok) text = await reply.text();
    } catch {
      signal?.throwIfAborted();
      throw new DownloadError(`${hostOf(address)} can't be reached.`);
    }
    const digits = /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1];
    if (!digits) throw new DownloadError(`${hostOf(address)} doesn't have the checksum of the model.`);
    return digits;
  },
});

let opened = null;

const models = () =>
  (opened ??= (async () => {
    const reply = await fetch(new URL("models.json", import.meta.url));
    if (!reply.ok) throw new Error(`The list of models can't be loaded (${reply.status}). Reload the page.`);
    return new Models(await reply.json(), await openStorage());
  })().catch((error) => {
    opened = null;
    throw error;
  }));

/** See `Models`: its methods, on the page's list and storage. */
export const listModels = async () => (await models()).list();
export const openNamedModel = async (name, options) => (await models()).open(name, options);
export const keepModelFile = async (file, options) => (await models()).keep(file, options);
export const removeModel = async (name) => (await models()).remove(name);
