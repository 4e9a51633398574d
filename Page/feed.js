// The service's stream of job events: reconnects by itself, and continues after the last event. Uses `fetch`,
// which can send a token; EventSource cannot.

import { Problem } from "./problem.js";

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

/** `follow` of backend.js: `open(lastId, signal)` resolves with the reply whose body has the events after one. */
export async function follow(open, { begin, onOpen, onEvent, onLost }) {
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
