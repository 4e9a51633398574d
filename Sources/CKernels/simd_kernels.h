/* The SIMD kernels, written once over clang's vector types.
 *
 * Included by one file per instruction set, which first defines WIDTH (floats in a vector) and
 * SUFFIX (the name of the set), and compiles the text under that set's target attribute. Columns
 * past the last whole vector go through a zero-filled vector, so no kernel reads or writes outside
 * its rows.
 */
#include "ckernels.h"

#include <stdint.h>
#include <string.h>

#define PASTE_(a, b) a##__##b
#define PASTE(a, b) PASTE_(a, b)
#define KERNEL(name) PASTE(name, SUFFIX)

typedef float vec __attribute__((ext_vector_type(WIDTH)));
typedef int32_t vec_int __attribute__((ext_vector_type(WIDTH)));
typedef double vec_double __attribute__((ext_vector_type(WIDTH)));

static inline vec load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(float *p, vec v) { memcpy(p, &v, sizeof v); }

/* The first n < WIDTH floats, zero behind them. */
static inline vec load_part(const float *p, ptrdiff_t n) {
#if WIDTH == 16
    return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
    float lanes[WIDTH] = {0};
    for (ptrdiff_t i = 0; i < n; i++)
        lanes[i] = p[i];
    return load(lanes);
#endif
}

static inline void store_part(float *p, vec v, ptrdiff_t n) {
#if WIDTH == 16
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
    float lanes[WIDTH];
    store(lanes, v);
    for (ptrdiff_t i = 0; i < n; i++)
        p[i] = lanes[i];
#endif
}

static inline vec fma(vec a, vec b, vec c) { return __builtin_elementwise_fma(a, b, c); }

typedef float vec4 __attribute__((ext_vector_type(4)));

/* The vector folded to four lanes by an operation. */
#if WIDTH == 16
#define FOLD(v, op) op(op((v).hi.hi, (v).hi.lo), op((v).lo.hi, (v).lo.lo))
#elif WIDTH == 8
#define FOLD(v, op) op((v).hi, (v).lo)
#else
#define FOLD(v, op) (v)
#endif
#define PLUS(a, b) ((a) + (b))

static inline float sum_lanes(vec v) {
    vec4 sum = FOLD(v, PLUS);
    return (sum.x + sum.y) + (sum.z + sum.w);
}

static inline double sum_lanes_double(const vec_double *v) {
    double sum = 0;
    for (int i = 0; i < WIDTH; i++)
        sum += (*v)[i];
    return sum;
}

static inline float max_lanes(vec v) {
    vec4 maximum = FOLD(v, __builtin_elementwise_max);
    float first = maximum.x > maximum.y ? maximum.x : maximum.y;
    float second = maximum.z > maximum.w ? maximum.z : maximum.w;
    return first > second ? first : second;
}

/* 1 / x for x of a normal size, within an ulp. A division of 16 floats takes as long as 20 other
 * operations; two steps from an estimate of 14 bits take five. */
static inline vec reciprocal(vec x) {
#if WIDTH == 16
    vec y = (vec)_mm512_rcp14_ps((__m512)x);
    vec error = fma(-x, y, (vec)1.0f);
    return fma(y, error, y);
#else
    return 1.0f / x;
#endif
}

/* p * 2^n for whole n in -126...127. */
static inline vec times_power_of_two(vec p, vec n) {
#if WIDTH == 16
    return (vec)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    vec_int exponent = (__builtin_convertvector(n, vec_int) + 127) << 23;
    vec power;
    memcpy(&power, &exponent, sizeof power);
    return p * power;
#endif
}

/* 2^f for |f| <= 1/2: the polynomial of degree 6 through 1 at 0 with the least relative error
 * (2e-9), an iteratively reweighted least-squares fit. */
static inline vec power_of_fraction(vec f) {
    vec p = fma((vec)1.535336184e-4f, f, (vec)1.339887444e-3f);
    p = fma(p, f, (vec)9.618437358e-3f);
    p = fma(p, f, (vec)5.550332471e-2f);
    p = fma(p, f, (vec)2.402264791e-1f);
    p = fma(p, f, (vec)6.931472029e-1f);
    return fma(p, f, (vec)1.0f);
}

/* exp(x) = 2^n 2^f with n + f = x log2 e, the product taken in two parts so that f is exact.
 * Clamped to the range of normal floats, -87 to 88, or to less above; what lies below it gives
 * 1e-38 instead of 0, which no sum of exponentials can see. */
static inline vec exponential(vec x, float end) {
    x = __builtin_elementwise_min(__builtin_elementwise_max(x, (vec)-87.0f), (vec)end);
    vec n = __builtin_elementwise_roundeven(x * 1.44269504f);
    vec f = fma(x, (vec)1.44269504f, -n);
    f = fma(x, (vec)1.92596299e-8f, f);
    return times_power_of_two(power_of_fraction(f), n);
}

static inline vec sigmoid(vec x) { return reciprocal(1.0f + exponential(-x, 88.0f)); }

/* `yes` in the lanes where the mask is -1, `no` where it is 0. */
static inline vec choose(vec_int mask, vec yes, vec no) {
    vec_int a, b;
    memcpy(&a, &yes, sizeof a);
    memcpy(&b, &no, sizeof b);
    vec_int bits = (a & mask) | (b & ~mask);
    vec result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* erf(x) = x P(x^2) / Q(x^2) up to 3.925, where float32's erf becomes 1. P and Q minimise the
 * largest relative error there (1.9e-8, below float32's rounding): an iteratively reweighted
 * least-squares fit. Beyond it the quotient's rounding must not remain: gelu multiplies what is
 * left of 1 + erf by x, which may be huge. */
static inline vec erf_of(vec x) {
    const float end = 3.925f;
    vec_int beyond = __builtin_elementwise_abs(x) >= end;
    vec one = __builtin_elementwise_copysign((vec)1.0f, x);
    x = __builtin_elementwise_min(__builtin_elementwise_max(x, (vec)-end), (vec)end);
    vec t = x * x;
    vec p = fma((vec)2.046028313e-6f, t, (vec)2.848423633e-4f);
    p = fma(p, t, (vec)3.772513826e-3f);
    p = fma(p, t, (vec)5.276918139e-2f);
    p = fma(p, t, (vec)1.905929644e-1f);
    p = fma(p, t, (vec)1.128379146f);
    vec q = fma((vec)3.804772429e-5f, t, (vec)1.163848390e-3f);
    q = fma(q, t, (vec)1.498312415e-2f);
    q = fma(q, t, (vec)1.141823840e-1f);
    q = fma(q, t, (vec)5.022413475e-1f);
    q = fma(q, t, (vec)1.0f);
    return choose(beyond, one, x * p * reciprocal(q));
}

static inline vec gelu(vec v) {
    vec half = 0.5f * v;
    return fma(half, erf_of(v * 0.70710678118654752f), half);
}

static void KERNEL(f32_affine)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                               const float *shift, const float *x, ptrdiff_t ldx, float *out,
                               ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, fma(load(x + c), load(scale + c), load(shift + c)));
        ptrdiff_t n = cols - c;
        if (n > 0)
            store_part(out + c,
                       fma(load_part(x + c, n), load_part(scale + c, n), load_part(shift + c, n)),
                       n);
    }
}

static void KERNEL(f32_affine_add)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                   const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                   ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, load(out + c) + fma(load(x + c), load(scale + c), load(shift + c)));
        ptrdiff_t n = cols - c;
        if (n > 0)
            store_part(out + c,
                       load_part(out + c, n) + fma(load_part(x + c, n), load_part(scale + c, n),
                                                   load_part(shift + c, n)),
                       n);
    }
}

static void KERNEL(f32_affine_gelu)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                    const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                    ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, gelu(fma(load(x + c), load(scale + c), load(shift + c))));
        ptrdiff_t n = cols - c;
        if (n > 0)
            store_part(
                out + c,
                gelu(fma(load_part(x + c, n), load_part(scale + c, n), load_part(shift + c, n))),
                n);
    }
}

static inline vec affine_glu(const float *value, const float *gate, const float *scale,
                             const float *shift, const float *gate_scale, const float *gate_shift) {
    vec v = fma(load(value), load(scale), load(shift));
    vec g = fma(load(gate), load(gate_scale), load(gate_shift));
    return v * sigmoid(g);
}

static inline vec affine_glu_part(const float *value, const float *gate, const float *scale,
                                  const float *shift, const float *gate_scale,
                                  const float *gate_shift, ptrdiff_t n) {
    vec v = fma(load_part(value, n), load_part(scale, n), load_part(shift, n));
    vec g = fma(load_part(gate, n), load_part(gate_scale, n), load_part(gate_shift, n));
    return v * sigmoid(g);
}

static void KERNEL(f32_affine_glu)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                   const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                   ptrdiff_t ldo) {
    const float *gate_scale = scale + cols, *gate_shift = shift + cols;
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        const float *gate = x + cols;
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, affine_glu(x + c, gate + c, scale + c, shift + c, gate_scale + c,
                                      gate_shift + c));
        ptrdiff_t n = cols - c;
        if (n > 0)
            store_part(out + c,
                       affine_glu_part(x + c, gate + c, scale + c, shift + c, gate_scale + c,
                                       gate_shift + c, n),
                       n);
    }
}

static void KERNEL(f32_affine_glu_add)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                       const float *shift, const float *gamma, const float *x,
                                       ptrdiff_t ldx, float *out, ptrdiff_t ldo) {
    const float *gate_scale = scale + cols, *gate_shift = shift + cols;
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        const float *gate = x + cols;
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH) {
            vec y =
                affine_glu(x + c, gate + c, scale + c, shift + c, gate_scale + c, gate_shift + c);
            store(out + c, fma(load(gamma + c), y, load(out + c)));
        }
        ptrdiff_t n = cols - c;
        if (n > 0) {
            vec y = affine_glu_part(x + c, gate + c, scale + c, shift + c, gate_scale + c,
                                    gate_shift + c, n);
            store_part(out + c, fma(load_part(gamma + c, n), y, load_part(out + c, n)), n);
        }
    }
}

static void KERNEL(f32_moments)(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                                double sums[2]) {
    vec_double sum = 0, squares = 0;
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH) {
            vec_double v = __builtin_convertvector(load(x + c), vec_double);
            sum += v;
            squares = __builtin_elementwise_fma(v, v, squares);
        }
        if (c < cols) {
            vec_double v = __builtin_convertvector(load_part(x + c, cols - c), vec_double);
            sum += v;
            squares = __builtin_elementwise_fma(v, v, squares);
        }
    }
    sums[0] += sum_lanes_double(&sum);
    sums[1] += sum_lanes_double(&squares);
}

static void KERNEL(f32_layer_norm)(ptrdiff_t rows, ptrdiff_t cols, const float *gain,
                                   const float *bias, float epsilon, const float *x, ptrdiff_t ldx,
                                   float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        /* Four sums: short chains of additions are faster and err less. */
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
            store(out + c, fma((load(x + c) - mean) * factor, load(gain + c), load(bias + c)));
        for (; c < cols; c++)
            out[c] = (x[c] - mean) * factor * gain[c] + bias[c];
    }
}

/* The largest score is 0 but for the rounding of its product with the scale, which stays out of a
 * fused product: half a unit of the score, more than 88 beyond 1e9. Every exponential of a row
 * carries it, so it cancels; it must only not overflow their sum. */
static const float SCORE_END = 20.0f;

static void KERNEL(f32_softmax_step)(ptrdiff_t rows, ptrdiff_t cols, float scale, float *x,
                                     ptrdiff_t ldx, float *maxima, float *sums, float *correction) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx) {
        vec maximum_lanes = -__builtin_inff();
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            maximum_lanes = __builtin_elementwise_max(maximum_lanes, load(x + c));
        float largest = max_lanes(maximum_lanes);
        for (; c < cols; c++)
            largest = x[c] > largest ? x[c] : largest;
        float maximum = scale * largest > maxima[r] ? scale * largest : maxima[r];

        vec sum = 0;
        for (c = 0; c + WIDTH <= cols; c += WIDTH) {
            vec e = exponential(fma(load(x + c), (vec)scale, (vec)-maximum), SCORE_END);
            store(x + c, e);
            sum += e;
        }
        float total = sum_lanes(sum);
        ptrdiff_t n = cols - c;
        if (n > 0) {
            vec e = exponential(fma(load_part(x + c, n), (vec)scale, (vec)-maximum), SCORE_END);
            store_part(x + c, e, n);
            for (ptrdiff_t i = c; i < cols; i++)
                total += x[i];
        }
        correction[r] = exponential((vec)(maxima[r] - maximum), 0.0f)[0];
        sums[r] = sums[r] * correction[r] + total;
        maxima[r] = maximum;
    }
}

static void KERNEL(f32_scale_rows)(ptrdiff_t rows, ptrdiff_t cols, const float *factor,
                                   const float *x, ptrdiff_t ldx, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, load(x + c) * factor[r]);
        for (; c < cols; c++)
            out[c] = x[c] * factor[r];
    }
}

static void KERNEL(f32_add)(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                            const float *y, ptrdiff_t ldy, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, y += ldy, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, load(x + c) + load(y + c));
        for (; c < cols; c++)
            out[c] = x[c] + y[c];
    }
}

/* Six values of one tile, transformed. */
static inline void winograd_input_columns(const vec d[6], vec out[6]) {
    vec even = fma((vec)-4.0f, d[2], d[4]), odd = fma((vec)-4.0f, d[1], d[3]);
    vec far_even = d[4] - d[2], far_odd = 2.0f * (d[3] - d[1]);
    out[0] = fma((vec)4.0f, d[0], fma((vec)-5.0f, d[2], d[4]));
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = far_even + far_odd;
    out[4] = far_even - far_odd;
    out[5] = fma((vec)4.0f, d[1], fma((vec)-5.0f, d[3], d[5]));
}

static void KERNEL(f32_winograd_input)(ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols,
                                       const float *x, ptrdiff_t count, float *out,
                                       ptrdiff_t plane) {
    for (ptrdiff_t t = 0; t < tiles; t++, out += cols) {
        ptrdiff_t row = 4 * (first + t) - 1;
        const float *source = x + row * cols;
        vec d[6], v[6];
        for (ptrdiff_t c = 0; c < cols; c += WIDTH) {
            ptrdiff_t n = cols - c;
            for (ptrdiff_t i = 0; i < 6; i++) {
                if (row + i < 0 || row + i >= count)
                    d[i] = 0;
                else
                    d[i] = n >= WIDTH ? load(source + i * cols + c)
                                      : load_part(source + i * cols + c, n);
            }
            winograd_input_columns(d, v);
            for (ptrdiff_t i = 0; i < 6; i++) {
                if (n >= WIDTH)
                    store(out + i * plane + c, v[i]);
                else
                    store_part(out + i * plane + c, v[i], n);
            }
        }
    }
}

static void KERNEL(f32_winograd_output)(ptrdiff_t tiles, ptrdiff_t cols, const float *m,
                                        ptrdiff_t plane, ptrdiff_t rows, float *out,
                                        ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++, m += cols, out += 4 * ldo) {
        ptrdiff_t count = rows - 4 * t < 4 ? rows - 4 * t : 4;
        for (ptrdiff_t c = 0; c < cols; c += WIDTH) {
            ptrdiff_t n = cols - c;
            vec v[6], y[4];
            for (ptrdiff_t i = 0; i < 6; i++)
                v[i] = n >= WIDTH ? load(m + i * plane + c) : load_part(m + i * plane + c, n);
            vec sum = v[1] + v[2], difference = v[1] - v[2];
            vec far_sum = v[3] + v[4], far_difference = v[3] - v[4];
            y[0] = v[0] + sum + far_sum;
            y[1] = fma((vec)2.0f, far_difference, difference);
            y[2] = fma((vec)4.0f, far_sum, sum);
            y[3] = fma((vec)8.0f, far_difference, difference) + v[5];
            for (ptrdiff_t i = 0; i < count; i++) {
                if (n >= WIDTH)
                    store(out + i * ldo + c, y[i]);
                else
                    store_part(out + i * ldo + c, y[i], n);
            }
        }
    }
}
