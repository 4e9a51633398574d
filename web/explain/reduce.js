// A picture of a value inside the network, made in the engine's worker: values of a whole pass would fill the page's memory.

const mostColumns = 160;
const mostRows = 48;
/** Magnitudes this far below the largest one are white; if none is, the smallest one is. */
const rangeDecibels = 60;

/**
 * Mean magnitudes: time across, and frequencies, or channels where there are none, up.
 * @param {{ name: string, shape: number[], values: Float32Array }} value
 * @returns {{ result: { name, shape, rms, least, most, picture: { columns, rows, shades: Uint8Array, softest, loudest } }, transfer }} a shade is 0 to 255, from
 *   `softest` to `loudest`, in decibels
 */
export function reduce({ name, shape, values }) {
  const [count, height, width] = axes(name, shape);
  const [rows, columns] = [Math.min(mostRows, height), Math.min(mostColumns, width)];
  const sums = new Float64Array(rows * columns);
  const counts = new Float64Array(rows * columns);
  const rowOf = Int32Array.from({ length: height }, (_, y) => Math.floor((y * rows) / height) * columns);
  const columnOf = Int32Array.from({ length: width }, (_, x) => Math.floor((x * columns) / width));
  let [squares, least, most] = [0, Infinity, -Infinity];
  // Tokens have their channels last.
  const isTurned = turned(name);
  for (let plane = 0, at = 0; plane < count; plane += 1) {
    for (let outer = 0; outer < (isTurned ? width : height); outer += 1) {
      for (let inner = 0; inner < (isTurned ? height : width); inner += 1, at += 1) {
        const value = values[at];
        const cell = isTurned ? rowOf[inner] + columnOf[outer] : rowOf[outer] + columnOf[inner];
        sums[cell] += Math.abs(value);
        counts[cell] += 1;
        squares += value * value;
        if (value < least) least = value;
        if (value > most) most = value;
      }
    }
  }
  const levels = sums.map((sum, cell) => 20 * Math.log10(sum / counts[cell]));
  const loudest = levels.reduce((a, b) => Math.max(a, b), -Infinity);
  const softest = levels.reduce((a, b) => Math.min(a, Math.max(b, loudest - rangeDecibels)), loudest);
  const shades = new Uint8Array(rows * columns);
  levels.forEach((level, cell) => {
    const shade = loudest > softest ? (level - softest) / (loudest - softest) : 0;
    // The lowest frequency is the lowest row.
    const [row, column] = [Math.floor(cell / columns), cell % columns];
    shades[(rows - 1 - row) * columns + column] = 255 * Math.max(0, shade);
  });
  return { result: { name, shape, rms: Math.sqrt(squares / values.length), least, most, picture: { columns, rows, shades, softest, loudest } }, transfer: [shades.buffer] };
}

const turned = (name) => name.startsWith("crosstransformer.") && !name.includes(".weights.");

/** How many planes there are to average, and their height and width. */
function axes(name, shape) {
  if (turned(name)) return [1, shape[1], shape[0]];
  const [height, width] = shape.slice(-2);
  return [shape.slice(0, -2).reduce((a, b) => a * b, 1), height, width];
}
