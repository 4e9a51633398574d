/* The primitives of AVX2 and FMA: vectors of 8 floats. */
#define WIDTH 8
#define FOLD(v, op) op((v).hi, (v).lo)

/* Rows of a product's register tile: of the 16 registers, 12 for sums and 4 for operands. */
enum { ROWS = 6 };

/* Two steps of a tile at once, and the rows' offsets in registers: in a loop of one step, counting
 * and adding up addresses took a tenth of the time on a Zen 3. */
#define UNROLLED_STEPS 2
#define IN_REGISTER(x) __asm__("" : "+r"(x))

#include "simd_vector.h"

static inline __m256i first_lanes(ptrdiff_t n) {
    static const int32_t lanes[2 * WIDTH] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(lanes + WIDTH - n));
}

static inline vec load_part(const float *p, ptrdiff_t n) {
    return (vec)_mm256_maskload_ps(p, first_lanes(n));
}

static inline void store_part(float *p, vec v, ptrdiff_t n) {
    _mm256_maskstore_ps(p, first_lanes(n), (__m256)v);
}

static inline void store_bf16_part(uint16_t *p, bf16_vec v, ptrdiff_t n) {
    memcpy(p, &v, sizeof(uint16_t) * (size_t)n);
}

static inline vec larger(vec a, vec b) { return (vec)_mm256_max_ps((__m256)a, (__m256)b); }

static inline vec smaller(vec a, vec b) { return (vec)_mm256_min_ps((__m256)a, (__m256)b); }

static inline vec_int nearest(vec x) { return (vec_int)_mm256_cvtps_epi32((__m256)x); }

/* The packs work on halves of a vector; the permutation restores the order. */
static inline void store_bytes(signed char *p, const vec_int v[4]) {
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i low = _mm256_packs_epi32((__m256i)v[0], (__m256i)v[1]);
    __m256i high = _mm256_packs_epi32((__m256i)v[2], (__m256i)v[3]);
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
    _mm256_storeu_si256((__m256i *)(void *)p, bytes);
}

/* Newton's steps from an estimate of 12 bits take longer than a division of 8 floats. */
static inline vec reciprocal(vec x) { return 1.0f / x; }

static inline power_parts parts_of_power(vec x) {
    /* Smaller exponents give 1e-38 instead of 0, too small to change a sum of exponentials. */
    x = larger((vec)-126.0f, x);
    vec n = __builtin_elementwise_floor(x);
    return (power_parts){n, x - n};
}

/* p is about 1 to 2, so adding n to its exponent does not overflow. */
static inline vec times_power(vec p, power_parts parts) {
    vec_int bits = (vec_int)_mm256_castps_si256((__m256)p);
    bits += __builtin_convertvector(parts.n, vec_int) << 23;
    return (vec)_mm256_castsi256_ps((__m256i)bits);
}

#include "ops_coarse.h"

/* VPMADDWD adds two 16-bit products. */
typedef int16_t pair_element;
typedef __m256i pair_operand;

static inline pair_operand widened_pairs(const uint8_t *p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline pair_operand load_pair_operand(const pair_element *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline vec_int add_pairs(vec_int sum, pair_operand a, pair_operand b) {
    sum += (vec_int)_mm256_madd_epi16(a, b);
    /* Else the products of several steps are added first, which needs more registers than there
     * are. */
    __asm__("" : "+x"(sum));
    return sum;
}

static inline vec_int dot_pairs(vec_int sum, pair_operand b, const pair_element *a) {
    int32_t pair;
    memcpy(&pair, a, sizeof pair);
    return add_pairs(sum, b, _mm256_set1_epi32(pair));
}
