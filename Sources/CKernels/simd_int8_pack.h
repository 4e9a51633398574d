/* Packing of INT8 weights, and of floats that are quantised on the way, in the layout of simd_int8.h.
 */
#pragma once

#include "simd_int8.h"

static ptrdiff_t KERNEL(qc8w_packed_bytes)(ptrdiff_t inner, ptrdiff_t columns) {
    return whole_groups(inner) * ((columns + WIDTH - 1) / WIDTH * WIDTH);
}

static void KERNEL(qc8w_pack)(packed_matrix to, ptrdiff_t column, ptrdiff_t columns,
                              const signed char *b, ptrdiff_t ldb) {
    const quantized_columns matrix = columns_of(to, column, columns);
    for (ptrdiff_t begin = 0; begin < columns; begin += PANEL) {
        const quantized_panel panel = panel_at(matrix, begin);
        for (ptrdiff_t k = 0; k < matrix.padded; k++)
            for (ptrdiff_t j = 0; j < panel.width; j++) {
                int is_inside = k < to.inner && j < panel.columns;
                signed char quantized = is_inside ? b[k * ldb + begin + j] : 0;
                panel.bytes[k / GROUP * GROUP * panel.width + j * GROUP + k % GROUP] =
                    (uint8_t)quantized ^ INT8_FLIP;
            }
    }
}

/* Quantises one column of B minus an offset, with zeros after it, and returns its scale. */
static float quantize_column(const float *x, const float *offset, ptrdiff_t inner, uint8_t *bytes) {
    float column[QD8_SEGMENT + WIDTH];
    ptrdiff_t k = 0;
    for (; k + WIDTH <= inner; k += WIDTH)
        store(column + k, load(x + k) - load(offset + k));
    if (k < inner)
        store(column + k, load_part(x + k, inner - k) - load_part(offset + k, inner - k));
    float inverse, scale = scale_of(column, inner, 127, &inverse);
    for (k = 0; k < inner; k += WIDTH) {
        vec_int quantized = inverse == 0 ? (vec_int)0 : nearest(load(column + k) * inverse);
        byte_vec flipped = __builtin_convertvector(quantized ^ INT8_FLIP, byte_vec);
        memcpy(bytes + k, &flipped, sizeof flipped);
    }
    memset(bytes + inner, INT8_FLIP, GROUP);
    return scale;
}

static void KERNEL(qc8w_pack_rows)(packed_matrix to, ptrdiff_t column, ptrdiff_t columns,
                                   const float *b, ptrdiff_t ldb, const float *offset,
                                   float *scales) {
    const quantized_columns matrix = columns_of(to, column, columns);
    uint8_t bytes[WIDTH][QD8_SEGMENT + WIDTH + GROUP];
    for (ptrdiff_t begin = 0; begin < columns; begin += WIDTH) {
        const ptrdiff_t n = columns - begin < WIDTH ? columns - begin : WIDTH;
        const ptrdiff_t first = begin % PANEL;
        const quantized_panel panel = panel_at(matrix, begin - first);
        for (ptrdiff_t j = begin + WIDTH; j < columns && j < begin + 2 * WIDTH; j++)
            prefetch_row(b + j * ldb, to.inner);
        for (ptrdiff_t j = 0; j < n; j++)
            scales[begin + j] = quantize_column(b + (begin + j) * ldb, offset, to.inner, bytes[j]);
        for (ptrdiff_t j = n; j < WIDTH; j++)
            memset(bytes[j], INT8_FLIP, (size_t)matrix.padded);
        uint8_t *target = panel.bytes + first * GROUP;
        ptrdiff_t k = 0;
        /* Groups of four bytes are transposed as floats. */
        for (; GROUP == sizeof(float) && k + GROUP * WIDTH <= matrix.padded; k += GROUP * WIDTH) {
            vec groups[WIDTH];
            for (ptrdiff_t j = 0; j < WIDTH; j++)
                memcpy(&groups[j], bytes[j] + k, sizeof groups[j]);
            store_transposed(groups, (float *)(void *)(target + k * panel.width), panel.width);
        }
        for (; k < matrix.padded; k += GROUP)
            for (ptrdiff_t j = 0; j < WIDTH; j++)
                memcpy(target + k * panel.width + j * GROUP, bytes[j] + k, GROUP);
    }
}

static inline void grow(vec_int *largest, vec x) {
    *largest = __builtin_elementwise_max(*largest, magnitude_bits(x));
}

static void KERNEL(f32_column_magnitudes)(ptrdiff_t rows, ptrdiff_t cols, const float *x,
                                          ptrdiff_t ldx, float *largest) {
    ptrdiff_t c = 0;
    /* Four vectors of columns at once, because rows may be far apart in memory. */
    for (; c + 4 * WIDTH <= cols; c += 4 * WIDTH) {
        vec_int found[4];
        memcpy(found, largest + c, sizeof found);
        for (ptrdiff_t r = 0; r < rows; r++)
            for (int i = 0; i < 4; i++)
                grow(&found[i], load(x + r * ldx + c + i * WIDTH));
        memcpy(largest + c, found, sizeof found);
    }
    for (; c < cols; c += WIDTH) {
        ptrdiff_t n = cols - c < WIDTH ? cols - c : WIDTH;
        vec_int found = 0;
        memcpy(&found, largest + c, sizeof(float) * (size_t)n);
        for (ptrdiff_t r = 0; r < rows; r++) {
            const float *row = x + r * ldx + c;
            grow(&found, load_first(row, n));
        }
        memcpy(largest + c, &found, sizeof(float) * (size_t)n);
    }
}

/* Quantises n <= WIDTH columns of one row of B. */
static inline vec_int scaled_columns(const float *b, const float *scales, ptrdiff_t n) {
    vec x = load_first(b, n), scale = load_first(scales, n);
    vec_int is_normal = (scale > 0) & (scale < __builtin_inff());
    vec quantized = __builtin_elementwise_roundeven(x / scale);
    return __builtin_convertvector(smaller((vec)127.0f, larger((vec)-127.0f, quantized)), vec_int) &
           is_normal;
}

static void KERNEL(qc8w_pack_scaled)(packed_matrix to, ptrdiff_t first, ptrdiff_t count,
                                     const float *b, ptrdiff_t ldb, const float *scales) {
    const quantized_columns matrix = columns_of(to, 0, to.columns);
    for (ptrdiff_t column = 0; column < to.columns; column += PANEL) {
        const quantized_panel panel = panel_at(matrix, column);
        for (ptrdiff_t k = 0; k < count; k += GROUP) {
            for (ptrdiff_t i = k + 2 * GROUP; column == 0 && i < count && i < k + 3 * GROUP; i++)
                prefetch_row(b + i * ldb, to.columns);
            for (ptrdiff_t j = 0; j < panel.width; j += WIDTH) {
                group_vec groups = 0;
                const ptrdiff_t n = panel.columns - j < WIDTH ? panel.columns - j : WIDTH;
                for (ptrdiff_t i = 0; i < GROUP; i++) {
                    vec_int quantized = 0;
                    if (k + i < count && n > 0)
                        quantized =
                            scaled_columns(b + (k + i) * ldb + column + j, scales + column + j, n);
                    quantized = (quantized ^ INT8_FLIP) & 0xFF;
                    groups |= __builtin_convertvector(quantized, group_vec) << (8 * i);
                }
                memcpy(panel.bytes + (first + k) * panel.width + GROUP * j, &groups, sizeof groups);
            }
        }
    }
}
