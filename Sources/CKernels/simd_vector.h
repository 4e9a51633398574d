/* Vectors of WIDTH floats, over clang's vector types: loading, storing, folding.
 *
 * Columns past the last whole vector go through a zero-filled vector, so no kernel reads or writes
 * outside its rows.
 */
#include "ckernels.h"

#include <stdint.h>
#include <string.h>

#define JOIN_(a, between, b) a##between##b
#define JOIN(a, between, b) JOIN_(a, between, b)
#define KERNEL(name) JOIN(name, __, SUFFIX)

typedef float vec __attribute__((ext_vector_type(WIDTH)));
typedef int32_t vec_int __attribute__((ext_vector_type(WIDTH)));
typedef double vec_double __attribute__((ext_vector_type(WIDTH)));
typedef signed char byte_vec __attribute__((ext_vector_type(WIDTH)));

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

/* The first n floats, or a whole vector where there are more; zero behind them. */
static inline vec load_first(const float *p, ptrdiff_t n) {
    return n >= WIDTH ? load(p) : n > 0 ? load_part(p, n) : (vec)0;
}

static inline void store_first(float *p, vec v, ptrdiff_t n) {
    if (n >= WIDTH)
        store(p, v);
    else if (n > 0)
        store_part(p, v, n);
}

static inline vec fma(vec a, vec b, vec c) { return __builtin_elementwise_fma(a, b, c); }

/* The larger and the smaller of two, and `b` where one is not a number, so that a clamp of b hides
 * no NaN. (The builtin ones return the other operand, which takes x86 three instructions.) */
static inline vec larger(vec a, vec b) {
#if WIDTH == 16
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif WIDTH == 8
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return (vec)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
#endif
}

static inline vec smaller(vec a, vec b) {
#if WIDTH == 16
    return (vec)_mm512_min_ps((__m512)a, (__m512)b);
#elif WIDTH == 8
    return (vec)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return (vec)vminq_f32((float32x4_t)a, (float32x4_t)b);
#endif
}

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

static inline int32_t sum_int_lanes(vec_int v) {
    int32_t sum = 0;
    for (int i = 0; i < WIDTH; i++)
        sum += v[i];
    return sum;
}

static inline float max_lanes(vec v) {
    vec4 maximum = FOLD(v, __builtin_elementwise_max);
    float first = maximum.x > maximum.y ? maximum.x : maximum.y;
    float second = maximum.z > maximum.w ? maximum.z : maximum.w;
    return first > second ? first : second;
}

typedef float vec_pair __attribute__((ext_vector_type(2 * WIDTH)));

/* a[0], b[0], a[1], b[1] and so on, in two vectors. */
static inline void interleave(vec a, vec b, vec *low, vec *high) {
    vec_pair both;
    both.even = a;
    both.odd = b;
    *low = both.lo;
    *high = both.hi;
}

/* Rows become columns. Each round puts the two halves of the rows into each other. */
static inline void transpose(vec rows[WIDTH]) {
#pragma clang loop unroll(full)
    for (int round = 1; round < WIDTH; round *= 2) {
        vec shuffled[WIDTH];
#pragma clang loop unroll(full)
        for (int i = 0; i < WIDTH / 2; i++)
            interleave(rows[i], rows[i + WIDTH / 2], &shuffled[2 * i], &shuffled[2 * i + 1]);
        memcpy(rows, shuffled, sizeof shuffled);
    }
}
