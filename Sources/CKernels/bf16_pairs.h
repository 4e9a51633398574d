/* The kind of product bf16 of the sets that multiply pairs of bfloat16: two neighbours in a row
 * of A and, for each column, two rows of B. simd_products.h describes its parameters. */
#include "simd_bfloat16.h"

typedef int32_t bf16_element;
enum { bf16_STEP = 2, bf16_CHUNK = 512, bf16a_DIRECT = 192, bf16_STORED_ROWS = 2 };

static inline void f32a_copy(bf16_element *row, ptrdiff_t k, const float *x, ptrdiff_t n) {
    round_row(n, x, (uint16_t *)row + k);
}

static inline void bf16a_copy(bf16_element *row, ptrdiff_t k, const uint16_t *x, ptrdiff_t n) {
    memcpy((uint16_t *)row + k, x, sizeof(uint16_t) * (size_t)n);
}

static inline void bf16_store_rows(uint16_t *panel, ptrdiff_t width, ptrdiff_t j, const vec *rows) {
    (void)width;
    vec_bits pairs, upper;
    memcpy(&pairs, rows, sizeof pairs);
    memcpy(&upper, rows + 1, sizeof upper);
    pairs = (pairs >> 16) | upper;
    memcpy(panel + 2 * j, &pairs, sizeof pairs);
}
