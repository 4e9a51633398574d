// Changes of jobs for the page, as server-sent events.

const heartbeatSeconds = 15;
/** Events that a stream can ask for again. */
const mostKept = 1000;

export class Events {
  #kept = [];
  #streams = new Set();
  last = 0;

  send(type, data) {
    this.last += 1;
    const text = `event: ${type}\nid: ${this.last}\ndata: ${JSON.stringify(data)}\n\n`;
    this.#kept.push({ id: this.last, text });
    if (this.#kept.length > mostKept) this.#kept.shift();
    for (const stream of this.#streams) stream(text);
  }

  /** A reply with the events after `lastId`, and all that follow. */
  stream(lastId, signal) {
    const encoder = new TextEncoder();
    let close = () => {};
    const body = new ReadableStream({
      start: (controller) => {
        const write = (text) => controller.enqueue(encoder.encode(text));
        const timer = setInterval(() => write(":\n\n"), heartbeatSeconds * 1000);
        close = () => {
          clearInterval(timer);
          this.#streams.delete(write);
        };
        for (const { id, text } of this.#kept) if (id > lastId) write(text);
        this.#streams.add(write);
        signal?.addEventListener("abort", () => {
          close();
          controller.error(signal.reason);
        });
      },
      cancel: () => close(),
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  }
}
