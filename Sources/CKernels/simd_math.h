/* Exponential, sigmoid and GELU of a vector.
 *
 * The coarse ones err by up to 2^-13 of their largest factor, where a product rounds what comes out
 * to 8 bits or 16 anyway. Where a table in registers or a cheap reciprocal is missing they are the
 * fine ones.
 */

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

/* 2^x = 2^n 2^f, with n whole and f in 0...1. */
typedef struct {
    vec n, f;
} power_parts;

static inline power_parts parts_of_power(vec x) {
#if WIDTH == 16
    /* VSCALEFPS rounds its exponent down itself, whatever its size. */
    return (power_parts){
        x, (vec)_mm512_reduce_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
#else
    /* What lies below gives 1e-38 instead of 0, which no sum of exponentials can see. */
    x = larger((vec)-126.0f, x);
    vec n = __builtin_elementwise_floor(x);
    return (power_parts){n, x - n};
#endif
}

/* p 2^n */
static inline vec times_power(vec p, power_parts parts) {
#if WIDTH == 16
    return (vec)_mm512_scalef_ps((__m512)p, (__m512)parts.n);
#else
    vec_int exponent = (__builtin_convertvector(parts.n, vec_int) + 127) << 23;
    vec power;
    memcpy(&power, &exponent, sizeof power);
    return p * power;
#endif
}

/* 2^x for x up to 127, with the polynomial of degree 6 through 1 at 0 that has the least relative
 * error (2e-9), an iteratively reweighted least-squares fit. */
static inline vec power_of_two(vec x) {
    power_parts parts = parts_of_power(x);
    vec f = parts.f, p = fma((vec)2.156598493e-4f, f, (vec)1.248228829e-3f);
    p = fma(p, f, (vec)9.673775174e-3f);
    p = fma(p, f, (vec)5.548618361e-2f);
    p = fma(p, f, (vec)2.402290851e-1f);
    p = fma(p, f, (vec)6.931470633e-1f);
    return times_power(fma(p, f, (vec)1.0f), parts);
}

/* The same of degree 3, within 7.5e-5. */
static inline vec coarse_power_of_two(vec x) {
    power_parts parts = parts_of_power(x);
    vec f = parts.f, p = fma((vec)7.802447377e-2f, f, (vec)2.260671783e-1f);
    p = fma(p, f, (vec)6.958335567e-1f);
    return times_power(fma(p, f, (vec)9.999252139e-1f), parts);
}

static const float LOG2_E = 1.44269504f;

static inline __attribute__((always_inline)) vec sigmoid(const int coarse, vec x) {
#if WIDTH == 16
    if (coarse)
        return (vec)_mm512_rcp14_ps((__m512)(1.0f + coarse_power_of_two(x * -LOG2_E)));
#else
    (void)coarse;
#endif
    return reciprocal(1.0f + power_of_two(smaller((vec)127.0f, x * -LOG2_E)));
}

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

#if WIDTH == 16
/* erf(u / sqrt 2) / 2 around u = 0.3 k: the coefficients of 1, t and t^2 with t = u / 0.3 - k, for
 * |t| <= 1/2, that err the least (4.9e-5, minimax by Lawson's iteration); 0 at 0, 1/2 at the end.
 */
static const float ERF_PIECES[3][16] = {
    {0.00000000e+00f, 1.17909678e-01f, 2.25744118e-01f, 3.15937201e-01f, 3.84928437e-01f,
     4.33192030e-01f, 4.64069856e-01f, 4.82136261e-01f, 4.91803243e-01f, 4.96533662e-01f,
     4.98650523e-01f, 4.99516813e-01f, 4.99841008e-01f, 4.99951954e-01f, 4.99986674e-01f,
     5.00000000e-01f},
    {1.19874757e-01f, 1.14124352e-01f, 9.97878442e-02f, 7.97831513e-02f, 5.83271562e-02f,
     3.89912578e-02f, 2.38338582e-02f, 1.33214659e-02f, 6.80831392e-03f, 3.18167779e-03f,
     1.35956802e-03f, 5.31217965e-04f, 1.89788755e-04f, 6.20001665e-05f, 1.85198958e-05f,
     0.00000000e+00f},
    {-1.24455972e-03f, -5.11376573e-03f, -8.94161834e-03f, -1.07216218e-02f, -1.04478416e-02f,
     -8.72703932e-03f, -6.39847774e-03f, -4.17010927e-03f, -2.43421122e-03f, -1.27886301e-03f,
     -6.06720333e-04f, -2.60544216e-04f, -1.01452483e-04f, -3.58681689e-05f, -1.15257512e-05f,
     0.00000000e+00f},
};

static inline vec erf_piece(int coefficient, vec place) {
    __m512i index;
    memcpy(&index, &place, sizeof index);
    return (vec)_mm512_permutexvar_ps(index, (__m512)load(ERF_PIECES[coefficient]));
}
#endif

/* v/2 (1 + erf(v / sqrt 2)), with the sign of erf given to its factor. */
static inline __attribute__((always_inline)) vec gelu(const int coarse, vec v) {
#if WIDTH == 16
    if (coarse) {
        /* Adding 2^23 rounds to a whole number, which the lowest bits then hold. */
        const float whole = 0x1p23f;
        vec u = __builtin_elementwise_abs(v);
        vec x = smaller((vec)15.0f, u * (1 / 0.3f));
        vec place = x + whole, t = x - (place - whole);
        vec erf = fma(fma(erf_piece(2, place), t, erf_piece(1, place)), t, erf_piece(0, place));
        return fma(u, erf, 0.5f * v);
    }
#else
    (void)coarse;
#endif
    vec half = 0.5f * v, size = __builtin_elementwise_abs(half);
    return fma(size, erf_of_positive(size * 1.4142135623730951f), half);
}
