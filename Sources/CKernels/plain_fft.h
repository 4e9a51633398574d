/* The plain kernels of the Fourier transforms. */

/* sum[...] += x[...] * (re + i im) for one element. */
static void add_product(float *restrict sum, const float *restrict x, float re, float im) {
    for (ptrdiff_t s = 0; s < FFT_SIGNALS; s++) {
        sum[s] += x[s] * re - x[FFT_SIGNALS + s] * im;
        sum[FFT_SIGNALS + s] += x[s] * im + x[FFT_SIGNALS + s] * re;
    }
}

static void f32_fft_pass__plain(ptrdiff_t radix, ptrdiff_t groups, ptrdiff_t stride,
                                const float *twiddles, const float *x, float *y) {
    const ptrdiff_t element = 2 * FFT_SIGNALS;
    float root[8][2];
    for (ptrdiff_t j = 0; j < radix; j++) {
        const double angle = -6.283185307179586477 * (double)j / (double)radix;
        root[j][0] = (float)cos(angle);
        root[j][1] = (float)sin(angle);
    }
    for (ptrdiff_t p = 0; p < groups; p++)
        for (ptrdiff_t q = 0; q < stride; q++)
            for (ptrdiff_t k = 0; k < radix; k++) {
                float sum[2 * FFT_SIGNALS] = {0};
                for (ptrdiff_t j = 0; j < radix; j++) {
                    const float *r = root[j * k % radix];
                    add_product(sum, x + (q + stride * (p + groups * j)) * element, r[0], r[1]);
                }
                const float *w = twiddles + 2 * ((radix - 1) * p + k - 1);
                float *to = y + (q + stride * (radix * p + k)) * element;
                memset(to, 0, sizeof sum);
                add_product(to, sum, k == 0 ? 1 : w[0], k == 0 ? 0 : w[1]);
            }
}

static void f32_rfft_bins__plain(ptrdiff_t bins, ptrdiff_t count, const float *twiddles,
                                 const float *z, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t k = 0; k < bins; k++)
        for (ptrdiff_t s = 0; s < count; s++) {
            const float *a = z + k * 2 * FFT_SIGNALS + s;
            const float *b = z + (bins - k) % bins * 2 * FFT_SIGNALS + s;
            const float re = (a[0] - b[0]) / 2, im = (a[FFT_SIGNALS] + b[FFT_SIGNALS]) / 2;
            const float *w = twiddles + 2 * k;
            float *to = out + k * ldo + 2 * s;
            to[0] = (a[0] + b[0]) / 2 + (re * w[1] + im * w[0]);
            to[1] = (a[FFT_SIGNALS] - b[FFT_SIGNALS]) / 2 - (re * w[0] - im * w[1]);
        }
}

static void f32_irfft_bins__plain(ptrdiff_t bins, ptrdiff_t count, const float *twiddles,
                                  const float *x, ptrdiff_t ldx, float *z) {
    for (ptrdiff_t k = 0; k < bins; k++)
        for (ptrdiff_t s = 0; s < FFT_SIGNALS; s++) {
            static const float zero[2];
            const float *a = s < count ? x + k * ldx + 2 * s : zero;
            const float *b = s < count && k > 0 ? x + (bins - k) * ldx + 2 * s : zero;
            const float a_im = k > 0 ? a[1] : 0;
            const float re = a[0] - b[0], im = a_im + b[1];
            const float *w = twiddles + 2 * k;
            float *to = z + (bins - k) % bins * 2 * FFT_SIGNALS + s;
            to[0] = a[0] + b[0] - (im * w[0] - re * w[1]);
            to[FFT_SIGNALS] = a_im - b[1] + (re * w[0] + im * w[1]);
        }
}

static void f32_fft_frames__plain(ptrdiff_t samples, const float *window,
                                  const float *const *frames, float *x) {
    for (ptrdiff_t n = 0; n < samples; n++)
        for (ptrdiff_t s = 0; s < FFT_SIGNALS; s++)
            x[n * FFT_SIGNALS + s] = frames[s][n] * window[n];
}

static void f32_fft_overlap_add__plain(ptrdiff_t samples, ptrdiff_t count, const float *window,
                                       const float *x, const fft_frame_part *parts) {
    for (ptrdiff_t s = 0; s < count; s++) {
        const fft_frame_part *part = &parts[s];
        for (ptrdiff_t n = part->first; n < part->first + part->count; n++)
            if (n < samples)
                part->samples[n - part->first] += x[n * FFT_SIGNALS + s] * window[n];
    }
}
