/* Winograd's transforms and the Fourier transforms. */
#include "tester.h"

/* Rows of a signal, as many tiles as it has, and columns of both sides of vectors. */
static const ptrdiff_t COUNTS[] = {0, 1, 2, 4, 5, 7, 9, 13, 22};
static const ptrdiff_t COLUMNS[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48};
enum { FREQS = 5 };

/* Planes of tiles; no tile is the last of a plane. */
static matrix planes(test_run *run, ptrdiff_t count, ptrdiff_t tiles, ptrdiff_t cols, ptrdiff_t gap,
                     ptrdiff_t size) {
    return blank(run, count * (tiles + 1), cols, gap, size);
}

static double *bounds_of(test_run *run, const matrix *m, double bound) {
    double *bounds = bounds_for(run, m);
    for (ptrdiff_t i = 0; i < m->rows * m->cols; i++)
        bounds[i] = bound;
    return bounds;
}

/* Elements up to 3: the bounds of the contracts with max |x| = 3. */
static const double LARGEST = 3;

void test_f32_winograd_input(test_run *run) {
    EACH(count, COUNTS)
    EACH(cols, COLUMNS) {
        const ptrdiff_t all = (count + 3) / 4;
        for (ptrdiff_t first = 0; first <= all; first++) {
            const ptrdiff_t tiles = all - first;
            matrix x = uniform(run, count, cols, 0, LARGEST, 0);
            matrix found = planes(run, 6, tiles, cols, 2, sizeof(float)), plain = copy(run, &found);
            const ptrdiff_t plane = (tiles + 1) * found.ld;
            run->table->f32_winograd_input(first, tiles, cols, x.first, count, found.first, plane,
                                           found.ld);
            run->plain->f32_winograd_input(first, tiles, cols, x.first, count, plain.first, plane,
                                           plain.ld);
            expect_matrix(run, &found, &plain, bounds_of(run, &found, 8 * U * 5.2 * LARGEST));
            release(run);
        }
    }
}

void test_f32_winograd_input_2d(test_run *run) {
    EACH(count, COUNTS)
    EACH(cols, COLUMNS)
    for (ptrdiff_t row = -1; row < FREQS; row += 2) {
        const ptrdiff_t all = (count + 3) / 4, first = all > 2, tiles = all - first;
        matrix x = uniform(run, FREQS * count, cols, 0, LARGEST, 0);
        matrix found = planes(run, 24, tiles, cols, 2, sizeof(float)), plain = copy(run, &found);
        const ptrdiff_t plane = (tiles + 1) * found.ld;
        run->table->f32_winograd_input_2d(row, FREQS, first, tiles, cols, x.first, count,
                                          found.first, plane, found.ld);
        run->plain->f32_winograd_input_2d(row, FREQS, first, tiles, cols, x.first, count,
                                          plain.first, plane, plain.ld);
        expect_matrix(run, &found, &plain, bounds_of(run, &found, 10 * U * 10.4 * LARGEST));
        release(run);
    }
}

/* The bfloat16 transforms, of one row or, from `row` on, of four. */
static void test_rounded_input(test_run *run, int is_2d) {
    EACH(count, COUNTS)
    EACH(cols, COLUMNS)
    for (ptrdiff_t row = -1; row < (is_2d ? FREQS : 0); row += 2) {
        const ptrdiff_t tiles = (count + 3) / 4;
        matrix x = uniform(run, FREQS * count, cols, 0, LARGEST, 0);
        matrix floats = planes(run, is_2d ? 24 : 6, tiles, cols, 2, sizeof(float));
        matrix found = planes(run, is_2d ? 24 : 6, tiles, cols, 2, sizeof(uint16_t));
        const ptrdiff_t plane = (tiles + 1) * floats.ld, ld = floats.ld;
        if (is_2d) {
            run->table->f32_winograd_input_2d(row, FREQS, 0, tiles, cols, x.first, count,
                                              floats.first, plane, ld);
            run->table->bf16_winograd_input_2d(row, FREQS, 0, tiles, cols, x.first, count,
                                               found.first, plane, ld);
        } else {
            run->table->f32_winograd_input(0, tiles, cols, x.first, count, floats.first, plane, ld);
            run->table->bf16_winograd_input(0, tiles, cols, x.first, count, found.first, plane, ld);
        }
        /* The last row of each plane is nobody's. */
        for (ptrdiff_t r = tiles; r < found.rows; r += tiles + 1)
            for (ptrdiff_t c = 0; c < cols; c++)
                *f32(&floats, r, c) = widened(*u16(&found, r, c));
        expect_rounded(run, &found, &floats);
        release(run);
    }
}

void test_bf16_winograd_input(test_run *run) { test_rounded_input(run, 0); }

void test_bf16_winograd_input_2d(test_run *run) { test_rounded_input(run, 1); }

void test_f32_winograd_output(test_run *run) {
    EACH(count, COUNTS)
    EACH(cols, COLUMNS) {
        const ptrdiff_t tiles = (count + 3) / 4, plane = tiles * cols + 3;
        matrix m = uniform(run, 6, plane, 0, LARGEST, 0);
        matrix found = blank(run, count, cols, 2, sizeof(float)), plain = copy(run, &found);
        run->table->f32_winograd_output(tiles, cols, m.first, plane, count, found.first, found.ld);
        run->plain->f32_winograd_output(tiles, cols, m.first, plane, count, plain.first, plain.ld);
        expect_matrix(run, &found, &plain, bounds_of(run, &found, 10 * U * 7.4 * LARGEST));
        release(run);
    }
}

void test_f32_winograd_output_2d(test_run *run) {
    EACH(count, COUNTS)
    EACH(cols, COLUMNS)
    for (int both = 0; both < 2; both++) {
        const ptrdiff_t tiles = (count + 3) / 4, plane = tiles * cols + 3;
        matrix m = uniform(run, 24, plane, 0, LARGEST, 0);
        matrix found = blank(run, 2 * count, cols, 2, sizeof(float)), plain = copy(run, &found);
        run->table->f32_winograd_output_2d(tiles, cols, m.first, plane, count, found.first,
                                           both ? f32(&found, count, 0) : NULL, found.ld);
        run->plain->f32_winograd_output_2d(tiles, cols, m.first, plane, count, plain.first,
                                           both ? f32(&plain, count, 0) : NULL, plain.ld);
        expect_matrix(run, &found, &plain, bounds_of(run, &found, 14 * U * 22.2 * LARGEST));
        release(run);
    }
}

/* ---- Fourier transforms ---- */

enum { ELEMENT = 2 * FFT_SIGNALS };
static const ptrdiff_t SIGNALS[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16};

void test_f32_fft_pass(test_run *run) {
    static const ptrdiff_t RADICES[] = {2, 3, 4, 5, 8}, FEW[] = {1, 2, 3};
    EACH(radix, RADICES)
    EACH(groups, FEW)
    EACH(stride, FEW) {
        matrix x = uniform(run, radix * groups * stride, ELEMENT, 0, LARGEST, 0);
        matrix w = uniform(run, 1, 2 * (radix - 1) * groups, 0, 1, 0);
        matrix found = blank(run, x.rows, ELEMENT, 0, sizeof(float)), plain = copy(run, &found);
        run->table->f32_fft_pass(radix, groups, stride, w.first, x.first, found.first);
        run->plain->f32_fft_pass(radix, groups, stride, w.first, x.first, plain.first);
        /* |y|: terms of at most sqrt 2 LARGEST, times a w of at most sqrt 2. */
        const double size = 2 * LARGEST * (double)radix, steps = 3 * (double)radix + 12;
        expect_matrix(run, &found, &plain, bounds_of(run, &found, steps * U * size));
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
        matrix found = blank(run, bins, 2 * count, 3, sizeof(float)), plain = copy(run, &found);
        run->table->f32_rfft_bins(bins, count, w.first, z.first, found.first, found.ld);
        run->plain->f32_rfft_bins(bins, count, w.first, z.first, plain.first, plain.ld);
        expect_matrix(run, &found, &plain, bounds_of(run, &found, 16 * U * 3 * LARGEST));
        release(run);
    }
}

void test_f32_irfft_bins(test_run *run) {
    EACH(bins, BINS)
    EACH(count, SIGNALS) {
        matrix w = bin_twiddles(run, bins), x = uniform(run, bins, 2 * count, 3, LARGEST, 0);
        matrix found = blank(run, bins, ELEMENT, 0, sizeof(float)), plain = copy(run, &found);
        run->table->f32_irfft_bins(bins, count, w.first, x.first, x.ld, found.first);
        run->plain->f32_irfft_bins(bins, count, w.first, x.first, x.ld, plain.first);
        expect_matrix(run, &found, &plain, bounds_of(run, &found, 16 * U * 6 * LARGEST));
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
        matrix found = blank(run, samples, FFT_SIGNALS, 0, sizeof(float)),
               plain = copy(run, &found);
        run->table->f32_fft_frames(samples, window.first, frames, found.first);
        run->plain->f32_fft_frames(samples, window.first, frames, plain.first);
        expect_matrix(run, &found, &plain, NULL);
        release(run);
    }
}

void test_f32_fft_overlap_add(test_run *run) {
    EACH(samples, SAMPLES)
    EACH(count, SIGNALS) {
        matrix window = uniform(run, 1, samples, 0, 1, 0);
        matrix x = uniform(run, samples, FFT_SIGNALS, 0, LARGEST, 0);
        matrix found = uniform(run, 1, 2 * samples + FFT_SIGNALS, 0, LARGEST, 0);
        matrix plain = copy(run, &found);
        fft_frame_part parts[2][FFT_SIGNALS];
        for (ptrdiff_t s = 0; s < count; s++) {
            const ptrdiff_t first = (3 * s + count) % (samples + 1), place = s * samples / 16;
            const ptrdiff_t inside = s % 2 ? samples - first : (samples - first) / 2;
            parts[0][s] = (fft_frame_part){f32(&found, 0, place), first, inside};
            parts[1][s] = (fft_frame_part){f32(&plain, 0, place), first, inside};
        }
        run->table->f32_fft_overlap_add(samples, count, window.first, x.first, parts[0]);
        run->plain->f32_fft_overlap_add(samples, count, window.first, x.first, parts[1]);
        const double terms = (double)count;
        const double bound = 2 * (terms + 2) * U * (terms + 1) * LARGEST;
        expect_matrix(run, &found, &plain, bounds_of(run, &found, bound));
        release(run);
    }
}
