/* Products on Intel's tiles (AMX), for the kinds of products in bfloat16 and in INT8.
 *
 * A tile register holds up to 16 rows of 64 bytes. One instruction adds to a tile of C, 16 x 16
 * sums, the product of a tile of A, 16 rows of 16 elements, with a tile of B, 16 elements of 16
 * columns. An element has four bytes: a pair of bfloat16, or four bytes. Both packed layouts
 * have the columns of a row of elements side by side, so a tile of B is 16 of these rows (Intel
 * 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18).
 *
 * The instructions are macros, because the numbers of tiles are parts of them: TILE_CONFIGURE,
 * TILE_RELEASE, TILE_ZERO, TILE_LOAD, TILE_STORE, and bf16_TILE_MULTIPLY and int8_TILE_MULTIPLY
 * (A signed, B unsigned). avx512amx.c has them, and the tester has emulated ones. */
#pragma once

#include "simd_vector.h"

#define bf16_TILES 1
#define int8_TILES 1

/* Rows of a tile, elements of a row of A, bytes of a row. The rows of sums have two tiles. */
enum { TILE = 16, TILE_ROW = 4 * TILE, SUMS_ROW = 2 * TILE_ROW };

/* Rows of a block of A. The block stays in the L2 cache, and is multiplied by one panel of B
 * after the other: with twice the rows of the other sets, B is read half as often, because tiles
 * wait for memory sooner than registers do. */
#define ROWS_OF_BLOCKS 96

/* Elements of rows of A and of B that are multiplied before the next rows of A: two tiles of
 * each are then 32 KB, which stay in the L1 cache. */
enum { TILE_CHUNK = 8 * TILE };

/* The operand of LDTILECFG. */
typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_configuration;

/* Configures the tiles for products of `rows` rows of A at once, and for a last step of `tail`
 * elements, or no such step if it is 0. Tiles have the exact shape of their operands, so nothing
 * beside these is read:
 *   0, 1   sums of the columns of two vectors
 *   2      A, with 3 and 4, two vectors of B
 *   5      the last elements of A, with 6 and 7, B
 * Without a last step, and with 16 rows, all tiles are whole, and multiply_four uses them in
 * other roles. */
static inline void configure_tiles(ptrdiff_t rows, ptrdiff_t tail) {
    const ptrdiff_t last = tail > 0 ? tail : TILE;
    tile_configuration shapes = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        shapes.rows[t] = (uint8_t)(t == 3 || t == 4 ? TILE : t > 5 ? last : rows);
        shapes.row_bytes[t] = (uint16_t)(t == 5 ? 4 * last : TILE_ROW);
    }
    TILE_CONFIGURE(&shapes);
}

/* Whether tiles are configured, and for which last step. */
typedef struct {
    int is_used;
    ptrdiff_t tail;
} tile_use;

/* Configures the tiles for products of `elements` elements of a row, if they are not.
 * Configuring takes as long as twelve products, so a kernel does it once where it can. */
static inline void use_tiles(tile_use *now, ptrdiff_t elements) {
    const ptrdiff_t tail = elements % TILE;
    if (now->is_used && now->tail == tail)
        return;
    configure_tiles(TILE, tail);
    *now = (tile_use){1, tail};
}

/* A kernel leaves no tiles in use to the program that called it. */
static inline void release_tiles(const tile_use *now) {
    if (now->is_used)
        TILE_RELEASE();
}
