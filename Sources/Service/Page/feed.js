// The stream of job events: reconnects by itself, and goes on where it was.
// Read by `fetch`, which can carry a token; EventSource cannot.

import { Problem, request } from "./api.js";

/** Cuts a text stream of server-sent events; `push` returns the events that are complete. */
export class EventParser {
  #rest = "";
  lastId = null;

  push(text) {
    this.#rest += text;
    const blocks = this.#rest.split(/\r?\n\r?\n/);
    this.#rest = blocks.pop();
    return blocks.map((block) => this.#parse(block)).filter((event) => event.data !== "");
  }

  /** Forgets a half event of a stream that broke. */
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

/**
 * Follows all jobs for as long as the page lives.
 *
 * `onOpen` runs at each connection, before its first event; `onEvent` gets type and data; `onLost` runs
 * when a connection ends or cannot be made, with the problem that the service answered, if it did.
 */
export async function follow(path, { onOpen, onEvent, onLost }) {
  const parser = new EventParser();
  let delay = firstDelaySeconds;
  let watchdog;
  // A page that is kept for the Back button would keep its connection too, and a browser has six for all.
  addEventListener("pagehide", () => watchdog.abort());
  for (;;) {
    watchdog = new AbortController();
    let timer;
    try {
      const headers = { Accept: "text/event-stream", ...(parser.lastId === null ? {} : { "Last-Event-ID": parser.lastId }) };
      const reply = await request(path, { headers, cache: "no-store", signal: watchdog.signal });
      delay = firstDelaySeconds;
      parser.reset();
      onOpen();
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        clearTimeout(timer);
        timer = setTimeout(() => watchdog.abort(), silenceSeconds * 1000);
        const { done, value } = await reader.read();
        if (done) break;
        for (const { type, data } of parser.push(value)) onEvent(type, JSON.parse(data));
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
