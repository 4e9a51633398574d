// Renders stretched stems on the audio thread: an output for each stem, all from one clock.

import { Stretch, Tape } from "./stretch.js";

class StretchProcessor extends AudioWorkletProcessor {
  #tape;
  #stretch;
  #startAt;
  #isWaiting = true;
  #isStopped = false;

  constructor({ processorOptions: { names, tuning, pieces, startAt, frames, pieceFrames, from, loop } }) {
    super();
    this.#tape = new Tape({ frames, pieceFrames, from, loop });
    for (const { index, stems } of pieces) this.#tape.put(index, stems);
    this.#startAt = startAt;
    this.#stretch = new Stretch(names, (...place) => this.#tape.read(...place));
    this.#stretch.tuning = tuning;
    this.#stretch.seek(from);
    this.port.onmessage = ({ data }) => this.#take(data);
  }

  #take({ piece, keep, tuning, isStopped }) {
    if (piece) this.#tape.put(piece.index, piece.stems);
    if (keep) this.#tape.keep(keep);
    if (isStopped) this.#isStopped = true;
    if (!tuning) return;
    this.#stretch.tuning = tuning;
    if (!this.#isWaiting) this.#report(currentFrame);
  }

  process(_, outputs) {
    if (this.#isStopped) return false;
    const end = currentFrame + outputs[0][0].length;
    if (end <= this.#startAt) return true;
    const first = Math.max(0, this.#startAt - currentFrame);
    const count = outputs[0][0].length - first;
    const isReady = this.#tape.has(this.#tape.piecesIn(...this.#stretch.needs(count)));
    if (isReady !== !this.#isWaiting) {
      this.#isWaiting = !isReady;
      this.#report(currentFrame + first);
    }
    if (isReady) this.#stretch.render(outputs.map((planes) => planes.map((plane) => plane.subarray(first))), count);
    return true;
  }

  /** Tells which place of the tape sounds at a frame of the context, from which on it moves on or waits. */
  #report(at) {
    this.port.postMessage({ at, place: this.#stretch.position, isWaiting: this.#isWaiting });
  }
}

registerProcessor("stretch", StretchProcessor);
