/* The Fourier transforms of FFT_SIGNALS signals side by side.
 *
 * Lanes are signals, so butterflies need no shuffles. Only frames and spectra, in which a signal's
 * samples and a number's two parts are neighbours, are transposed on input and output.
 */
#pragma once

#include "simd_vector.h"

typedef struct {
    vec re, im;
} complex_vec;

static inline complex_vec plus(complex_vec a, complex_vec b) {
    return (complex_vec){a.re + b.re, a.im + b.im};
}

static inline complex_vec minus(complex_vec a, complex_vec b) {
    return (complex_vec){a.re - b.re, a.im - b.im};
}

static inline complex_vec scaled(complex_vec a, float factor) {
    return (complex_vec){a.re * factor, a.im * factor};
}

static inline complex_vec times_i(complex_vec a) { return (complex_vec){-a.im, a.re}; }

/* a * w[0] + i w[1] */
static inline complex_vec turned(complex_vec a, const float *w) {
    vec re = w[0], im = w[1];
    return (complex_vec){fma(a.re, re, -(a.im * im)), fma(a.re, im, a.im * re)};
}

static inline complex_vec load_complex(const float *p) {
    return (complex_vec){load(p), load(p + FFT_SIGNALS)};
}

static inline void store_complex(float *p, complex_vec v) {
    store(p, v.re);
    store(p + FFT_SIGNALS, v.im);
}

/* Butterflies: the transforms of a few elements, in place. */

static inline void butterfly2(complex_vec c[]) {
    complex_vec sum = plus(c[0], c[1]);
    c[1] = minus(c[0], c[1]);
    c[0] = sum;
}

static inline void butterfly4(complex_vec c[]) {
    complex_vec even_sum = plus(c[0], c[2]), even_difference = minus(c[0], c[2]);
    complex_vec odd_sum = plus(c[1], c[3]), odd_difference = times_i(minus(c[1], c[3]));
    c[0] = plus(even_sum, odd_sum);
    c[1] = minus(even_difference, odd_difference);
    c[2] = minus(even_sum, odd_sum);
    c[3] = plus(even_difference, odd_difference);
}

static inline void butterfly8(complex_vec c[]) {
    const float root_of_half = 0.70710678118654752f;
    complex_vec even[4] = {c[0], c[2], c[4], c[6]}, odd[4] = {c[1], c[3], c[5], c[7]};
    butterfly4(even);
    butterfly4(odd);
    /* Multiply by powers of exp(-2 pi i / 8). */
    odd[1] = scaled((complex_vec){odd[1].re + odd[1].im, odd[1].im - odd[1].re}, root_of_half);
    odd[2] = (complex_vec){odd[2].im, -odd[2].re};
    odd[3] = scaled((complex_vec){odd[3].im - odd[3].re, -(odd[3].re + odd[3].im)}, root_of_half);
    for (int k = 0; k < 4; k++) {
        c[k] = plus(even[k], odd[k]);
        c[k + 4] = minus(even[k], odd[k]);
    }
}

/* A pass of one radix, which is a constant after inlining. */
ALWAYS_INLINE void fft_pass(const ptrdiff_t radix, void (*const butterfly)(complex_vec[]),
                            ptrdiff_t groups, ptrdiff_t stride, const float *w,
                            const float *restrict x, float *restrict y) {
    const ptrdiff_t element = 2 * FFT_SIGNALS, step = stride * groups * element;
    for (ptrdiff_t p = 0; p < groups; p++, w += 2 * (radix - 1)) {
        for (ptrdiff_t q = 0; q < stride; q++) {
            const float *from = x + (p * stride + q) * element;
            float *to = y + (p * stride * radix + q) * element;
            for (ptrdiff_t s = 0; s < FFT_SIGNALS; s += WIDTH) {
                complex_vec c[8];
                for (ptrdiff_t j = 0; j < radix; j++)
                    c[j] = load_complex(from + s + j * step);
                butterfly(c);
                store_complex(to + s, c[0]);
                for (ptrdiff_t k = 1; k < radix; k++)
                    store_complex(to + s + k * stride * element, turned(c[k], w + 2 * (k - 1)));
            }
        }
    }
}

static void KERNEL(f32_fft_pass)(ptrdiff_t radix, ptrdiff_t groups, ptrdiff_t stride,
                                 const float *twiddles, const float *x, float *y) {
    switch (radix) {
    case 2:
        fft_pass(2, butterfly2, groups, stride, twiddles, x, y);
        break;
    case 4:
        fft_pass(4, butterfly4, groups, stride, twiddles, x, y);
        break;
    default:
        fft_pass(8, butterfly8, groups, stride, twiddles, x, y);
    }
}

/* The first n (real, imaginary) pairs, at most WIDTH. */
static inline complex_vec load_pairs(const float *p, ptrdiff_t n) {
    vec_pair pairs;
    pairs.lo = load_first(p, 2 * n);
    pairs.hi = load_first(p + WIDTH, 2 * n - WIDTH);
    return (complex_vec){pairs.even, pairs.odd};
}

static inline void store_pairs(float *p, complex_vec v, ptrdiff_t n) {
    vec low, high;
    interleave(v.re, v.im, &low, &high);
    store_first(p, low, 2 * n);
    store_first(p + WIDTH, high, 2 * n - WIDTH);
}

static void KERNEL(f32_rfft_bins)(ptrdiff_t bins, ptrdiff_t count, const float *twiddles,
                                  const float *z, float *out, ptrdiff_t ldo) {
    const ptrdiff_t element = 2 * FFT_SIGNALS;
    for (ptrdiff_t s = 0; s < count; s += WIDTH) {
        complex_vec first = load_complex(z + s);
        first = (complex_vec){first.re + first.im, 0};
        store_pairs(out + 2 * s, first, count - s);
    }
    for (ptrdiff_t k = 1, mirrored = bins - 1; k <= mirrored; k++, mirrored--) {
        for (ptrdiff_t s = 0; s < count; s += WIDTH) {
            complex_vec a = load_complex(z + k * element + s);
            complex_vec b = load_complex(z + mirrored * element + s);
            b.im = -b.im;
            complex_vec even = scaled(plus(a, b), 0.5f);
            complex_vec odd = turned(scaled(minus(a, b), 0.5f), twiddles + 2 * k);
            complex_vec low = {even.re + odd.im, even.im - odd.re};
            complex_vec high = {even.re - odd.im, -even.im - odd.re};
            store_pairs(out + k * ldo + 2 * s, low, count - s);
            store_pairs(out + mirrored * ldo + 2 * s, high, count - s);
        }
    }
}

static void KERNEL(f32_irfft_bins)(ptrdiff_t bins, ptrdiff_t count, const float *twiddles,
                                   const float *x, ptrdiff_t ldx, float *z) {
    const ptrdiff_t element = 2 * FFT_SIGNALS;
    for (ptrdiff_t s = 0; s < FFT_SIGNALS; s += WIDTH) {
        complex_vec first = load_pairs(x + 2 * s, count - s);
        store_complex(z + s, (complex_vec){first.re, first.re});
    }
    for (ptrdiff_t k = 1, mirrored = bins - 1; k <= mirrored; k++, mirrored--) {
        const float w[2] = {twiddles[2 * k], -twiddles[2 * k + 1]};
        for (ptrdiff_t s = 0; s < FFT_SIGNALS; s += WIDTH) {
            complex_vec a = load_pairs(x + k * ldx + 2 * s, count - s);
            complex_vec b = load_pairs(x + mirrored * ldx + 2 * s, count - s);
            b.im = -b.im;
            complex_vec even = plus(a, b), odd = turned(minus(a, b), w);
            complex_vec low = {even.re + odd.im, odd.re - even.im};
            complex_vec high = {even.re - odd.im, odd.re + even.im};
            store_complex(z + k * element + s, low);
            store_complex(z + mirrored * element + s, high);
        }
    }
}

static void KERNEL(f32_fft_frames)(ptrdiff_t samples, const float *window,
                                   const float *const *frames, float *x) {
    for (ptrdiff_t n = 0; n < samples; n += WIDTH) {
        ptrdiff_t count = samples - n;
        vec factors = load_first(window + n, count);
        for (ptrdiff_t s = 0; s < FFT_SIGNALS; s += WIDTH) {
            vec block[WIDTH];
            for (ptrdiff_t i = 0; i < WIDTH; i++)
                block[i] = factors * load_first(frames[s + i] + n, count);
            transpose(block);
            for (ptrdiff_t i = 0; i < WIDTH && i < count; i++)
                store(x + (n + i) * FFT_SIGNALS + s, block[i]);
        }
    }
}

static void KERNEL(f32_fft_overlap_add)(ptrdiff_t samples, ptrdiff_t count, const float *window,
                                        const float *x, const fft_frame_part *parts) {
    for (ptrdiff_t n = 0; n < samples; n += WIDTH) {
        ptrdiff_t rest = samples - n;
        vec factors = load_first(window + n, rest);
        for (ptrdiff_t s = 0; s < count; s += WIDTH) {
            vec block[WIDTH];
            for (ptrdiff_t i = 0; i < WIDTH; i++)
                block[i] = i < rest ? load(x + (n + i) * FFT_SIGNALS + s) : (vec)0;
            transpose(block);
            for (ptrdiff_t i = 0; i < WIDTH && s + i < count; i++) {
                const fft_frame_part *part = &parts[s + i];
                ptrdiff_t start = n - part->first, end = part->count - start;
                if (start >= 0 && end >= WIDTH) {
                    float *to = part->samples + start;
                    store(to, fma(block[i], factors, load(to)));
                } else {
                    vec sum = block[i] * factors;
                    for (ptrdiff_t j = start < 0 ? -start : 0; j < WIDTH && j < end; j++)
                        part->samples[start + j] += sum[j];
                }
            }
        }
    }
}
