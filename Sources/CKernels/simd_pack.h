/* Packing the right operand of a product into panels, each with its columns side by side. */
#pragma once

#include "simd_bfloat16.h"
#include "simd_products.h"

static void KERNEL(f32_pack)(packed_matrix to, ptrdiff_t first, ptrdiff_t count, ptrdiff_t column,
                             ptrdiff_t columns, const float *b, ptrdiff_t inner_stride,
                             ptrdiff_t column_stride) {
    float *panel = (float *)to.bytes + to.inner * column;
    for (ptrdiff_t begin = 0; begin < columns; begin += PANEL) {
        ptrdiff_t n = columns - begin < PANEL ? columns - begin : PANEL;
        ptrdiff_t width = n > WIDTH ? PANEL : WIDTH;
        const float *source = b + begin * column_stride;
        float *target = panel + first * width;
        if (column_stride == 1) {
            for (ptrdiff_t k = 0; k < count; k++) {
                memcpy(target + k * width, source + k * inner_stride, sizeof(float) * (size_t)n);
                memset(target + k * width + n, 0, sizeof(float) * (size_t)(width - n));
            }
            panel += to.inner * width;
            continue;
        }
        /* In blocks, so that a cache line is still in the cache when its next elements are read,
         * whichever stride is 1. */
        for (ptrdiff_t block = 0; block < count; block += WIDTH)
            for (ptrdiff_t j = 0; j < width; j += WIDTH) {
                ptrdiff_t end = block + WIDTH < count ? block + WIDTH : count;
                if (inner_stride == 1 && block + WIDTH == end && j + WIDTH <= n) {
                    vec rows[WIDTH];
                    for (ptrdiff_t i = 0; i < WIDTH; i++)
                        rows[i] = load(source + (j + i) * column_stride + block);
                    store_transposed(rows, target + block * width + j, width);
                    continue;
                }
                for (ptrdiff_t i = j; i < j + WIDTH; i++)
                    for (ptrdiff_t k = block; k < end; k++)
                        target[k * width + i] =
                            i < n ? source[k * inner_stride + i * column_stride] : 0.0f;
            }
        panel += to.inner * width;
    }
}

/* The index of element (k, j) in a panel. */
static inline ptrdiff_t bf16_place(ptrdiff_t k, ptrdiff_t j, ptrdiff_t width) {
    return k / bf16_STEP * bf16_STEP * width + j * bf16_STEP + k % bf16_STEP;
}

static void KERNEL(bf16_pack)(packed_matrix to, ptrdiff_t first, ptrdiff_t count, ptrdiff_t column,
                              ptrdiff_t columns, const float *b, ptrdiff_t inner_stride,
                              ptrdiff_t column_stride) {
    const ptrdiff_t padded = (to.inner + bf16_STEP - 1) / bf16_STEP * bf16_STEP;
    uint16_t *panel = (uint16_t *)to.bytes + padded * column;
    for (ptrdiff_t begin = 0; begin < columns; begin += PANEL) {
        ptrdiff_t n = columns - begin < PANEL ? columns - begin : PANEL;
        ptrdiff_t width = n > WIDTH ? PANEL : WIDTH;
        const float *source = b + begin * column_stride;
        ptrdiff_t k = 0;
        if (first % bf16_STEP == 0)
            k = bf16_pack_blocks(count, n, source, inner_stride, column_stride,
                                 panel + first * width, width);
        for (; k < count; k++)
            for (ptrdiff_t j = 0; j < width; j++)
                panel[bf16_place(first + k, j, width)] =
                    j < n ? bf16_of(source[k * inner_stride + j * column_stride]) : 0;
        /* Zeros in the rows that fill up the last step. */
        if (first + count == to.inner)
            for (ptrdiff_t row = to.inner; row < padded; row++)
                for (ptrdiff_t j = 0; j < width; j++)
                    panel[bf16_place(row, j, width)] = 0;
        panel += padded * width;
    }
}
