// Least and greatest samples of short blocks, as the service makes them, for drawing.

/** Samples of a block, 6 ms at 44,100 Hz. */
export const blockSamples = 256;

const quantized = (sample) => Math.max(-128, Math.min(127, Math.round(sample * 128)));

/** The waveform of one stem, filled piece by piece. */
export class Waveform {
  /** `[channel][block]`; an empty block has its least value above its greatest. */
  constructor(channels, samples) {
    const blocks = Math.ceil(samples / blockSamples);
    const filled = (value) => Array.from({ length: channels }, () => new Int8Array(blocks).fill(value));
    Object.assign(this, { blocks, min: filled(127), max: filled(-128) });
  }

  /** Adds the samples of a piece, which may begin and end within a block. */
  add(start, planes) {
    planes.forEach((plane, channel) => {
      const [min, max] = [this.min[channel], this.max[channel]];
      for (let at = 0; at < plane.length; ) {
        const block = Math.floor((start + at) / blockSamples);
        const end = Math.min(plane.length, (block + 1) * blockSamples - start);
        let [least, most] = [Infinity, -Infinity];
        for (; at < end; at += 1) {
          if (plane[at] < least) least = plane[at];
          if (plane[at] > most) most = plane[at];
        }
        min[block] = Math.min(min[block], quantized(least));
        max[block] = Math.max(max[block], quantized(most));
      }
    });
  }

  /** The blocks `[first, end]` that have the samples of a part. */
  blocksOf(first, end) {
    return [Math.floor(first / blockSamples), Math.min(this.blocks, Math.ceil(end / blockSamples))];
  }

  /** `points` points of each channel for the blocks `[first, end]`; of B blocks, point i covers those from i·B/N to (i + 1)·B/N. */
  reduced(points, [first, last] = [0, this.blocks]) {
    const blocks = last - first;
    return this.min.map((min, channel) => {
      const max = this.max[channel];
      const reply = { min: [], max: [] };
      for (let point = 0; point < points; point += 1) {
        let [least, most] = [127, -128];
        const end = first + Math.floor((point + 1) * blocks / points);
        for (let block = first + Math.floor(point * blocks / points); block < end; block += 1) {
          if (min[block] < least) least = min[block];
          if (max[block] > most) most = max[block];
        }
        reply.min.push(least > most ? 0 : least);
        reply.max.push(least > most ? 0 : most);
      }
      return reply;
    });
  }

  /** The bytes of a stored waveform: least, then greatest values of each channel. */
  get stored() {
    return this.min.flatMap((min, channel) => [min, this.max[channel]]);
  }

  /** Fills the waveform from stored bytes, which can have a block more: the song's end was an estimate. */
  restore(bytes) {
    const planes = this.stored;
    const stride = bytes.byteLength / planes.length;
    planes.forEach((plane, index) => plane.set(new Int8Array(bytes, index * stride, this.blocks)));
  }
}
