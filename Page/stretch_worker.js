// A worker that renders a mix of stems at another speed and pitch for a file: with the code that plays them.

import { addPanned } from "./mix.js";
import { Stretch } from "./stretch.js";
import { Tape } from "./tape.js";
import { encodeFrames } from "./wav.js";

const blockFrames = 4096;
let render = null;

/** A function that takes a piece and returns the samples that it completes, interleaved. */
function renderer({ stems, tuning, ...song }) {
  const tape = new Tape(song);
  const stretch = new Stretch(stems.map(({ name }) => name), (...place) => tape.read(...place));
  stretch.tuning = tuning;
  stretch.seek(0);
  let left = Math.floor(song.frames / tuning.speed);
  return (piece) => {
    tape.put(piece.index, piece.stems);
    const parts = [];
    while (left > 0) {
      const count = Math.min(blockFrames, left);
      const needed = tape.piecesIn(...stretch.needs(count));
      if (!tape.has(needed)) break;
      tape.keep([...needed, piece.index]);
      const planes = () => [new Float32Array(count), new Float32Array(count)];
      const outputs = stems.map(planes);
      stretch.render(outputs, count);
      const sums = planes();
      outputs.forEach((output, index) => addPanned(sums, output, stems[index]));
      parts.push(encodeFrames(sums));
      left -= count;
    }
    return parts;
  };
}

onmessage = ({ data }) => {
  if (data.song) render = renderer(data.song);
  else postMessage(render(data.piece));
};
