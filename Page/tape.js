// A song as it is played: endless where it loops, and of pieces that come and go.

export class Tape {
  #pieces = new Map();

  /** `from` is the first sample that is played; pieces before it may be missing. `loop` is `{ start, end, gap }`, with samples of silence before each turn, or null. */
  constructor({ frames, pieceFrames, from = 0, loop = null }) {
    Object.assign(this, { frames, pieceFrames, from, loop: loop && from < loop.end ? loop : null });
  }

  /** The sample of the song at a place of the tape; in the silence before a turn, its first one. */
  songFrame(place) {
    return this.#isTurning(place) ? this.loop.start + Math.max(0, this.#turned(place) - (this.loop.gap ?? 0)) : place;
  }

  /** Samples of silence from a place on. */
  silentFrames(place) {
    return this.#isTurning(place) ? Math.max(0, (this.loop.gap ?? 0) - this.#turned(place)) : 0;
  }

  #isTurning(place) {
    return this.loop !== null && place >= this.loop.end;
  }

  /** Samples since the last end of the loop. */
  #turned(place) {
    const { start, end, gap = 0 } = this.loop;
    return (place - end) % (end - start + gap);
  }

  /** Calls `use(frame, count, offset)` for each part of [first, end) that lies in one piece of the song. */
  #parts(first, end, use) {
    for (let place = Math.max(0, first); place < end; ) {
      place += this.silentFrames(place);
      if (place >= end) return;
      const frame = this.songFrame(place);
      if (frame >= this.frames) return;
      const limit = this.loop ? this.loop.end : this.frames;
      const pieceEnd = (Math.floor(frame / this.pieceFrames) + 1) * this.pieceFrames;
      const count = Math.min(end - place, limit - frame, pieceEnd - frame);
      use(frame, count, place - first);
      place += count;
    }
  }

  /** The numbers of the pieces with the places [first, end). */
  piecesIn(first, end) {
    const found = new Set();
    this.#parts(Math.max(this.from, Math.floor(first)), end, (frame) => found.add(Math.floor(frame / this.pieceFrames)));
    return [...found];
  }

  /** `stems` are planes: a left and a right one for each stem. */
  put(index, stems) {
    this.#pieces.set(index, stems);
  }

  /** Forgets all pieces but these. */
  keep(indices) {
    for (const index of [...this.#pieces.keys()]) if (!indices.includes(index)) this.#pieces.delete(index);
  }

  has(indices) {
    return indices.every((index) => this.#pieces.has(index));
  }

  /** Copies samples of a stem; there is silence outside of the song. */
  read(stem, first, count, left, right) {
    left.fill(0, 0, count);
    right.fill(0, 0, count);
    this.#parts(first, first + count, (frame, length, offset) => {
      const index = Math.floor(frame / this.pieceFrames);
      const planes = this.#pieces.get(index)?.[stem];
      if (!planes) return;
      const from = frame - index * this.pieceFrames;
      left.set(planes[0].subarray(from, from + length), offset);
      right.set(planes[1].subarray(from, from + length), offset);
    });
  }
}
