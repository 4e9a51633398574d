// Stretches tonal sound by a phase vocoder with phases locked around the peaks of the spectrum (Laroche
// and Dolson, "Improved phase vocoder time-scale modification of audio", 1999).
//
// A frame of the output is a frame of the input whose regions, one around each peak, are rotated so that
// they continue the frame before. How far a region's phase moves in a hop is read from a second frame of
// the input, one hop earlier: no frequency is estimated, no phase unwrapped, and at speed 1 every
// rotation is 1. A tone that glides moves by another phase in a hop of the output, where it glides slower or
// faster: its glide, read from the curve of the phase at the peak, is taken into account.
//
// Left and right are the real and the imaginary part of one complex signal. With W its transform, bins k
// and size − k hold both channels: their power is (|W[k]|² + |W[size − k]|²) / 2, and a rotation Z of both
// channels is Z·W[k] and conj(Z)·W[size − k]. So both channels turn alike, and the stereo image stays.
//
// An attack would sound at another time in each frame that has it. So frames within a hop of its time are as far from
// it in the input, and frames before them leave it out. Regions that grow with it take the input's phases anew (Röbel,
// "A new approach to transient processing in the phase vocoder", 2003); the others continue: held tones don't break.

import { Fourier } from "./fft.js";

/** Squared Hann windows at a quarter of their size sum up to this. */
const windowSum = 1.5;

/** A peak of the window's transform is like a Gaussian one, whose logarithm bends by this much in a bin: 1.4 to 1.6, by the peak's place. */
const bend = 1.5;

/** A region has so many times the energy of the frame before if an attack begins in it. */
const growth = 2;

export class TonalStretcher {
  #fourier;
  #window;
  #envelope;
  #finder;
  #isFirst = true;
  #power;
  /** Spectra of the present frame of the input, of that one hop before, and of the last frame of the output. */
  #now;
  #back;
  #last;

  /** `finder`, if not null, finds the attacks that are kept. */
  constructor(size, finder) {
    this.size = size;
    this.hop = size / 4;
    this.reach = size;
    this.#finder = finder;
    this.#fourier = new Fourier(size);
    this.#envelope = new SpectralEnvelope(this.#fourier);
    this.#window = Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    this.#power = new Float64Array(size / 2 + 1);
    const signal = () => ({ left: new Float64Array(size), right: new Float64Array(size) });
    [this.#now, this.#back, this.#last] = [signal(), signal(), signal()];
    /** The samples of the frame made last, under the window. */
    this.frame = signal();
  }

  reset() {
    this.#isFirst = true;
  }

  /**
   * Makes the frame around a sample of the input. `step` is how far the input moves in a sample of the output, `pitch` the ratio by
   * which the output will be read faster: what it would fold over is left out. `keepsFormants` moves the spectrum's envelope the
   * other way.
   */
  make(read, centre, { pitch, step, keepsFormants }) {
    const { size, frame } = this;
    const { left, right } = frame;
    const { first, end, endBefore } = this.#place(read, centre, step);
    this.#analyse(read, first, end, this.#now);
    if (this.#isFirst) {
      this.#last.left.set(this.#now.left);
      this.#last.right.set(this.#now.right);
    } else {
      this.#analyse(read, first - this.hop, endBefore, this.#back);
      this.#lock(step, endBefore < end);
    }
    this.#isFirst = false;
    left.set(this.#last.left);
    right.set(this.#last.right);
    if (keepsFormants && pitch !== 1) this.#moveEnvelope(pitch);
    if (pitch > 1) {
      const end = Math.floor(size / 2 / pitch);
      left.fill(0, end, size - end + 1);
      right.fill(0, end, size - end + 1);
    }
    this.#fourier.inverse(left, right);
    for (let i = 0; i < size; i += 1) {
      left[i] *= this.#window[i] / windowSum;
      right[i] *= this.#window[i] / windowSum;
    }
  }

  /** Where the frame for a sample of the input begins, and where it and the frame one hop earlier end: at attacks that sound later. */
  #place(read, centre, step) {
    const { hop, reach, size } = this;
    if (this.#isFirst) this.#finder?.reset(centre - reach);
    this.#finder?.advance(read, centre - reach, centre + reach);
    // At the input's own speed every frame has an attack at its time.
    const onsets = step === 1 ? [] : (this.#finder?.onsets.map(({ at }) => at) ?? []);
    const [end, endBefore] = [hop, 0].map((ahead) => onsets.find((at) => (at - centre) / step > ahead) ?? Infinity);
    const nearest = onsets.reduce((best, at) => (Math.abs(at - centre) < Math.abs(best - centre) ? at : best), centre - reach);
    const away = Math.abs(nearest - centre);
    const distance = away / step <= hop ? away / step : Math.max(hop, away);
    return { first: Math.round(nearest + Math.sign(centre - nearest) * distance) - size / 2, end, endBefore };
  }

  #analyse(read, first, end, { left, right }) {
    read(first, this.size, left, right);
    for (const plane of [left, right]) plane.fill(0, Math.max(0, end - first));
    for (let i = 0; i < this.size; i += 1) {
      left[i] *= this.#window[i];
      right[i] *= this.#window[i];
    }
    this.#fourier.forward(left, right);
  }

  /** Rotates the present frame, region by region, into `#last`. */
  #lock(step, isAttack) {
    const { size } = this;
    const power = this.#power;
    const { left, right } = this.#now;
    const half = size / 2;
    for (let k = 1; k < half; k += 1) power[k] = left[k] ** 2 + right[k] ** 2 + left[size - k] ** 2 + right[size - k] ** 2;
    let start = 1;
    let valley = 1;
    let peak = 0;
    for (let k = 2; k < half - 1; k += 1) {
      if (power[k] < power[valley]) valley = k;
      if (power[k] <= power[k - 1] || power[k] <= power[k + 1] || power[k] <= power[k - 2] || power[k] <= (power[k + 2] ?? 0)) continue;
      // A peak: the region of the peak before ends in the valley between both.
      if (peak) {
        this.#rotate(start, valley, this.#glide(peak) * (1 - step), isAttack);
        start = valley;
      }
      peak = valley = k;
    }
    this.#rotate(start, half, peak ? this.#glide(peak) * (1 - step) : 0, isAttack);
    for (const k of [0, half]) {
      this.#last.left[k] = left[k];
      this.#last.right[k] = right[k];
    }
  }

  /**
   * By how much the phase of the tone at a peak bends in a hop of the input, because it glides: half its change of
   * frequency times the hop's square.
   *
   * A glide of g (1: as wide as the window's peak) divides the logarithm of a Gaussian peak by 1 − ig. So the
   * phase of X[k − 1]·X[k + 1] / X[k]², which holds its second difference, is −bend·g / (1 + g²).
   */
  #glide(k) {
    const { left, right } = this.#now;
    const m = this.size - k;
    // Both channels, as in `#rotate`.
    const a = left[k - 1] * left[k + 1] - right[k - 1] * right[k + 1];
    const b = left[k - 1] * right[k + 1] + right[k - 1] * left[k + 1];
    const c = left[k] ** 2 - right[k] ** 2;
    const d = 2 * left[k] * right[k];
    const e = left[m + 1] * left[m - 1] - right[m + 1] * right[m - 1];
    const f = left[m + 1] * right[m - 1] + right[m + 1] * left[m - 1];
    const g = left[m] ** 2 - right[m] ** 2;
    const h = 2 * left[m] * right[m];
    const real = a * c + b * d + e * g + f * h;
    const imaginary = b * c - a * d - f * g + e * h;
    const bent = -Math.atan2(imaginary, real) / bend;
    const glide = Math.abs(bent) < 0.5 ? (2 * bent) / (1 + Math.sqrt(1 - 4 * bent ** 2)) : Math.sign(bent);
    return (glide * Math.PI ** 2) / (8 * bend);
  }

  /** Rotates bins `first` to `end` by what makes them continue the last frame best, and by an angle, unless an attack begins in them. */
  #rotate(first, end, angle, isAttack) {
    const { size } = this;
    const { left, right } = this.#now;
    const { left: a, right: b } = this.#last;
    const { left: c, right: d } = this.#back;
    let real = 0;
    let imaginary = 0;
    let growing = 0;
    for (let k = first; k < end; k += 1) {
      const m = size - k;
      growing += this.#power[k] - growth * (c[k] ** 2 + d[k] ** 2 + c[m] ** 2 + d[m] ** 2);
      real += a[k] * c[k] + b[k] * d[k] + a[m] * c[m] + b[m] * d[m];
      imaginary += b[k] * c[k] - a[k] * d[k] + a[m] * d[m] - b[m] * c[m];
    }
    const length = Math.hypot(real, imaginary);
    if (length > 1e-30 && !(isAttack && growing > 0)) {
      real /= length;
      imaginary /= length;
    } else {
      [real, imaginary, angle] = [1, 0, 0];
    }
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    [real, imaginary] = [real * cosine - imaginary * sine, real * sine + imaginary * cosine];
    for (let k = first; k < end; k += 1) {
      const m = size - k;
      a[k] = real * left[k] - imaginary * right[k];
      b[k] = real * right[k] + imaginary * left[k];
      a[m] = real * left[m] + imaginary * right[m];
      b[m] = real * right[m] - imaginary * left[m];
    }
  }

  #moveEnvelope(pitch) {
    const { size, frame: { left, right } } = this;
    const power = this.#power;
    for (let k = 0; k <= size / 2; k += 1) {
      const m = (size - k) % size;
      power[k] = (left[k] ** 2 + right[k] ** 2 + left[m] ** 2 + right[m] ** 2) / 2;
    }
    const gains = this.#envelope.gains(power, pitch);
    for (let k = 0; k <= size / 2; k += 1) {
      const m = (size - k) % size;
      left[k] *= gains[k];
      right[k] *= gains[k];
      if (m === k) continue;
      left[m] *= gains[k];
      right[m] *= gains[k];
    }
  }
}

// The envelope of a spectrum: what a throat or a body makes of the partials. Computed from the cepstrum,
// with the rounds of Röbel and Rodet ("Efficient spectral envelope estimation", 2005): each lifts the
// spectrum to its envelope where it lies below, until the envelope rests on the partials.

/** Part of the transform's size: partials that are closer than its inverse are smoothed out. */
const cutoffShare = 1 / 32;
const rounds = 2;
const largestGain = 30;

class SpectralEnvelope {
  #fourier;
  #logarithms;
  #cepstrum;
  #zeros;
  #gains;

  constructor(fourier) {
    const { size } = fourier;
    this.#fourier = fourier;
    this.#logarithms = new Float64Array(size);
    this.#cepstrum = new Float64Array(size);
    this.#zeros = new Float64Array(size);
    this.#gains = new Float64Array(size / 2 + 1);
  }

  /** Gains of each bin that put the envelope in its place once all frequencies are multiplied by `pitch`. */
  gains(power, pitch) {
    const { size } = this.#fourier;
    const cepstrum = this.#cepstrum;
    const half = size / 2;
    const cutoff = size * cutoffShare;
    for (let k = 0; k < size; k += 1) this.#logarithms[k] = 0.5 * Math.log(power[Math.min(k, size - k)] + 1e-12);
    for (let round = 0; ; round += 1) {
      cepstrum.set(this.#logarithms);
      this.#zeros.fill(0);
      this.#fourier.forward(cepstrum, this.#zeros);
      // The spectrum is real and even, and so is the cepstrum. A Hann taper keeps the envelope from ringing.
      this.#zeros.fill(0);
      for (let k = 1; k <= half; k += 1) {
        const weight = k < cutoff ? 0.5 + 0.5 * Math.cos((Math.PI * k) / cutoff) : 0;
        cepstrum[k] *= weight;
        if (k < half) cepstrum[size - k] *= weight;
      }
      this.#fourier.inverse(cepstrum, this.#zeros);
      if (round === rounds) break;
      for (let k = 0; k < size; k += 1) this.#logarithms[k] = Math.max(this.#logarithms[k], cepstrum[k]);
    }
    for (let k = 0; k <= half; k += 1) {
      const place = Math.min(half - 1e-9, k * pitch);
      const below = Math.floor(place);
      const target = cepstrum[below] + (place - below) * (cepstrum[below + 1] - cepstrum[below]);
      this.#gains[k] = Math.min(largestGain, Math.exp(target - cepstrum[k]));
    }
    return this.#gains;
  }
}
