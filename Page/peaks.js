// A waveform's peaks for a window of time and a width in pixels.

/** Numbers of points. A window takes the smallest with a point for each pixel, or the largest. */
export const resolutions = [1200, 4800, 19200];

export function resolutionFor(pixels, visibleShare) {
  return resolutions.find((points) => points * visibleShare >= pixels * 0.9) ?? resolutions.at(-1);
}

/**
 * Lowest and highest value of each pixel column, in −1…1, over all channels.
 *
 * `channels` are the reply's `{min, max}` with values −128…127; `from` and `to` are shares of the
 * whole duration. A column covers every point that it touches, so that no peak is lost when zooming
 * out.
 */
export function columns(channels, from, to, width) {
  const low = new Float32Array(width);
  const high = new Float32Array(width);
  const points = channels[0]?.min.length ?? 0;
  if (!points) return { low, high };
  const scale = (to - from) * points / width;
  for (let column = 0; column < width; column += 1) {
    const position = from * points + column * scale;
    const first = Math.max(0, Math.floor(position));
    const last = Math.min(points, Math.max(first + 1, Math.ceil(position + scale)));
    let least = first < last ? 127 : 0;
    let most = first < last ? -128 : 0;
    for (const { min, max } of channels) {
      for (let point = first; point < last; point += 1) {
        if (min[point] < least) least = min[point];
        if (max[point] > most) most = max[point];
      }
    }
    low[column] = least / 128;
    high[column] = most / 127;
  }
  return { low, high };
}

/** Lowest and highest sample of each pixel column from frame `first` to `end`, over all planes. */
export function sampleColumns(planes, first, end, width) {
  const low = new Float32Array(width);
  const high = new Float32Array(width);
  const scale = (end - first) / width;
  for (let column = 0; column < width; column += 1) {
    const from = Math.max(0, Math.floor(first + column * scale));
    const to = Math.min(planes[0].length, Math.max(from + 1, Math.ceil(first + (column + 1) * scale)));
    if (from >= to) continue;
    let [least, most] = [Infinity, -Infinity];
    for (const plane of planes) {
      for (let i = from; i < to; i += 1) {
        if (plane[i] < least) least = plane[i];
        if (plane[i] > most) most = plane[i];
      }
    }
    low[column] = least;
    high[column] = most;
  }
  return { low, high };
}

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
