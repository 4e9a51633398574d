/* GEMM: the product of a matrix A with a packed B, for any kind of product and any form of A.
 *
 * Included once for each combination, after the kind's simd_tiles.inc.h, with PRODUCT (the name of the
 * kind) defined, and only for this file GEMM (the name of the kernel) and SOURCE (the name of the
 * form of A). With SOURCE as prefix simd_products.h defines
 *   stored   type of A's elements;
 *   copy     copies n of them to position k of a row, converted to elements of the kind, which are
 *            placed by the kind's `at`;
 *   DIRECT   least number of contiguous positions (or all that are left) for which A is multiplied
 *            without copying, if its elements are those of the kind; 0 for never.
 */

#define FORM(name) JOIN(SOURCE, _, name)

/* Copies the elements of `rows` rows of A for B's rows `from` ... `to - 1` out of the segments;
 * zeros before the first and after the last segment fill up steps. */
static void FORM(fill)(KIND(element) * to_rows, ptrdiff_t rows, ptrdiff_t count,
                       const gemm_segment *segments, ptrdiff_t row, ptrdiff_t lda, ptrdiff_t from,
                       ptrdiff_t to) {
    const ptrdiff_t last_element = (to - from) / KIND(STEP) - 1;
    for (ptrdiff_t r = 0; r < rows && KIND(STEP) > 1; r++) {
        to_rows[KIND(at)(r, 0)] = 0;
        to_rows[KIND(at)(r, last_element)] = 0;
    }
    for (ptrdiff_t s = 0; s < count; s++) {
        ptrdiff_t first = segments[s].first, last = first + segments[s].count;
        ptrdiff_t begin = first > from ? first : from, end = last < to ? last : to;
        const FORM(stored) *a = (const FORM(stored) *)segments[s].a + row * lda + begin - first;
        for (ptrdiff_t r = 0; r < rows && begin < end; r++)
            FORM(copy)
        (to_rows + KIND(at)(r, 0), begin - from, a + r * lda, end - begin);
    }
}

/* The segment that contains B's rows `k` ... `k + DIRECT - 1`, or all up to `to - 1`, so that its
 * part of A is multiplied without copying; NULL if there is none. */
static const gemm_segment *FORM(direct)(ptrdiff_t count, const gemm_segment *segments, ptrdiff_t k,
                                        ptrdiff_t to) {
    for (ptrdiff_t s = 0; s < count && FORM(DIRECT) > 0; s++) {
        ptrdiff_t last = segments[s].first + segments[s].count;
        ptrdiff_t enough = k + FORM(DIRECT) < to ? k + FORM(DIRECT) : to + 1 - KIND(STEP);
        if (segments[s].first <= k && enough <= last)
            return &segments[s];
    }
    return NULL;
}

static void KERNEL(GEMM)(ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,
                         ptrdiff_t lda, packed_matrix b, ptrdiff_t column, ptrdiff_t columns,
                         const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    const ptrdiff_t padded = (b.inner + KIND(STEP) - 1) / KIND(STEP) * KIND(STEP);
    const KIND(packed) *packed = (const KIND(packed) *)b.bytes + padded * column;
    const ptrdiff_t from = count > 0 ? segments[0].first / KIND(STEP) * KIND(STEP) : 0;
    ptrdiff_t to = count > 0 ? segments[count - 1].first + segments[count - 1].count : 0;
    to = (to + KIND(STEP) - 1) / KIND(STEP) * KIND(STEP);
    KIND(element) copied[BLOCK_ROWS * KIND(STRIDE)];
    tile_use tiles = {0};
    for (ptrdiff_t row = 0; row < rows; row += BLOCK_ROWS, c += BLOCK_ROWS * ldc) {
        ptrdiff_t n = rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS;
        ptrdiff_t k = from;
        int adding = accumulate;
        do {
            ptrdiff_t end = k + KIND(CHUNK) < to ? k + KIND(CHUNK) : to;
            const gemm_segment *segment = FORM(direct)(count, segments, k, to);
            KIND(block) block = {copied, KIND(STRIDE)};
            if (segment) {
                ptrdiff_t last = segment->first + segment->count;
                last = (last + KIND(STEP) - 1) / KIND(STEP) * KIND(STEP);
                end = end < last ? end : last;
                const FORM(stored) *a = (const FORM(stored) *)segment->a + row * lda;
                block.rows = (const KIND(element) *)(a + k - segment->first);
                block.stride = lda / KIND(STEP);
            } else if (end > k) {
                FORM(fill)(copied, n, count, segments, row, lda, k, end);
            }
#if KIND(TILES)
            use_tiles(&tiles, (end - k) / KIND(STEP));
#endif
            KIND(panels)
            (block, n, columns, k, end - k, packed, padded, adding ? NULL : bias, c, ldc, adding);
            adding = 1;
            k = end;
        } while (k < to);
    }
    release_tiles(&tiles);
}

#undef FORM
#undef SOURCE
#undef GEMM
