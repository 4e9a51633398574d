// The engine in the browser as the page's back end (backends.d.ts).

import { capabilities } from "../engine/capabilities.js";
import { keepModelFile, listModels, openNamedModel, removeModel } from "../engine/models.js";
import { precisions } from "../engine/swift-demucs.js";
import { encodeFrames, to16Bits, wavHeader } from "../engine/wav.js";
import { addPanned } from "../page/sound/mix.js";
import { isWaiting, Problem, title } from "../page/words.js";
import { standardModel, wantedModel } from "./jobs.js";
import { zip } from "./zip.js";

/** Of the checkpoints of torch, safetensors, ggml and quantised files. */
const modelEndings = [".th", ".pt", ".safetensors", ".bin", ".ggml"];
/** Before jobs that can't be opened in this tab are asked for again. */
const pauseSeconds = 1;

/** @implements {Backend} */
export class LocalBackend {
  worksHere = true;
  hasFFmpeg = false;
  place = "browser";
  otherPlace = "../";
  words = { waiting: "Waiting", adding: "Reading the file", automatic: "Automatic", late: "this device is busy" };
  /** A promise of the jobs, rejected with a `Problem` as long as songs can't be separated in this tab. */
  opened;

  models() {
    return this.#answer(async () => {
      const models = await listModels();
      const model = standardModel(models);
      return {
        engine: { model, replaces: model === wantedModel ? null : wantedModel, precision: null, threads: capabilities().threads },
        models: models.map(({ name, kind, sources, downloadBytes, storedBytes, isStored }) =>
          ({ name, stems: sources ?? [], is_installed: true, download_bytes: isStored ? 0 : downloadBytes, stored_bytes: kind === "demo" ? 0 : storedBytes })),
        precisions, formats: ["wav"], model_endings: modelEndings,
        limits: { body_bytes: Infinity, keep_seconds: null },
        has_example: true,
        // The service that handed out this page can separate, too.
        has_web: new URLSearchParams(location.search).has("service"),
      };
    });
  }

  checkReady() {
    return this.#answer(() => {});
  }

  addModel(file) {
    return this.#answer(() => keepModelFile(file));
  }

  fetchModel(name, onProgress) {
    return this.#answer(() => openNamedModel(name, { onProgress: ({ receivedBytes, totalBytes }) => onProgress(receivedBytes, totalBytes) }));
  }

  removeModel(name) {
    return this.#answer(() => removeModel(name));
  }

  example(path) {
    return this.#answer(async () => {
      const reply = await fetch(path);
      if (!reply.ok) throw new Error("The host of this page has no example song.");
      return reply.blob();
    });
  }

  list({ limit, after = null }) {
    return this.#answer((jobs) => {
      const all = jobs.list();
      const first = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
      const separations = all.slice(first, first + limit);
      return { separations, next: first + limit < all.length ? separations.at(-1).id : null, last_event: jobs.events.last };
    });
  }

  job(id) {
    return this.#answer((jobs) => jobs.get(id));
  }

  change(id, changes) {
    return this.#answer((jobs) => jobs.change(id, changes));
  }

  sets() {
    return this.#answer((jobs) => [...jobs.sets]);
  }

  keepSet({ id, name, songs }) {
    return this.#answer((jobs) => jobs.keepSet({ id, name, songs, shared: false, is_own: true }));
  }

  removeSet(id) {
    return this.#answer((jobs) => jobs.removeSet(id));
  }

  add(file, options, { signal }) {
    return this.#answer((jobs) => jobs.add(file, options, signal));
  }

  remove(id) {
    return this.#answer((jobs) => jobs.remove(id));
  }

  move(id, before) {
    return this.#answer((jobs) => jobs.move(id, before));
  }

  analysis(id) {
    return this.#answer((jobs) => jobs.analysis(id));
  }

  peaks(id, { points, from, to }) {
    return this.#answer(async (jobs) => {
      const stems = await jobs.stems(id);
      return stems.waveforms(points, stems.part(from === undefined ? null : [from, to]));
    });
  }

  read(id, stem, from, end) {
    return this.#answer(async (jobs) => {
      const stems = await jobs.stems(id);
      const total = stems.wavBytes();
      // In a song that is being separated: when the engine has got there.
      return { bytes: await (await stems.wav(stem.name, from, Math.min(total, end))).arrayBuffer(), total };
    });
  }

  whole(id, stem) {
    return this.#answer(async (jobs) => (await (await finished(jobs, id)).wav(stem.name)).arrayBuffer());
  }

  linkTo() {
    return null;
  }

  async prepare() {}

  blob({ job, kind, stem, strips, part, format }, onProgress) {
    return this.#answer(async (jobs) => {
      const stems = await finished(jobs, job);
      const samples = stems.part(part);
      const entries = () => Promise.all(stems.shape.names.map(async (each) => ({ name: `${each}.wav`, blob: await this.convert(await stems.wavOf(each, samples), { format }) })));
      const blob = kind === "zip" ? await zip(await entries()) : await this.convert(await (kind === "stem" ? stems.wavOf(stem.name, samples) : mixdown(stems, strips, samples)), { format });
      onProgress(blob.size, blob.size);
      return blob;
    });
  }

  async convert(sound, { format }) {
    return format === "wav16" ? to16Bits(sound) : sound;
  }

  async follow({ begin, onOpen, onEvent, onLost }) {
    for (;;) {
      const { opened } = this;
      try {
        const jobs = await opened;
        const last = await begin();
        onOpen();
        return jobs.events.follow(last, onEvent);
      } catch (error) {
        onLost(Problem.of(error));
      }
      await new Promise((resolve) => setTimeout(resolve, pauseSeconds * 1000));
    }
  }

  /** The result of `work(jobs)`; all its errors but `AbortError` are problems, whose message is a sentence for the user. */
  async #answer(work) {
    try {
      return await work(await this.opened);
    } catch (error) {
      throw error.name === "AbortError" ? error : Problem.of(error);
    }
  }
}

/** The stems of a job that has ended. */
async function finished(jobs, id) {
  const job = jobs.get(id);
  if (isWaiting(job.state)) throw new Problem(409, `${title(job.name)} is still being separated. Its files can be saved when it is done.`);
  return jobs.stems(id);
}

// The mix of a finished job with the volumes and pans of the mixer, as a WAV file.

const framesPerStep = 1 << 18;

/** The sum of `strips`, `{ name, gain, pan }`, of samples `begin` to `end`. */
async function mixdown(stems, strips, [begin, end]) {
  const { channels, sampleRate } = stems.shape;
  const parts = /** @type {BlobPart[]} */ ([wavHeader(2, sampleRate, end - begin)]);
  for (let first = begin; first < end; first += framesPerStep) {
    const count = Math.min(framesPerStep, end - first);
    const sum = [new Float32Array(count), new Float32Array(count)];
    for (const strip of strips.filter(({ gain }) => gain > 0)) {
      const planes = await stems.samples(strip.name, first, count);
      addPanned(sum, [planes[0], planes[channels - 1]], strip);
    }
    // The browser keeps blobs outside the page's memory.
    parts.push(new Blob([encodeFrames(sum)]));
  }
  return new Blob(parts, { type: "audio/wav" });
}
