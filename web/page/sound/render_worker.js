// A worker that renders a mix of stems for a file, at another speed and pitch or with clicks: with the code that plays them.

import { Stretch, Tape } from "../stretch/stretch.js";
import { clickSamples } from "./clicks.js";
import { addPanned, isPlain } from "./mix.js";
import { encodeFrames } from "../wav.js";

const blockFrames = 4096;
let render = null;

/** Renders stems at the song's own speed and pitch as `Stretch` renders them at others. */
class Copy {
  read;
  #place = 0;
  tuning = null;

  constructor(names, read) {
    Object.assign(this, { read });
  }

  seek(place) {
    this.#place = place;
  }

  needs(count) {
    return [this.#place, this.#place + count];
  }

  render(outputs, count) {
    outputs.forEach((planes, stem) => this.read(stem, this.#place, count, ...planes));
    this.#place += count;
  }
}

/** A function that takes a piece and returns the samples that it completes, interleaved; `isDone` after the last. */
function renderer({ stems, tuning, from, lead, length, clicks, clickGain, sampleRate, frames, pieceFrames }) {
  const tape = new Tape({ frames, pieceFrames, from });
  const source = new (isPlain(tuning) ? Copy : Stretch)(stems.map(({ name }) => name), (...place) => tape.read(...place));
  source.tuning = tuning;
  source.seek(from);
  const sounds = [0, 1, 2].map((strength) => clickSamples(strength, sampleRate));
  let at = 0;
  return (piece) => {
    tape.put(piece.index, piece.stems);
    const parts = [];
    while (at < length) {
      const count = Math.min(blockFrames, (at < lead ? lead : length) - at);
      const sums = [new Float32Array(count), new Float32Array(count)];
      if (at >= lead) {
        const needed = tape.piecesIn(...source.needs(count));
        if (!tape.has(needed)) break;
        tape.keep([...needed, piece.index]);
        const outputs = stems.map(() => [new Float32Array(count), new Float32Array(count)]);
        source.render(outputs, count);
        outputs.forEach((output, index) => addPanned(sums, output, stems[index]));
      }
      for (const { frame, strength } of clicks) {
        const sound = sounds[strength];
        for (let i = Math.max(0, at - frame); i < Math.min(sound.length, at + count - frame); i += 1) for (const sum of sums) sum[frame + i - at] += clickGain * sound[i];
      }
      parts.push(encodeFrames(sums));
      at += count;
    }
    return { parts, isDone: at >= length };
  };
}

onmessage = ({ data }) => {
  if (data.song) render = renderer(data.song);
  else postMessage(render(data.piece));
};
