// The service as the page's back end (backends.d.ts), by HTTP: with a token if one is required, and problem documents as errors.

import { keep, kept } from "../kept.js";
import { Problem } from "../words.js";

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
const jsonOf = (value) => ({ body: JSON.stringify(value), headers: { "Content-Type": "application/json" } });
const addressOfStem = (stem, format) => stem.url.replace(/\.\w+$/, `.${format}`);

/** The address of a file of downloads.js. */
export function addressOf({ job, kind, stem, format, strips = [], part }) {
  if (kind === "stem file") return `${addressOfJob(job)}/song.stem.mp4`;
  const query = new URLSearchParams();
  // A stem has no volumes, and its address refuses them.
  for (const { name, gain, pan } of kind === "mix" ? strips : []) {
    query.set(name, String(Number(gain.toFixed(4))));
    if (pan) query.set(`${name}.pan`, String(pan));
  }
  if (kind !== "stem") query.set("format", format);
  if (part) ["from", "to"].forEach((name, edge) => query.set(name, String(part[edge])));
  const path = kind === "stem" ? addressOfStem(stem, format) : `${addressOfJob(job)}/${kind === "mix" ? "mix" : "stems.zip"}`;
  return query.size ? `${path}?${query}` : path;
}

/** A reply that tells `onProgress(received, total)`, with a total of 0 if it is not known. */
function counted(reply, onProgress = (received, total) => {}) {
  const total = Number(reply.headers.get("Content-Length") ?? 0);
  let received = 0;
  const counter = new TransformStream({
    transform(chunk, controller) {
      received += chunk.length;
      onProgress(received, total);
      controller.enqueue(chunk);
    },
  });
  return new Response(reply.body.pipeThrough(counter), { headers: { "Content-Type": reply.headers.get("Content-Type") ?? "" } });
}

/** @implements {Backend} */
export class ServiceBackend {
  worksHere = false;
  hasFFmpeg = false;
  place = "service";
  otherPlace = "web/?service";
  words = { waiting: "Waiting to upload", adding: null, automatic: "As the service runs", late: "the line is slow" };
  #token = kept("token");
  #asking = null;

  async models() {
    const reply = await this.#json("v1/models");
    this.hasFFmpeg = reply.has_ffmpeg;
    return reply;
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

  async shared() {
    const found = [];
    // Without a token, there is one user.
    for (let after = this.#token ? "" : null; after !== null;) {
      const reply = await this.#json(`v1/separations?shared=true&limit=1000${after}`);
      found.push(...reply.separations);
      after = reply.next === null ? null : `&after=${reply.next}`;
    }
    return found;
  }

  share(id, isShared) {
    return this.#json(`${addressOfJob(id)}/shared`, { method: isShared ? "PUT" : "DELETE" });
  }

  job(id) {
    return this.#json(addressOfJob(id));
  }

  change(id, changes) {
    // Sent to its end, also when the page is closed.
    return this.#json(addressOfJob(id), { ...jsonOf(changes), method: "PATCH", keepalive: true });
  }

  async sets() {
    return (await this.#json("v1/sets")).sets;
  }

  keepSet({ id, name, songs }) {
    return this.#json(`v1/sets/${id}`, { ...jsonOf({ name, songs }), method: "PUT" });
  }

  async removeSet(id) {
    await this.#request(`v1/sets/${id}`, { method: "DELETE" });
  }

  shareSet(id, isShared) {
    return this.#json(`v1/sets/${id}/shared`, { method: isShared ? "PUT" : "DELETE" });
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

  async read(id, stem, from, end, onProgress) {
    const reply = await this.#request(addressOfStem(stem, "wav"), { headers: { Range: `bytes=${from}-${end - 1}` } });
    const bytes = await counted(reply, onProgress).arrayBuffer();
    if (reply.status === partialContent) return { bytes, total: Number(/\/(\d+)$/.exec(reply.headers.get("Content-Range") ?? "")?.[1]) };
    // A proxy may ignore the range and send the whole file.
    return { bytes: bytes.slice(from, end), total: null };
  }

  async flac(id, stem, from, to, onProgress) {
    return counted(await this.#request(`${addressOfStem(stem, "flac")}?from=${from}&to=${to}`), onProgress).arrayBuffer();
  }

  async whole(id, stem) {
    return (await this.#request(stem.url)).arrayBuffer();
  }

  linkTo(file) {
    // A link sends no token.
    return this.#token ? null : addressOf(file);
  }

  /** The service converts or mixes a file before a link asks for it; an error has the service's text. */
  async prepare(link) {
    try {
      await this.#request(link, { method: "HEAD" });
    } catch (error) {
      if (error instanceof Problem) await this.#request(link);
      throw error;
    }
  }

  async blob(file, onProgress) {
    // The browser keeps large blobs on the disk.
    return counted(await this.#request(addressOf(file)), onProgress).blob();
  }

  async convert(sound, { job, kind, stem, format, tags: { bpm, key } }) {
    const query = new URLSearchParams({ job, part: kind === "stem" ? stem.name : "mix" });
    if (bpm) query.set("bpm", bpm);
    // As tags write it: "F#m", "Bb".
    if (key) query.set("key", key.replace(" minor", "m").replace(" major", ""));
    return (await this.#request(`v1/convert/mix.${format}?${query}`, { method: "POST", body: sound })).blob();
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
      keep("token", answer);
      this.#asking = null;
    });
    await this.#asking;
  }
}

// The service's stream of job events: reconnects by itself, and continues after the last event. Uses `fetch`,
// which can send a token; EventSource cannot.

/** Parses a text stream of server-sent events; `push` returns the complete events. */
export class EventParser {
  #rest = "";
  lastId = null;

  push(text) {
    this.#rest += text;
    const blocks = this.#rest.split(/\r?\n\r?\n/);
    this.#rest = blocks.pop();
    return blocks.map((block) => this.#parse(block)).filter((event) => event.data !== "");
  }

  /** Drops the incomplete event of a broken stream. */
  reset() {
    this.#rest = "";
  }

  #parse(block) {
    const event = { type: "message", data: "" };
    for (const line of block.split(/\r?\n/)) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === "event") event.type = value;
      else if (field === "data") event.data += (event.data && "\n") + value;
      else if (field === "id") this.lastId = value;
    }
    return event;
  }
}

const firstDelaySeconds = 0.5;
const longestDelaySeconds = 5;
/** The service sends a heartbeat every few seconds; a longer silence is a dead connection. */
const silenceSeconds = 45;

/** Events are handled this long before the page may draw and answer a click. */
const sliceMilliseconds = 12;

/** `follow` of backends.d.ts: `open(lastId, signal)` resolves with the reply whose body has the events after one. */
async function follow(open, { begin, onOpen, onEvent, onLost }) {
  const parser = new EventParser();
  let delay = firstDelaySeconds;
  let watchdog;
  // A page in the back/forward cache would keep its connection, and a browser allows six in all.
  addEventListener("pagehide", () => watchdog.abort());
  for (;;) {
    watchdog = new AbortController();
    let timer;
    try {
      parser.lastId ??= await begin();
      const reply = await open(parser.lastId, watchdog.signal);
      delay = firstDelaySeconds;
      parser.reset();
      onOpen();
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        clearTimeout(timer);
        timer = setTimeout(() => watchdog.abort(), silenceSeconds * 1000);
        const { done, value } = await reader.read();
        if (done) break;
        let sliceEnd = performance.now() + sliceMilliseconds;
        for (const { type, data } of parser.push(value)) {
          onEvent(type, JSON.parse(data));
          if (performance.now() < sliceEnd || document.hidden) continue;
          await new Promise((resolve) => setTimeout(resolve));
          sliceEnd = performance.now() + sliceMilliseconds;
        }
      }
      onLost(null);
    } catch (error) {
      onLost(error instanceof Problem ? error : null);
    }
    clearTimeout(timer);
    await new Promise((resolve) => setTimeout(resolve, delay * 1000));
    delay = Math.min(longestDelaySeconds, delay * 1.6);
  }
}

// Asks for the token of a service that is open to a network.

/** Visible ASCII, as tokens have: a header takes no other letters. */
const isToken = (text) => /^[\x21-\x7e]+$/.test(text);

/** Shows the dialog until a token is given; `wasRefused` says that the last one was wrong. */
function askForToken(wasRefused) {
  const dialog = document.getElementById("token-dialog");
  const field = document.getElementById("token");
  const refused = document.getElementById("token-refused");
  refused.hidden = !wasRefused;
  field.value = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    dialog.onsubmit = (event) => {
      const token = field.value.trim();
      if (isToken(token)) {
        dialog.onclose = null;
        return resolve(token);
      }
      event.preventDefault();
      refused.hidden = false;
      field.select();
    };
    // Without a token the page can't be used. Not every Escape can be prevented, but the dialog can open again.
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = () => dialog.showModal();
  });
}
