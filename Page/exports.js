// The files of a song that can be saved, by the choices of the download menu.
//
// A file is `{ job, kind, stem, format, strips, part, name, isNamed, sound }`: `kind` is "stem", "zip" (of all stems) or "mix", `strips` are
// those of a mix (Mix.levels), `part` is `[from, to]` in seconds or null; `isNamed` if `name` is not the one that the service gives.
// `sound` is null, or the tuning and the clicks of a file that the page renders.

import { backend } from "./backend.js";
import { clicksFrom } from "./clicks.js";
import { saveBlob } from "./dom.js";
import { clock, keyWords, signed, title } from "./format.js";
import { linear } from "./mix.js";
import { isPlain, percent, plainTuning } from "./tuning.js";

/** The formats of a service; another back end names its own in the job. */
const serviceFormats = ["wav", "flac", "mp3"];
/** Times in the names of files have no colons: Windows refuses them. */
const timeWords = (seconds) => clock(seconds).replaceAll(":", ".");

export class Exports {
  /** What is left out of the files on request, though it is heard. */
  isWhole = false;
  isUntuned = false;
  isWithoutClicks = false;
  /** Whether tempo and key are part of the names. */
  isTagged = false;

  /** `song` is a `Song`, `player` its `Player`. */
  constructor(job, song, player) {
    Object.assign(this, { job, song, player });
    this.formats = job.formats ?? serviceFormats;
    this.format = job.options?.format ?? this.formats[0];
  }

  /** Speed and pitch as they are heard, "70 %, +2", or null at the song's own. */
  get tuningWords() {
    const { tuning } = this.song;
    return isPlain(tuning) ? null : `${percent(tuning.speed)}, ${signed(tuning.semitones)}`;
  }

  /** The clicks that are heard, "click and count-in", or null. */
  get clickWords() {
    const { isClicking, countsIn } = this.song.rehearsal;
    return (this.song.grid.bpm && [isClicking && "click", countsIn && "count-in"].filter(Boolean).join(" and ")) || null;
  }

  /** Tempo and key for names, "112 BPM, A minor", or null if they aren't known. */
  get music() {
    const { bpm, found } = this.song.grid;
    const { speed, semitones } = this.isUntuned ? plainTuning : this.song.tuning;
    const key = found.key && keyWords(found.key, semitones).replace("♭", "b").replace("♯", "#");
    return [bpm && `${Math.round(bpm * speed)} BPM`, key].filter(Boolean).join(", ") || null;
  }

  /** A stem as it is heard, or plain: the samples of its file. */
  stem(stem, isAsFound = false) {
    return this.#file({ kind: "stem", stem, strips: [{ name: stem.name, gain: 1, pan: 0 }], format: this.format }, stem.name, this.format, { isAsFound });
  }

  zip() {
    return this.#file({ kind: "zip", format: this.format }, null, "zip", { isAsFound: true });
  }

  /** The mix as it sounds now. */
  mix(format) {
    return this.#file({ kind: "mix", strips: this.song.mix.levels, format }, "mix", format, { hasClicks: !this.isWithoutClicks });
  }

  /** Saves a file; see `backend.save`. */
  async save(file, onProgress) {
    if (!file.sound) return backend.save(file, onProgress);
    const { player, song } = this;
    // Loaded when it is needed, as few files are saved like this.
    const { renderedFile } = await import("./render_file.js");
    const pieces = await player.pieces();
    const strips = file.strips.map(({ name, gain, pan }) => {
      const index = song.mix.names.indexOf(name);
      return { name, index, gain: gain * player.levels[index], pan };
    });
    const bytes = Math.floor(pieces.frames / file.sound.tuning.speed) * 8;
    const blob = await renderedFile({ pieces, strips, part: file.part ?? [0, pieces.frames / pieces.sampleRate], ...file.sound }, (share) => onProgress(share * bytes, bytes));
    saveBlob(file.format === "wav" ? blob : await backend.convert(blob, file.format), file.name);
    return true;
  }

  #file(what, part, ending, { isAsFound = false, hasClicks = false }) {
    const { song } = this;
    const loop = this.isWhole ? null : song.loop.edges;
    const tuning = this.isUntuned || isAsFound ? plainTuning : song.tuning;
    const clicked = hasClicks ? this.clickWords : null;
    const facts = [loop && `${timeWords(loop[0])}-${timeWords(loop[1])}`, !isPlain(tuning) && this.tuningWords, clicked, this.isTagged && this.music].filter(Boolean);
    const { clicks, lead } = clicksFrom(song.grid, loop?.[0] ?? 0, { isCounted: Boolean(clicked), isOn: Boolean(clicked) && song.rehearsal.isClicking });
    return {
      ...what, job: this.job.id, part: loop && loop.map((edge) => Number(edge.toFixed(6))),
      name: `${[title(this.job.name), part].filter(Boolean).join(" - ")}${facts.length ? ` (${facts.join(", ")})` : ""}.${ending}`,
      isNamed: facts.length > 0,
      sound: isPlain(tuning) && !clicked ? null : { tuning, clicks, lead, clickGain: linear(song.rehearsal.clickVolume) },
    };
  }
}
