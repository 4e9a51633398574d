// Separates a song with the engine in the browser, and hands its pieces to the storage.

import { load, plan } from "../engine/swift-demucs.js";
import { inspect, soundOf } from "../engine/track.js";
import { decodeFrames, noSongWords } from "../engine/wav.js";
import { residualName } from "../page/sound/mix.js";
import { bytes, leastSeconds, Problem } from "../page/words.js";

/** Least milliseconds between two changes of the progress. */
const progressMilliseconds = 200;
/** The progress before which an estimate of the time left would be a guess. */
const leastFraction = 0.02;
/** Frames that the mixer reads at once: a song is heard when the engine's first segment is done. */
const pieceFrames = 1 << 16;

/** The engine's settings in a job's options: the stems are always WAV files. */
const settingsOf = ({ model, format, residual, ...settings }) => settings;

/** Names of the stems that a job will have. Throws `Problem`. */
export async function planned(options, sources) {
  try {
    const { outputs } = await plan(settingsOf(options), sources);
    return outputs.map(({ name }) => name);
  } catch ({ message }) {
    throw new Problem(422, `${message[0].toUpperCase()}${message.slice(1)}. Choose again under Options.`);
  }
}

export class Separator {
  #engine = null;
  /** Model and precision of the engine. */
  #loaded = null;

  /**
   * Separates a job's song; resolves with its analysis, or null, when all samples are stored.
   *
   * `begun` are the stems that an interrupted separation with the same seed has
   * left, or null; `begin(shape)` resolves with the stems to fill; `change(values)` shows news of the job.
   */
  async separate(song, job, { seed, begun, signal, begin, change }) {
    const facts = await inspect(song);
    const engine = await this.#load(job, change, signal);
    // The sources of a file of the user are known only now.
    const outputs = job.outputs ?? await planned(job.options, engine.sources);
    change({ activity: "Reading the song", outputs });
    const sound = await soundOf(song, facts);
    signal.throwIfAborted();
    const { sampleRate } = engine;
    const samples = (sound.header.frames * sampleRate) / sound.sampleRate;
    if (samples < leastSeconds * sampleRate) throw new Problem(422, noSongWords);
    change({ activity: null, options: { ...job.options, precision: engine.precision }, duration_seconds: samples / sampleRate, stem_rate: sampleRate, piece_frames: pieceFrames });
    // Of a song at another rate, only the engine has the samples that the stems belong to.
    const original = job.options.residual && sound.sampleRate === sampleRate ? sound : null;
    const pieces = new Pieces(outputs, original, engine, Math.ceil(samples), begun, begin, change);
    if (begun?.ready) pieces.show();
    const finished = begun?.ready ? await finishedStems(begun, engine.sources) : null;
    // A piece that can't be stored ends the separation.
    const failure = new AbortController();
    let failed = null;
    let analysis;
    let written = Promise.resolve();
    const began = performance.now();
    let shown = 0;
    let leftOut = null;
    try {
      ({ analysis } = await engine.separate(sound, {
        finished,
        // An analysis needs all of the model's stems from the song's beginning.
        analyze: !begun?.ready || finished !== null,
        ...settingsOf(job.options),
        precision: engine.precision,
        seed,
        start: begun?.ready ?? 0,
        // The pieces are kept, not the whole: an hour of four stems has 5 GB.
        collect: false,
        signal: /** @type {any} */ (AbortSignal).any([signal, failure.signal]),
        onProgress: ({ fraction }) => {
          leftOut ??= fraction;
          if (performance.now() < shown + progressMilliseconds) return;
          shown = performance.now();
          const seconds = (shown - began) / 1000;
          const done = fraction - leftOut;
          change({ fraction, seconds_left: done < leastFraction ? null : (seconds * (1 - fraction)) / done });
        },
        onStems: ({ start, stems }) => {
          // Pieces that still wait are left out when the song is cancelled: an engine can be faster than the disk.
          written = written.then(() => signal.aborted || pieces.add(start, stems)).catch((error) => {
            failed ??= error;
            failure.abort();
          });
        },
      }));
    } catch (error) {
      await written;
      if (!signal.aborted && !failed) this.close();
      throw failed ?? error;
    }
    await written;
    if (failed) throw failed;
    signal.throwIfAborted();
    return analysis;
  }

  /** Frees the engine's memory. */
  close() {
    this.#engine?.close();
    this.#engine = null;
    this.#loaded = null;
  }

  async #load(job, change, signal) {
    const wanted = `${job.model} ${job.options.precision}`;
    if (this.#engine && this.#loaded === wanted) return this.#engine;
    this.close();
    change({ activity: `Loading ${job.model}` });
    const engine = await load(job.model, {
      precision: job.options.precision,
      signal,
      onProgress: (progress) => change({ activity: loadingWords(job.model, progress) }),
    });
    // The song may have been cancelled while the model came.
    if (signal.aborted) engine.close();
    signal.throwIfAborted();
    this.#engine = engine;
    this.#loaded = wanted;
    return engine;
  }
}

function loadingWords(model, { state, receivedBytes, totalBytes }) {
  if (state === "downloading") return `Downloading ${model}, ${bytes(receivedBytes)} of ${bytes(totalBytes)}`;
  if (state === "waiting") return `Downloading ${model}: the connection is lost, trying again`;
  return `Loading ${model}`;
}

/** The stored part of the engine's stems as files, or null if others were chosen. */
async function finishedStems(stems, sources) {
  if (!sources.every((name) => stems.shape.names.includes(name))) return null;
  const files = await Promise.all(sources.map((name) => stems.wavOf(name, [0, stems.ready])));
  return Object.fromEntries(sources.map((name, index) => [name, files[index]]));
}

/** What a piece of the stems leaves out of the song. */
async function residualOf({ file, header }, start, stems) {
  const [first, end] = [start, start + stems[0][0].length].map((frame) => header.dataOffset + frame * header.bytesPerFrame);
  const song = decodeFrames(await file.slice(first, end).arrayBuffer(), header);
  return stems[0].map((_, channel) => {
    const left = (song[channel] ?? song[0]).slice();
    for (const planes of stems) planes[channel].forEach((sample, frame) => { left[frame] -= sample; });
    return left;
  });
}

/** Turns the engine's pieces into the job's stems. */
class Pieces {
  names; original; engine; samples; stems; begin; change;

  /** `original` is the song, of which the residual is kept; or null. */
  constructor(names, original, engine, samples, stems, begin, change) {
    Object.assign(this, { names, original, engine, samples, stems, begin, change });
  }

  async add(start, outputs) {
    const planes = this.names.map((name) => outputs[name]);
    if (this.original) planes.push(await residualOf(this.original, start, planes));
    this.stems ??= await this.begin({ names: this.original ? [...this.names, residualName] : this.names, channels: planes[0].length, sampleRate: this.engine.sampleRate, samples: this.samples, pieces: [] });
    await this.stems.add(start, planes);
    this.show();
  }

  show() {
    this.change({
      ready_seconds: this.stems.ready / this.engine.sampleRate,
      stems: this.stems.listed(),
    });
  }
}
