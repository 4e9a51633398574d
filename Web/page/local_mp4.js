// Where MP4 files (ISO 14496-12) can be cut: before any packet of their sound, whose places and durations stand in tables. A piece is an MP4
// file with a part of the packets.

import { pieceSeconds, Uncuttable } from "./local_cut.js";

/** Packets before a piece: those of AAC overlap, and what HE-AAC adds depends on several. */
const earlierPackets = 20;
/** Packets that the last piece has at least: more than an encoder adds. */
const lastPackets = 8;
/** Tables of a day of sound, with its pictures. */
const mostTableBytes = 1 << 26;
const folders = ["moov", "trak", "edts", "mdia", "minf", "stbl"];

export async function* pieces(file, _, rate) {
  const movie = await Movie.open(file);
  const { times, unit } = movie;
  const count = times.length - 1;
  const samples = (packet) => (times[packet] * rate) / unit;
  let [from, start] = [0, 0];
  for (;;) {
    let end = start;
    while (end < count && times[end] - times[start] < pieceSeconds * unit) end += 1;
    if (end + lastPackets > count) break;
    // The list of edits says what the browser leaves out at the beginning.
    yield { parts: movie.part(from, end, from ? null : movie.edit), ...(from ? { start: samples(from) } : {}), end: samples(end) };
    [start, from] = [end, end - earlierPackets];
  }
  if (!from) return yield { parts: [file.file], start: 0 };
  const { edit } = movie;
  yield { parts: movie.part(from, count, edit && { start: 0, duration: edit.start + edit.duration - times[from] }), start: samples(from) };
}

/** The tables of a file's sound. */
class Movie {
  static async open(file) {
    let type;
    let movie;
    for (let at = 0; at < file.size; ) {
      const view = viewOf(await file.read(at, 16));
      if (view.byteLength < 16) break;
      const name = text(view, 4);
      // Files in fragments have other tables.
      if (name === "moof") throw new Uncuttable();
      const size = view.getUint32(0) === 1 ? view.getUint32(8) * 2 ** 32 + view.getUint32(12) : view.getUint32(0) || file.size - at;
      const isTable = name === "ftyp" || name === "moov";
      if (size < 8 || (isTable && size > mostTableBytes)) throw new Uncuttable();
      const bytes = isTable ? (await file.read(at, size)).slice() : null;
      if (name === "ftyp") type = bytes;
      if (name === "moov") movie = boxOf(bytes);
      at += size;
    }
    if (!type || !movie) throw new Uncuttable();
    return new Movie(file.file, type, movie);
  }

  constructor(file, type, movie) {
    const track = movie.children.find((each) => each.type === "trak" && text(viewOf(each.find("mdia", "hdlr").bytes), 16) === "soun");
    if (!track) throw new Uncuttable();
    Object.assign(this, { file, type, movie, track, media: track.find("mdia") });
    const table = track.find("mdia", "minf", "stbl");
    this.table = table;
    this.unit = unitOf(this.media.find("mdhd"));
    this.edit = this.#edit();
    if (viewOf(table.find("stsd").bytes).getUint32(12) !== 1) throw new Uncuttable();
    this.#readSizes(viewOf(table.find("stsz").bytes));
    this.#readTimes(viewOf(table.find("stts").bytes));
    this.#readPlaces(viewOf(table.find("stsc").bytes));
  }

  /** What the list of edits lets of the sound, in its unit of time: `{ start, duration }`; null without a list. */
  #edit() {
    const list = this.track.children.find(({ type }) => type === "edts")?.find("elst");
    if (!list) return null;
    const view = viewOf(list.bytes);
    if (view.getUint8(8) !== 0 || view.getUint32(12) !== 1) throw new Uncuttable();
    const start = view.getInt32(20);
    const duration = Math.round((view.getUint32(16) * this.unit) / unitOf(this.movie.find("mvhd")));
    if (start < 0 || duration === 0) throw new Uncuttable();
    return { start, duration };
  }

  #readSizes(view) {
    const [size, length] = [view.getUint32(12), view.getUint32(16)];
    if (length > this.file.size) throw new Uncuttable();
    this.sizes = Uint32Array.from({ length }, (_, i) => size || view.getUint32(20 + 4 * i));
  }

  /** Where each packet begins, and the last one ends. */
  #readTimes(view) {
    this.times = [0];
    for (let entry = 0, time = 0; entry < view.getUint32(12); entry += 1) {
      const delta = view.getUint32(20 + 8 * entry);
      for (let i = 0; i < view.getUint32(16 + 8 * entry) && this.times.length <= this.sizes.length; i += 1) this.times.push((time += delta));
    }
    if (this.times.length !== this.sizes.length + 1) throw new Uncuttable();
  }

  /** Where each packet lies in the file. */
  #readPlaces(view) {
    const isLong = this.table.children.some(({ type }) => type === "co64");
    const chunks = viewOf(this.table.find(isLong ? "co64" : "stco").bytes);
    const chunkAt = (chunk) => (isLong ? chunks.getUint32(16 + 8 * chunk) * 2 ** 32 + chunks.getUint32(20 + 8 * chunk) : chunks.getUint32(16 + 4 * chunk));
    this.places = [];
    for (let chunk = 0, entry = 0; chunk < chunks.getUint32(12); chunk += 1) {
      if (entry + 1 < view.getUint32(12) && chunk + 1 === view.getUint32(16 + 12 * (entry + 1))) entry += 1;
      let at = chunkAt(chunk);
      for (let i = 0; i < view.getUint32(20 + 12 * entry) && this.places.length < this.sizes.length; i += 1) {
        this.places.push(at);
        at += this.sizes[this.places.length - 1];
      }
    }
    if (this.places.length !== this.sizes.length) throw new Uncuttable();
  }

  /** A file with packets `from` to `end`, as parts of a Blob. */
  part(from, end, edit) {
    const { movie, track, media, table } = this;
    const duration = this.times[end] - this.times[from];
    const sound = [];
    for (let packet = from, at = null, first = 0; packet <= end; packet += 1) {
      if (packet < end && this.places[packet] === at) {
        at += this.sizes[packet];
        continue;
      }
      if (at !== null) sound.push(this.file.slice(first, at));
      first = this.places[packet];
      at = first + this.sizes[packet];
    }
    const bytes = sound.reduce((sum, { size }) => sum + size, 0);
    const head = (offset) => [
      this.type,
      box("moov", withTimes(movie.find("mvhd"), this.unit, duration),
        box("trak", track.find("tkhd").bytes,
          ...(edit ? [box("edts", box("elst", numbers(0, 1, edit.duration, edit.start, 0x10000)))] : []),
          box("mdia", withTimes(media.find("mdhd"), this.unit, duration), media.find("hdlr").bytes,
            box("minf", ...media.find("minf").children.filter(({ type }) => type !== "stbl").map(({ bytes }) => bytes),
              box("stbl", table.find("stsd").bytes, box("stts", this.#durations(from, end)), box("stsc", numbers(0, 1, 1, end - from, 1)),
                box("stsz", numbers(0, 0, end - from, ...this.sizes.subarray(from, end))), box("stco", numbers(0, 1, offset)))))),
        // Some encoders say in a tag what they have added at the beginning.
        ...(from ? [] : movie.children.filter(({ type }) => type === "udta").map(({ bytes }) => bytes))),
      numbers(8 + bytes),
      Uint8Array.from("mdat", (letter) => letter.charCodeAt(0)),
    ];
    const headBytes = head(0).reduce((sum, { length }) => sum + length, 0);
    return [...head(headBytes), ...sound];
  }

  #durations(from, end) {
    const runs = [];
    for (let packet = from; packet < end; packet += 1) {
      const delta = this.times[packet + 1] - this.times[packet];
      if (runs.at(-1)?.[1] === delta) runs.at(-1)[0] += 1;
      else runs.push([1, delta]);
    }
    return numbers(0, runs.length, ...runs.flat());
  }
}

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const text = (view, at) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));

/** Numbers of 32 bits. */
function numbers(...values) {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => view.setUint32(4 * i, value));
  return new Uint8Array(view.buffer);
}

/** A box with its content. */
function box(type, ...parts) {
  const bytes = new Uint8Array(8 + parts.reduce((sum, { length }) => sum + length, 0));
  bytes.set(numbers(bytes.length));
  bytes.set([...type].map((letter) => letter.charCodeAt(0)), 4);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A box that was read: its bytes with the head, and the boxes in it. */
function boxOf(bytes) {
  const type = text(viewOf(bytes), 4);
  const children = [];
  for (let at = 8; folders.includes(type) && at + 8 <= bytes.length; ) {
    const size = viewOf(bytes).getUint32(at);
    if (size < 8 || at + size > bytes.length) throw new Uncuttable();
    children.push(boxOf(bytes.subarray(at, at + size)));
    at += size;
  }
  const find = (...path) => path.reduce((folder, name) => {
    const found = folder.children.find((child) => child.type === name);
    if (!found) throw new Uncuttable();
    return found;
  }, { children });
  return { type, bytes, children, find };
}

/** Units of time in a second, in a header of the movie or of its sound. */
function unitOf({ bytes }) {
  // Another version has 64 bits.
  if (bytes[8] !== 0) throw new Uncuttable();
  return viewOf(bytes).getUint32(20);
}

/** A header with another unit and another duration. */
function withTimes({ bytes }, unit, duration) {
  const copy = bytes.slice();
  copy.set(numbers(unit, duration), 20);
  return copy;
}
