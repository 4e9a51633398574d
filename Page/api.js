// Requests to the back end, the service or the browser's own: with a token if one is required, problem
// documents as errors, downloads.

import { askForToken } from "./token.js";

const stored = "swift-demucs token";
let token = sessionStorage.getItem(stored);
let asking = null;
/** Also for a `Retry-After` that is no number. */
const leastRetrySeconds = 1;
/** Answers requests in the browser; null if the service does. */
let local = null;

/** `answer(path, options)` replies to all requests in place of the service, as `fetch` does. */
export function answerWith(answer) {
  local = answer;
}

/** Whether songs are separated in this browser. */
export const isLocal = () => local !== null;

/**
 * An error reply; the message is the service's text. `kind` is the last part of its type; `heading` is null
 * for the service's problems.
 *
 * `retryAfterSeconds` is null unless the same request can succeed later without anybody doing
 * something.
 */
export class Problem extends Error {
  constructor(status, document, retryAfter) {
    super(document?.detail || document?.title || `The service answered with code ${status}.`);
    this.status = status;
    this.kind = document?.type?.split(":").pop() ?? null;
    this.heading = document?.heading ?? null;
    this.retryAfterSeconds = retryAfter === null ? null : Number(retryAfter) || leastRetrySeconds;
  }
}

/** The text of a problem document, or null. */
export function parseProblem(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Asks for the token once, even if several requests wait for it. */
async function renewToken(refused) {
  if (token !== refused) return;
  asking ??= askForToken(refused !== null).then((answer) => {
    token = answer;
    sessionStorage.setItem(stored, answer);
    asking = null;
  });
  await asking;
}

/** The headers that every request needs. */
export const credentials = () => (token ? { Authorization: `Bearer ${token}` } : {});

/** `fetch` that returns successful replies only; throws `Problem`, or `TypeError` without a connection. */
export async function request(path, options = {}) {
  for (;;) {
    const used = token;
    const reply = await (local ?? fetch)(path, { ...options, headers: { ...options.headers, ...credentials() } });
    if (reply.ok) return reply;
    if (reply.status !== 401) {
      throw new Problem(reply.status, parseProblem(await reply.text()), reply.headers.get("Retry-After"));
    }
    await renewToken(used);
  }
}

export const json = async (path, options) => (await request(path, options)).json();

/** Uploads a form; `onProgress` gets the share sent, 0…1. Resolves with the job. `signal` stops it. */
export function upload(path, form, onProgress, signal) {
  if (local) return json(path, { method: "POST", body: form, signal });
  return new Promise((resolve, reject) => {
    const exchange = new XMLHttpRequest();
    exchange.open("POST", path);
    for (const [name, value] of Object.entries(credentials())) exchange.setRequestHeader(name, value);
    exchange.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    exchange.onload = () => {
      const document = parseProblem(exchange.responseText);
      if (exchange.status < 300) resolve(document);
      else reject(new Problem(exchange.status, document, exchange.getResponseHeader("Retry-After")));
    };
    exchange.onerror = () => reject(new TypeError("The connection was lost."));
    exchange.onabort = () => reject(new DOMException("Stopped", "AbortError"));
    signal.addEventListener("abort", () => exchange.abort());
    exchange.send(form);
  });
}

/** Whether a plain link reaches the back end's files: a link sends no token. */
export const hasLinks = () => !token && !local;

/**
 * Saves a file; `isNamed` if its name differs from the one that the service gives. A plain link leaves the
 * transfer to the browser; otherwise `onProgress(received, total)` tells of it, with a total of 0 if it is not
 * known. Resolves with whether the file has been received whole.
 */
export async function download({ path, name, isNamed }, onProgress) {
  if (hasLinks() && !isNamed) {
    await prepare(path);
    const link = document.createElement("a");
    link.download = name;
    link.href = path;
    link.click();
    return false;
  }
  const reply = await request(path);
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
  saveBlob(await new Response(reply.body.pipeThrough(counter), { headers: { "Content-Type": type } }).blob(), name);
  return true;
}

/** Saves a file that the page has made. */
export function saveBlob(blob, name) {
  const link = document.createElement("a");
  link.download = name;
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Lets the service convert or mix a file before a link asks for it; an error has the service's text. */
async function prepare(path) {
  try {
    await request(path, { method: "HEAD" });
  } catch (error) {
    if (error instanceof Problem) await request(path);
    throw error;
  }
}
