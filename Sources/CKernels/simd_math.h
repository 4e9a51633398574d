/* Exponential, sigmoid and GELU of a vector.
 *
 * The coarse versions have an error of up to 2^-13 of their largest factor; they are for results
 * that a product rounds to 8 or 16 bits anyway. */
#pragma once

#include "simd_vector.h"

/* Coefficients of 2^x in 0...1, the highest first: the polynomial of degree 6 with the least
 * relative error (2e-9) that is 1 at 0, an iteratively reweighted least-squares fit. */
static const float POWER[] = {2.156598493e-4f,
                              1.248228829e-3f,
                              9.673775174e-3f,
                              5.548618361e-2f,
                              2.402290851e-1f,
                              6.931470633e-1f,
                              1.0f};
/* Coefficients of 2^x in degree 3, within 7.5e-5. */
static const float COARSE_POWER[] = {7.802447377e-2f, 2.260671783e-1f, 6.958335567e-1f,
                                     9.999252139e-1f};

/* 2^x for x up to 127, of n vectors. The operations of one vector depend on each other, so the
 * steps of several vectors alternate: the CPU finds independent operations without looking far
 * ahead. */
ALWAYS_INLINE void powers_of_two(const int coarse, const int n, vec *x) {
    const float *coefficients = coarse ? COARSE_POWER : POWER;
    const int degree = coarse ? 3 : 6;
    power_parts parts[4];
    vec p[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < n; i++) {
        parts[i] = parts_of_power(x[i]);
        p[i] = (vec)coefficients[0];
    }
#pragma clang loop unroll(full)
    for (int k = 1; k <= degree; k++)
#pragma clang loop unroll(full)
        for (int i = 0; i < n; i++)
            p[i] = fma(p[i], parts[i].f, (vec)coefficients[k]);
#pragma clang loop unroll(full)
    for (int i = 0; i < n; i++)
        x[i] = times_power(p[i], parts[i]);
}

static inline vec power_of_two(vec x) {
    powers_of_two(0, 1, &x);
    return x;
}

static inline vec coarse_power_of_two(vec x) {
    powers_of_two(1, 1, &x);
    return x;
}

static const float LOG2_E = 1.44269504f;

ALWAYS_INLINE vec fine_sigmoid(vec x) {
    return reciprocal(1.0f + power_of_two(smaller((vec)127.0f, x * -LOG2_E)));
}

ALWAYS_INLINE vec sigmoid(const int coarse, vec x) {
    return coarse ? coarse_sigmoid(x) : fine_sigmoid(x);
}

/* tanh(x) = x P(x^2) / Q(x^2) up to 9.02, where tanh in float32 becomes 1. P and Q minimise the
 * largest relative error up to there (2.1e-8, below float32's rounding): an iteratively reweighted
 * least-squares fit. */
static inline vec hyperbolic_tangent(vec x) {
    x = smaller((vec)9.02f, x);
    x = -smaller((vec)9.02f, -x);
    vec t = x * x;
    vec p = fma((vec)1.331908469e-8f, t, (vec)2.058349092e-5f);
    p = fma(p, t, (vec)3.494035149e-3f);
    p = fma(p, t, (vec)1.337971843e-1f);
    p = fma(p, t, (vec)9.999999790e-1f);
    vec q = fma((vec)7.762024822e-7f, t, (vec)3.283093805e-4f);
    q = fma(q, t, (vec)2.587107543e-2f);
    q = fma(q, t, (vec)4.671303367e-1f);
    q = fma(q, t, (vec)1.0f);
    return x * p * reciprocal(q);
}

/* erf(x) = x P(x^2) / Q(x^2) for x >= 0, up to where erf in float32 becomes 1. P and Q minimise the
 * largest relative error up to 3.925 (1.9e-8, below float32's rounding): an iteratively reweighted
 * least-squares fit. At 4.2 the quotient is above 1 by more than any rounding error, so that its
 * minimum with 1 is exactly 1: gelu multiplies 1 - erf by x, which may be huge. */
static inline vec erf_of_positive(vec x) {
    x = smaller((vec)4.2f, x);
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
    return smaller((vec)1.0f, x * p * reciprocal(q));
}

/* v/2 (1 + erf(v / sqrt 2)); v erf(v / sqrt 2) is even, so both of its factors take |v|. */
ALWAYS_INLINE vec fine_gelu(vec v) {
    vec half = 0.5f * v, size = __builtin_elementwise_abs(half);
    return fma(size, erf_of_positive(size * 1.4142135623730951f), half);
}

ALWAYS_INLINE vec gelu(const int coarse, vec v) { return coarse ? coarse_gelu(v) : fine_gelu(v); }
