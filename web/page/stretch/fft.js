// The discrete Fourier transform of complex signals whose length is a power of two.

export class Fourier {
  #reversed;
  #cosines;
  #sines;

  constructor(size) {
    this.size = size;
    const turn = (i) => (2 * Math.PI * i) / size;
    this.#cosines = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos(turn(i)));
    this.#sines = Float64Array.from({ length: size / 2 }, (_, i) => Math.sin(turn(i)));
    this.#reversed = Uint32Array.from({ length: size }, (_, i) => {
      let out = 0;
      for (let bit = 1; bit < size; bit <<= 1) out = (out << 1) | Number((i & bit) !== 0);
      return out;
    });
  }

  /** In place: X[k] = Σ x[n]·exp(−2πi·k·n / size). */
  forward(real, imaginary) {
    const { size } = this;
    const reversed = this.#reversed;
    const cosines = this.#cosines;
    const sines = this.#sines;
    for (let i = 0; i < size; i += 1) {
      const j = reversed[i];
      if (j <= i) continue;
      const x = real[i];
      real[i] = real[j];
      real[j] = x;
      const y = imaginary[i];
      imaginary[i] = imaginary[j];
      imaginary[j] = y;
    }
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let k = 0; k < half; k += 1) {
        const c = cosines[k * stride];
        const s = sines[k * stride];
        for (let a = k; a < size; a += 2 * half) {
          const b = a + half;
          const x = real[b] * c + imaginary[b] * s;
          const y = imaginary[b] * c - real[b] * s;
          real[b] = real[a] - x;
          imaginary[b] = imaginary[a] - y;
          real[a] += x;
          imaginary[a] += y;
        }
      }
    }
  }

  /** In place, with the factor 1 / size: the inverse of `forward`. */
  inverse(real, imaginary) {
    // Exchanged parts conjugate the input and the output, but for a factor of i that cancels out.
    this.forward(imaginary, real);
    const scale = 1 / this.size;
    for (let i = 0; i < this.size; i += 1) {
      real[i] *= scale;
      imaginary[i] *= scale;
    }
  }
}
