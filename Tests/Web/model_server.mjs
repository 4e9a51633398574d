// A server of model files on this machine, which can break off, lie, and refuse.

import { createHash } from "node:crypto";
import { createServer } from "node:http";

export const digits = (bytes) => createHash("sha256").update(bytes).digest("hex");

export class ModelServer {
  #server;
  /** The reply that has stopped in its middle. */
  #stopped;
  /** Requests so far: `{ path, start }`, where `start` is the first byte of the range or null. */
  requests = [];
  /** Files by path; a function gets the request's number for its path, from 0, and returns `{ status, body, stopAfter }`. */
  files = {};
  takesRanges = true;

  static async start() {
    const server = new ModelServer();
    server.#server = createServer((request, reply) => server.#answer(request, reply));
    await new Promise((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get address() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Breaks the connection off whose reply has stopped after `stopAfter` bytes. */
  breakOff() {
    this.#stopped.destroy();
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request, reply) {
    const path = request.url;
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
    const start = range ? Number(range[1]) : null;
    const count = this.requests.filter((other) => other.path === path).length;
    this.requests.push({ path, start });
    const file = this.files[path];
    const { status, body, stopAfter } = typeof file === "function" ? file(count) : { body: file };
    if (status || !body) {
      reply.writeHead(status ?? 404).end();
      return;
    }
    if (start !== null && start >= body.length) {
      reply.writeHead(416).end();
      return;
    }
    const first = this.takesRanges ? (start ?? 0) : 0;
    const rest = body.subarray(first);
    reply.writeHead(first > 0 ? 206 : 200, { "Content-Length": rest.length });
    if (stopAfter === undefined) reply.end(rest);
    else {
      this.#stopped = reply;
      reply.write(rest.subarray(0, stopAfter));
    }
  }
}
