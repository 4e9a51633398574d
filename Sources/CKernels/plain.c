/* The plain kernels: the meaning of each operation, and what runs where nothing faster does. */
#include "ckernels.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Columns of a panel of packed weights. */
enum { PLAIN_PANEL = 16 };

static float gelu(float v) { return 0.5f * v * (1.0f + erff(v * 0.70710678118654752f)); }

static float sigmoid(float v) { return 1.0f / (1.0f + expf(-v)); }

/* x rounded to bfloat16, to nearest, ties to even: its upper half. A NaN stays one. */
static uint16_t bf16_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x != x)
        return (uint16_t)((bits | 0x00400000u) >> 16);
    return (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

static float widened(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Element i of floats, or of halves if they are `narrow`. */
static void put(int narrow, void *out, ptrdiff_t i, float x) {
    uint16_t half = bf16_of(x);
    if (narrow)
        memcpy((uint16_t *)out + i, &half, sizeof half);
    else
        ((float *)out)[i] = x;
}

static void f32_affine__plain(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                              const float *shift, const float *x, ptrdiff_t ldx, float *out,
                              ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++)
            out[r * ldo + c] = x[r * ldx + c] * scale[c] + shift[c];
}

static void f32_affine_add__plain(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                  const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                  ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++)
            out[r * ldo + c] += x[r * ldx + c] * scale[c] + shift[c];
}

static void f32_affine_gelu__plain(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                   const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                   ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++)
            out[r * ldo + c] = gelu(x[r * ldx + c] * scale[c] + shift[c]);
}

static void bf16_affine_gelu__plain(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                    const float *shift, const float *x, ptrdiff_t ldx,
                                    uint16_t *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++)
            put(1, out, r * ldo + c, gelu(x[r * ldx + c] * scale[c] + shift[c]));
}

static void f32_affine_glu__plain(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                  const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                  ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            ptrdiff_t g = cols + c;
            float value = x[r * ldx + c] * scale[c] + shift[c];
            float gate = x[r * ldx + g] * scale[g] + shift[g];
            out[r * ldo + c] = value * sigmoid(gate);
        }
}

static void f32_affine_glu_add__plain(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                      const float *shift, const float *gamma, const float *x,
                                      ptrdiff_t ldx, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            ptrdiff_t g = cols + c;
            float value = x[r * ldx + c] * scale[c] + shift[c];
            float gate = x[r * ldx + g] * scale[g] + shift[g];
            out[r * ldo + c] += gamma[c] * (value * sigmoid(gate));
        }
}

static void f32_moments__plain(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                               double sums[2]) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            double v = x[r * ldx + c];
            sums[0] += v;
            sums[1] += v * v;
        }
}

static void layer_norm(int narrow, ptrdiff_t rows, ptrdiff_t cols, const float *gain,
                       const float *bias, float epsilon, const float *x, ptrdiff_t ldx, void *out,
                       ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        const float *row = x + r * ldx;
        double sum = 0, squares = 0;
        for (ptrdiff_t c = 0; c < cols; c++)
            sum += row[c];
        double mean = sum / (double)cols;
        for (ptrdiff_t c = 0; c < cols; c++)
            squares += (row[c] - mean) * (row[c] - mean);
        float factor = (float)(1 / sqrt(squares / (double)cols + (double)epsilon));
        for (ptrdiff_t c = 0; c < cols; c++)
            put(narrow, out, r * ldo + c, (row[c] - (float)mean) * factor * gain[c] + bias[c]);
    }
}

static void f32_layer_norm__plain(ptrdiff_t rows, ptrdiff_t cols, const float *gain,
                                  const float *bias, float epsilon, const float *x, ptrdiff_t ldx,
                                  float *out, ptrdiff_t ldo) {
    layer_norm(0, rows, cols, gain, bias, epsilon, x, ldx, out, ldo);
}

static void bf16_layer_norm__plain(ptrdiff_t rows, ptrdiff_t cols, const float *gain,
                                   const float *bias, float epsilon, const float *x, ptrdiff_t ldx,
                                   uint16_t *out, ptrdiff_t ldo) {
    layer_norm(1, rows, cols, gain, bias, epsilon, x, ldx, out, ldo);
}

static void f32_softmax_step__plain(ptrdiff_t rows, ptrdiff_t cols, float slope, float *x,
                                    ptrdiff_t ldx, float *maxima, float *sums, float *correction) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        float *row = x + r * ldx;
        float maximum = maxima[r];
        for (ptrdiff_t c = 0; c < cols; c++)
            maximum = fmaxf(maximum, slope * row[c]);
        float sum = 0;
        for (ptrdiff_t c = 0; c < cols; c++) {
            /* Rounded once, as a fused multiply-add: the product of a large score is off by more
             * than an exponent may be. The maximum is such a product, so the largest score can
             * come out above 0; it must only not overflow. */
            row[c] = exp2f(fminf((float)((double)slope * row[c] - maximum), 1));
            sum += row[c];
        }
        correction[r] = exp2f(maxima[r] - maximum);
        sums[r] = sums[r] * correction[r] + sum;
        maxima[r] = maximum;
    }
}

static void bf16_round__plain(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                              uint16_t *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        for (ptrdiff_t c = 0; c < cols; c++)
            put(1, out, c, x[c]);
        if (cols % 2)
            put(1, out, cols, 0);
    }
}

static void bf16_softmax_step__plain(ptrdiff_t rows, ptrdiff_t cols, float slope, float *x,
                                     ptrdiff_t ldx, float *maxima, float *sums, float *correction) {
    f32_softmax_step__plain(rows, cols, slope, x, ldx, maxima, sums, correction);
    /* Each half is written behind the place that is read. */
    bf16_round__plain(rows, cols, x, ldx, (uint16_t *)x, 2 * ldx);
}

static void q8_softmax_step__plain(ptrdiff_t rows, ptrdiff_t cols, float slope, float *x,
                                   ptrdiff_t ldx, float *maxima, float *sums, float *correction,
                                   float *steps) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        float *row = x + r * ldx;
        signed char *codes = (signed char *)row;
        float top = -INFINITY;
        for (ptrdiff_t c = 0; c < cols; c++)
            top = fmaxf(top, slope * row[c]);
        float maximum = fmaxf(maxima[r], top), total = 0;
        for (ptrdiff_t c = 0; c < cols; c++) {
            float e = exp2f(fminf((float)((double)slope * row[c] - top), 0));
            /* Behind the place that is read. */
            codes[c] = (signed char)lrintf(127 * e);
            total += codes[c];
        }
        memset(codes + cols, 0, (size_t)(-cols & 3));
        correction[r] = exp2f(maxima[r] - maximum);
        steps[r] = exp2f(top - maximum) / 127;
        sums[r] = sums[r] * correction[r] + steps[r] * total;
        maxima[r] = maximum;
    }
}

static void f32_scale_rows__plain(ptrdiff_t rows, ptrdiff_t cols, const float *factor,
                                  const float *x, ptrdiff_t ldx, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++)
            out[r * ldo + c] = x[r * ldx + c] * factor[r];
}

static void f32_add__plain(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                           const float *y, ptrdiff_t ldy, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++)
            out[r * ldo + c] = x[r * ldx + c] + y[r * ldy + c];
}

static void f32_gather_taps__plain(ptrdiff_t first, ptrdiff_t rows, ptrdiff_t cols,
                                   ptrdiff_t dilation, const float *bias, const float *x,
                                   ptrdiff_t ldx, ptrdiff_t length, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            float sum = bias[c];
            for (ptrdiff_t i = 0; i < 3; i++) {
                ptrdiff_t row = first + r + (i - 1) * dilation;
                if (row >= 0 && row < length)
                    sum += x[row * ldx + i * cols + c];
            }
            out[r * ldo + c] = sum;
        }
}

/* The points of Winograd's transforms: sqrt 1/2 and sqrt 2. */
static const float POINT_A = 0.70710678118654752f, POINT_B = 1.4142135623730951f;

static void winograd_input_column(const float d[6], float out[6]) {
    float even = d[4] - 2 * d[2], odd = POINT_A * (d[3] - 2 * d[1]);
    float far_even = d[4] - d[2] / 2, far_odd = POINT_B * (d[3] - d[1] / 2);
    out[0] = d[0] - 2.5f * d[2] + d[4];
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = far_even + far_odd;
    out[4] = far_even - far_odd;
    out[5] = d[1] - 2.5f * d[3] + d[5];
}

static void winograd_input(int narrow, ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols,
                           const float *x, ptrdiff_t count, void *out, ptrdiff_t plane,
                           ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            float d[6], v[6];
            for (ptrdiff_t i = 0; i < 6; i++) {
                ptrdiff_t place = 4 * (first + t) + i - 1;
                d[i] = place >= 0 && place < count ? x[place * cols + c] : 0.0f;
            }
            winograd_input_column(d, v);
            for (ptrdiff_t i = 0; i < 6; i++)
                put(narrow, out, i * plane + t * ldo + c, v[i]);
        }
}

static void f32_winograd_input__plain(ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols,
                                      const float *x, ptrdiff_t count, float *out, ptrdiff_t plane,
                                      ptrdiff_t ldo) {
    winograd_input(0, first, tiles, cols, x, count, out, plane, ldo);
}

static void bf16_winograd_input__plain(ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols,
                                       const float *x, ptrdiff_t count, uint16_t *out,
                                       ptrdiff_t plane, ptrdiff_t ldo) {
    winograd_input(1, first, tiles, cols, x, count, out, plane, ldo);
}

static void winograd_input_2d(int narrow, ptrdiff_t row, ptrdiff_t freqs, ptrdiff_t first,
                              ptrdiff_t tiles, ptrdiff_t cols, const float *x, ptrdiff_t count,
                              void *out, ptrdiff_t plane, ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            float e[4][6], d[4][6];
            for (ptrdiff_t j = 0; j < 4; j++)
                for (ptrdiff_t i = 0; i < 6; i++) {
                    ptrdiff_t freq = row + j, place = 4 * (first + t) + i - 1;
                    int inside = freq >= 0 && freq < freqs && place >= 0 && place < count;
                    e[j][i] = inside ? x[(freq * count + place) * cols + c] : 0.0f;
                }
            for (ptrdiff_t i = 0; i < 6; i++) {
                d[0][i] = e[0][i] - e[2][i];
                d[1][i] = e[1][i] + e[2][i];
                d[2][i] = e[2][i] - e[1][i];
                d[3][i] = e[1][i] - e[3][i];
            }
            for (ptrdiff_t j = 0; j < 4; j++) {
                float v[6];
                winograd_input_column(d[j], v);
                for (ptrdiff_t i = 0; i < 6; i++)
                    put(narrow, out, (6 * j + i) * plane + t * ldo + c, v[i]);
            }
        }
}

static void f32_winograd_input_2d__plain(ptrdiff_t row, ptrdiff_t freqs, ptrdiff_t first,
                                         ptrdiff_t tiles, ptrdiff_t cols, const float *x,
                                         ptrdiff_t count, float *out, ptrdiff_t plane,
                                         ptrdiff_t ldo) {
    winograd_input_2d(0, row, freqs, first, tiles, cols, x, count, out, plane, ldo);
}

static void bf16_winograd_input_2d__plain(ptrdiff_t row, ptrdiff_t freqs, ptrdiff_t first,
                                          ptrdiff_t tiles, ptrdiff_t cols, const float *x,
                                          ptrdiff_t count, uint16_t *out, ptrdiff_t plane,
                                          ptrdiff_t ldo) {
    winograd_input_2d(1, row, freqs, first, tiles, cols, x, count, out, plane, ldo);
}

static void winograd_output_column(const float v[6], ptrdiff_t count, float *out, ptrdiff_t ldo) {
    float sum = v[1] + v[2], difference = v[1] - v[2];
    float far_sum = v[3] + v[4], far_difference = v[3] - v[4];
    const float y[4] = {v[0] + sum + far_sum, POINT_A * difference + POINT_B * far_difference,
                        sum / 2 + 2 * far_sum,
                        POINT_A / 2 * difference + 2 * POINT_B * far_difference + v[5]};
    for (ptrdiff_t i = 0; i < 4 && i < count; i++)
        out[i * ldo] = y[i];
}

static void f32_winograd_output__plain(ptrdiff_t tiles, ptrdiff_t cols, const float *m,
                                       ptrdiff_t plane, ptrdiff_t rows, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            float v[6];
            for (ptrdiff_t i = 0; i < 6; i++)
                v[i] = m[i * plane + t * cols + c];
            winograd_output_column(v, rows - 4 * t, out + 4 * t * ldo + c, ldo);
        }
}

static void f32_winograd_output_2d__plain(ptrdiff_t tiles, ptrdiff_t cols, const float *m,
                                          ptrdiff_t plane, ptrdiff_t rows, float *out, float *next,
                                          ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            float v[6], w[6];
            for (ptrdiff_t i = 0; i < 6; i++) {
                const float *p = m + i * plane + t * cols + c;
                v[i] = p[0] + p[6 * plane] + p[12 * plane];
                w[i] = p[6 * plane] - p[12 * plane] - p[18 * plane];
            }
            winograd_output_column(v, rows - 4 * t, out + 4 * t * ldo + c, ldo);
            if (next)
                winograd_output_column(w, rows - 4 * t, next + 4 * t * ldo + c, ldo);
        }
}

static void f32_gemm__plain(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                            const gemm_segment *segments, ptrdiff_t lda, const void *packed,
                            ptrdiff_t inner, const float *bias, float *c, ptrdiff_t ldc,
                            int accumulate) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t panel = 0; panel < columns; panel += PLAIN_PANEL) {
            ptrdiff_t width = columns - panel < PLAIN_PANEL ? columns - panel : PLAIN_PANEL;
            float sum[PLAIN_PANEL] = {0};
            for (ptrdiff_t s = 0; s < count; s++)
                for (ptrdiff_t k = 0; k < segments[s].count; k++) {
                    float x = ((const float *)segments[s].a)[r * lda + k];
                    const float *b =
                        (const float *)packed + panel * inner + (segments[s].first + k) * width;
                    for (ptrdiff_t j = 0; j < width; j++)
                        sum[j] += x * b[j];
                }
            for (ptrdiff_t j = 0; j < width; j++) {
                float start = accumulate ? c[r * ldc + panel + j] : bias ? bias[panel + j] : 0.0f;
                c[r * ldc + panel + j] = start + sum[j];
            }
        }
}

static ptrdiff_t f32_packed_bytes__plain(ptrdiff_t inner, ptrdiff_t columns) {
    return (ptrdiff_t)sizeof(float) * inner * columns;
}

static void f32_pack__plain(ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count, ptrdiff_t columns,
                            const float *b, ptrdiff_t inner_stride, ptrdiff_t column_stride,
                            void *packed) {
    for (ptrdiff_t panel = 0; panel < columns; panel += PLAIN_PANEL) {
        ptrdiff_t width = columns - panel < PLAIN_PANEL ? columns - panel : PLAIN_PANEL;
        for (ptrdiff_t k = 0; k < count; k++)
            for (ptrdiff_t j = 0; j < width; j++)
                ((float *)packed)[panel * inner + (first + k) * width + j] =
                    b[k * inner_stride + (panel + j) * column_stride];
    }
}

static void bf16_product(int narrow, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                         const gemm_segment *segments, ptrdiff_t lda, const void *packed,
                         ptrdiff_t inner, const float *bias, float *c, ptrdiff_t ldc,
                         int accumulate) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t panel = 0; panel < columns; panel += PLAIN_PANEL) {
            ptrdiff_t width = columns - panel < PLAIN_PANEL ? columns - panel : PLAIN_PANEL;
            float sum[PLAIN_PANEL] = {0};
            for (ptrdiff_t s = 0; s < count; s++)
                for (ptrdiff_t k = 0; k < segments[s].count; k++) {
                    ptrdiff_t place = r * lda + k;
                    float x = widened(narrow ? ((const uint16_t *)segments[s].a)[place]
                                             : bf16_of(((const float *)segments[s].a)[place]));
                    const uint16_t *b =
                        (const uint16_t *)packed + panel * inner + (segments[s].first + k) * width;
                    for (ptrdiff_t j = 0; j < width; j++)
                        sum[j] += x * widened(b[j]);
                }
            for (ptrdiff_t j = 0; j < width; j++) {
                float start = accumulate ? c[r * ldc + panel + j] : bias ? bias[panel + j] : 0.0f;
                c[r * ldc + panel + j] = start + sum[j];
            }
        }
}

static void bf16_gemm__plain(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                             const gemm_segment *segments, ptrdiff_t lda, const void *packed,
                             ptrdiff_t inner, const float *bias, float *c, ptrdiff_t ldc,
                             int accumulate) {
    bf16_product(0, rows, columns, count, segments, lda, packed, inner, bias, c, ldc, accumulate);
}

static void bf16_gemm_of_bf16__plain(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                                     const gemm_segment *segments, ptrdiff_t lda,
                                     const void *packed, ptrdiff_t inner, const float *bias,
                                     float *c, ptrdiff_t ldc, int accumulate) {
    bf16_product(1, rows, columns, count, segments, lda, packed, inner, bias, c, ldc, accumulate);
}

static ptrdiff_t bf16_packed_bytes__plain(ptrdiff_t inner, ptrdiff_t columns) {
    return 2 * inner * columns;
}

static void bf16_pack__plain(ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count, ptrdiff_t columns,
                             const float *b, ptrdiff_t inner_stride, ptrdiff_t column_stride,
                             void *packed) {
    for (ptrdiff_t panel = 0; panel < columns; panel += PLAIN_PANEL) {
        ptrdiff_t width = columns - panel < PLAIN_PANEL ? columns - panel : PLAIN_PANEL;
        for (ptrdiff_t k = 0; k < count; k++)
            for (ptrdiff_t j = 0; j < width; j++)
                ((uint16_t *)packed)[panel * inner + (first + k) * width + j] =
                    bf16_of(b[k * inner_stride + (panel + j) * column_stride]);
    }
}

static ptrdiff_t qc8w_packed_bytes__plain(ptrdiff_t inner, ptrdiff_t columns) {
    return inner * columns;
}

static void qc8w_pack__plain(ptrdiff_t inner, ptrdiff_t columns, const signed char *b,
                             ptrdiff_t ldb, void *packed) {
    signed char *target = packed;
    for (ptrdiff_t panel = 0; panel < columns; panel += PLAIN_PANEL) {
        ptrdiff_t width = columns - panel < PLAIN_PANEL ? columns - panel : PLAIN_PANEL;
        for (ptrdiff_t k = 0; k < inner; k++, target += width)
            memcpy(target, b + k * ldb + panel, (size_t)width);
    }
}

/* The float products with INT8 weights: A as it is, or rounded to bfloat16. */
static void qc8w_gemm(int rounds, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                      const gemm_segment *segments, ptrdiff_t lda, const signed char *codes,
                      ptrdiff_t inner, const float *scales, const float *bias, float *c,
                      ptrdiff_t ldc, int accumulate) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t panel = 0; panel < columns; panel += PLAIN_PANEL) {
            ptrdiff_t width = columns - panel < PLAIN_PANEL ? columns - panel : PLAIN_PANEL;
            float sum[PLAIN_PANEL] = {0};
            for (ptrdiff_t s = 0; s < count; s++)
                for (ptrdiff_t k = 0; k < segments[s].count; k++) {
                    float x = ((const float *)segments[s].a)[r * lda + k];
                    const signed char *b = codes + panel * inner + (segments[s].first + k) * width;
                    x = rounds ? widened(bf16_of(x)) : x;
                    for (ptrdiff_t j = 0; j < width; j++)
                        sum[j] += x * b[j];
                }
            for (ptrdiff_t j = 0; j < width; j++) {
                float *target = &c[r * ldc + panel + j];
                float start = accumulate ? *target : bias ? bias[panel + j] : 0.0f;
                *target = start + scales[panel + j] * sum[j];
            }
        }
}

static void f32_qc8w_gemm__plain(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                                 const gemm_segment *segments, ptrdiff_t lda, const void *packed,
                                 ptrdiff_t inner, const float *scales, const float *bias, float *c,
                                 ptrdiff_t ldc, int accumulate) {
    qc8w_gemm(0, rows, columns, count, segments, lda, packed, inner, scales, bias, c, ldc,
              accumulate);
}

static void bf16_qc8w_gemm__plain(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                                  const gemm_segment *segments, ptrdiff_t lda, const void *packed,
                                  ptrdiff_t inner, const float *scales, const float *bias, float *c,
                                  ptrdiff_t ldc, int accumulate) {
    qc8w_gemm(1, rows, columns, count, segments, lda, packed, inner, scales, bias, c, ldc,
              accumulate);
}

/* The codes of n floats; returns the step. */
static float quantised(const float *x, ptrdiff_t n, int32_t *codes) {
    float magnitude = 0;
    for (ptrdiff_t k = 0; k < n; k++) {
        float size = __builtin_fabsf(x[k]);
        if (!(size <= __FLT_MAX__)) {
            memset(codes, 0, sizeof(int32_t) * (size_t)n);
            return __builtin_nanf("");
        }
        magnitude = size > magnitude ? size : magnitude;
    }
    const int isZero = magnitude < QD8_SMALLEST;
    const float inverse = isZero ? 0.0f : 127.0f / magnitude;
    for (ptrdiff_t k = 0; k < n; k++) {
        /* In two statements, so that no compiler makes a fused product of them: adding 1.5 * 2^23
         * leaves the nearest whole number, ties to even, in the low bits. */
        float product = x[k] * inverse;
        float shifted = product + 12582912.0f;
        codes[k] = (int32_t)(shifted - 12582912.0f);
    }
    return isZero ? 0.0f : magnitude / 127.0f;
}

static void qc8w_pack_rows__plain(ptrdiff_t inner, ptrdiff_t columns, const float *b, ptrdiff_t ldb,
                                  const float *offset, void *packed, float *scales) {
    float row[QD8_SEGMENT];
    int32_t codes[QD8_SEGMENT];
    for (ptrdiff_t j = 0; j < columns; j++) {
        for (ptrdiff_t k = 0; k < inner; k++)
            row[k] = b[j * ldb + k] - offset[k];
        scales[j] = quantised(row, inner, codes);
        const ptrdiff_t panel = j / PLAIN_PANEL * PLAIN_PANEL;
        ptrdiff_t width = columns - panel < PLAIN_PANEL ? columns - panel : PLAIN_PANEL;
        for (ptrdiff_t k = 0; k < inner; k++)
            ((signed char *)packed)[panel * inner + k * width + j - panel] = (signed char)codes[k];
    }
}

static void qd8_qc8w_gemm__plain(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                                 const gemm_segment *segments, ptrdiff_t lda, const void *packed,
                                 ptrdiff_t inner, const float *scales, const float *bias, float *c,
                                 ptrdiff_t ldc, int accumulate) {
    int32_t codes[QD8_SEGMENT];
    for (ptrdiff_t r = 0; r < rows; r++) {
        if (!accumulate)
            for (ptrdiff_t j = 0; j < columns; j++)
                c[r * ldc + j] = bias ? bias[j] : 0.0f;
        for (ptrdiff_t s = 0; s < count; s++)
            for (ptrdiff_t done = 0; done < segments[s].count; done += QD8_SEGMENT) {
                ptrdiff_t n = segments[s].count - done;
                n = n < QD8_SEGMENT ? n : QD8_SEGMENT;
                const float step =
                    quantised((const float *)segments[s].a + r * lda + done, n, codes);
                for (ptrdiff_t j = 0; j < columns; j++) {
                    const ptrdiff_t panel = j / PLAIN_PANEL * PLAIN_PANEL;
                    ptrdiff_t width = columns - panel;
                    width = width < PLAIN_PANEL ? width : PLAIN_PANEL;
                    const signed char *b = (const signed char *)packed + panel * inner +
                                           (segments[s].first + done) * width + (j - panel);
                    int32_t sum = 0;
                    for (ptrdiff_t k = 0; k < n; k++)
                        sum += codes[k] * b[k * width];
                    const float factor = step * scales[j];
                    c[r * ldc + j] = __builtin_fmaf((float)sum, factor, c[r * ldc + j]);
                }
            }
    }
}

#include "plain_fft.h"

static void q8_rows__plain(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                           signed char *out, ptrdiff_t ldo, float *steps) {
    int32_t codes[QD8_SEGMENT];
    for (ptrdiff_t r = 0; r < rows; r++) {
        steps[r] = quantised(x + r * ldx, cols, codes);
        for (ptrdiff_t k = 0; k < cols; k++)
            out[r * ldo + k] = (signed char)codes[k];
        memset(out + r * ldo + cols, 0, (size_t)(-cols & 3));
    }
}

static void q8_qc8w_gemm__plain(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t first, ptrdiff_t count,
                                const signed char *a, ptrdiff_t lda, const float *steps,
                                const void *packed, ptrdiff_t inner, const float *scales, float *c,
                                ptrdiff_t ldc, int accumulate) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t j = 0; j < columns; j++) {
            const ptrdiff_t panel = j / PLAIN_PANEL * PLAIN_PANEL;
            ptrdiff_t width = columns - panel < PLAIN_PANEL ? columns - panel : PLAIN_PANEL;
            float *target = &c[r * ldc + j];
            *target = accumulate ? *target : 0.0f;
            for (ptrdiff_t done = 0; done < count; done += QD8_SEGMENT) {
                ptrdiff_t n = count - done < QD8_SEGMENT ? count - done : QD8_SEGMENT;
                const signed char *b = (const signed char *)packed + panel * inner +
                                       (first + done) * width + j - panel;
                int32_t sum = 0;
                for (ptrdiff_t k = 0; k < n; k++)
                    sum += a[r * lda + done + k] * b[k * width];
                const float factor = steps[r] * scales[j];
                *target = __builtin_fmaf((float)sum, factor, *target);
            }
        }
}

static void f32_column_magnitudes__plain(ptrdiff_t rows, ptrdiff_t cols, const float *x,
                                         ptrdiff_t ldx, float *largest) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            float size = __builtin_fabsf(x[r * ldx + c]);
            largest[c] = size <= largest[c] ? largest[c] : size;
        }
}

static void qc8w_pack_scaled__plain(ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count,
                                    ptrdiff_t columns, const float *b, ptrdiff_t ldb,
                                    const float *scales, void *packed) {
    for (ptrdiff_t j = 0; j < columns; j++) {
        const ptrdiff_t panel = j / PLAIN_PANEL * PLAIN_PANEL;
        ptrdiff_t width = columns - panel < PLAIN_PANEL ? columns - panel : PLAIN_PANEL;
        for (ptrdiff_t k = 0; k < count; k++) {
            float code = 0;
            if (scales[j] > 0 && scales[j] < INFINITY)
                code = fminf(127, fmaxf(-127, rintf(b[k * ldb + j] / scales[j])));
            ((signed char *)packed)[panel * inner + (first + k) * width + j - panel] =
                (signed char)code;
        }
    }
}

const kernel_table *kernels_plain(void) {
    static const kernel_table table = {
        .f32_affine = f32_affine__plain,
        .f32_affine_add = f32_affine_add__plain,
        .f32_affine_gelu = f32_affine_gelu__plain,
        .f32_affine_glu = f32_affine_glu__plain,
        .f32_affine_glu_add = f32_affine_glu_add__plain,
        .coarse_affine_gelu = f32_affine_gelu__plain,
        .coarse_affine_glu = f32_affine_glu__plain,
        .coarse_affine_glu_add = f32_affine_glu_add__plain,
        .bf16_affine_gelu = bf16_affine_gelu__plain,
        .f32_moments = f32_moments__plain,
        .f32_layer_norm = f32_layer_norm__plain,
        .bf16_layer_norm = bf16_layer_norm__plain,
        .f32_softmax_step = f32_softmax_step__plain,
        .bf16_softmax_step = bf16_softmax_step__plain,
        .q8_softmax_step = q8_softmax_step__plain,
        .bf16_round = bf16_round__plain,
        .f32_scale_rows = f32_scale_rows__plain,
        .f32_add = f32_add__plain,
        .f32_gather_taps = f32_gather_taps__plain,
        .f32_winograd_input = f32_winograd_input__plain,
        .bf16_winograd_input = bf16_winograd_input__plain,
        .f32_winograd_output = f32_winograd_output__plain,
        .f32_winograd_input_2d = f32_winograd_input_2d__plain,
        .bf16_winograd_input_2d = bf16_winograd_input_2d__plain,
        .f32_winograd_output_2d = f32_winograd_output_2d__plain,
        .f32_gemm = f32_gemm__plain,
        .panel_columns = PLAIN_PANEL,
        .f32_packed_bytes = f32_packed_bytes__plain,
        .f32_pack = f32_pack__plain,
        .bf16_gemm = bf16_gemm__plain,
        .bf16_gemm_of_bf16 = bf16_gemm_of_bf16__plain,
        .bf16_packed_bytes = bf16_packed_bytes__plain,
        .bf16_pack = bf16_pack__plain,
        .f32_qc8w_gemm = f32_qc8w_gemm__plain,
        .bf16_qc8w_gemm = bf16_qc8w_gemm__plain,
        .qd8_qc8w_gemm = qd8_qc8w_gemm__plain,
        .q8_rows = q8_rows__plain,
        .q8_qc8w_gemm = q8_qc8w_gemm__plain,
        .qc8w_packed_bytes = qc8w_packed_bytes__plain,
        .qc8w_pack_rows = qc8w_pack_rows__plain,
        .qc8w_pack_scaled = qc8w_pack_scaled__plain,
        .f32_column_magnitudes = f32_column_magnitudes__plain,
        .qc8w_pack = qc8w_pack__plain,
        .f32_fft_frames = f32_fft_frames__plain,
        .f32_fft_pass = f32_fft_pass__plain,
        .f32_rfft_bins = f32_rfft_bins__plain,
        .f32_irfft_bins = f32_irfft_bins__plain,
        .f32_fft_overlap_add = f32_fft_overlap_add__plain,
    };
    return &table;
}
