// The files of a song that can be saved: their addresses and names, by the choices of the download menu.

import { clock, title } from "./format.js";

/** The formats of a service; another back end names its own in the job. */
const serviceFormats = ["wav", "flac", "mp3"];
/** Times in the names of files have no colons: Windows refuses them. */
const timeWords = (seconds) => clock(seconds).replaceAll(":", ".");

export class Exports {
  /** Whether only the loop is saved; without a loop this has no effect. */
  isLoopOnly = false;
  /** Whether tempo and key are part of the names. */
  isTagged = false;
  /** Tempo and key of the song, once they are known. */
  analysis = {};

  /** `song.loop()` returns the loop or null, `song.mixQuery(format)` the query of the present mix. */
  constructor(job, song) {
    this.job = job;
    this.song = song;
    this.formats = job.formats ?? serviceFormats;
    this.format = job.options?.format ?? this.formats[0];
  }

  /** Tempo and key for names, "112 BPM, A minor", or null if they aren't known. */
  get music() {
    const { tempo_bpm: tempo, key } = this.analysis;
    return [tempo && `${Math.round(tempo)} BPM`, key].filter(Boolean).join(", ") || null;
  }

  stem(stem) {
    const path = stem.url.replace(/\.\w+$/, `.${this.format}`);
    return this.#file(path, new URLSearchParams(), stem.name, this.format);
  }

  zip() {
    return this.#file(`v1/separations/${this.job.id}/stems.zip`, new URLSearchParams({ format: this.format }), null, "zip");
  }

  /** The mix as it sounds now. */
  mix(format) {
    return this.#file(`v1/separations/${this.job.id}/mix`, new URLSearchParams(this.song.mixQuery(format)), "mix", format);
  }

  /** `{ path, name, isNamed }`: `isNamed` if the name is not the one that the service gives. */
  #file(path, query, part, ending) {
    const loop = this.isLoopOnly ? this.song.loop() : null;
    if (loop) ["from", "to"].forEach((name, edge) => query.set(name, String(Number(loop[edge].toFixed(6)))));
    const facts = [loop && `${timeWords(loop[0])}-${timeWords(loop[1])}`, this.isTagged && this.music].filter(Boolean);
    const name = `${[title(this.job.name), part].filter(Boolean).join(" - ")}${facts.length ? ` (${facts.join(", ")})` : ""}.${ending}`;
    return { path: query.size ? `${path}?${query}` : path, name, isNamed: facts.length > 0 };
  }
}
