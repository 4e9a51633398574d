// The jobs of the engine in the browser: a queue that survives the tab, one song at a time; and their changes, for the page.

import { listModels } from "../engine/models.js";
import { inspect } from "../engine/track.js";
import { noSongWords } from "../engine/wav.js";
import { newId } from "../page/backend.js";
import { isWaiting, leastSeconds, Problem } from "../page/words.js";
import { planned, Separator } from "./separator.js";
import { Stems } from "./stems.js";

export class Events {
  /** Number of the last event. */
  last = 0;
  #onEvent = null;
  /** Those that came before the page follows. */
  #early = [];

  send(type, data) {
    this.last += 1;
    const event = { number: this.last, type, data };
    if (this.#onEvent) this.#tell(event);
    else this.#early.push(event);
  }

  /** Calls `onEvent(type, data)` for the events after number `last`, and for all that follow. */
  follow(last, onEvent) {
    this.#onEvent = onEvent;
    for (const event of this.#early.splice(0)) if (event.number > last) this.#tell(event);
  }

  /** Later than the change: an error of the page is no error of a separation. */
  #tell({ type, data }) {
    queueMicrotask(() => this.#onEvent(type, data));
  }
}

/** The model of all songs whose options name none, once it is stored; the small one separates at once. */
export const wantedModel = "htdemucs";
export const standardModel = (models) => (models.find(({ name }) => name === wantedModel)?.isStored ? wantedModel : "demo");

const folder = "jobs";
const setsFile = "sets.json";
/** Float samples in stereo at 44,100 Hz. */
const stemBytesPerSecond = 8 * 44100;
/** Of a model that isn't known yet. */
const usualOutputs = ["drums", "bass", "other", "vocals"];
/** Left free for the browser's other files. */
const spareBytes = 50e6;

/** An error as a failed job shows it. */
function fault(error) {
  const { status, message } = Problem.of(error);
  return { status, detail: message };
}

export class LocalJobs {
  #storage;
  #separator = new Separator();
  #jobs = new Map();
  /** Stems of running jobs and of finished ones that were read. */
  #stems = new Map();
  /** The job under way: `{ id, stop, ended }`, of which `ended` resolves when nothing more is written. */
  #running = null;
  events = new Events();
  sets = [];

  constructor(storage) {
    this.#storage = storage;
  }

  /** Loads the jobs of earlier visits, and goes on with those that are not done. */
  async start() {
    for (const id of await this.#storage.list(folder)) {
      // A record that can't be read now is left for the next visit.
      const record = await this.#storage.readJSON(this.#path(id, "job.json")).catch(() => undefined);
      // A song that was not stored whole has no record.
      if (record === null) await this.#storage.remove(this.#path(id));
      else if (record) this.#jobs.set(id, record);
    }
    this.sets = (await this.#storage.readJSON(setsFile)) ?? [];
    for (const { job } of [...this.#jobs.values()]) {
      if (job.state === "running") await this.#requeue(job);
    }
    this.#next();
  }

  /** All jobs, newest first. */
  list() {
    return [...this.#jobs.values()].map(({ job }) => this.#shown(job)).sort((a, b) => (a.created < b.created ? 1 : -1));
  }

  get(id) {
    return this.#shown(this.#record(id).job);
  }

  /** Stores a song and queues its separation. Throws `Problem`, or the reason of `signal`; then nothing is stored. */
  async add(file, chosen, signal) {
    const facts = await inspect(file);
    if (facts.seconds < leastSeconds) throw new Problem(422, noSongWords);
    const models = await listModels();
    const options = { model: standardModel(models), ...chosen };
    const model = models.find(({ name }) => name === options.model);
    if (!model) throw new Problem(422, `There is no model ${options.model}. Choose another one under Options.`);
    // The sources of a file of the user are known only when it is loaded.
    const outputs = model.sources && await planned(options, model.sources);
    if (Number.isFinite(facts.seconds)) await this.#checkRoom(file.size + facts.seconds * ((outputs ?? usualOutputs).length + Number(Boolean(options.residual))) * stemBytesPerSecond);
    const id = newId();
    try {
      await this.#storage.appendFile(this.#path(id, "song"), file, signal);
      signal?.throwIfAborted();
    } catch (error) {
      await this.#storage.remove(this.#path(id));
      throw error;
    }
    const job = {
      id, state: "queued", name: file.name, created: new Date().toISOString(), model: model.name, options, outputs, fraction: 0, seconds_left: null,
      duration_seconds: Number.isFinite(facts.seconds) ? facts.seconds : null, sample_rate: facts.sampleRate, stems: [], warnings: [],
    };
    // A separation that is interrupted goes on with the same offsets.
    const turn = Math.max(Date.now(), ...this.#inLine().map((waiting) => this.#record(waiting.id).turn + 1));
    this.#jobs.set(id, { job, shape: null, turn, seed: Math.floor(Math.random() * 1e6) });
    // Otherwise a browser that needs room may remove songs. It decides by itself or asks.
    navigator.storage?.persist?.();
    await this.#save(id);
    this.#tell();
    this.#next();
    return this.#shown(job);
  }

  /** Cancels a job that waits or runs; removes one that has ended. Returns the cancelled job, or null. */
  async remove(id) {
    const { job } = this.#record(id);
    const running = this.#running?.id === id ? this.#running : null;
    if (isWaiting(job.state)) {
      if (!running) await this.#end(job, { state: "cancelled" });
      else {
        this.#change(job, { activity: "Stopping", seconds_left: null });
        running.stop.abort(new DOMException("Cancelled", "AbortError"));
        await running.ended;
      }
      return this.#shown(job);
    }
    // Its last files may still be written.
    await running?.ended;
    this.#jobs.delete(id);
    this.#stems.delete(id);
    await this.#storage.remove(this.#path(id));
    this.events.send("removed", { id });
    return null;
  }

  /** Moves a job that waits before another one, or behind all of them without one. Throws `Problem`. */
  async move(id, before) {
    const { job } = this.#record(id);
    const line = this.#inLine();
    const turns = line.map((each) => this.#record(each.id).turn);
    const others = line.filter((each) => each.id !== id);
    const at = before === null ? others.length : others.findIndex((each) => each.id === before);
    if (job.state !== "queued" || at < 0) throw new Problem(409, "Only a song that waits can be moved, before another one that waits.");
    others.splice(at, 0, job);
    for (const [place, each] of others.entries()) {
      this.#record(each.id).turn = turns[place];
      await this.#save(each.id);
    }
    this.#tell();
    return this.#shown(job);
  }

  /** Changes the name or the notes of a job; returns it. */
  async change(id, { name, notes }) {
    const { job } = this.#record(id);
    const before = { name: job.name, notes: job.notes ?? {} };
    const all = Object.entries({ ...before.notes, ...notes }).filter(([, value]) => value !== null);
    Object.assign(job, { name: name ?? job.name, notes: Object.fromEntries(all) });
    try {
      await this.#save(id);
    } catch (error) {
      // The storage is full.
      Object.assign(job, before);
      throw error;
    }
    this.events.send("job", this.#shown(job));
    return this.#shown(job);
  }

  /** Keeps a new set, or one in place of that with its `id`; returns it. */
  async keepSet(set) {
    const isKnown = this.sets.some(({ id }) => id === set.id);
    await this.#keepSets(isKnown ? this.sets.map((each) => (each.id === set.id ? set : each)) : [...this.sets, set]);
    return set;
  }

  removeSet(id) {
    return this.#keepSets(this.sets.filter((each) => each.id !== id));
  }

  async #keepSets(sets) {
    await this.#storage.writeJSON(setsFile, sets);
    this.sets = sets;
    this.events.send("sets", {});
  }

  /** The stems of a job, of which a running one has the first part. */
  async stems(id) {
    const { job, shape } = this.#record(id);
    if (!this.#stems.has(id) && job.stems.length && !isWaiting(job.state)) this.#stems.set(id, await Stems.open(this.#storage, this.#path(id), shape));
    const stems = this.#stems.get(id);
    if (!stems) throw new Problem(409, "This song has no stems.");
    return stems;
  }

  /** Tempo, beats and key of a finished job. */
  analysis(id) {
    const { analysis } = this.#record(id);
    if (!analysis) throw new Problem(409, "The tempo and the key of this song aren't known.");
    return analysis;
  }

  #record(id) {
    const record = this.#jobs.get(id);
    if (!record) throw new Problem(404, "There is no such song; it may have been deleted.");
    return record;
  }

  #shown(job) {
    const waiting = this.#inLine().map(({ id }) => id);
    return { notes: {}, ...job, formats: ["wav", "wav16"], queue_position: job.state === "queued" ? waiting.indexOf(job.id) + 1 : null };
  }

  #inLine() {
    return [...this.#jobs.values()].map(({ job }) => job).filter(({ state }) => state === "queued").sort((a, b) => this.#record(a.id).turn - this.#record(b.id).turn);
  }

  #path(id, file) {
    return [folder, id, file].filter(Boolean).join("/");
  }

  #save(id) {
    return this.#storage.writeJSON(this.#path(id, "job.json"), this.#jobs.get(id));
  }

  /** Sends the jobs whose place in the queue may have changed. */
  #tell(job = null) {
    for (const each of job ? [job, ...this.#inLine()] : this.#inLine()) this.events.send("job", this.#shown(each));
  }

  #change(job, values) {
    Object.assign(job, values);
    this.events.send("job", this.#shown(job));
  }

  async #checkRoom(needed) {
    const free = await this.#storage.freeBytes();
    if (free !== null && free < needed + spareBytes) {
      const [wanted, have] = [needed, Math.max(0, free - spareBytes)].map((number) => `${Math.ceil(number / 1e6)} MB`);
      throw new Problem(507, `The stems of this song need ${wanted}, and the browser has room for ${have}. Delete songs or models here, or free space on the disk.`);
    }
  }

  /** Queues a job again whose tab was closed: it goes on after the pieces that are stored. */
  async #requeue(job) {
    Object.assign(job, { state: "queued", seconds_left: null, activity: null, stems: [], ready_seconds: 0 });
    await this.#save(job.id);
  }

  async #clear(id) {
    this.#stems.delete(id);
    await this.#storage.remove(this.#path(id, "pieces"));
  }

  #next() {
    if (this.#running) return;
    const [job] = this.#inLine();
    if (!job) {
      // The engine and its model take up to 1 GB, and are loaded again within seconds.
      this.#separator.close();
      return;
    }
    const stop = new AbortController();
    this.#running = { id: job.id, stop, ended: this.#run(job, stop.signal) };
  }

  async #run(job, signal) {
    try {
      await this.#separate(job, signal);
    } catch (error) {
      // The storage may refuse the record, too; the page then shows the failure until it is closed.
      this.#change(job, { state: "failed", error: fault(error) });
    }
    this.#running = null;
    this.#next();
  }

  async #separate(job, signal) {
    Object.assign(job, { state: "running" });
    await this.#save(job.id);
    this.#tell(job);
    try {
      const song = await this.#storage.file(this.#path(job.id, "song"));
      const change = (values) => !signal.aborted && this.#change(job, values);
      const { seed, shape } = this.#jobs.get(job.id);
      if (shape) change({ activity: "Reading the finished part" });
      const begun = shape && this.#keep(job, await Stems.resume(this.#storage, this.#path(job.id), shape));
      const analysis = await this.#separator.separate(song, job, { seed, begun, signal, begin: (shape) => this.#begin(job, shape), change });
      this.#jobs.get(job.id).analysis = analysis;
      await this.#end(job, { state: "done", fraction: 1, tempo_bpm: analysis?.tempo_bpm ?? null, key: analysis?.key ?? null });
    } catch (error) {
      await this.#end(job, signal.aborted ? { state: "cancelled" } : { state: "failed", error: fault(error) });
    }
  }

  /** The stems to fill when the first piece is there. */
  async #begin(job, shape) {
    this.#jobs.get(job.id).shape = shape;
    await this.#save(job.id);
    return this.#keep(job, new Stems(this.#storage, this.#path(job.id), shape));
  }

  #keep(job, stems) {
    this.#stems.set(job.id, stems);
    return stems;
  }

  /** Stores how a job ended, with the stems that are finished; the song itself is not needed any more. */
  async #end(job, values) {
    const stems = this.#stems.get(job.id);
    const hasStems = values.state !== "failed" && stems?.ready > 0;
    if (values.state !== "done") stems?.stop(new Problem(409, "The separation has ended before this part."));
    if (hasStems) {
      await stems.finish();
      this.#jobs.get(job.id).shape = stems.shape;
      job.duration_seconds = stems.seconds;
    }
    Object.assign(job, { stems: hasStems ? stems.listed() : [], seconds_left: null, activity: null }, values);
    await this.#save(job.id);
    this.#tell(job);
    if (!hasStems) await this.#clear(job.id);
    await this.#storage.remove(this.#path(job.id, "song"));
  }
}
