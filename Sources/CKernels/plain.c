/* The plain kernels: they define each result, and run on CPUs without a faster set. */
#include "ckernels.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static float gelu(float v) { return 0.5f * v * (1.0f + erff(v * 0.70710678118654752f)); }

static float sigmoid(float v) { return 1.0f / (1.0f + expf(-v)); }

/* x rounded to bfloat16 (the upper 16 bits), to nearest, ties to even. A NaN stays a NaN. */
static uint16_t bf16_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x != x)
        return (uint16_t)((bits | 0x00400000u) >> 16);
    return (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

static float widened(uint16_t bf16) {
    uint32_t bits = (uint32_t)bf16 << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Writes element i of a float32 or bfloat16 row. */
static void put(int is_bf16, void *out, ptrdiff_t i, float x) {
    uint16_t bf16 = bf16_of(x);
    if (is_bf16)
        memcpy((uint16_t *)out + i, &bf16, sizeof bf16);
    else
        ((float *)out)[i] = x;
}

/* The operation on y = x * scale + shift, for the kernels of kernel_variants.h. The plain coarse
 * kernels are not coarse. */
enum operation { AFFINE, AFFINE_ADD, GELU, GLU, TANH };

static void affine_rows(enum operation operation, int coarse, int is_bf16, ptrdiff_t rows,
                        ptrdiff_t cols, const float *scale, const float *shift, const float *x,
                        ptrdiff_t ldx, void *out, ptrdiff_t ldo) {
    (void)coarse;
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx)
        for (ptrdiff_t c = 0; c < cols; c++) {
            const ptrdiff_t place = r * ldo + c, gate = cols + c;
            float y = x[c] * scale[c] + shift[c];
            if (operation == AFFINE_ADD)
                y += ((const float *)out)[place];
            if (operation == GELU)
                y = gelu(y);
            if (operation == GLU)
                y *= sigmoid(x[gate] * scale[gate] + shift[gate]);
            if (operation == TANH)
                y = tanhf(y);
            put(is_bf16, out, place, y);
        }
}

static void affine_glu_add(int coarse, ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                           const float *shift, const float *gamma, const float *x, ptrdiff_t ldx,
                           float *out, ptrdiff_t ldo) {
    (void)coarse;
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            ptrdiff_t g = cols + c;
            float value = x[r * ldx + c] * scale[c] + shift[c];
            float gate = x[r * ldx + g] * scale[g] + shift[g];
            out[r * ldo + c] += gamma[c] * (value * sigmoid(gate));
        }
}

static void f32_rotate__plain(ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t cols, const float *cosines,
                              const float *sines, float *x, ptrdiff_t ldx) {
    for (ptrdiff_t r = 0; r < rows; r++, cosines += cols, sines += cols)
        for (ptrdiff_t h = 0; h < heads; h++)
            for (ptrdiff_t c = 0; c < cols; c += 2) {
                float *pair = x + r * ldx + h * cols + c;
                const float a = pair[0], b = pair[1];
                pair[0] = a * cosines[c] - b * sines[c];
                pair[1] = b * cosines[c + 1] + a * sines[c + 1];
            }
}

static void f32_lstm_cell__plain(ptrdiff_t rows, ptrdiff_t cols, const float *gates, ptrdiff_t ldg,
                                 float *state, ptrdiff_t lds, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, gates += ldg, state += lds, out += ldo)
        for (ptrdiff_t c = 0; c < cols; c++) {
            const float *i = gates + c, *f = i + cols, *g = f + cols, *o = g + cols;
            state[c] = sigmoid(*f) * state[c] + sigmoid(*i) * tanhf(*g);
            out[c] = sigmoid(*o) * tanhf(state[c]);
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

static void layer_norm(int is_bf16, ptrdiff_t rows, ptrdiff_t cols, const float *gain,
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
            put(is_bf16, out, r * ldo + c, (row[c] - (float)mean) * factor * gain[c] + bias[c]);
    }
}

static void rms_norm(int is_bf16, ptrdiff_t rows, ptrdiff_t cols, const float *gain, const float *x,
                     ptrdiff_t ldx, void *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        const float *row = x + r * ldx;
        double squares = 0;
        for (ptrdiff_t c = 0; c < cols; c++)
            squares += (double)row[c] * row[c];
        float factor = (float)(1 / fmax(sqrt(squares), 1e-12));
        for (ptrdiff_t c = 0; c < cols; c++)
            put(is_bf16, out, r * ldo + c, row[c] * factor * gain[c]);
    }
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
            /* Rounded once, like a fused multiply-add: the rounding error of a large score's
             * product would be too large for an exponent. The maximum is a rounded product, so the
             * largest exponent can be above 0; the minimum with 1 prevents overflow. */
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
    /* In place: results are narrower than floats, so no unread float is overwritten. */
    bf16_round__plain(rows, cols, x, ldx, (uint16_t *)x, 2 * ldx);
}

static void q8_softmax_step__plain(ptrdiff_t rows, ptrdiff_t cols, float slope, float *x,
                                   ptrdiff_t ldx, float *maxima, float *sums, float *correction,
                                   float *row_scales) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        float *row = x + r * ldx;
        signed char *quantized = (signed char *)row;
        float top = -INFINITY;
        for (ptrdiff_t c = 0; c < cols; c++)
            top = fmaxf(top, slope * row[c]);
        float maximum = fmaxf(maxima[r], top), total = 0;
        for (ptrdiff_t c = 0; c < cols; c++) {
            float e = exp2f(fminf((float)((double)slope * row[c] - top), 0));
            /* In place: results are narrower than floats, so no unread float is overwritten. */
            quantized[c] = (signed char)lrintf(127 * e);
            total += quantized[c];
        }
        memset(quantized + cols, 0, (size_t)(-cols & 3));
        correction[r] = exp2f(maxima[r] - maximum);
        row_scales[r] = exp2f(top - maximum) / 127;
        sums[r] = sums[r] * correction[r] + row_scales[r] * total;
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

static void bf16_add__plain(ptrdiff_t rows, ptrdiff_t cols, const uint16_t *x, ptrdiff_t ldx,
                            float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++)
            out[r * ldo + c] += widened(x[r * ldx + c]);
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

static void f32_column_magnitudes__plain(ptrdiff_t rows, ptrdiff_t cols, const float *x,
                                         ptrdiff_t ldx, float *largest) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            float size = __builtin_fabsf(x[r * ldx + c]);
            if (size > largest[c] || size != size) /* a NaN stays */
                largest[c] = size;
        }
}

#include "plain_fft.h"
#include "plain_products.h"
#include "plain_winograd.h"

#define KERNEL(name) name##__plain
#include "kernel_variants.h"

#if !defined(__wasm__)
static double peak_pass__plain(int kind, ptrdiff_t passes) {
    static float operands[2][64 * 16];
    float *a = operands[0], *b = operands[1], c[8 * 16];
    const gemm_segment segment = {a, 0, 64};
    for (ptrdiff_t i = 0; i < passes; i++) {
        f32_gemm__plain(8, 1, &segment, 64, (packed_matrix){b, 64, 16}, 0, 16, NULL, c, 16, 0);
        /* The compiler may not know that the product is not used. */
        __asm__ volatile("" ::"r"(c) : "memory");
    }
    (void)kind;
    return (double)passes * 2 * 8 * 64 * 16;
}
#endif

const kernel_table *kernels_plain(void) {
#define TABLE_ENTRY(name, family) .name = KERNEL(name),
#if defined(__wasm__)
#define PEAK
#else
#define PEAK .peak_pass = peak_pass__plain,
#endif
    /* Plain matrices may be cut at any column; 16 floats are a cache line. */
    static const kernel_table table = {
        .name = "plain", .panel_columns = 16, PEAK KERNEL_LIST(TABLE_ENTRY)};
    return &table;
}
