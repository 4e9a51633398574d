/* Vectors of WIDTH floats, as clang's vector types: the operations that are common to all
 * instruction sets, and declarations of those that each set defines.
 *
 * Columns after the last whole vector are loaded into a vector filled with zeros, so no kernel
 * reads or writes outside its rows.
 */
#pragma once

#include "ckernels.h"

#include <stdint.h>
#include <string.h>

#define JOIN_(a, between, b) a##between##b
#define JOIN(a, between, b) JOIN_(a, between, b)
#define KERNEL(name) JOIN(name, __, SUFFIX)

/* A name with the present kind of product, PRODUCT, as prefix. */
#define KIND(name) JOIN(PRODUCT, _, name)

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((ext_vector_type(WIDTH)));
typedef int32_t vec_int __attribute__((ext_vector_type(WIDTH)));
typedef uint32_t vec_bits __attribute__((ext_vector_type(WIDTH)));
typedef double vec_double __attribute__((ext_vector_type(WIDTH)));
typedef uint16_t bf16_vec __attribute__((ext_vector_type(WIDTH)));
typedef signed char byte_vec __attribute__((ext_vector_type(WIDTH)));

/* ---- Defined by the header of the set, ops_<set>.h ---- */

/* The first n < WIDTH floats, followed by zeros. */
static inline vec load_part(const float *p, ptrdiff_t n);
static inline void store_part(float *p, vec v, ptrdiff_t n);
static inline void store_bf16_part(uint16_t *p, bf16_vec v, ptrdiff_t n);

/* The larger and the smaller of two numbers; `b` if one of them is NaN, so that a clamp of b keeps
 * a NaN. (Clang's builtins return the other operand, which takes x86 three instructions.) */
static inline vec larger(vec a, vec b);
static inline vec smaller(vec a, vec b);

/* FOLD(v, op): the vector folded to four lanes by an operation. */

/* The nearest whole numbers, ties to even. */
static inline vec_int nearest(vec x);

/* Writes four vectors of numbers from -128 to 127 as bytes. */
static inline void store_bytes(signed char *p, const vec_int v[4]);

/* 1 / x within an ulp, for x of normal magnitude. */
static inline vec reciprocal(vec x);

/* 2^x = 2^n 2^f, with an integer n and f in 0...1. */
typedef struct {
    vec n, f;
} power_parts;

static inline power_parts parts_of_power(vec x);

/* p 2^n */
static inline vec times_power(vec p, power_parts parts);

/* The sigmoid within 2^-13, and gelu within 2^-13 of its argument. */
static inline vec coarse_sigmoid(vec x);
static inline vec coarse_gelu(vec v);

/* ---- Common to all sets ---- */

static inline vec load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(float *p, vec v) { memcpy(p, &v, sizeof v); }

/* The first n floats, at most a whole vector, followed by zeros. */
static inline vec load_first(const float *p, ptrdiff_t n) {
    return n >= WIDTH ? load(p) : n > 0 ? load_part(p, n) : (vec)0;
}

static inline void store_first(float *p, vec v, ptrdiff_t n) {
    if (n >= WIDTH)
        store(p, v);
    else if (n > 0)
        store_part(p, v, n);
}

/* A set without a fused multiply-add defines FMA: the builtin would call the C library's fmaf. */
#ifndef FMA
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#endif

static inline vec fma(vec a, vec b, vec c) { return FMA(a, b, c); }

/* Loads a row of floats into the cache ahead of its use, where the CPU would notice too late
 * that it is next. */
static inline void prefetch_row(const float *row, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += 16)
        __builtin_prefetch(row + i);
}

typedef float vec4 __attribute__((ext_vector_type(4)));

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

/* Transposes a square block. Each round interleaves the first half of the rows with the second. */
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

/* Stores the columns of a block as rows that are `stride` floats apart. */
static inline void store_transposed(vec block[WIDTH], float *rows, ptrdiff_t stride) {
    transpose(block);
    for (ptrdiff_t i = 0; i < WIDTH; i++)
        store(rows + i * stride, block[i]);
}
