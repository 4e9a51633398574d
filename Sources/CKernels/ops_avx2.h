/* The operations that AVX2 and FMA do in their own way: vectors of 8 floats. */
#define WIDTH 8
#define FOLD(v, op) op((v).hi, (v).lo)

/* Rows of a product's register tile: 12 sums, and 4 of the 16 registers for the operands. */
enum { ROWS = 6 };

#include "simd_vector.h"

static inline vec larger(vec a, vec b) { return (vec)_mm256_max_ps((__m256)a, (__m256)b); }

static inline vec smaller(vec a, vec b) { return (vec)_mm256_min_ps((__m256)a, (__m256)b); }

#include "ops_generic.h"

/* VPMADDWD adds two products of 16 bits. */
typedef int16_t pair_element;
typedef __m256i pair_operand;

static inline pair_operand load_pair_operand(const uint8_t *p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
}

static inline vec_int dot_pairs(vec_int sum, pair_operand b, const pair_element *a) {
    int32_t pair;
    memcpy(&pair, a, sizeof pair);
    return sum + (vec_int)_mm256_madd_epi16(b, _mm256_set1_epi32(pair));
}
