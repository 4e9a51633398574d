// The service as the page's back end (backend.js), by HTTP: with a token if one is required, and problem documents as errors.

import { saveBlob, saveLink } from "./dom.js";
import { follow } from "./feed.js";
import { Problem } from "./problem.js";
import { askForToken } from "./token.js";

const stored = "swift-demucs token";
/** Also for a `Retry-After` that is no number. */
const leastRetrySeconds = 1;
const [partialContent, unauthorized, noContent] = [206, 401, 204];

/** The JSON of a text, or null. */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The problem of an error reply. */
function problemOf(status, document, retryAfter) {
  return new Problem(status, document?.detail || document?.title || `The service answered with code ${status}.`, {
    kind: document?.type?.split(":").pop() ?? null,
    retryAfterSeconds: retryAfter === null ? null : Number(retryAfter) || leastRetrySeconds,
  });
}

const addressOfJob = (id) => `v1/separations/${encodeURIComponent(id)}`;
const addressOfStem = (stem, format) => stem.url.replace(/\.\w+$/, `.${format}`);

/** The address of a file of exports.js. */
export function addressOf({ job, kind, stem, format, strips = [], part }) {
  const query = new URLSearchParams();
  for (const { name, gain, pan } of strips) {
    query.set(name, String(Number(gain.toFixed(4))));
    if (pan) query.set(`${name}.pan`, String(pan));
  }
  if (kind !== "stem") query.set("format", format);
  if (part) ["from", "to"].forEach((name, edge) => query.set(name, String(part[edge])));
  const path = kind === "stem" ? addressOfStem(stem, format) : `${addressOfJob(job)}/${kind === "mix" ? "mix" : "stems.zip"}`;
  return query.size ? `${path}?${query}` : path;
}

export class ServiceBackend {
  worksHere = false;
  place = "service";
  otherPlace = "web/?service";
  words = { waiting: "Waiting to upload", adding: null, automatic: "As the service runs" };
  #token = sessionStorage.getItem(stored);
  #asking = null;

  models() {
    return this.#json("v1/models");
  }

  async checkReady() {
    await this.#request("readyz");
  }

  async example(path) {
    return (await this.#request(path)).blob();
  }

  list({ limit, after = null }) {
    return this.#json(`v1/separations?limit=${limit}${after === null ? "" : `&after=${encodeURIComponent(after)}`}`);
  }

  job(id) {
    return this.#json(addressOfJob(id));
  }

  add(file, options, { onProgress, signal }) {
    // Fields first, because the service reads the form as a stream.
    const form = new FormData();
    for (const [name, value] of Object.entries(options)) form.append(name, value);
    form.append("file", file);
    return new Promise((resolve, reject) => {
      // It tells how much is sent, which `fetch` doesn't.
      const exchange = new XMLHttpRequest();
      exchange.open("POST", "v1/separations");
      for (const [name, value] of Object.entries(this.#credentials)) exchange.setRequestHeader(name, value);
      exchange.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
      exchange.onload = () => {
        const document = parse(exchange.responseText);
        if (exchange.status < 300) resolve(document);
        else reject(problemOf(exchange.status, document, exchange.getResponseHeader("Retry-After")));
      };
      exchange.onerror = () => reject(new TypeError("The connection was lost."));
      exchange.onabort = () => reject(new DOMException("Stopped", "AbortError"));
      signal.addEventListener("abort", () => exchange.abort());
      exchange.send(form);
    });
  }

  async remove(id) {
    const reply = await this.#request(addressOfJob(id), { method: "DELETE" });
    return reply.status === noContent ? null : reply.json();
  }

  move(id, before) {
    return this.#json(`${addressOfJob(id)}/place?before=${before}`, { method: "PUT" });
  }

  analysis(id) {
    return this.#json(`${addressOfJob(id)}/analysis`);
  }

  peaks(id, window) {
    return this.#json(`${addressOfJob(id)}/peaks?${new URLSearchParams(window)}`);
  }

  async read(id, stem, from, end) {
    const reply = await this.#request(addressOfStem(stem, "wav"), { headers: { Range: `bytes=${from}-${end - 1}` } });
    const bytes = await reply.arrayBuffer();
    if (reply.status === partialContent) return { bytes, total: Number(/\/(\d+)$/.exec(reply.headers.get("Content-Range") ?? "")?.[1]) };
    // A proxy may ignore the range and send the whole file.
    return { bytes: bytes.slice(from, end), total: null };
  }

  async whole(id, stem) {
    return (await this.#request(stem.url)).arrayBuffer();
  }

  linkTo(file) {
    // A link sends no token.
    return this.#token ? null : addressOf(file);
  }

  async save(file, onProgress) {
    const link = this.linkTo(file);
    // A link leaves the transfer to the browser, under the name that the service gives.
    if (link && !file.isNamed) {
      await this.#prepare(link);
      saveLink(link, file.name);
      return false;
    }
    const reply = await this.#request(addressOf(file));
    const total = Number(reply.headers.get("Content-Length") ?? 0);
    let received = 0;
    const counter = new TransformStream({
      transform(chunk, controller) {
        received += chunk.length;
        onProgress(received, total);
        controller.enqueue(chunk);
      },
    });
    // The browser keeps large blobs on the disk.
    const type = reply.headers.get("Content-Type") ?? "";
    saveBlob(await new Response(reply.body.pipeThrough(counter), { headers: { "Content-Type": type } }).blob(), file.name);
    return true;
  }

  async convert(sound, format) {
    return (await this.#request(`v1/convert/mix.${format}`, { method: "POST", body: sound })).blob();
  }

  follow(handlers) {
    return follow((lastId, signal) => this.#request("v1/events", { headers: { Accept: "text/event-stream", "Last-Event-ID": lastId }, cache: "no-store", signal }), handlers);
  }

  get #credentials() {
    return this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
  }

  /** `fetch` that returns successful replies only. */
  async #request(path, options = {}) {
    for (;;) {
      const used = this.#token;
      const reply = await fetch(path, { ...options, headers: { ...options.headers, ...this.#credentials } });
      if (reply.ok) return reply;
      if (reply.status !== unauthorized) throw problemOf(reply.status, parse(await reply.text()), reply.headers.get("Retry-After"));
      await this.#renewToken(used);
    }
  }

  async #json(path, options) {
    return (await this.#request(path, options)).json();
  }

  /** Asks for the token once, even if several requests wait for it. */
  async #renewToken(refused) {
    if (this.#token !== refused) return;
    this.#asking ??= askForToken(refused !== null).then((answer) => {
      this.#token = answer;
      sessionStorage.setItem(stored, answer);
      this.#asking = null;
    });
    await this.#asking;
  }

  /** Lets the service convert or mix a file before a link asks for it; an error has the service's text. */
  async #prepare(path) {
    try {
      await this.#request(path, { method: "HEAD" });
    } catch (error) {
      if (error instanceof Problem) await this.#request(path);
      throw error;
    }
  }
}
