/* Products of INT8 with INT8: weights quantised with a scale per column, A quantised row by row.
 *
 * The products of simd_int8_wide.h use the same packed weights.
 */
#pragma once

#include "simd_int8_rows.h"

/* Loads the groups of WIDTH columns. */
static inline group_vec load_groups(const uint8_t *p) {
    group_vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Row i of the groups, as floats. */
static inline vec group_row(group_vec groups, int i) {
    vec_int bytes = __builtin_convertvector(groups >> (i / 4 * 32), vec_int);
    bytes ^= (vec_int)(int32_t)(0x01010101u * INT8_FLIP);
    return __builtin_convertvector((bytes << (24 - 8 * (i % 4))) >> 24, vec);
}

/* C = bias, 0 or C, + row_scale * scale * sum, for WIDTH columns from column j on. */
ALWAYS_INLINE void int8_finish(vec_int sum, float row_scale, const float *scales, const float *bias,
                               float *c, ptrdiff_t j, int accumulate) {
    vec before = accumulate ? load(c + j) : bias ? load(bias + j) : (vec)0;
    store(c + j, fma(__builtin_convertvector(sum, vec), row_scale * load(scales + j), before));
}

/* Number of a panel's elements in an operand. */
enum { OPERAND = GROUP * WIDTH };

#if !int8_TILES
/* Elements of the next panel that a tile prefetches at each step: the tiles of a block together
 * prefetch all of it. */
enum { INT8_AHEAD = 2 * OPERAND * ROWS / BLOCK_ROWS };

/* sum[rows][vectors] += rows of A, `stride` elements apart, times the groups of a panel. `ahead`
 * is the tile's part of the next panel; NULL for none. */
ALWAYS_INLINE void int8_add_products(const int rows, const int vectors, const q_element *a,
                                     ptrdiff_t stride, ptrdiff_t groups, const q_packed *panel,
                                     const q_packed *ahead, vec_int sum[ROWS][2]) {
#if int8_QUADS
    (void)ahead;
    int8_multiply_quads(rows, vectors, a, stride, groups, panel, sum);
#else
    ptrdiff_t offsets[ROWS];
    row_offsets(rows, stride, offsets);
#pragma clang loop unroll_count(UNROLLED_STEPS)
    for (ptrdiff_t g = 0; g < groups; g++, a += GROUP, panel += vectors * OPERAND) {
        q_operand b0 = load_q_operand(panel);
        q_operand b1 = load_q_operand(panel + (vectors > 1 ? OPERAND : 0));
        if (rows == ROWS && ahead) {
            __builtin_prefetch(ahead, 0, 2);
            ahead += INT8_AHEAD;
        }
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            sum[r][0] = dot(sum[r][0], b0, a + offsets[r]);
            if (vectors > 1)
                sum[r][1] = dot(sum[r][1], b1, a + offsets[r]);
        }
    }
#endif
}

/* C[rows, vectors * WIDTH] = bias, 0 or C, + row_scale * scale * (quantised A times quantised B).
 */
ALWAYS_INLINE void int8_tile(const int rows, const int vectors, quantized_view view, ptrdiff_t row,
                             ptrdiff_t groups, const q_packed *panel, const float *scales,
                             const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    vec_int sum[ROWS][2];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++)
            sum[r][v] = (vec_int)view.start[row + r];
    c += row * ldc;
    /* Panels follow one another where A has all rows of B; elsewhere the address is only
     * useless. */
    const q_packed *next = panel + groups * vectors * OPERAND;
    int8_add_products(rows, vectors, view.rows + row * view.stride, view.stride, groups, panel,
                      WIDENS_PANELS ? NULL : next + row / ROWS * groups * INT8_AHEAD, sum);
    if (view.low) {
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
            for (int v = 0; v < vectors; v++)
                sum[r][v] = (sum[r][v] << LOW_BITS) + (vec_int)view.low->start[row + r];
        int8_add_products(rows, vectors, view.low->rows[row], QUANTIZED_COLUMNS, groups, panel,
                          NULL, sum);
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++)
            int8_finish(sum[r][v], view.row_scales[row + r], scales, bias, c + r * ldc, v * WIDTH,
                        accumulate);
}
#endif

typedef quantized_view int8_block;
typedef q_packed int8_packed;
typedef float int8_beside; /* scales */
#define PRODUCT int8
#if int8_TILES
#include "amx_rows.inc.h"

static inline vec_int load_sums(const int32_t *p) {
    vec_int v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* All rows of the block, as int8_tile multiplies them. */
ALWAYS_INLINE void int8_rows(const int vectors, quantized_view view, ptrdiff_t rows,
                             ptrdiff_t groups, const q_packed *panel, const float *scales,
                             const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    int32_t sums[2][BLOCK_ROWS * PANEL];
    int8_multiply_tiles(vectors, rows, (const char *)view.rows, view.stride, groups,
                        (const char *)panel, (char *)sums[0]);
    if (view.low)
        int8_multiply_tiles(vectors, rows, (const char *)view.low->rows, QUANTIZED_COLUMNS, groups,
                            (const char *)panel, (char *)sums[1]);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) {
            vec_int sum = load_sums(sums[0] + r * PANEL + v * WIDTH) + view.start[r];
            if (view.low)
                sum = (sum << LOW_BITS) + load_sums(sums[1] + r * PANEL + v * WIDTH) +
                      view.low->start[r];
            int8_finish(sum, view.row_scales[r], scales, bias, c + r * ldc, v * WIDTH, accumulate);
        }
}
#endif
#include "simd_panel.inc.h"
#undef PRODUCT

static inline ptrdiff_t whole_groups(ptrdiff_t inner) {
    return (inner + GROUP - 1) / GROUP * GROUP;
}

/* A range of columns of a packed B, with `padded` rows. */
typedef struct {
    uint8_t *bytes;
    ptrdiff_t padded, columns;
} quantized_columns;

static inline quantized_columns columns_of(packed_matrix b, ptrdiff_t column, ptrdiff_t columns) {
    const ptrdiff_t padded = whole_groups(b.inner);
    return (quantized_columns){(uint8_t *)b.bytes + padded * column, padded, columns};
}

/* The panel at a column: its number of columns, and `width`, their number with padding to vectors.
 */
typedef struct {
    uint8_t *bytes;
    ptrdiff_t columns, width;
} quantized_panel;

static inline quantized_panel panel_at(quantized_columns b, ptrdiff_t column) {
    const ptrdiff_t n = b.columns - column < PANEL ? b.columns - column : PANEL;
    return (quantized_panel){b.bytes + b.padded * column, n, n > WIDTH ? PANEL : WIDTH};
}

/* The panel as an operand: itself, or widened into `wide`. */
static inline const q_packed *multiplied_panel(const uint8_t *panel, ptrdiff_t groups,
                                               ptrdiff_t width, q_packed *wide) {
    if (!WIDENS_PANELS)
        return (const q_packed *)panel;
    for (ptrdiff_t i = 0; i < groups * GROUP * width; i += OPERAND)
        widen_groups(panel + i, wide + i);
    return wide;
}

/* Multiplies rows of A by all columns, from B's row `k` on, the first row of a group. */
static void int8_columns(quantized_view view, ptrdiff_t rows, ptrdiff_t groups, quantized_columns b,
                         ptrdiff_t k, const float *scales, const float *bias, float *c,
                         ptrdiff_t ldc, int accumulate) {
    q_packed wide[WIDENS_PANELS ? (QD8_SEGMENT + 2 * GROUP) * PANEL : 1];
    for (ptrdiff_t column = 0; column < b.columns; column += PANEL) {
        const quantized_panel panel = panel_at(b, column);
        const float *factors = scales + column;
        float whole[PANEL] = {0};
        if (panel.columns % WIDTH > 0)
            factors = memcpy(whole, factors, sizeof(float) * (size_t)panel.columns);
        const uint8_t *bytes = panel.bytes + k * panel.width;
        int8_panel(view, rows, groups, panel.columns,
                   multiplied_panel(bytes, groups, panel.width, wide), factors,
                   bias ? bias + column : NULL, c + column, ldc, accumulate);
    }
}

static void KERNEL(qd8_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,
                                  ptrdiff_t lda, packed_matrix b, ptrdiff_t column,
                                  ptrdiff_t columns, const float *scales, const float *bias,
                                  float *c, ptrdiff_t ldc, int accumulate) {
    const quantized_columns matrix = columns_of(b, column, columns);
    const gemm_segment nothing = {.a = scales, .first = 0, .count = 0};
    if (count == 0) {
        segments = &nothing;
        count = 1;
    }
    quantized_block block;
    tile_use tiles = {0};
    for (ptrdiff_t row = 0; row < rows; row += BLOCK_ROWS) {
        ptrdiff_t n = rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS;
        int adding = accumulate;
        for (ptrdiff_t s = 0; s < count; s++) {
            ptrdiff_t done = 0;
            do {
                ptrdiff_t length = segments[s].count - done;
                length = length < QD8_SEGMENT ? length : QD8_SEGMENT;
                ptrdiff_t from = segments[s].first + done, lead = from % GROUP;
                const float *a = (const float *)segments[s].a + done + row * lda;
                for (ptrdiff_t r = 0; r < n; r++)
                    quantize_row(a + r * lda, length, &block, r, lead);
                const ptrdiff_t groups = whole_groups(lead + length) / GROUP;
                use_tiles(&tiles, groups);
                int8_columns(view_of(&block), n, groups, matrix, from - lead, scales, bias,
                             c + row * ldc, ldc, adding);
                adding = 1;
                done += length;
            } while (done < segments[s].count);
        }
    }
    release_tiles(&tiles);
}

static void KERNEL(q8_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t first, ptrdiff_t count,
                                 const signed char *quantized, ptrdiff_t lda,
                                 const float *row_scales, packed_matrix b, ptrdiff_t column,
                                 ptrdiff_t columns, const float *scales, float *c, ptrdiff_t ldc,
                                 int accumulate) {
    const quantized_columns matrix = columns_of(b, column, columns);
    tile_use tiles = {0};
    for (ptrdiff_t row = 0; row < rows; row += BLOCK_ROWS) {
        ptrdiff_t n = rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS;
        int adding = accumulate;
        ptrdiff_t done = 0;
        do {
            ptrdiff_t length = count - done < QD8_SEGMENT ? count - done : QD8_SEGMENT;
            const signed char *bytes = quantized + row * lda + done;
            const ptrdiff_t groups = whole_groups(length) / GROUP;
            float *target = c + row * ldc;
            use_tiles(&tiles, groups);
            if (MULTIPLIES_BYTES_IN_PLACE) {
                int32_t start[BLOCK_ROWS];
                for (ptrdiff_t r = 0; r < n; r++)
                    start[r] = -INT8_FLIP * sum_of_bytes(bytes + r * lda, length);
                const quantized_view view = {(const q_element *)bytes, lda, row_scales + row, start,
                                             NULL};
                int8_columns(view, n, groups, matrix, first + done, scales, NULL, target, ldc,
                             adding);
            } else {
                quantized_block block;
                for (ptrdiff_t r = 0; r < n; r++)
                    take_row(bytes + r * lda, length, row_scales[row + r], &block, r);
                int8_columns(view_of(&block), n, groups, matrix, first + done, scales, NULL, target,
                             ldc, adding);
            }
            adding = 1;
            done += length;
        } while (done < count);
    }
    release_tiles(&tiles);
}

static void KERNEL(q8_rows)(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                            signed char *quantized, ptrdiff_t ldo, float *row_scales) {
    const ptrdiff_t padded = (cols + 3) & -4;
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, quantized += ldo) {
        float inverse;
        if (r + 4 < rows)
            prefetch_row(x + 4 * ldx, cols);
        row_scales[r] = scale_of(x, cols, 127, &inverse);
        if (inverse == 0) {
            memset(quantized, 0, (size_t)padded);
            continue;
        }
        ptrdiff_t k = 0;
        for (; k + 4 * WIDTH <= cols; k += 4 * WIDTH)
            quantize_four(x + k, inverse, quantized + k);
        for (; k + WIDTH <= cols; k += WIDTH) {
            byte_vec bytes = __builtin_convertvector(nearest(load(x + k) * inverse), byte_vec);
            memcpy(quantized + k, &bytes, sizeof bytes);
        }
        if (k < cols) {
            vec_int last = nearest(load_part(x + k, cols - k) * inverse);
            for (ptrdiff_t i = 0; k + i < padded; i++)
                quantized[k + i] = (signed char)last[i];
        }
    }
}
