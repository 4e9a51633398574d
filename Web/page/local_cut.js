// The common part of the modules that find where a format's files can be cut.
//
// They give pieces of a file, each a file of its own: `{ parts, start, end, until }` has the parts of a Blob; the song's sample at
// which the piece starts and the one at which it ends, one of which is left out where only the browser knows how much
// it drops there; and the sample at which the song ends, where the browser doesn't know it. A piece may start before the end
// of the piece before, for decoders that need that. The value of a `yield` is the number of samples that the browser made of it.

/** Sound in a piece. */
export const pieceSeconds = 30;
const windowBytes = 1 << 22;

/** The file can't be cut, or this browser decodes its pieces otherwise than the whole. */
export class Uncuttable extends Error {}

/** A file of which a part is in memory. */
export class FileWindow {
  #bytes = new Uint8Array(0);
  #start = 0;

  constructor(file) {
    Object.assign(this, { file, size: file.size });
  }

  /** `count` bytes from `at` on; fewer where the file ends. */
  async read(at, count) {
    const end = Math.min(this.size, at + count);
    if (at < this.#start || end > this.#start + this.#bytes.length) {
      this.#bytes = new Uint8Array(await this.file.slice(at, at + Math.max(count, windowBytes)).arrayBuffer());
      this.#start = at;
    }
    return this.#bytes.subarray(at - this.#start, end - this.#start);
  }
}
