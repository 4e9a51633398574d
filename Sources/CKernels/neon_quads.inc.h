/* The inner loop of a register tile on CPUs with an instruction that multiplies two rows of A by
 * two columns of B and adds the four sums to a vector, a quad: SMMLA for eight bytes of each,
 * BFMMLA for four bfloat16.
 *
 * Included once for each kind of product. PRODUCT (the name of the kind) and <kind>_QUADS = 1 must
 * be defined, and with the kind's prefix
 *   sum        type of a vector of sums;
 *   add_quad   adds the products of two rows and two columns to a quad.
 * A step is eight bytes deep. Steps of two rows of A alternate; a panel of B has the steps of all
 * its columns side by side.
 */

/* Converts the sums of two rows to two quads, one of the first two columns and one of the last two;
 * or two quads to the sums of two rows. */
static inline void KIND(exchange)(KIND(sum) * first, KIND(sum) * second) {
    const KIND(sum) a = *first, b = *second;
    *first = __builtin_shufflevector(a, b, 0, 1, 4, 5);
    *second = __builtin_shufflevector(a, b, 2, 3, 6, 7);
}

/* sum[rows][vectors] += A times B. `rows` and `vectors` are constants after inlining. The last row
 * of an odd number uses half of a pair. */
ALWAYS_INLINE void KIND(multiply_quads)(const int rows, const int vectors, const void *a,
                                        ptrdiff_t row_bytes, ptrdiff_t steps, const void *b,
                                        KIND(sum) sum[ROWS][2]) {
    const uint8_t *pairs = a, *panel = b;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r += 2)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) {
            if (r + 1 == rows)
                sum[r + 1][v] = (KIND(sum))0;
            KIND(exchange)(&sum[r][v], &sum[r + 1][v]);
        }
    for (ptrdiff_t s = 0; s < steps; s++, pairs += 16, panel += vectors * 32) {
        uint8x16_t columns[2][2];
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) {
            columns[v][0] = vld1q_u8(panel + 32 * v);
            columns[v][1] = vld1q_u8(panel + 32 * v + 16);
        }
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r += 2) {
            const uint8_t *pair = pairs + r * row_bytes;
            const uint8x16_t x =
                r + 1 < rows ? vld1q_u8(pair) : vcombine_u8(vld1_u8(pair), vdup_n_u8(0));
#pragma clang loop unroll(full)
            for (int v = 0; v < vectors; v++) {
                sum[r][v] = KIND(add_quad)(sum[r][v], x, columns[v][0]);
                sum[r + 1][v] = KIND(add_quad)(sum[r + 1][v], x, columns[v][1]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r += 2)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++)
            KIND(exchange)(&sum[r][v], &sum[r + 1][v]);
}
