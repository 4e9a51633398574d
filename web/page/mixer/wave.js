// Draws waveforms: peaks as columns, and single samples as lines when there is room for them.

import { element } from "../dom.js";
import { columns, sampleColumns } from "./waveforms.js";

/** Pixels between two samples from which they are joined by lines, and from which each has a dot. */
const linePixels = 1;
const dotPixels = 6;

/** A canvas with a picture of the song's window, which `paint(context, scene, shape)` draws, the playhead, the loop and the place of the pointer. */
export class WaveView {
  /** The picture without playhead; painted again when the window, the size, the colours or the sound change. */
  #bitmap = document.createElement("canvas");
  #isStale = true;

  constructor(className) {
    this.canvas = element("canvas", { className, "aria-hidden": "true" });
  }

  paint(context, scene, shape) {}

  invalidate() {
    this.#isStale = true;
  }

  /** `scene`: timeline, position, hover, loop, ink, `scale` (the value that reaches the edge), spectrograms or null, and what `paint` needs. */
  draw(scene) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || !height) return;
    const { timeline, position, hover, loop, ink, spectrograms, scale } = scene;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = this.#bitmap.width = width;
      this.canvas.height = this.#bitmap.height = height;
      this.#isStale = true;
    }
    if (this.#isStale) {
      const context = this.#bitmap.getContext("2d");
      context.clearRect(0, 0, width, height);
      this.paint(context, scene, { width, height, ratio, middle: height / 2, reach: (height / 2 - 3 * ratio) / scale });
      context.globalAlpha = 1;
      this.#isStale = false;
    }
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (loop) {
      const [from, to] = loop.map((edge) => timeline.share(edge) * width);
      context.globalAlpha = 0.08;
      context.fillStyle = ink;
      context.fillRect(from, 0, to - from, height);
    }
    const head = Math.max(0, Math.min(width, Math.round(timeline.share(position) * width)));
    context.globalAlpha = 1;
    if (head > 0) context.drawImage(this.#bitmap, 0, 0, head, height, 0, 0, head, height);
    // A spectrogram's strength is a level, so it is not dimmed.
    context.globalAlpha = spectrograms ? 1 : 0.5;
    if (head < width) context.drawImage(this.#bitmap, head, 0, width - head, height, head, 0, width - head, height);
    context.fillStyle = ink;
    if (hover !== null) {
      context.globalAlpha = 0.35;
      context.fillRect(Math.round(timeline.share(hover) * width), 0, ratio, height);
    }
    context.globalAlpha = 1;
    if (position >= timeline.start && position <= timeline.end) context.fillRect(Math.min(head, width - ratio), 0, Math.max(1, Math.round(1.5 * ratio)), height);
  }
}

/** The mix of `waves` with linear `gains`. Stems are hardly correlated, so that their powers add up. */
export class MixView extends WaveView {
  paint(context, { timeline, waves, gains, ink }, shape) {
    const [low, high] = [new Float32Array(shape.width), new Float32Array(shape.width)];
    waves.forEach((wave, index) => {
      const stem = columnsOf(wave, timeline, shape.width);
      for (let x = 0; x < shape.width; x += 1) {
        low[x] = -Math.hypot(low[x], gains[index] * stem.low[x]);
        high[x] = Math.hypot(high[x], gains[index] * stem.high[x]);
      }
    });
    context.fillStyle = ink;
    drawColumns(context, { low, high }, shape);
  }
}

/** `wave` is what `Waveforms.of` returns; `reach` of the shape is the height in pixels of the value 1. */
export function drawWave(context, wave, timeline, shape) {
  const [first, count] = framesOf(wave, timeline);
  if (wave.planes && shape.width / count >= linePixels * shape.ratio) drawSamples(context, wave.planes, first, count, shape);
  else drawColumns(context, columnsOf(wave, timeline, shape.width), shape);
}

/** The window in frames of a wave's samples: the first, and their number. */
function framesOf({ planes, from, to }, { start, span }) {
  const rate = (planes?.[0].length ?? 0) / (to - from);
  return [(start - from) * rate, span * rate];
}

function columnsOf(wave, timeline, width) {
  const [first, count] = framesOf(wave, timeline);
  if (wave.planes) return sampleColumns(wave.planes, first, first + count, width);
  const share = (time) => (time - wave.from) / (wave.to - wave.from);
  return columns(wave.channels, share(timeline.start), share(timeline.end), width);
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
