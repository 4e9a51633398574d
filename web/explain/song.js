// The music that flows through the network: a piece of the demo track or of the reader's song, and the demo's true stems.

import { inspect, soundOf } from "../engine/track.js";
import { decodeFrames } from "../engine/wav.js";

const demoStems = ["drums", "bass", "other", "vocals"];

/** A song whose pieces can be read: `{ name, seconds, piece(start, seconds), truth }`. */
export class Song {
  #sound;

  constructor(name, sound) {
    this.name = name;
    this.#sound = sound;
  }

  /** The true stems of these sources as songs, or null if they are not known. */
  async truth() {
    return null;
  }

  /** The bundled track; its true stems are fetched when they are asked for. */
  static async demo() {
    const song = await Song.open(await fetched("../demo_track.ogg"), "The demo track");
    const stems = {};
    song.truth = async (sources) => {
      if (!sources.every((name) => demoStems.includes(name))) return null;
      for (const name of sources) stems[name] ??= await Song.open(await fetched(`../demo_stems/${name}.ogg`), name);
      return sources.map((name) => stems[name]);
    };
    return song;
  }

  /** Throws if the browser can't decode the file. */
  static async open(file, name = file.name) {
    return new Song(name, await soundOf(file, await inspect(file)));
  }

  get seconds() {
    return this.#sound.header.frames / this.#sound.sampleRate;
  }

  /** `{ channels, sampleRate }` from `start` on, shorter at the end of the song. */
  async piece(start, seconds) {
    const { file, header, sampleRate } = this.#sound;
    const first = Math.round(start * sampleRate);
    const count = Math.min(Math.round(seconds * sampleRate), header.frames - first);
    const from = header.dataOffset + first * header.bytesPerFrame;
    const planes = decodeFrames(await file.slice(from, from + count * header.bytesPerFrame).arrayBuffer(), header);
    return { channels: planes, sampleRate };
  }
}

async function fetched(path) {
  const reply = await fetch(new URL(path, import.meta.url));
  if (!reply.ok) throw new Error(`${path} can't be loaded (${reply.status}); reload the page.`);
  const blob = await reply.blob();
  return new File([blob], path.split("/").at(-1), { type: blob.type });
}
