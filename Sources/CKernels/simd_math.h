/* Exponential, sigmoid and GELU of a vector. */

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

/* 2^x = 2^n 2^f with n + f = x, for x clamped to -126...end, at most 127: what lies below gives
 * 1e-38 instead of 0, which no sum of exponentials can see. */
static inline vec power_of_two(vec x, float end) {
    x = smaller((vec)end, larger((vec)-126.0f, x));
    vec n = __builtin_elementwise_roundeven(x);
    return times_power_of_two(power_of_fraction(x - n), n);
}

static const float LOG2_E = 1.44269504f;

static inline vec sigmoid(vec x) { return reciprocal(1.0f + power_of_two(x * -LOG2_E, 127.0f)); }

/* erf(x) = x P(x^2) / Q(x^2) for x >= 0, up to where float32's erf becomes 1. P and Q minimise the
 * largest relative error up to 3.925 (1.9e-8, below float32's rounding): an iteratively reweighted
 * least-squares fit. At 4.2 the quotient is above 1 by more than any rounding, so that its minimum
 * with 1 leaves exactly 1: gelu multiplies what is left of 1 - erf by x, which may be huge. */
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

/* v/2 (1 + erf(v / sqrt 2)), with the sign of erf given to its factor. */
static inline vec gelu(vec v) {
    vec half = 0.5f * v, size = __builtin_elementwise_abs(half);
    return fma(size, erf_of_positive(size * 1.4142135623730951f), half);
}
