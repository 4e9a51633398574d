/* bfloat16 products with AVX512-BF16: VDPBF16PS adds two products. */
#include "bf16_pairs.h"

static inline bf16_vec rounded(vec x) {
    __m256bh bf16 = _mm512_cvtneps_pbh((__m512)x);
    bf16_vec v;
    memcpy(&v, &bf16, sizeof v);
    return v;
}

static inline void store_two_rounded(uint16_t *p, vec first, vec second) {
    __m512bh v = _mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
    memcpy(p, &v, sizeof v);
}

typedef __m512bh bf16_operand;

static inline bf16_operand bf16_load_operand(const uint16_t *b) {
    return (__m512bh)_mm512_loadu_si512(b);
}

static inline bf16_operand bf16_broadcast(const bf16_element *a) {
    return (__m512bh)_mm512_set1_epi32(*a);
}

static inline vec bf16_multiply_add(bf16_operand a, bf16_operand b, vec sum) {
    return (vec)_mm512_dpbf16_ps((__m512)sum, a, b);
}

static inline ptrdiff_t bf16_pack_blocks(ptrdiff_t count, ptrdiff_t n, const float *source,
                                         ptrdiff_t inner_stride, ptrdiff_t column_stride,
                                         uint16_t *panel, ptrdiff_t width) {
    ptrdiff_t k = 0;
    /* Rows are contiguous: pairs of rows, a vector of columns at a time. */
    if (column_stride == 1)
        for (; k + 2 <= count; k += 2)
            for (ptrdiff_t j = 0; j < width; j += WIDTH) {
                ptrdiff_t m = n - j < WIDTH ? n - j : WIDTH;
                const float *row = source + k * inner_stride + j;
                vec_bits low = round_to_bf16(load_part(row, m < 0 ? 0 : m)) >> 16;
                vec_bits high = round_to_bf16(load_part(row + inner_stride, m < 0 ? 0 : m));
                vec_bits pairs = low | high;
                memcpy(panel + k * width + 2 * j, &pairs, sizeof pairs);
            }
    /* Columns are contiguous: a block of pairs is rounded along the columns, then transposed. */
    if (inner_stride == 1)
        for (; k + 2 * WIDTH <= count; k += 2 * WIDTH)
            for (ptrdiff_t j = 0; j < width; j += WIDTH) {
                vec pairs[WIDTH];
                for (ptrdiff_t i = 0; i < WIDTH; i++) {
                    pairs[i] = (vec)0;
                    if (j + i >= n)
                        continue;
                    const float *row = source + (j + i) * column_stride + k;
                    __m512bh v = _mm512_cvtne2ps_pbh((__m512)load(row + WIDTH), (__m512)load(row));
                    memcpy(&pairs[i], &v, sizeof v);
                }
                store_transposed(pairs, (float *)(void *)(panel + k * width + 2 * j), width);
            }
    return k;
}
