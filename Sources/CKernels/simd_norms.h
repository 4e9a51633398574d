/* The kernels with sums over rows: moments, layer normalisation, softmax. */
#pragma once

#include "simd_bfloat16.h"
#include "simd_math.h"

/* Float32 sums of differences from a pivot and of their squares, over a run of vectors. Four sums
 * of each, because short chains of additions are faster and have a smaller error. */
typedef struct {
    vec sum[4], squares[4];
} run_sums;

ALWAYS_INLINE void add_to_run(run_sums *run, int i, vec d) {
    run->sum[i] += d;
    run->squares[i] = fma(d, d, run->squares[i]);
}

/* Adds a run to the sums in double, and begins another run. */
ALWAYS_INLINE void end_run(run_sums *run, vec_double *sum, vec_double *squares) {
    const vec *s = run->sum, *q = run->squares;
    *sum += __builtin_convertvector((s[0] + s[1]) + (s[2] + s[3]), vec_double);
    *squares += __builtin_convertvector((q[0] + q[1]) + (q[2] + q[3]), vec_double);
    memset(run, 0, sizeof *run);
}

/* Adds differences from a value near the mean, so that no digits are lost if the mean is much
 * larger than the deviation. Runs of 64 vectors are added in float32, their sums in double. */
static void KERNEL(f32_moments)(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                                double sums[2]) {
    if (rows == 0 || cols == 0)
        return;
    if (ldx == cols) {
        cols *= rows;
        rows = 1;
    }
    const vec pivot = (vec)(cols < WIDTH ? x[0] : sum_lanes(load(x)) / WIDTH);
    vec_double sum = 0, squares = 0;
    double rest = 0, rest_squares = 0;
    run_sums run = {{0, 0, 0, 0}, {0, 0, 0, 0}};
    ptrdiff_t length = 0;
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx) {
        ptrdiff_t c = 0;
        while (c + WIDTH <= cols) {
            ptrdiff_t end = c + (64 - length) * WIDTH;
            end = end < cols ? end : cols;
            for (; c + 4 * WIDTH <= end; c += 4 * WIDTH, length += 4)
                for (int i = 0; i < 4; i++)
                    add_to_run(&run, i, load(x + c + i * WIDTH) - pivot);
            for (; c + WIDTH <= end; c += WIDTH, length++)
                add_to_run(&run, 0, load(x + c) - pivot);
            if (length == 64) {
                end_run(&run, &sum, &squares);
                length = 0;
            }
        }
        for (; c < cols; c++) {
            double d = (double)x[c] - pivot[0];
            rest += d;
            rest_squares += d * d;
        }
    }
    end_run(&run, &sum, &squares);
    const double count = (double)rows * (double)cols, p = pivot[0];
    const double differences = sum_lanes_double(&sum) + rest;
    sums[0] += count * p + differences;
    sums[1] += count * p * p + 2 * p * differences + (sum_lanes_double(&squares) + rest_squares);
}

/* Layer normalisation, for two kernels of kernel_variants.h; `is_bf16` is a constant after
 * inlining. */

ALWAYS_INLINE void layer_norm(const int is_bf16, ptrdiff_t rows, ptrdiff_t cols, const float *gain,
                              const float *bias, float epsilon, const float *x, ptrdiff_t ldx,
                              void *out, ptrdiff_t ldo) {
    const size_t bytes = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out = (char *)out + bytes * (size_t)ldo) {
        /* Four sums, because short chains of additions are faster and have a smaller error. */
        vec sums[4] = {0, 0, 0, 0};
        ptrdiff_t c = 0;
        for (; c + 4 * WIDTH <= cols; c += 4 * WIDTH)
            for (ptrdiff_t i = 0; i < 4; i++)
                sums[i] += load(x + c + i * WIDTH);
        for (; c + WIDTH <= cols; c += WIDTH)
            sums[0] += load(x + c);
        ptrdiff_t n = cols - c;
        if (n > 0)
            sums[1] += load_part(x + c, n);
        float mean = sum_lanes((sums[0] + sums[1]) + (sums[2] + sums[3])) / (float)cols;

        vec squares = 0;
        for (c = 0; c + WIDTH <= cols; c += WIDTH) {
            vec d = load(x + c) - mean;
            squares = fma(d, d, squares);
        }
        float variance = sum_lanes(squares);
        for (ptrdiff_t i = c; i < cols; i++)
            variance += (x[i] - mean) * (x[i] - mean);
        float factor = 1.0f / __builtin_sqrtf(variance / (float)cols + epsilon);

        for (c = 0; c + WIDTH <= cols; c += WIDTH)
            put_first(is_bf16, out, c,
                      fma((load(x + c) - mean) * factor, load(gain + c), load(bias + c)), WIDTH);
        if (n > 0)
            put_first(is_bf16, out, c,
                      fma((load_part(x + c, n) - mean) * factor, load_part(gain + c, n),
                          load_part(bias + c, n)),
                      n);
    }
}

/* Four sums, because short chains of additions are faster and have a smaller error. Numbers whose
 * squares overflow or vanish are as rare as in `F.normalize`, which adds squares in float32 too. */
ALWAYS_INLINE void rms_norm(const int is_bf16, ptrdiff_t rows, ptrdiff_t cols, const float *gain,
                            const float *x, ptrdiff_t ldx, void *out, ptrdiff_t ldo) {
    const size_t bytes = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out = (char *)out + bytes * (size_t)ldo) {
        vec sums[4] = {0, 0, 0, 0};
        ptrdiff_t c = 0;
        for (; c + 4 * WIDTH <= cols; c += 4 * WIDTH)
            for (ptrdiff_t i = 0; i < 4; i++) {
                const vec v = load(x + c + i * WIDTH);
                sums[i] = fma(v, v, sums[i]);
            }
        for (; c < cols; c += WIDTH) {
            const vec v = load_first(x + c, cols - c);
            sums[0] = fma(v, v, sums[0]);
        }
        const float norm = __builtin_sqrtf(sum_lanes((sums[0] + sums[1]) + (sums[2] + sums[3])));
        const float factor = 1.0f / (norm < 1e-12f ? 1e-12f : norm);
        for (c = 0; c + WIDTH <= cols; c += WIDTH)
            put_first(is_bf16, out, c, load(x + c) * factor * load(gain + c), WIDTH);
        if (c < cols)
            put_first(is_bf16, out, c,
                      load_first(x + c, cols - c) * factor * load_first(gain + c, cols - c),
                      cols - c);
    }
}

/* The three softmax kernels: exponentials stay float32, or are rounded to bfloat16, or 127 times an
 * exponential is rounded to INT8. Where they are rounded, coarse exponentials are exact enough. The
 * kind is a constant after inlining. */
enum softmax_kind { TO_F32, TO_BF16, TO_INT8 };

/* The largest element of a row. Four maxima, so that comparisons don't wait for each other. */
static inline float largest(ptrdiff_t cols, const float *x) {
    vec maxima[4] = {-__builtin_inff(), -__builtin_inff(), -__builtin_inff(), -__builtin_inff()};
    ptrdiff_t c = 0;
    for (; c + 4 * WIDTH <= cols; c += 4 * WIDTH)
        for (ptrdiff_t i = 0; i < 4; i++)
            maxima[i] = larger(maxima[i], load(x + c + i * WIDTH));
    for (; c + WIDTH <= cols; c += WIDTH)
        maxima[0] = larger(maxima[0], load(x + c));
    float result = max_lanes(larger(larger(maxima[0], maxima[1]), larger(maxima[2], maxima[3])));
    for (; c < cols; c++)
        result = x[c] > result ? x[c] : result;
    return result;
}

/* log2 127: adding it to an exponent multiplies the exponential by 127. */
static const float LOG2_127 = 6.98868469f;

/* The largest exponent should be 0, but the maximum is a rounded product with the slope and the
 * fused product here is not rounded. The difference is half a unit in the last place of the score:
 * more than 1 for scores beyond 2^24, where float32 is too coarse for softmax anyway. The minimum
 * only prevents overflow of the sum. */
ALWAYS_INLINE void exponentials(const enum softmax_kind kind, const int n, vec *x, vec slope,
                                vec offset) {
#pragma clang loop unroll(full)
    for (int i = 0; i < n; i++)
        x[i] = smaller((vec)(kind == TO_INT8 ? LOG2_127 : 1.0f), fma(x[i], slope, offset));
    powers_of_two(kind != TO_F32, n, x);
}

ALWAYS_INLINE vec exponential(const enum softmax_kind kind, vec x, vec slope, vec offset) {
    exponentials(kind, 1, &x, slope, offset);
    return x;
}

/* The exponentials of one row, in place; returns their sum. Narrower results never overwrite unread
 * floats. */
ALWAYS_INLINE float row_exponentials(const enum softmax_kind kind, ptrdiff_t cols, vec slope,
                                     vec offset, float *x) {
    const int is_bf16 = kind == TO_BF16;
    vec sum = 0;
    ptrdiff_t c = 0;
    for (; c + 4 * WIDTH <= cols; c += 4 * WIDTH) {
        vec e[4] = {load(x + c), load(x + c + WIDTH), load(x + c + 2 * WIDTH),
                    load(x + c + 3 * WIDTH)};
        exponentials(kind, 4, e, slope, offset);
        for (int i = 0; i < 4; i++)
            put_first(is_bf16, x, c + i * WIDTH, e[i], WIDTH);
        sum += (e[0] + e[1]) + (e[2] + e[3]);
    }
    for (; c + WIDTH <= cols; c += WIDTH) {
        vec e = exponential(kind, load(x + c), slope, offset);
        put_first(is_bf16, x, c, e, WIDTH);
        sum += e;
    }
    float total = sum_lanes(sum);
    ptrdiff_t n = cols - c;
    if (n > 0) {
        float lanes[WIDTH];
        vec e = exponential(kind, load_part(x + c, n), slope, offset);
        store(lanes, e);
        for (ptrdiff_t i = 0; i < n; i++)
            total += lanes[i];
        put_first(is_bf16, x, c, e, n);
    }
    if (is_bf16 && cols % 2)
        memset((uint16_t *)x + cols, 0, sizeof(uint16_t));
    return total;
}

/* The INT8 exponentials of one row, in place; returns their sum. */
static inline float row_quantized(ptrdiff_t cols, vec slope, vec offset, float *x) {
    signed char *out = (signed char *)x;
    vec_int sum = 0, quantized[4];
    ptrdiff_t c = 0;
    for (; c + 4 * WIDTH <= cols; c += 4 * WIDTH) {
        vec e[4] = {load(x + c), load(x + c + WIDTH), load(x + c + 2 * WIDTH),
                    load(x + c + 3 * WIDTH)};
        exponentials(TO_INT8, 4, e, slope, offset);
        for (int i = 0; i < 4; i++) {
            quantized[i] = nearest(e[i]);
            sum += quantized[i];
        }
        store_bytes(out + c, quantized);
    }
    int32_t total = sum_int_lanes(sum);
    for (; c < cols; c += WIDTH) {
        ptrdiff_t n = cols - c < WIDTH ? cols - c : WIDTH;
        vec_int last = nearest(exponential(TO_INT8, load_first(x + c, n), slope, offset));
        for (ptrdiff_t i = 0; i < n; i++) {
            out[c + i] = (signed char)last[i];
            total += last[i];
        }
    }
    memset(out + cols, 0, (size_t)(-cols & 3));
    return (float)total;
}

ALWAYS_INLINE void softmax_step(const enum softmax_kind kind, ptrdiff_t rows, ptrdiff_t cols,
                                float slope, float *x, ptrdiff_t ldx, float *maxima, float *sums,
                                float *correction, float *row_scales) {
    /* Values of which each row has one are computed for WIDTH rows at once. */
    for (ptrdiff_t row = 0; row < rows; row += WIDTH, x += WIDTH * ldx) {
        const ptrdiff_t n = rows - row < WIDTH ? rows - row : WIDTH;
        float tops[WIDTH] = {0}, offsets[WIDTH], totals[WIDTH] = {0};
        for (ptrdiff_t r = 0; r < n; r++)
            tops[r] = slope * largest(cols, x + r * ldx);
        vec top = load(tops);
        vec before = load_first(maxima + row, n);
        vec maximum = larger(before, top), factor = power_of_two(before - maximum);
        /* INT8 exponentials are relative to the largest score of the row in this tile. */
        store(offsets, kind == TO_INT8 ? LOG2_127 - top : -maximum);
        for (ptrdiff_t r = 0; r < n; r++)
            totals[r] =
                kind == TO_INT8
                    ? row_quantized(cols, (vec)slope, (vec)offsets[r], x + r * ldx)
                    : row_exponentials(kind, cols, (vec)slope, (vec)offsets[r], x + r * ldx);
        vec total = load(totals);
        if (kind == TO_INT8) {
            vec row_scale = power_of_two(top - maximum) * (1 / 127.0f);
            store_first(row_scales + row, row_scale, n);
            total *= row_scale;
        }
        store_first(sums + row, fma(load_first(sums + row, n), factor, total), n);
        store_first(maxima + row, maximum, n);
        store_first(correction + row, factor, n);
    }
}

static void KERNEL(f32_softmax_step)(ptrdiff_t rows, ptrdiff_t cols, float slope, float *x,
                                     ptrdiff_t ldx, float *maxima, float *sums, float *correction) {
    softmax_step(TO_F32, rows, cols, slope, x, ldx, maxima, sums, correction, NULL);
}

static void KERNEL(bf16_softmax_step)(ptrdiff_t rows, ptrdiff_t cols, float slope, float *x,
                                      ptrdiff_t ldx, float *maxima, float *sums,
                                      float *correction) {
    softmax_step(TO_BF16, rows, cols, slope, x, ldx, maxima, sums, correction, NULL);
}

static void KERNEL(q8_softmax_step)(ptrdiff_t rows, ptrdiff_t cols, float slope, float *x,
                                    ptrdiff_t ldx, float *maxima, float *sums, float *correction,
                                    float *row_scales) {
    softmax_step(TO_INT8, rows, cols, slope, x, ldx, maxima, sums, correction, row_scales);
}
