// The envelope of a spectrum: what a throat or a body makes of the partials. Computed from the cepstrum,
// with the rounds of Röbel and Rodet ("Efficient spectral envelope estimation", 2005): each lifts the
// spectrum to its envelope where it lies below, until the envelope rests on the partials.

/** Part of the transform's size: partials that are closer than its inverse are smoothed out. */
const cutoffShare = 1 / 32;
const rounds = 2;
const largestGain = 30;

export class SpectralEnvelope {
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
