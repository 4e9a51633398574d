// The files of a song that can be saved, by the choices of the download menu.
//
// A file is `{ job, kind, stem, format, strips, part, name, isNamed }`: `kind` is "stem", "zip" (of all stems) or "mix", `strips` are
// those of a mix (Mix.levels), `part` is `[from, to]` in seconds or null; `isNamed` if `name` is not the one that the service gives.

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

  /** `song.loop()` returns the loop or null, `song.levels()` the strips of the present mix. */
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
    return this.#file({ kind: "stem", stem, format: this.format }, stem.name, this.format);
  }

  zip() {
    return this.#file({ kind: "zip", format: this.format }, null, "zip");
  }

  /** The mix as it sounds now. */
  mix(format) {
    return this.#file({ kind: "mix", strips: this.song.levels(), format }, "mix", format);
  }

  #file(what, part, ending) {
    const loop = this.isLoopOnly ? this.song.loop() : null;
    const facts = [loop && `${timeWords(loop[0])}-${timeWords(loop[1])}`, this.isTagged && this.music].filter(Boolean);
    const name = `${[title(this.job.name), part].filter(Boolean).join(" - ")}${facts.length ? ` (${facts.join(", ")})` : ""}.${ending}`;
    return { ...what, job: this.job.id, part: loop && loop.map((edge) => Number(edge.toFixed(6))), name, isNamed: facts.length > 0 };
  }
}
