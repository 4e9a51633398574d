/* Loops of register tiles over the rows of a block and the columns of a panel, for any kind of
 * product: floats in simd_tiles.inc.h, INT8 in simd_int8.h.
 *
 * Included once for each kind, with PRODUCT (the name of the kind) defined, and with that name as
 * prefix
 *   block    rows of A;
 *   packed   element type of a panel;
 *   beside   element type of a tile's additional operand: the next panel, or the columns' scales;
 *   tile     computes C for a number of rows and one or two vectors of columns; or TILES, defined
 *            as 1, and `rows`, which does it for all rows of the block.
 */

#if !KIND(TILES)
/* All rows of the block, in tiles with fixed numbers of rows. */
ALWAYS_INLINE void KIND(rows)(const int vectors, KIND(block) block, ptrdiff_t rows, ptrdiff_t inner,
                              const KIND(packed) * panel, const KIND(beside) * beside,
                              const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    ptrdiff_t row = 0;
    for (; row + ROWS <= rows; row += ROWS)
        KIND(tile)(ROWS, vectors, block, row, inner, panel, beside, bias, c, ldc, accumulate);
    if (row + ROWS / 2 <= rows) {
        KIND(tile)(ROWS / 2, vectors, block, row, inner, panel, beside, bias, c, ldc, accumulate);
        row += ROWS / 2;
    }
    for (; row + 2 <= rows; row += 2)
        KIND(tile)(2, vectors, block, row, inner, panel, beside, bias, c, ldc, accumulate);
    if (row < rows)
        KIND(tile)(1, vectors, block, row, inner, panel, beside, bias, c, ldc, accumulate);
}
#endif

/* Multiplies the block by one panel of at most two vectors of columns. */
static void KIND(panel)(KIND(block) block, ptrdiff_t rows, ptrdiff_t inner, ptrdiff_t columns,
                        const KIND(packed) * panel, const KIND(beside) * beside, const float *bias,
                        float *c, ptrdiff_t ldc, int accumulate) {
    if (columns == PANEL) {
        KIND(rows)(2, block, rows, inner, panel, beside, bias, c, ldc, accumulate);
        return;
    }
    if (columns == WIDTH) {
        KIND(rows)(1, block, rows, inner, panel, beside, bias, c, ldc, accumulate);
        return;
    }
    /* An incomplete last panel goes through a buffer. */
    float buffer[BLOCK_ROWS * PANEL], whole_bias[PANEL] = {0};
    const ptrdiff_t width = columns > WIDTH ? PANEL : WIDTH;
    const size_t bytes = sizeof(float) * (size_t)columns;
    if (bias) {
        memcpy(whole_bias, bias, bytes);
        bias = whole_bias;
    }
    if (accumulate)
        for (ptrdiff_t r = 0; r < rows; r++)
            memcpy(buffer + r * width, c + r * ldc, bytes);
    if (width == PANEL)
        KIND(rows)(2, block, rows, inner, panel, beside, bias, buffer, width, accumulate);
    else
        KIND(rows)(1, block, rows, inner, panel, beside, bias, buffer, width, accumulate);
    for (ptrdiff_t r = 0; r < rows; r++)
        memcpy(c + r * ldc, buffer + r * width, bytes);
}
