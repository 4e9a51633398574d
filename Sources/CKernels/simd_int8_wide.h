/* Products of INT8 weights with float activations: a part of a panel is widened once, into the L1
 * cache, and the bfloat16 or float32 tile multiplies many rows by it. */
#pragma once

#include "simd_int8.h"

/* out[r, :n] (+)= buffer[r, :] * scales, rows of the buffer `width` floats apart. */
static void add_scaled(ptrdiff_t rows, ptrdiff_t n, const float *buffer, ptrdiff_t width,
                       const float *scales, const float *bias, float *c, ptrdiff_t ldc,
                       int accumulate) {
    for (ptrdiff_t r = 0; r < rows; r++, buffer += width, c += ldc)
        for (ptrdiff_t j = 0; j < n; j += WIDTH) {
            if (n - j >= WIDTH) {
                vec before = accumulate ? load(c + j) : bias ? load(bias + j) : (vec)0;
                store(c + j, fma(load(buffer + j), load(scales + j), before));
            } else {
                vec before = accumulate ? load_part(c + j, n - j)
                             : bias     ? load_part(bias + j, n - j)
                                        : (vec)0;
                store_part(c + j, fma(load(buffer + j), load_part(scales + j, n - j), before),
                           n - j);
            }
        }
}

/* Number of blocks of rows that use a widened part of a panel: widening then takes a twentieth of
 * the time of the products. */
enum { WIDE_BLOCKS = 192 / BLOCK_ROWS };

/* Widens `count` rows of a panel, a whole number of groups, to the bfloat16 layout of bf16_pack. */
static void widen_to_bf16(ptrdiff_t count, ptrdiff_t width, const uint8_t *panel, uint16_t *out) {
    for (ptrdiff_t k = 0; k < count; k += GROUP, panel += GROUP * width)
        for (ptrdiff_t j = 0; j < width; j += WIDTH) {
            const group_vec groups = load_groups(panel + GROUP * j);
            for (int i = 0; i < GROUP; i += bf16_STORED_ROWS) {
                vec rows[bf16_STORED_ROWS];
                for (int r = 0; r < bf16_STORED_ROWS; r++)
                    rows[r] = group_row(groups, i + r);
                bf16_store_rows(out + (k + i) * width, width, j, rows);
            }
        }
}

/* Zeros the first and the last group of each row, which may contain rows of B outside all segments.
 * `elements` is the length of a row, a whole number of groups. */
static void zero_ends(bf16_element *copied, ptrdiff_t rows, ptrdiff_t elements) {
    const ptrdiff_t group = GROUP / bf16_STEP;
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t i = 0; i < group; i++)
            copied[bf16_at(r, i)] = copied[bf16_at(r, elements - 1 - i)] = 0;
}

static void KERNEL(bf16_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,
                                   ptrdiff_t lda, packed_matrix b, ptrdiff_t first_column,
                                   ptrdiff_t columns, const float *scales, const float *bias,
                                   float *c, ptrdiff_t ldc, int accumulate) {
    const quantized_columns matrix = columns_of(b, first_column, columns);
    const ptrdiff_t from = count > 0 ? segments[0].first / GROUP * GROUP : 0;
    ptrdiff_t to = count > 0 ? segments[count - 1].first + segments[count - 1].count : 0;
    to = from + whole_groups(to - from);
    bf16_element copied[WIDE_BLOCKS][BLOCK_ROWS * bf16_STRIDE];
    uint16_t wide[bf16_CHUNK * PANEL];
    float buffer[BLOCK_ROWS * PANEL];
    tile_use tiles = {0};
    for (ptrdiff_t row = 0; row < rows; row += WIDE_BLOCKS * BLOCK_ROWS) {
        ptrdiff_t k = from;
        int adding = accumulate;
        do {
            ptrdiff_t length = to - k < bf16_CHUNK ? to - k : bf16_CHUNK;
            for (ptrdiff_t i = 0; i < WIDE_BLOCKS && row + i * BLOCK_ROWS < rows && length > 0;
                 i++) {
                ptrdiff_t begin = row + i * BLOCK_ROWS;
                ptrdiff_t n = rows - begin < BLOCK_ROWS ? rows - begin : BLOCK_ROWS;
                zero_ends(copied[i], n, length / bf16_STEP);
                f32a_fill(copied[i], n, count, segments, begin, lda, k, k + length);
            }
            use_tiles(&tiles, length / bf16_STEP);
            for (ptrdiff_t column = 0; column < columns; column += PANEL) {
                const quantized_panel panel = panel_at(matrix, column);
                const ptrdiff_t width = panel.width;
                widen_to_bf16(length, width, panel.bytes + k * width, wide);
                for (ptrdiff_t i = 0; i < WIDE_BLOCKS && row + i * BLOCK_ROWS < rows; i++) {
                    ptrdiff_t begin = row + i * BLOCK_ROWS;
                    ptrdiff_t n = rows - begin < BLOCK_ROWS ? rows - begin : BLOCK_ROWS;
                    bf16_panel((bf16_block){copied[i], bf16_STRIDE}, n, length, width, wide, wide,
                               NULL, buffer, width, 0);
                    add_scaled(n, panel.columns, buffer, width, scales + column,
                               bias ? bias + column : NULL, c + begin * ldc + column, ldc, adding);
                }
            }
            adding = 1;
            k += length;
        } while (k < to);
    }
    release_tiles(&tiles);
}

static void widen_to_f32(ptrdiff_t count, ptrdiff_t width, const uint8_t *panel, float *out) {
    for (ptrdiff_t k = 0; k < count; k += GROUP, panel += GROUP * width)
        for (ptrdiff_t j = 0; j < width; j += WIDTH) {
            const group_vec groups = load_groups(panel + GROUP * j);
            for (int i = 0; i < GROUP; i++)
                store(out + (k + i) * width + j, group_row(groups, i));
        }
}

static void KERNEL(f32_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,
                                  ptrdiff_t lda, packed_matrix b, ptrdiff_t first_column,
                                  ptrdiff_t columns, const float *scales, const float *bias,
                                  float *c, ptrdiff_t ldc, int accumulate) {
    const quantized_columns matrix = columns_of(b, first_column, columns);
    const gemm_segment nothing = {.a = scales, .first = 0, .count = 0};
    if (count == 0) {
        segments = &nothing;
        count = 1;
    }
    float wide[(f32_CHUNK + GROUP) * PANEL], buffer[BLOCK_ROWS * PANEL];
    for (ptrdiff_t s = 0; s < count; s++) {
        ptrdiff_t done = 0;
        do {
            ptrdiff_t length = segments[s].count - done;
            length = length < f32_CHUNK ? length : f32_CHUNK;
            ptrdiff_t from = segments[s].first + done, lead = from % GROUP;
            const float *a = (const float *)segments[s].a + done;
            for (ptrdiff_t column = 0; column < columns; column += PANEL) {
                const quantized_panel panel = panel_at(matrix, column);
                const ptrdiff_t width = panel.width;
                widen_to_f32(lead + length, width, panel.bytes + (from - lead) * width, wide);
                for (ptrdiff_t row = 0; row < rows; row += BLOCK_ROWS) {
                    ptrdiff_t n = rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS;
                    f32_panel((f32_block){a + row * lda, lda}, n, length, width,
                              wide + lead * width, wide, NULL, buffer, width, 0);
                    add_scaled(n, panel.columns, buffer, width, scales + column,
                               bias ? bias + column : NULL, c + row * ldc + column, ldc,
                               accumulate);
                }
            }
            accumulate = 1;
            done += length;
        } while (done < segments[s].count);
    }
}
