// A waveform's peaks for a window of time and a width in pixels.

/** Numbers of points. A window takes the smallest with a point for each pixel, or the largest. */
export const resolutions = [1200, 4800, 19200];

export function resolutionFor(pixels, visibleShare) {
  return resolutions.find((points) => points * visibleShare >= pixels * 0.9) ?? resolutions.at(-1);
}

/**
 * Lowest and highest value of each pixel column over all channels, from point `first` to `end` of the arrays in
 * `lows` and `highs`; 0 beyond them. A column covers every point that it touches, so that no peak is lost when
 * zooming out.
 */
function extremes(lows, highs, first, end, width) {
  const low = new Float32Array(width);
  const high = new Float32Array(width);
  const points = lows[0]?.length ?? 0;
  const scale = (end - first) / width;
  for (let column = 0; column < width; column += 1) {
    const from = Math.max(0, Math.floor(first + column * scale));
    const to = Math.min(points, Math.max(from + 1, Math.ceil(first + (column + 1) * scale)));
    if (from >= to) continue;
    let [least, most] = [Infinity, -Infinity];
    for (let channel = 0; channel < lows.length; channel += 1) {
      for (let point = from; point < to; point += 1) {
        if (lows[channel][point] < least) least = lows[channel][point];
        if (highs[channel][point] > most) most = highs[channel][point];
      }
    }
    low[column] = least;
    high[column] = most;
  }
  return { low, high };
}

/**
 * The columns of a waveform, in −1…1: `channels` are the reply's `{min, max}` with values −128…127, `from` and
 * `to` shares of the whole duration.
 */
export function columns(channels, from, to, width) {
  const points = channels[0]?.min.length ?? 0;
  const { low, high } = extremes(channels.map(({ min }) => min), channels.map(({ max }) => max), from * points, to * points, width);
  return { low: low.map((value) => value / 128), high: high.map((value) => value / 127) };
}

/** The columns of samples from frame `first` to `end`. */
export const sampleColumns = (planes, first, end, width) => extremes(planes, planes, first, end, width);

/** The largest absolute value of several stems' peaks, with a lower bound: the scale of all stems. */
export function loudest(stems) {
  let most = 6;
  for (const { channels } of stems) {
    for (const { min, max } of channels) {
      for (let point = 0; point < min.length; point += 1) most = Math.max(most, -min[point], max[point]);
    }
  }
  return most / 128;
}
