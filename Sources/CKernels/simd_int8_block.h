/* Writing quantised rows of A into a block. With quads of two rows and two columns (neon_quads.h),
 * the groups of two rows alternate.
 */

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
