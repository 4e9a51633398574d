/* The primitives of AVX-512: vectors of 16 floats. */
#define WIDTH 16
#define FOLD(v, op) op(op((v).hi.hi, (v).hi.lo), op((v).lo.hi, (v).lo.lo))

/* Rows of a product's register tile: 24 of the 32 registers are sums. */
enum { ROWS = 12 };

#include "simd_vector.h"

static inline __mmask16 first_lanes(ptrdiff_t n) { return (__mmask16)((1u << n) - 1); }

static inline vec load_part(const float *p, ptrdiff_t n) {
    return (vec)_mm512_maskz_loadu_ps(first_lanes(n), p);
}

static inline void store_part(float *p, vec v, ptrdiff_t n) {
    _mm512_mask_storeu_ps(p, first_lanes(n), (__m512)v);
}

static inline void store_bf16_part(uint16_t *p, bf16_vec v, ptrdiff_t n) {
    _mm256_mask_storeu_epi16(p, first_lanes(n), (__m256i)v);
}

static inline vec larger(vec a, vec b) { return (vec)_mm512_max_ps((__m512)a, (__m512)b); }

static inline vec smaller(vec a, vec b) { return (vec)_mm512_min_ps((__m512)a, (__m512)b); }

static inline vec_int nearest(vec x) { return (vec_int)_mm512_cvtps_epi32((__m512)x); }

/* The packs work on quarters of a vector; the permutation restores the order. */
static inline void store_bytes(signed char *p, const vec_int v[4]) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i low = _mm512_packs_epi32((__m512i)v[0], (__m512i)v[1]);
    __m512i high = _mm512_packs_epi32((__m512i)v[2], (__m512i)v[3]);
    _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high)));
}

/* A division of 16 floats takes as long as 20 other operations; an estimate of 14 bits and the two
 * steps of Newton's method take as long as five. */
static inline vec reciprocal(vec x) {
    vec y = (vec)_mm512_rcp14_ps((__m512)x);
    vec error = fma(-x, y, (vec)1.0f);
    return fma(y, error, y);
}

/* VSCALEFPS rounds its exponent down itself, and accepts exponents of any size. */
static inline power_parts parts_of_power(vec x) {
    return (power_parts){
        x, (vec)_mm512_reduce_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
}

static inline vec times_power(vec p, power_parts parts) {
    return (vec)_mm512_scalef_ps((__m512)p, (__m512)parts.n);
}

#include "simd_math.h"

ALWAYS_INLINE vec coarse_sigmoid(vec x) {
    return (vec)_mm512_rcp14_ps((__m512)(1.0f + coarse_power_of_two(x * -LOG2_E)));
}

/* erf(u / sqrt 2) / 2 near u = 0.3 k: coefficients of 1, t and t^2 with t = u / 0.3 - k, |t| <=
 * 1/2, that have the least error (4.9e-5, minimax by Lawson's iteration); 0 for k = 0, 1/2 for
 * k = 15. */
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

ALWAYS_INLINE vec coarse_gelu(vec v) {
    /* Adding 2^23 rounds to a whole number, which is then in the lowest bits. */
    const float whole = 0x1p23f;
    vec u = __builtin_elementwise_abs(v);
    vec x = smaller((vec)15.0f, u * (1 / 0.3f));
    vec place = x + whole, t = x - (place - whole);
    vec erf = fma(fma(erf_piece(2, place), t, erf_piece(1, place)), t, erf_piece(0, place));
    return fma(u, erf, 0.5f * v);
}

/* VPMADDWD adds two 16-bit products. */
typedef int16_t pair_element;
typedef __m512i pair_operand;

static inline pair_operand widened_pairs(const uint8_t *p) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline pair_operand load_pair_operand(const pair_element *p) {
    return _mm512_loadu_si512(p);
}

static inline vec_int add_pairs(vec_int sum, pair_operand a, pair_operand b) {
    return sum + (vec_int)_mm512_madd_epi16(a, b);
}

static inline vec_int dot_pairs(vec_int sum, pair_operand b, const pair_element *a) {
    int32_t pair;
    memcpy(&pair, a, sizeof pair);
    return add_pairs(sum, b, _mm512_set1_epi32(pair));
}
