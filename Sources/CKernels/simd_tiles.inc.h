/* The register tile of a product, and the loops over a packed matrix, for any kind of product.
 *
 * Included once for each kind, with PRODUCT (the name of the kind) defined, and with that name as
 * prefix the definitions listed in simd_products.h.
 *
 * Rows of A are taken in blocks, and inner positions in chunks. A block is multiplied by each panel
 * of B: the sums of ROWS rows and two vectors of columns stay in registers for a whole chunk (Goto,
 * van de Geijn 2008, "Anatomy of high-performance matrix multiplication").
 */

/* A block: rows of A, as operands, `stride` elements apart. */
typedef struct {
    const KIND(element) * rows;
    ptrdiff_t stride;
} KIND(block);

/* Index of an element of a copied row. With quads of two rows and two columns, the elements of two
 * rows alternate. */
static inline ptrdiff_t KIND(at)(ptrdiff_t row, ptrdiff_t element) {
#if KIND(QUADS)
    return (row - row % 2) * KIND(STRIDE) + 2 * element + row % 2;
#else
    return row * KIND(STRIDE) + element;
#endif
}

typedef KIND(packed) KIND(beside);

#if KIND(TILES)
#include "amx_rows.inc.h"

/* All rows of the block, as the register tiles of other sets multiply them. */
ALWAYS_INLINE void KIND(rows)(const int vectors, KIND(block) block, ptrdiff_t rows, ptrdiff_t inner,
                              const KIND(packed) * panel, const KIND(beside) * next,
                              const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    (void)next;
    float sums[BLOCK_ROWS * PANEL];
    KIND(multiply_tiles)
    (vectors, rows, (const char *)block.rows, block.stride * (ptrdiff_t)sizeof *block.rows,
     inner / KIND(STEP), (const char *)panel, (char *)sums);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) {
            float *to = c + r * ldc + v * WIDTH;
            vec before = accumulate ? load(to) : bias ? load(bias + v * WIDTH) : (vec)0;
            store(to, before + load(sums + r * PANEL + v * WIDTH));
        }
}
#else
/* Bytes of the next panel that a tile prefetches at each step: the tiles of a block together
 * prefetch the whole panel. */
enum { KIND(AHEAD) = (int)sizeof(KIND(packed)) * KIND(STEP) * PANEL * ROWS / BLOCK_ROWS };

/* C[rows, vectors * WIDTH] (+)= A times B over `inner` positions of the block's rows from `row` on.
 * `rows` and `vectors` are constants after inlining. Each chunk is summed from zero: a single chain
 * of a thousand float32 sums would lose 5 dB (Higham 1993, "The accuracy of floating point
 * summation"). `next` is the next panel, which is prefetched into the L2 cache if PREFETCH is set.
 */
ALWAYS_INLINE void KIND(tile)(const int rows, const int vectors, KIND(block) block, ptrdiff_t row,
                              ptrdiff_t inner, const KIND(packed) * panel,
                              const KIND(packed) * next, const float *bias, float *c, ptrdiff_t ldc,
                              int accumulate) {
    vec sum[ROWS][2];
    const vec start[2] = {bias ? load(bias) : (vec)0,
                          bias && vectors > 1 ? load(bias + WIDTH) : (vec)0};
    c += row * ldc;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++)
            sum[r][v] = start[v];
    const KIND(element) *a = block.rows + row * block.stride;
#if KIND(QUADS)
    (void)next;
    KIND(multiply_quads)
    (rows, vectors, a, block.stride * (ptrdiff_t)sizeof *a, inner / KIND(STEP), panel, sum);
#else
    const char *ahead = (const char *)next + row / ROWS * (inner / KIND(STEP)) * KIND(AHEAD);
    ptrdiff_t offsets[ROWS];
    row_offsets(rows, block.stride, offsets);
#pragma clang loop unroll_count(UNROLLED_STEPS)
    for (ptrdiff_t k = 0; k < inner; k += KIND(STEP), a++, panel += KIND(STEP) * vectors * WIDTH) {
        if (KIND(PREFETCH)) {
            __builtin_prefetch(ahead, 0, 2);
            ahead += KIND(AHEAD);
        }
        KIND(operand) b0 = KIND(load_operand)(panel);
        KIND(operand) b1 = vectors > 1 ? KIND(load_operand)(panel + KIND(STEP) * WIDTH) : b0;
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            KIND(operand) x = KIND(broadcast)(a + offsets[r]);
            sum[r][0] = KIND(multiply_add)(x, b0, sum[r][0]);
            if (vectors > 1)
                sum[r][1] = KIND(multiply_add)(x, b1, sum[r][1]);
        }
    }
#endif
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) {
            float *to = c + r * ldc + v * WIDTH;
            store(to, accumulate ? load(to) + sum[r][v] : sum[r][v]);
        }
}
#endif

#include "simd_panel.inc.h"

/* All columns of `rows` rows of C, for the block's inner positions from B's row `k` on. */
static void KIND(panels)(KIND(block) block, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t k,
                         ptrdiff_t inner, const KIND(packed) * packed, ptrdiff_t padded,
                         const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    /* The last panel is followed by the next rows of A; after the last block the address is only
     * useless. */
    const KIND(element) *next_rows = block.rows + BLOCK_ROWS * block.stride;
    for (ptrdiff_t column = 0; column < columns; column += PANEL) {
        ptrdiff_t n = columns - column < PANEL ? columns - column : PANEL;
        ptrdiff_t width = n > WIDTH ? PANEL : WIDTH;
        const KIND(packed) *panel = packed + k * width;
        packed += padded * PANEL;
        KIND(panel)
        (block, rows, inner, n, panel,
         column + PANEL < columns ? packed + k * PANEL
                                  : (const KIND(packed) *)(const void *)next_rows,
         bias ? bias + column : NULL, c + column, ldc, accumulate);
    }
}

static ptrdiff_t KERNEL(KIND(packed_bytes))(ptrdiff_t inner, ptrdiff_t columns) {
    const ptrdiff_t padded = (inner + KIND(STEP) - 1) / KIND(STEP) * KIND(STEP);
    return (ptrdiff_t)sizeof(KIND(packed)) * padded * ((columns + WIDTH - 1) / WIDTH * WIDTH);
}
