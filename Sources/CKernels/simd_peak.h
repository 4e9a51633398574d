/* The peak rate of the products: their inner loops on operands in the L1 cache, or in registers,
 * where nothing is packed, quantised or read from far. */
#pragma once

#include "simd_int8.h"

/* Steps of a pass: B takes 16 KB in float32. */
enum { PEAK_STEPS = 128 };

static double KERNEL(peak_pass)(int kind, ptrdiff_t passes) {
    /* Zeros, because the rate does not depend on the numbers; the compiler may not know them. */
    static const _Alignas(64) char zeros[2][4 * PEAK_STEPS * 32];
    const char *a = zeros[0], *b = zeros[1];
    __asm__("" : "+r"(a), "+r"(b));
    float c[32 * PANEL] = {0};
    ptrdiff_t positions = 0;
#if bf16_TILES
    if (kind > 0)
        configure_tiles(TILE, 0);
    for (ptrdiff_t i = 0; i < passes && kind > 0; i++, positions += kind == 1 ? 2 : 4)
        (kind == 1 ? bf16_multiply_four : int8_multiply_four)(a, 4 * PEAK_STEPS, PEAK_STEPS / TILE,
                                                              b, (char *)c, i > 0);
    if (kind > 0) {
        TILE_RELEASE();
        return (double)(positions * 2 * PEAK_STEPS * 32 * PANEL);
    }
#else
    if (kind == 2) {
        vec_int sum[ROWS][2] = {{0}};
#if WIDENS_PANELS
        /* VPMADDWD with its addition alone, without the loads of a tile. */
        pair_operand x = load_pair_operand((const pair_element *)a);
        const pair_operand y = load_pair_operand((const pair_element *)b);
        for (ptrdiff_t i = 0; i < passes * PEAK_STEPS; i++)
#pragma clang loop unroll(full)
            for (int r = 0; r < 2 * ROWS; r++) {
                __asm__("" : "+x"(x));
                sum[r / 2][r % 2] = add_pairs(sum[r / 2][r % 2], x, y);
            }
        positions = passes * GROUP;
#else
        for (ptrdiff_t i = 0; i < passes; i++, positions += GROUP)
            int8_add_products(ROWS, 2, (const q_element *)a, GROUP, PEAK_STEPS, (const q_packed *)b,
                              NULL, sum);
#endif
        memcpy(c, sum, sizeof sum);
    }
    if (kind == 1) {
        const bf16_block block = {(const bf16_element *)a, PEAK_STEPS};
        for (ptrdiff_t i = 0; i < passes; i++, positions += bf16_STEP)
            bf16_tile(ROWS, 2, block, 0, bf16_STEP * PEAK_STEPS, (const bf16_packed *)b,
                      (const bf16_packed *)b, NULL, c, PANEL, 1);
    }
#endif
    const f32_block block = {(const float *)a, PEAK_STEPS};
    for (ptrdiff_t i = 0; i < passes && kind == 0; i++, positions++)
        f32_tile(ROWS, 2, block, 0, PEAK_STEPS, (const float *)b, (const float *)b, NULL, c, PANEL,
                 1);
    __asm__ volatile("" ::"r"(c) : "memory");
    return (double)(positions * 2 * PEAK_STEPS * ROWS * PANEL);
}
