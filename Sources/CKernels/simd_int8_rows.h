/* Rows of A as whole numbers, quantised row by row, for simd_int8.h and simd_int14.h.
 *
 * A set adds the products of a group at once: GROUP neighbours in a row of A times GROUP rows of B,
 * which are contiguous for each column. The sums are exact, so every set gives the same result.
 * int8_pairs.h, or the header of a set with an instruction for four products, defines
 *   GROUP           2, 4 or 8;
 *   INT8_FLIP       mask that is xored to B's bytes if the instruction takes them unsigned, else 0;
 *   MULTIPLIES_BYTES_IN_PLACE   whether quantised rows of A are multiplied without copying;
 *   q_element       type of A's elements as operands;
 *   q_operand       groups of WIDTH columns of B as an operand (load_q_operand);
 *   group_vec       the groups of WIDTH columns as they are packed;
 *   dot             adds a group of A times a group of B to the sums of WIDTH columns; or, in place
 *                   of dot and q_operand, int8_QUADS and the definitions for neon_quads.inc.h;
 *   sum_of_bytes    the sum of n bytes of A, if INT8_FLIP is not 0;
 *   WIDENS_PANELS   1 if panels of B are widened before they are multiplied, with q_packed, the
 *                   element type of such a panel, and widen_groups, which widens a vector's groups.
 */
#pragma once

#include "simd_products.h"
#include "simd_vector.h"

#ifndef WIDENS_PANELS
#define WIDENS_PANELS 0
typedef uint8_t q_packed;

static inline void widen_groups(const uint8_t *p, q_packed *out) { (void)p, (void)out; }
#endif

typedef q_element q_vec __attribute__((ext_vector_type(WIDTH)));

/* Elements for a segment, for padding to whole groups and for a vector after it; one cache line
 * more, so that the rows of a tile are not in the same sets of the L1 cache. */
enum { QUANTIZED_COLUMNS = QD8_SEGMENT + 64 };

typedef struct {
    q_element rows[BLOCK_ROWS][QUANTIZED_COLUMNS];
    float row_scales[BLOCK_ROWS];
    /* Start of each row's sums: it compensates the flipped bytes of B. */
    int32_t start[BLOCK_ROWS];
} quantized_block;

/* A view of quantised rows of A, `stride` elements apart, with their row scales and starts. Numbers
 * that are wider than an element have a second plane: A is (rows << LOW_BITS) + low->rows. */
typedef struct {
    const q_element *rows;
    ptrdiff_t stride;
    const float *row_scales;
    const int32_t *start;
    const quantized_block *low;
} quantized_view;

enum { LOW_BITS = 7 };

static inline quantized_view view_of(const quantized_block *block) {
    return (quantized_view){&block->rows[0][0], QUANTIZED_COLUMNS, block->row_scales, block->start,
                            NULL};
}

/* The bits of |x|, which are ordered like the numbers, with infinity and NaN last. */
static inline vec_int magnitude_bits(vec x) {
    vec_int bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7FFFFFFF;
}

/* The row scale of n floats for whole numbers up to `largest_step`, and the factor that quantises
 * the floats: 0 if they are taken as zeros, or if one is not finite. */
static inline float scale_of(const float *x, ptrdiff_t n, float largest_step, float *inverse) {
    vec_int largest = 0;
    ptrdiff_t k = 0;
    for (; k + WIDTH <= n; k += WIDTH)
        largest = __builtin_elementwise_max(largest, magnitude_bits(load(x + k)));
    if (k < n)
        largest = __builtin_elementwise_max(largest, magnitude_bits(load_part(x + k, n - k)));
    int32_t bits = 0;
    for (int i = 0; i < WIDTH; i++)
        bits = largest[i] > bits ? largest[i] : bits;
    float magnitude;
    memcpy(&magnitude, &bits, sizeof magnitude);
    *inverse = 0;
    if (bits >= 0x7F800000) /* infinity or NaN */
        return __builtin_nanf("");
    if (magnitude < QD8_SMALLEST)
        return 0;
    *inverse = largest_step / magnitude;
    return magnitude / largest_step;
}

/* Quantises four vectors to bytes and returns their sum. */
static inline vec_int quantize_four(const float *x, float inverse, signed char *out) {
    vec_int quantized[4];
    for (int i = 0; i < 4; i++)
        quantized[i] = nearest(load(x + i * WIDTH) * inverse);
    store_bytes(out, quantized);
    return (quantized[0] + quantized[1]) + (quantized[2] + quantized[3]);
}

/* Quantises n floats with one row scale; `lead` zeros precede them, and zeros fill up the last
 * group. */
static void quantize_to(q_element *out, const float *x, ptrdiff_t n, float largest_step,
                        quantized_block *block, ptrdiff_t row, ptrdiff_t lead) {
    memset(out, 0, sizeof(q_element) * (size_t)lead);
    out += lead;
    float inverse;
    block->row_scales[row] = scale_of(x, n, largest_step, &inverse);
    block->start[row] = 0;
    if (inverse == 0) {
        memset(out, 0, sizeof(q_element) * (size_t)(n + GROUP));
        return;
    }
    vec_int sum = 0;
    ptrdiff_t k = 0;
    /* Four vectors of bytes are written at once, because narrowing single vectors takes longer than
     * all other operations. */
    for (; sizeof(q_element) == 1 && k + 4 * WIDTH <= n; k += 4 * WIDTH)
        sum += quantize_four(x + k, inverse, (signed char *)(out + k));
    for (; k < n; k += WIDTH) {
        vec_int quantized = nearest(load_first(x + k, n - k) * inverse);
        sum += quantized;
        q_vec elements = __builtin_convertvector(quantized, q_vec);
        memcpy(out + k, &elements, sizeof elements);
    }
    memset(out + n, 0, sizeof(q_element) * GROUP);
    block->start[row] = -INT8_FLIP * sum_int_lanes(sum);
}

/* With quads of two rows and two columns (neon_quads.inc.h), the groups of two rows alternate: with
 * the groups a0 a1 a2 ... of one row and b0 b1 b2 ... of the next one, memory has a0 b0 a1 b1 a2 b2. */

/* Writes n bytes to a row of a block, and zeros up to a whole group. */
static void put_row(const signed char *bytes, ptrdiff_t n, quantized_block *block, ptrdiff_t row) {
#if int8_QUADS
    q_element *out = block->rows[row - row % 2] + row % 2 * GROUP;
    ptrdiff_t k = 0;
    for (; k + GROUP <= n; k += GROUP)
        memcpy(out + 2 * k, bytes + k, GROUP);
    if (k < n) {
        memset(out + 2 * k, 0, GROUP);
        memcpy(out + 2 * k, bytes + k, (size_t)(n - k));
    }
#else
    q_element *out = block->rows[row];
    for (ptrdiff_t k = 0; k < n; k += WIDTH) {
        byte_vec part = 0;
        if (n - k >= WIDTH)
            memcpy(&part, bytes + k, sizeof part);
        else
            memcpy(&part, bytes + k, (size_t)(n - k));
        q_vec elements = __builtin_convertvector(part, q_vec);
        memcpy(out + k, &elements, sizeof elements);
    }
    memset(out + n, 0, sizeof(q_element) * GROUP);
#endif
}

static void take_row(const signed char *quantized, ptrdiff_t n, float row_scale,
                     quantized_block *block, ptrdiff_t row) {
    put_row(quantized, n, block, row);
    block->row_scales[row] = row_scale;
    block->start[row] = 0;
}

static void quantize_row(const float *x, ptrdiff_t n, quantized_block *block, ptrdiff_t row,
                         ptrdiff_t lead) {
#if int8_QUADS
    q_element bytes[QUANTIZED_COLUMNS];
    quantize_to(bytes, x, n, 127, block, row, lead);
    put_row(bytes, lead + n, block, row);
#else
    quantize_to(block->rows[row], x, n, 127, block, row, lead);
#endif
}
