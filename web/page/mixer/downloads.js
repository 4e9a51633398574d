// The files of a song that can be saved, by the choices of the download menu.
//
// A file is `{ job, kind, stem, format, strips, part, name, isNamed, sound, tags }`: `kind` is "stem", "zip" (of all stems), "stem file" (for
// DJ software) or "mix", `strips` are those of a mix (Mix.levels), `part` is `[from, to]` in seconds or null; `isNamed` if `name` is not the
// one that the service gives. `sound` is null, or the tuning and the clicks of a file that the page renders; `tags` are its tempo and key.

import { backend } from "../backend.js";
import { announce, colourOf, element, icon, saveBlob, saveLink, setText } from "../dom.js";
import { clicksFrom } from "../sound/clicks.js";
import { isPlain, linear, percent, plainTuning } from "../sound/mix.js";
import { wavHeader } from "../wav.js";
import { bytes, clock, failureWords, keyWords, signed, title } from "../words.js";
import { mediaTypes } from "./strips.js";

const formatWords = { wav16: "WAV, 16 bits" };
/** "0m05s", "1h02m03s": names of files have no colons, which Windows refuses. */
const timeWords = (seconds) => clock(seconds).split(":").map((part, i, { length }) => part + "hms"[3 - length + i]).join("");

export class Exports {
  job; song; player;

  /** What is left out of the files on request, though it is heard. */
  isWhole = false;
  isUntuned = false;
  isWithoutClicks = false;
  /** Whether tempo and key are part of the names. */
  isTagged = false;

  /** `song` is a `Song`, `player` its `Player`. */
  constructor(job, song, player) {
    Object.assign(this, { job, song, player });
    // Another back end than the service names its own in the job.
    this.formats = job.formats ?? Object.keys(mediaTypes);
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

  /** Tempo and key as a file has them, `{ bpm: 112, key: "A minor" }`, as far as they are known. */
  get music() {
    const { bpm, found } = this.song.grid;
    const { speed, semitones } = this.isUntuned ? plainTuning : this.song.tuning;
    return { bpm: bpm && Math.round(bpm * speed), key: found.key && keyWords(found.key, semitones).replace("♭", "b").replace("♯", "#") };
  }

  /** The same for names, "112 BPM, A minor", or null. */
  get musicWords() {
    const { bpm, key } = this.music;
    return [bpm && `${bpm} BPM`, key].filter(Boolean).join(", ") || null;
  }

  /** A stem as it is heard, or plain: the samples of its file. */
  stem(stem, isAsFound = false) {
    return this.#file({ kind: "stem", stem, strips: [{ name: stem.name, gain: 1, pan: 0 }], format: this.format }, stem.name, this.format.replace("16", ""), { isAsFound });
  }

  zip() {
    return this.#file({ kind: "zip", format: this.format }, null, "zip", { isAsFound: true });
  }

  /** The mix and its four stems in one file for DJ software. */
  stemFile() {
    return this.#file({ kind: "stem file", format: "stem.mp4" }, "stems", "stem.mp4", { isAsFound: true });
  }

  /** The mix as it sounds now. */
  mix(format) {
    return this.#file({ kind: "mix", strips: this.song.mix.levels, format }, "mix", format.replace("16", ""), { hasClicks: !this.isWithoutClicks });
  }

  /** Saves a file; resolves with whether the browser has all of it, or goes on saving. */
  async save(file, onProgress) {
    // A link leaves the transfer to the browser, under the name that the service gives.
    const link = file.sound || file.isNamed ? null : backend.linkTo(file);
    if (!link) {
      saveBlob(await this.blob(file, onProgress), file.name);
      return true;
    }
    await backend.prepare(link);
    saveLink(link, file.name);
    return false;
  }

  /** A file, as a Blob; see `backend.blob`. */
  async blob(file, onProgress) {
    if (!file.sound) return backend.blob(file, onProgress);
    const { player, song } = this;
    const pieces = await player.pieces();
    const strips = file.strips.map(({ name, gain, pan }) => {
      const index = song.mix.names.indexOf(name);
      return { name, index, gain: gain * player.levels[index], pan };
    });
    const bytes = Math.floor(pieces.frames / file.sound.tuning.speed) * 8;
    const blob = await renderedFile({ pieces, strips, part: file.part ?? [0, pieces.frames / pieces.sampleRate], ...file.sound }, (share) => onProgress(share * bytes, bytes));
    return file.format === "wav" ? blob : backend.convert(blob, file);
  }

  #file(what, part, ending, { isAsFound = false, hasClicks = false }) {
    const { song } = this;
    const loop = this.isWhole || what.kind === "stem file" ? null : song.loop.edges;
    const tuning = this.isUntuned || isAsFound ? plainTuning : song.tuning;
    const clicked = hasClicks ? this.clickWords : null;
    const facts = [loop && `${timeWords(loop[0])}-${timeWords(loop[1])}`, !isPlain(tuning) && this.tuningWords, clicked, this.isTagged && this.musicWords].filter(Boolean);
    const { clicks, lead } = clicksFrom(song.grid, loop?.[0] ?? 0, { isCounted: Boolean(clicked), isOn: Boolean(clicked) && song.rehearsal.isClicking });
    return {
      ...what, job: this.job.id, part: loop && loop.map((edge) => Number(edge.toFixed(6))),
      name: `${[title(this.job.name), part].filter(Boolean).join(" - ")}${facts.length ? ` (${facts.join(", ")})` : ""}.${ending}`,
      isNamed: facts.length > 0,
      tags: this.music,
      // The service makes M4A of a sound alone.
      sound: isPlain(tuning) && !clicked && what.format !== "m4a" ? null : { tuning, clicks, lead, clickGain: linear(song.rehearsal.clickVolume) },
    };
  }
}

// A WAV file of stems at another speed and pitch, or with clicks, rendered by a worker piece by piece.

/**
 * `part` is in seconds of the song, as are `clicks` (`{ time, strength }`) and the `lead`, which is the time of the clicks before the sound;
 * `strips` are `{ name, index, gain, pan }`. `onProgress` gets 0…1.
 */
async function renderedFile({ pieces, strips, tuning, part, clicks, lead, clickGain }, onProgress) {
  const { frames, pieceFrames, sampleRate } = pieces;
  const [from, end] = part.map((edge) => Math.min(frames, Math.round(edge * sampleRate)));
  const stems = strips.filter(({ gain }) => gain > 0);
  const outputFrames = (seconds) => Math.round((seconds * sampleRate) / tuning.speed);
  const length = outputFrames(lead) + Math.floor((end - from) / tuning.speed);
  const placed = clicks.map(({ time, strength }) => ({ frame: outputFrames(lead + time - part[0]), strength }));
  const worker = new Worker(new URL("../sound/render_worker.js", import.meta.url), { type: "module" });
  try {
    worker.postMessage({ song: { frames, pieceFrames, sampleRate, stems, tuning, from, lead: outputFrames(lead), length, clicks: placed, clickGain } });
    const parts = /** @type {BlobPart[]} */ ([wavHeader(2, sampleRate, length)]);
    const first = Math.floor(from / pieceFrames);
    for (let index = first, isDone = false; index < pieces.count && !isDone; index += 1) {
      const buffers = await pieces.get(index);
      const planes = stems.map((strip) => [0, 1].map((channel) => buffers[strip.index].getChannelData(channel).slice()));
      const rendered = await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage({ piece: { index, stems: planes } }, planes.flat().map(({ buffer }) => buffer));
      });
      // The browser keeps blobs outside the page's memory.
      parts.push(new Blob(rendered.parts));
      isDone = rendered.isDone;
      onProgress(Math.min(1, ((index + 1) * pieceFrames - from) / (end - from)));
    }
    return new Blob(parts, { type: "audio/wav" });
  } finally {
    worker.terminate();
  }
}

/** Whether the device hands files to other programs and people: phones do, and some computers. */
const canSend = () => navigator.canShare?.({ files: [new File([], "mix.wav", { type: "audio/wav" })] }) ?? false;

export class DownloadMenu {
  /** The file that is to be sent, with all that it was made of, as JSON. */
  #ready = { made: "", file: null };
  #status = element("p", { className: "facts" });
  #fill = element("span", { className: "fill" });
  #bar = element("div", { className: "progress-row", hidden: true }, element("div", {}, this.#fill));

  constructor(job, exports) {
    this.exports = exports;
    const upper = (format) => formatWords[format] ?? format.toUpperCase();
    const mixes = [...exports.formats, "m4a"].map((format) =>
      element("button", { type: "button", className: "plain", textContent: upper(format), "aria-label": `Download the mix as ${upper(format)}`, onclick: () => this.save(exports.mix(format)) }));
    const format = element("select", { "aria-label": "Format of the stems", onchange: () => { exports.format = format.value; } },
      ...exports.formats.map((name) => element("option", { value: name, textContent: upper(name) })));
    format.value = exports.format;
    // What is heard is saved, unless one of these is unticked.
    this.loop = check("Loop only", (isOn) => { exports.isWhole = !isOn; }, true);
    this.tuning = check("", (isOn) => { exports.isUntuned = !isOn; }, true);
    this.clicks = check("", (isOn) => { exports.isWithoutClicks = !isOn; }, true);
    this.tags = check("Tempo and key in the names", (isOn) => { exports.isTagged = isOn; });
    const stems = job.stems.map((stem, index) => {
      const chip = element("span", { className: "chip" });
      chip.style.setProperty("--stem", colourOf(stem.name, index));
      return entry(() => this.save(exports.stem(stem)), chip, stem.name, bytes(stem.bytes));
    });
    this.m4a = mixes.at(-1);
    this.stemFile = entry(() => this.save(exports.stemFile()), icon("zip"), "Stem file for DJs", "stem.mp4");
    this.zip = entry(() => this.save(exports.zip()), icon("zip"), "All stems", "zip");
    this.root = element("details", { className: "menu", ontoggle: () => this.#open() },
      element("summary", { className: "plain" }, icon("save"), element("span", { textContent: "Download" })),
      // A press on its words leaves the focus in it, and so the sheet open.
      element("div", { className: "sheet", tabIndex: -1, role: "group", "aria-label": "Download" },
        element("h2", { textContent: "The mix as you hear it" }),
        element("div", { className: "choices" }, ...mixes,
          canSend() ? element("button", { type: "button", className: "plain", textContent: "Send", title: "Send the mix to somebody", onclick: () => this.send() }) : null),
        element("div", { className: "sheet-head" }, element("h2", { textContent: "Stems" }), exports.formats.length > 1 ? format : null),
        ...stems,
        this.stemFile, this.zip,
        this.loop, this.tuning, this.clicks, this.tags, this.#bar, this.#status));
    this.root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.root.open) return;
      this.root.open = false;
      this.root.firstElementChild.focus();
    });
    this.root.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.root.contains(event.relatedTarget)) this.root.open = false;
    });
  }

  /** Saves a file. */
  save(file) {
    return this.#show(file, async (onProgress) => ((await this.exports.save(file, onProgress)) ? `${file.name} is saved` : `The browser saves ${file.name}`));
  }

  /** Hands the mix to another program or person. */
  send() {
    const { exports } = this;
    const file = exports.mix(exports.formats.at(-1));
    return this.#show(file, async (onProgress) => {
      const made = JSON.stringify(file);
      if (this.#ready.made !== made) {
        const blob = await exports.blob(file, onProgress);
        this.#ready = { made, file: new File([blob], file.name, { type: blob.type }) };
      }
      try {
        await navigator.share({ files: [this.#ready.file] });
      } catch (error) {
        // Browsers let a page do this for a few seconds after a press.
        if (error.name === "NotAllowedError") return `${file.name} is ready. Press Send once more`;
        if (error.name !== "AbortError") throw error;
        return "";
      }
      return `${file.name} is handed over`;
    });
  }

  /** Shows how far the work on a file is, and the words with which it resolves. */
  async #show(file, work) {
    this.#say(`Preparing ${file.name}`, 0);
    try {
      this.#say(await work((received, total) => this.#say(`Preparing ${file.name}, ${bytes(received)}${total ? ` of ${bytes(total)}` : ""}`, total ? received / total : 0)), 1);
    } catch (error) {
      this.#say(failureWords(error), 1);
    }
    announce(this.#status.textContent);
  }

  /** Offers what can be chosen now. */
  #open() {
    const { exports } = this;
    this.loop.hidden = exports.song.loop.edges === null;
    this.tuning.hidden = exports.tuningWords === null;
    setText(this.tuning.lastElementChild, `At ${exports.tuningWords} semitones`);
    this.clicks.hidden = exports.clickWords === null;
    setText(this.clicks.lastElementChild, `The mix with ${exports.clickWords}`);
    this.tags.hidden = exports.musicWords === null;
    this.m4a.hidden = !backend.hasFFmpeg;
    this.stemFile.hidden = !backend.hasFFmpeg || exports.job.stems.filter((stem) => stem.is_part).length !== 4;
    for (const [entry, ending] of [[this.zip, "zip"], [this.stemFile, "stem.mp4"]]) setText(entry.lastElementChild, exports.tuningWords ? `${ending}, own speed` : ending);
  }

  #say(sentence, fraction) {
    setText(this.#status, sentence);
    this.#bar.hidden = fraction === 1;
    this.#fill.style.transform = `scaleX(${fraction})`;
  }
}

function check(words, onChange, checked = false) {
  const box = element("input", { type: "checkbox", checked, onchange: () => onChange(box.checked) });
  return element("label", { className: "check" }, box, element("span", { textContent: words }));
}

function entry(onclick, picture, label, facts) {
  return element("button", { type: "button", className: "entry", onclick }, picture,
    element("span", { textContent: label }), element("span", { className: "facts", textContent: facts }));
}
