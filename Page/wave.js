// Draws a stem's waveform: peaks as columns, and single samples as lines when there is room for them.

import { columns, sampleColumns } from "./peaks.js";

/** Pixels between two samples from which they are joined by lines, and from which each has a dot. */
const linePixels = 1;
const dotPixels = 6;

/** `wave` is what `Waveforms.of` returns; `reach` is the height in pixels of the value 1. */
export function drawWave(context, wave, timeline, { width, middle, reach, ratio }) {
  if (wave.planes) {
    const rate = wave.planes[0].length / (wave.to - wave.from);
    const first = (timeline.start - wave.from) * rate;
    const count = timeline.span * rate;
    if (width / count >= linePixels * ratio) drawSamples(context, wave.planes, first, count, { width, middle, reach, ratio });
    else drawColumns(context, sampleColumns(wave.planes, first, first + count, width), { width, middle, reach, ratio });
    return;
  }
  const share = (time) => (time - wave.from) / (wave.to - wave.from);
  drawColumns(context, columns(wave.channels, share(timeline.start), share(timeline.end), width), { width, middle, reach, ratio });
}

function drawColumns(context, { low, high }, { width, middle, reach, ratio }) {
  context.beginPath();
  for (let x = 0; x < width; x += 1) {
    // Silence is drawn as a line.
    const top = Math.min(middle - ratio / 2, middle - high[x] * reach);
    const bottom = Math.max(middle + ratio / 2, middle - low[x] * reach);
    context.rect(x, top, 1, bottom - top);
  }
  context.fill();
}

function drawSamples(context, planes, first, count, { width, middle, reach, ratio }) {
  const step = width / count;
  const from = Math.max(0, Math.floor(first) - 1);
  const end = Math.min(planes[0].length, Math.ceil(first + count) + 2);
  context.lineWidth = 1.5 * ratio;
  context.strokeStyle = context.fillStyle;
  for (const plane of planes) {
    context.beginPath();
    for (let i = from; i < end; i += 1) context.lineTo((i - first) * step, middle - plane[i] * reach);
    context.stroke();
    if (step < dotPixels * ratio) continue;
    for (let i = from; i < end; i += 1) context.fillRect((i - first) * step - 2 * ratio, middle - plane[i] * reach - 2 * ratio, 4 * ratio, 4 * ratio);
  }
}
