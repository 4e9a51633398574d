/* Test cases of the Winograd transforms and the Fourier transforms. */
#include "tester.h"

/* Numbers of rows of a signal, with complete and incomplete tiles, and of columns, on both sides of
 * vectors. */
static const ptrdiff_t COUNTS[] = {0, 1, 2, 4, 5, 7, 9, 13, 22};
static const ptrdiff_t COLUMNS[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48};
enum { FREQS = 5 };

/* Largest element: the bounds of the contracts have max |x| = 3. */
static const double LARGEST = 3;

/* The input transforms along time, or along both directions from `row` on. The bfloat16 results
 * must be the rounded float32 results. */
static void test_winograd_input(test_run *run, int is_2d, int is_bf16, double bound) {
    EACH(count, COUNTS)
    EACH(cols, COLUMNS)
    for (ptrdiff_t row = -1; row < (is_2d ? FREQS : 0); row += 2) {
        const ptrdiff_t all = (count + 3) / 4;
        for (ptrdiff_t first = 0; first <= all; first += 1 + first) {
            const ptrdiff_t tiles = all - first;
            /* Planes have room for one more tile. */
            const ptrdiff_t rows = (is_2d ? 24 : 6) * (tiles + 1);
            matrix x = uniform(run, FREQS * count, cols, 0, LARGEST, 0);
            outputs out = blanks(run, rows, cols, 2, sizeof(float));
            matrix bf16 = blank(run, rows, cols, 2, sizeof(uint16_t));
            const ptrdiff_t ld = bf16.ld, plane = (tiles + 1) * ld;
            EACH_TABLE(run, t, i) {
                float *to = out.of[i].first;
                if (is_2d)
                    t->f32_winograd_input_2d(row, FREQS, first, tiles, cols, x.first, count, to,
                                             plane, ld);
                else
                    t->f32_winograd_input(first, tiles, cols, x.first, count, to, plane, ld);
            }
            if (!is_bf16) {
                expect_outputs(run, &out, bounds_for(run, &out.of[0], bound * U * LARGEST));
            } else {
                if (is_2d)
                    run->table->bf16_winograd_input_2d(row, FREQS, first, tiles, cols, x.first,
                                                       count, bf16.first, plane, ld);
                else
                    run->table->bf16_winograd_input(first, tiles, cols, x.first, count, bf16.first,
                                                    plane, ld);
                /* The last row of each plane is unused. */
                for (ptrdiff_t r = tiles; r < rows; r += tiles + 1)
                    for (ptrdiff_t c = 0; c < cols; c++)
                        *f32(&out.of[0], r, c) = widened(*u16(&bf16, r, c));
                expect_rounded(run, &bf16, &out.of[0]);
            }
            release(run);
        }
    }
}

CASE(f32_winograd_input, test_winograd_input(run, 0, 0, 8 * 5.2))
CASE(f32_winograd_input_2d, test_winograd_input(run, 1, 0, 10 * 10.4))
CASE(bf16_winograd_input, test_winograd_input(run, 0, 1, 0))
CASE(bf16_winograd_input_2d, test_winograd_input(run, 1, 1, 0))

/* The output transforms along time, or along both directions into two rows, or into one (`next` is
 * NULL). */
static void test_winograd_output(test_run *run, int is_2d, int rows, double bound) {
    EACH(count, COUNTS)
    EACH(cols, COLUMNS) {
        const ptrdiff_t tiles = (count + 3) / 4, plane = tiles * cols + 3;
        matrix m = uniform(run, is_2d ? 24 : 6, plane, 0, LARGEST, 0);
        outputs out = blanks(run, rows * count, cols, 2, sizeof(float));
        EACH_TABLE(run, t, i) {
            float *to = out.of[i].first, *next = rows > 1 ? f32(&out.of[i], count, 0) : NULL;
            const ptrdiff_t ld = out.of[i].ld;
            if (is_2d)
                t->f32_winograd_output_2d(tiles, cols, m.first, plane, count, to, next, ld);
            else
                t->f32_winograd_output(tiles, cols, m.first, plane, count, to, ld);
        }
        expect_outputs(run, &out, bounds_for(run, &out.of[0], bound * U * LARGEST));
        release(run);
    }
}

CASE(f32_winograd_output, test_winograd_output(run, 0, 1, 10 * 7.4))
CASE(f32_winograd_output_2d, test_winograd_output(run, 1, 1, 14 * 22.2);
     test_winograd_output(run, 1, 2, 14 * 22.2))

/* ---- Fourier transforms ---- */

enum { ELEMENT = 2 * FFT_SIGNALS };
static const ptrdiff_t SIGNALS[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16};

void test_f32_fft_pass(test_run *run) {
    static const ptrdiff_t RADICES[] = {2, 4, 8}, FEW[] = {1, 2, 3};
    EACH(radix, RADICES)
    EACH(groups, FEW)
    EACH(stride, FEW) {
        matrix x = uniform(run, radix * groups * stride, ELEMENT, 0, LARGEST, 0);
        matrix w = uniform(run, 1, 2 * (radix - 1) * groups, 0, 1, 0);
        outputs out = blanks(run, x.rows, ELEMENT, 0, sizeof(float));
        EACH_TABLE(run, t, i)
        t->f32_fft_pass(radix, groups, stride, w.first, x.first, out.of[i].first);
        /* |y| is a sum of terms of at most sqrt 2 LARGEST, times a w of at most sqrt 2. */
        const double size = 2 * LARGEST * (double)radix, steps = 3 * (double)radix + 12;
        expect_outputs(run, &out, bounds_for(run, &out.of[0], steps * U * size));
        release(run);
    }
}

static matrix bin_twiddles(test_run *run, ptrdiff_t bins) {
    matrix w = blank(run, bins, 2, 0, sizeof(float));
    for (ptrdiff_t k = 0; k < bins; k++) {
        *f32(&w, k, 0) = (float)cos(3.14159265358979324 * (double)k / (double)bins);
        *f32(&w, k, 1) = (float)-sin(3.14159265358979324 * (double)k / (double)bins);
    }
    return w;
}

static const ptrdiff_t BINS[] = {1, 2, 3, 8, 17};

void test_f32_rfft_bins(test_run *run) {
    EACH(bins, BINS)
    EACH(count, SIGNALS) {
        matrix w = bin_twiddles(run, bins), z = uniform(run, bins, ELEMENT, 0, LARGEST, 0);
        outputs out = blanks(run, bins, 2 * count, 3, sizeof(float));
        EACH_TABLE(run, t, i)
        t->f32_rfft_bins(bins, count, w.first, z.first, out.of[i].first, out.of[i].ld);
        expect_outputs(run, &out, bounds_for(run, &out.of[0], 16 * U * 3 * LARGEST));
        release(run);
    }
}

void test_f32_irfft_bins(test_run *run) {
    EACH(bins, BINS)
    EACH(count, SIGNALS) {
        matrix w = bin_twiddles(run, bins), x = uniform(run, bins, 2 * count, 3, LARGEST, 0);
        outputs out = blanks(run, bins, ELEMENT, 0, sizeof(float));
        EACH_TABLE(run, t, i)
        t->f32_irfft_bins(bins, count, w.first, x.first, x.ld, out.of[i].first);
        expect_outputs(run, &out, bounds_for(run, &out.of[0], 16 * U * 6 * LARGEST));
        release(run);
    }
}

static const ptrdiff_t SAMPLES[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 65, 129};

void test_f32_fft_frames(test_run *run) {
    EACH(samples, SAMPLES) {
        matrix window = uniform(run, 1, samples, 0, 1, 0);
        matrix signal = uniform(run, FFT_SIGNALS, samples, 1, LARGEST, 0);
        const float *frames[FFT_SIGNALS];
        for (ptrdiff_t s = 0; s < FFT_SIGNALS; s++)
            frames[s] = f32(&signal, s, 0);
        outputs out = blanks(run, samples, FFT_SIGNALS, 0, sizeof(float));
        EACH_TABLE(run, t, i)
        t->f32_fft_frames(samples, window.first, frames, out.of[i].first);
        expect_outputs(run, &out, NULL);
        release(run);
    }
}

void test_f32_fft_overlap_add(test_run *run) {
    EACH(samples, SAMPLES)
    EACH(count, SIGNALS) {
        matrix window = uniform(run, 1, samples, 0, 1, 0);
        matrix x = uniform(run, samples, FFT_SIGNALS, 0, LARGEST, 0);
        matrix before = uniform(run, 1, 2 * samples + FFT_SIGNALS, 0, LARGEST, 0);
        outputs out = copies(run, &before);
        fft_frame_part parts[2][FFT_SIGNALS];
        for (ptrdiff_t s = 0; s < count; s++) {
            const ptrdiff_t first = (3 * s + count) % (samples + 1), place = s * samples / 16;
            const ptrdiff_t inside = s % 2 ? samples - first : (samples - first) / 2;
            for (int i = 0; i < 2; i++)
                parts[i][s] = (fft_frame_part){f32(&out.of[i], 0, place), first, inside};
        }
        EACH_TABLE(run, t, i)
        t->f32_fft_overlap_add(samples, count, window.first, x.first, parts[i]);
        const double terms = (double)count;
        const double bound = 2 * (terms + 2) * U * (terms + 1) * LARGEST;
        expect_outputs(run, &out, bounds_for(run, &out.of[0], bound));
        release(run);
    }
}
