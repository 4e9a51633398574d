/* The transforms of Winograd's F(4, 3) along time, and of F(2, 3) along frequency. */
#pragma once

#include "simd_bfloat16.h"

/* The points: sqrt 1/2 and sqrt 2. */
static const float POINT_A = 0.70710678118654752f, POINT_B = 1.4142135623730951f;

/* The input transform of one tile's six values. */
static inline void winograd_input_columns(const vec d[6], vec out[6]) {
    vec even = fma((vec)-2.0f, d[2], d[4]), odd = POINT_A * fma((vec)-2.0f, d[1], d[3]);
    vec far_even = fma((vec)-0.5f, d[2], d[4]), far_odd = POINT_B * fma((vec)-0.5f, d[1], d[3]);
    out[0] = fma((vec)-2.5f, d[2], d[0] + d[4]);
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = far_even + far_odd;
    out[4] = far_even - far_odd;
    out[5] = fma((vec)-2.5f, d[3], d[1] + d[5]);
}

/* Loads n columns of six rows from `row` on, `ld` floats apart; rows outside 0 ... count - 1 are
 * zero. */
static inline void load_six(const float *x, ptrdiff_t row, ptrdiff_t count, ptrdiff_t ld,
                            ptrdiff_t n, vec d[6]) {
    for (ptrdiff_t i = 0; i < 6; i++) {
        if (row + i < 0 || row + i >= count)
            d[i] = 0;
        else
            d[i] = n >= WIDTH ? load(x + (row + i) * ld) : load_part(x + (row + i) * ld, n);
    }
}

/* The output transform of one tile and n columns; at most `count` of the four outputs are written.
 */
static inline void winograd_output_columns(const vec v[6], ptrdiff_t count, float *out,
                                           ptrdiff_t ldo, ptrdiff_t n) {
    vec sum = v[1] + v[2], difference = v[1] - v[2];
    vec far_sum = v[3] + v[4], far_difference = v[3] - v[4];
    const vec y[4] = {
        v[0] + sum + far_sum,
        fma((vec)POINT_A, difference, POINT_B * far_difference),
        fma((vec)0.5f, sum, 2.0f * far_sum),
        fma((vec)(POINT_A / 2), difference, fma((vec)(2 * POINT_B), far_difference, v[5])),
    };
    for (ptrdiff_t i = 0; i < count && i < 4; i++)
        store_first(out + i * ldo, y[i], n);
}

/* The input transforms, for two kernels each of kernel_variants.h; `is_bf16` is a constant after
 * inlining. */

ALWAYS_INLINE void winograd_input(const int is_bf16, ptrdiff_t first, ptrdiff_t tiles,
                                  ptrdiff_t cols, const float *x, ptrdiff_t count, void *out,
                                  ptrdiff_t plane, ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++)
        for (ptrdiff_t c = 0; c < cols; c += WIDTH) {
            ptrdiff_t n = cols - c;
            vec d[6], v[6];
            load_six(x + c, 4 * (first + t) - 1, count, cols, n, d);
            winograd_input_columns(d, v);
            for (ptrdiff_t i = 0; i < 6; i++)
                put_first(is_bf16, out, i * plane + t * ldo + c, v[i], n);
        }
}

ALWAYS_INLINE void winograd_input_2d(const int is_bf16, ptrdiff_t row, ptrdiff_t freqs,
                                     ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols,
                                     const float *x, ptrdiff_t count, void *out, ptrdiff_t plane,
                                     ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++)
        for (ptrdiff_t c = 0; c < cols; c += WIDTH) {
            ptrdiff_t n = cols - c;
            vec e[4][6];
            for (ptrdiff_t j = 0; j < 4; j++) {
                /* A row outside of x counts as a row without positions. */
                int inside = row + j >= 0 && row + j < freqs;
                load_six(inside ? x + (row + j) * count * cols + c : x, 4 * (first + t) - 1,
                         inside ? count : 0, cols, n, e[j]);
            }
            for (ptrdiff_t j = 0; j < 4; j++) {
                vec d[6], v[6];
                for (ptrdiff_t i = 0; i < 6; i++)
                    d[i] = j == 0   ? e[0][i] - e[2][i]
                           : j == 1 ? e[1][i] + e[2][i]
                           : j == 2 ? e[2][i] - e[1][i]
                                    : e[1][i] - e[3][i];
                winograd_input_columns(d, v);
                for (ptrdiff_t i = 0; i < 6; i++)
                    put_first(is_bf16, out, (6 * j + i) * plane + t * ldo + c, v[i], n);
            }
        }
}

static void KERNEL(f32_winograd_output)(ptrdiff_t tiles, ptrdiff_t cols, const float *m,
                                        ptrdiff_t plane, ptrdiff_t rows, float *out,
                                        ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++, m += cols, out += 4 * ldo)
        for (ptrdiff_t c = 0; c < cols; c += WIDTH) {
            ptrdiff_t n = cols - c;
            vec v[6];
            for (ptrdiff_t i = 0; i < 6; i++)
                v[i] = load_first(m + i * plane + c, n);
            winograd_output_columns(v, rows - 4 * t, out + c, ldo, n);
        }
}

static void KERNEL(f32_winograd_output_2d)(ptrdiff_t tiles, ptrdiff_t cols, const float *m,
                                           ptrdiff_t plane, ptrdiff_t rows, float *out, float *next,
                                           ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++, m += cols)
        for (ptrdiff_t c = 0; c < cols; c += WIDTH) {
            ptrdiff_t n = cols - c;
            vec v[6], w[6];
            for (ptrdiff_t i = 0; i < 6; i++) {
                vec p[4];
                for (ptrdiff_t j = 0; j < 4; j++)
                    p[j] = load_first(m + (6 * j + i) * plane + c, n);
                v[i] = p[0] + (p[1] + p[2]);
                w[i] = (p[1] - p[2]) - p[3];
            }
            winograd_output_columns(v, rows - 4 * t, out + 4 * t * ldo + c, ldo, n);
            if (next)
                winograd_output_columns(w, rows - 4 * t, next + 4 * t * ldo + c, ldo, n);
        }
}
