/* Products of INT8 weights with activations of 14 bits, in the arithmetic of simd_int8.h.
 *
 * A 14-bit number is one element if elements have 16 bits. If they are bytes, it is two elements in
 * two planes: (high << LOW_BITS) + low. The tile multiplies the high plane, shifts the sums and adds
 * the low plane, so the product takes twice the time of a product of bytes.
 */
#pragma once

#include "simd_int8.h"

enum { HAS_PLANES = sizeof(q_element) == 1 };

/* The planes of a block of rows. Without planes, `high` has the whole numbers. */
typedef struct {
    quantized_block high, low[HAS_PLANES];
} plane_blocks;

/* Splits 4 * WIDTH whole numbers into bytes, and adds both planes to the lanes of their sums. */
static inline void split(const vec_int numbers[4], signed char *high, signed char *low,
                         vec_int sums[2]) {
    vec_int high_parts[4], low_parts[4];
    for (int i = 0; i < 4; i++) {
        high_parts[i] = (numbers[i] + (1 << (LOW_BITS - 1))) >> LOW_BITS;
        low_parts[i] = numbers[i] - (high_parts[i] << LOW_BITS);
        sums[0] += high_parts[i];
        sums[1] += low_parts[i];
    }
    store_bytes(high, high_parts);
    store_bytes(low, low_parts);
}

/* Quantises n floats to 14 bits with one row scale; `lead` zeros precede them, and zeros fill up
 * the last group. */
static void quantize_planes(const float *x, ptrdiff_t n, plane_blocks *blocks, ptrdiff_t row,
                            ptrdiff_t lead) {
    if (!HAS_PLANES) {
        quantize_to(blocks->high.rows[row], x, n, QD14_LARGEST, &blocks->high, row, lead);
        return;
    }
#if int8_QUADS
    q_element high[QUANTIZED_COLUMNS], low[QUANTIZED_COLUMNS];
#else
    q_element *high = blocks->high.rows[row], *low = blocks->low->rows[row];
#endif
    float inverse;
    blocks->high.row_scales[row] = scale_of(x, n, QD14_LARGEST, &inverse);
    memset(high, 0, (size_t)lead);
    memset(low, 0, (size_t)lead);
    vec_int sums[2] = {0, 0};
    for (ptrdiff_t k = 0; k < n; k += 4 * WIDTH) {
        vec_int numbers[4];
        for (int i = 0; i < 4; i++) {
            const ptrdiff_t first = k + i * WIDTH;
            numbers[i] = first < n && inverse != 0
                             ? nearest(load_first(x + first, n - first) * inverse)
                             : (vec_int)0;
        }
        split(numbers, (signed char *)high + lead + k, (signed char *)low + lead + k, sums);
    }
    memset(high + lead + n, 0, GROUP);
    memset(low + lead + n, 0, GROUP);
    blocks->high.start[row] = -INT8_FLIP * sum_int_lanes(sums[0]);
    blocks->low->start[row] = -INT8_FLIP * sum_int_lanes(sums[1]);
#if int8_QUADS
    put_row(high, lead + n, &blocks->high, row);
    put_row(low, lead + n, blocks->low, row);
#endif
}

static void KERNEL(qd14_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,
                                   ptrdiff_t lda, packed_matrix b, ptrdiff_t column,
                                   ptrdiff_t columns, const float *scales, const float *bias,
                                   float *c, ptrdiff_t ldc, int accumulate) {
    const quantized_columns matrix = columns_of(b, column, columns);
    const ptrdiff_t begin = count > 0 ? segments[0].first : 0, lead = begin % GROUP;
    const ptrdiff_t end = count > 0 ? segments[count - 1].first + segments[count - 1].count : 0;
    plane_blocks blocks;
    quantized_view view = view_of(&blocks.high);
    view.low = HAS_PLANES ? blocks.low : NULL;
    tile_use tiles = {0};
    for (ptrdiff_t row = 0; row < rows; row += BLOCK_ROWS) {
        const ptrdiff_t n = rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS;
        int adding = accumulate;
        ptrdiff_t from = begin;
        do {
            const ptrdiff_t length = end - from < QD8_SEGMENT ? end - from : QD8_SEGMENT;
            for (ptrdiff_t r = 0; r < n; r++) {
                float copied[QD8_SEGMENT];
                const float *x = copied;
                if (count == 1)
                    x = (const float *)segments[0].a + (row + r) * lda + (from - begin);
                else
                    f32_fill(copied, 1, count, segments, row + r, lda, from, from + length);
                quantize_planes(x, length, &blocks, r, lead);
            }
            const ptrdiff_t groups = whole_groups(lead + length) / GROUP;
            use_tiles(&tiles, groups);
            int8_columns(view, n, groups, matrix, from - lead, scales, bias, c + row * ldc, ldc,
                         adding);
            adding = 1;
            from += length;
        } while (from < end);
    }
    release_tiles(&tiles);
}
