// Pictures of values and weights on canvases, in the ink of the page: only stems have a colour.

const inkOf = () => getComputedStyle(document.body).color.match(/[\d.]+/g).slice(0, 3).map(Number);

/** What each canvas shows. */
const pictures = new WeakMap();

/** Draws all pictures again, in the ink of another theme. */
export function redrawShades() {
  for (const canvas of document.querySelectorAll("canvas")) if (pictures.has(canvas)) drawShades(canvas, pictures.get(canvas));
}

/** Draws shades, 0 to 255, a pixel for each; the style stretches the canvas. */
export function drawShades(canvas, picture) {
  const { columns, rows, shades } = picture;
  pictures.set(canvas, picture);
  const [red, green, blue] = inkOf();
  [canvas.width, canvas.height] = [columns, rows];
  const image = new ImageData(columns, rows);
  shades.forEach((shade, pixel) => image.data.set([red, green, blue, shade], 4 * pixel));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

const mostSide = 192;

/** A weight as a matrix: a row for each index of the first axis; the magnitude is the shade, of the largest one full. */
export function shadesOfWeight({ shape, values }) {
  const height = shape[0];
  const width = values.length / height;
  const [rows, columns] = [Math.min(mostSide, height), Math.min(mostSide, width)];
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const shades = new Uint8Array(rows * columns);
  // Of several weights in a pixel the largest one is shown.
  values.forEach((value, index) => {
    const pixel = Math.floor((Math.floor(index / width) * rows) / height) * columns + Math.floor(((index % width) * columns) / width);
    shades[pixel] = Math.max(shades[pixel], largest ? (255 * Math.abs(value)) / largest : 0);
  });
  return { columns, rows, shades };
}

/** A number as it is read: three digits that count. */
export const numeral = (value) => (value === 0 ? "0" : Math.abs(value) >= 1000 || Math.abs(value) < 0.001 ? value.toExponential(2) : value.toPrecision(3)).replace("-", "−");

export const shapeWords = (shape) => shape.map((length) => length.toLocaleString("en")).join(" × ");
export const decibels = (value) => (value === Infinity ? "the same" : `${value.toFixed(1)} dB`.replace("-", "−"));
