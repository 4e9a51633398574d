// A value of the network whose numbers can be followed, one by one.

export const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** [row, channel, time] as [channel, row, time]. */
function channelsFirst({ shape: [rows, channels, times], values }) {
  const turned = values.map((_, index) => values[((Math.floor(index / times) % rows) * channels + Math.floor(index / times / rows)) * times + (index % times)]);
  return { shape: [channels, rows, times], values: turned };
}

/**
 * A value of the engine, or one between two of them that is computed here, number by number.
 *
 * `make(place, add)` calls `add(from, place, weight, { input, name, by, byPlace })` for each product of a number's sum: `input` is the number
 * of the value `from` at the place, unless it is given; the weight may be the work of another value, `by`. It may return `{ bias, notes }`.
 */
export class Value {
  /** `weights` are names of parameters; a value that is computed here has `shapeOf`. */
  name = ""; block = null; label = ""; formula = ""; axes = []; inputs = []; weights = []; shapeOf = null; make = null;
  /** Of `numbers`, 0 is one that isn't computed yet. */
  shape = null; numbers = null;
  /** Means and sums of squares by the index of a row. */
  #rows = new Map();

  constructor(fields) {
    Object.assign(this, fields);
  }

  /** Takes what the engine gave, or makes room for what is computed, also from what it is computed of. */
  prepare(given) {
    if (given) ({ shape: this.shape, values: this.numbers } = /\.dconv/.test(this.name) && given.shape.length === 3 ? channelsFirst(given) : given);
    else for (const input of this.inputs) if (input.shapeOf) input.prepare();
    if (!this.numbers && this.shapeOf) [this.shape, this.numbers] = [this.shapeOf(), new Float64Array(sizeOf(this.shapeOf()))];
  }

  number(index) {
    if (this.shapeOf && !this.numbers[index]) {
      let [sum, inner] = [0, this.numbers.length];
      const place = this.shape.map((length) => Math.floor(index / (inner /= length)) % length);
      const { bias = 0 } = this.make(place, (from, at, weight, { input = from.at(at) } = {}) => { sum += input * weight; }) ?? {};
      this.numbers[index] = sum + bias;
    }
    return this.numbers[index];
  }

  at(place) {
    return this.number(place.reduce((sum, index, axis) => sum * this.shape[axis] + index, 0));
  }

  /** The products of a number, what is added to them, and the sum. */
  follow(place) {
    const terms = [];
    const { bias = 0, notes = [] } = this.make(place, (from, at, weight, more = {}) => terms.push({ from, at, weight, input: more.input ?? from.at(at), ...more })) ?? {};
    return { terms, bias, notes, sum: terms.reduce((total, { input, weight }) => total + input * weight, bias) };
  }

  /** Mean and sum of squares of all numbers, or of those with the place's index of the axis `fixed`. */
  statistics(fixed, place) {
    const [row, length, inner] = fixed === null ? [0, 1, this.numbers.length] : [place[fixed], this.shape[fixed], sizeOf(this.shape.slice(fixed + 1))];
    if (!this.#rows.has(row)) {
      const each = (visit) => {
        for (let from = row * inner; from < this.numbers.length; from += length * inner) for (let index = from; index < from + inner; index += 1) visit(this.number(index));
      };
      let [sum, squares] = [0, 0];
      each((value) => { sum += value; });
      const count = this.numbers.length / length;
      each((value) => { squares += (value - sum / count) ** 2; });
      this.#rows.set(row, { mean: sum / count, squares, count });
    }
    return this.#rows.get(row);
  }
}
