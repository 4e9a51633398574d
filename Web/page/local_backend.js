// Answers the page's requests in the browser, in the form of the service's replies (openapi.json of a
// service describes them).

import { capabilities } from "./capabilities.js";
import { defaultModel } from "./local_jobs.js";
import { mixdown } from "./local_mix.js";
import { Refusal } from "./local_problem.js";
import { zip } from "./local_zip.js";
import { title } from "./format.js";
import { keepModelFile, listModels, removeModel } from "./models.js";
import { isWaiting } from "./words.js";

const jobsPerPage = 100;
const pointsByDefault = 1000;
const precisions = ["float32", "bfloat16", "int8"];
/** Of the checkpoints of torch, safetensors, ggml and quantised files. */
const modelEndings = [".th", ".pt", ".safetensors", ".bin", ".ggml"];

export class LocalBackend {
  /** A promise of the jobs, rejected with a `Refusal` as long as songs can't be separated in this tab. */
  opened;
  #jobs;
  /** Handlers by method and address: `{name}` stands for any part. */
  #routes = [
    ["GET", "v1/models", () => this.#describe()],
    ["POST", "v1/models", ({ body }) => this.#addModel(body.get("file"))],
    ["DELETE", "v1/models/{name}", ({ name }) => this.#removeModel(name)],
    ["GET", "v1/separations", ({ query }) => this.#list(query)],
    ["POST", "v1/separations", ({ body, signal }) => this.#create(body, signal)],
    ["GET", "v1/separations/{id}", ({ id }) => Response.json(this.#jobs.get(id))],
    ["DELETE", "v1/separations/{id}", ({ id }) => this.#remove(id)],
    ["PUT", "v1/separations/{id}/place", async ({ id, query }) => Response.json(await this.#jobs.move(id, query.get("before")))],
    ["GET", "v1/separations/{id}/stems/{file}", (request) => this.#stem(request)],
    ["GET", "v1/separations/{id}/stems.zip", ({ id, query }) => this.#zip(id, query)],
    ["GET", "v1/separations/{id}/mix", ({ id, query }) => this.#mix(id, query)],
    ["GET", "v1/separations/{id}/peaks", ({ id, query }) => this.#peaks(id, query)],
    ["GET", "v1/separations/{id}/analysis", ({ id }) => Response.json(this.#jobs.analysis(id))],
    ["GET", "v1/events", ({ headers, signal }) => this.#jobs.events.stream(Number(headers["Last-Event-ID"] ?? 0), signal)],
    ["GET", "readyz", () => new Response("ready\n")],
  ];

  /** Replies as `fetch` does; every error is a reply with a sentence for the user. */
  async answer(path, { method = "GET", headers = {}, body = null, signal = null } = {}) {
    const address = new URL(path, location.origin);
    const parts = address.pathname.slice(1).split("/").map(decodeURIComponent);
    for (const [verb, pattern, handler] of this.#routes) {
      const names = pattern.split("/");
      if (verb !== method || names.length !== parts.length) continue;
      if (!names.every((name, place) => name.startsWith("{") || name === parts[place])) continue;
      const fields = Object.fromEntries(names.map((name, place) => [name.replace(/[{}]/g, ""), parts[place]]));
      try {
        this.#jobs = await this.opened;
        return await handler({ ...fields, query: address.searchParams, headers, body, signal });
      } catch (error) {
        if (error.name === "AbortError") throw error;
        return Refusal.of(error).reply;
      }
    }
    // The example song and other files of the page.
    return fetch(path, { method, headers, signal });
  }

  async #describe() {
    const models = await listModels();
    return Response.json({
      engine: { model: defaultModel, precision: null, threads: capabilities().threads },
      models: models.map(({ name, kind, sources, downloadBytes, storedBytes, isStored }) =>
        ({ name, stems: sources ?? [], is_installed: true, download_bytes: isStored ? 0 : downloadBytes, stored_bytes: kind === "demo" ? 0 : storedBytes })),
      precisions, formats: ["wav"], model_endings: modelEndings,
      limits: { body_bytes: Number.MAX_SAFE_INTEGER, keep_seconds: null },
      has_example: true,
      // The service that handed out this page can separate, too.
      has_web: new URLSearchParams(location.search).has("service"),
    });
  }

  async #addModel(file) {
    return Response.json({ name: await keepModelFile(file) }, { status: 201 });
  }

  async #removeModel(name) {
    await removeModel(name);
    return new Response(null, { status: 204 });
  }

  #list(query) {
    const limit = Number(query.get("limit") ?? jobsPerPage);
    const all = this.#jobs.list();
    const first = query.has("after") ? all.findIndex(({ id }) => id === query.get("after")) + 1 : 0;
    const separations = all.slice(first, first + limit);
    const next = first + limit < all.length ? separations.at(-1).id : null;
    return Response.json({ separations, next, total: all.length, last_event: this.#jobs.events.last });
  }

  async #create(form, signal) {
    const { file, ...options } = Object.fromEntries(form);
    return Response.json(await this.#jobs.add(file, options, signal), { status: 202 });
  }

  async #remove(id) {
    const job = await this.#jobs.remove(id);
    return job ? Response.json(job) : new Response(null, { status: 204 });
  }

  async #stem({ id, file, query, headers, signal }) {
    const stems = await this.#jobs.stems(id);
    const name = file.replace(/\.wav$/, "");
    if (!stems.shape.names.includes(name) || file === name) throw new Refusal(404, "not-found", `There is no stem ${file}.`);
    const size = stems.wavBytes();
    const range = /^bytes=(\d+)-(\d+)$/.exec(headers.Range ?? "");
    if (!range) {
      await this.#demandEnded(id);
      return sound(await stems.wavOf(name, stems.part(query)));
    }
    const [from, last] = [Number(range[1]), Math.min(size - 1, Number(range[2]))];
    if (from > last) throw new Refusal(416, "range-not-satisfiable", `The stem has ${size} bytes.`);
    // In a song that is being separated: when the engine has got there.
    const part = await stems.wav(name, from, last + 1, signal);
    return new Response(part, { status: 206, headers: { "Content-Type": "audio/wav", "Content-Range": `bytes ${from}-${last}/${size}` } });
  }

  async #zip(id, query) {
    const stems = await this.#demandEnded(id);
    const files = await Promise.all(stems.shape.names.map(async (name) => ({ name: `${name}.wav`, blob: await stems.wavOf(name, stems.part(query)) })));
    return sound(await zip(files));
  }

  async #mix(id, query) {
    return sound(await mixdown(await this.#demandEnded(id), query));
  }

  async #peaks(id, query) {
    const stems = await this.#jobs.stems(id);
    return Response.json(stems.waveforms(Number(query.get("points") ?? pointsByDefault), stems.part(query)));
  }

  /** The stems of a job that has ended. */
  async #demandEnded(id) {
    const job = this.#jobs.get(id);
    if (isWaiting(job.state)) throw new Refusal(409, "conflict", `${title(job.name)} is still being separated. Its files can be saved when it is done.`);
    return this.#jobs.stems(id);
  }
}

/** A file with its length, by which the page shows how much of it is saved. */
const sound = (blob) => new Response(blob, { headers: { "Content-Type": blob.type, "Content-Length": String(blob.size) } });
