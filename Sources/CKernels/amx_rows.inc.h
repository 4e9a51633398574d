/* The rows of a block of A times a panel, on tiles (amx_tiles.h), for the kind of product
 * PRODUCT: in place of the loops over register tiles in simd_panel.inc.h. The kind's
 * TILE_MULTIPLY multiplies. */

/* Sums of 32 rows and 32 columns (+)= a times b, for `steps` whole tiles of A's rows, `stride`
 * bytes apart. Each tile of A and B is used twice. */
static void KIND(multiply_four)(const char *a, ptrdiff_t stride, ptrdiff_t steps, const char *b,
                                char *sums, int accumulate) {
    char *lower = sums + TILE * SUMS_ROW;
    if (accumulate) {
        TILE_LOAD(0, sums, SUMS_ROW);
        TILE_LOAD(1, sums + TILE_ROW, SUMS_ROW);
        TILE_LOAD(2, lower, SUMS_ROW);
        TILE_LOAD(3, lower + TILE_ROW, SUMS_ROW);
    } else {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
    }
    for (ptrdiff_t k = 0; k < steps; k++, a += TILE_ROW, b += TILE * 2 * TILE_ROW) {
        TILE_LOAD(4, a, stride);
        TILE_LOAD(6, b, 2 * TILE_ROW);
        KIND(TILE_MULTIPLY)(0, 4, 6);
        TILE_LOAD(7, b + TILE_ROW, 2 * TILE_ROW);
        KIND(TILE_MULTIPLY)(1, 4, 7);
        TILE_LOAD(5, a + TILE * stride, stride);
        KIND(TILE_MULTIPLY)(2, 5, 6);
        KIND(TILE_MULTIPLY)(3, 5, 7);
    }
    TILE_STORE(0, sums, SUMS_ROW);
    TILE_STORE(1, sums + TILE_ROW, SUMS_ROW);
    TILE_STORE(2, lower, SUMS_ROW);
    TILE_STORE(3, lower + TILE_ROW, SUMS_ROW);
}

/* The same for the rows of one tile, one or two vectors of columns, and a last step if `tail` is
 * not 0. */
static void KIND(multiply_two)(int vectors, const char *a, ptrdiff_t stride, ptrdiff_t steps,
                               ptrdiff_t tail, const char *b, char *sums, int accumulate) {
    const ptrdiff_t b_row = vectors * TILE_ROW;
    if (accumulate) {
        TILE_LOAD(0, sums, SUMS_ROW);
        TILE_LOAD(1, sums + TILE_ROW, SUMS_ROW);
    } else {
        TILE_ZERO(0);
        TILE_ZERO(1);
    }
    for (ptrdiff_t k = 0; k < steps; k++, a += TILE_ROW, b += TILE * b_row) {
        TILE_LOAD(2, a, stride);
        TILE_LOAD(3, b, b_row);
        KIND(TILE_MULTIPLY)(0, 2, 3);
        if (vectors > 1) {
            TILE_LOAD(4, b + TILE_ROW, b_row);
            KIND(TILE_MULTIPLY)(1, 2, 4);
        }
    }
    if (tail > 0) {
        TILE_LOAD(5, a, stride);
        TILE_LOAD(6, b, b_row);
        KIND(TILE_MULTIPLY)(0, 5, 6);
        if (vectors > 1) {
            TILE_LOAD(7, b + TILE_ROW, b_row);
            KIND(TILE_MULTIPLY)(1, 5, 7);
        }
    }
    TILE_STORE(0, sums, SUMS_ROW);
    TILE_STORE(1, sums + TILE_ROW, SUMS_ROW);
}

/* The sums of a number of rows for which the tiles are configured: less than a tile, or whole
 * tiles. */
static void KIND(multiply_rows)(int vectors, ptrdiff_t rows, const char *a, ptrdiff_t stride,
                                ptrdiff_t elements, const char *panel, char *sums) {
    const ptrdiff_t tail = elements % TILE;
    ptrdiff_t k = 0;
    do {
        const ptrdiff_t n = elements - k < TILE_CHUNK ? elements - k : TILE_CHUNK;
        const char *b = panel + k * vectors * TILE_ROW;
        ptrdiff_t row = 0;
        for (; vectors > 1 && tail == 0 && row + 2 * TILE <= rows; row += 2 * TILE)
            KIND(multiply_four)
        (a + row * stride + 4 * k, stride, n / TILE, b, sums + row * SUMS_ROW, k > 0);
        for (; row < rows; row += TILE)
            KIND(multiply_two)
        (vectors, a + row * stride + 4 * k, stride, n / TILE, n % TILE, b, sums + row * SUMS_ROW,
         k > 0);
        k += n;
    } while (k < elements);
}

/* The sums of all rows of a block, SUMS_ROW bytes apart. */
static void KIND(multiply_tiles)(int vectors, ptrdiff_t rows, const char *a, ptrdiff_t stride,
                                 ptrdiff_t elements, const char *panel, char *sums) {
    const ptrdiff_t rest = rows % TILE, whole = rows - rest;
    KIND(multiply_rows)(vectors, whole, a, stride, elements, panel, sums);
    if (rest == 0)
        return;
    configure_tiles(rest, elements % TILE);
    KIND(multiply_rows)
    (vectors, rest, a + whole * stride, stride, elements, panel, sums + whole * SUMS_ROW);
    configure_tiles(TILE, elements % TILE);
}
