/* Rounding and packing for the sets without instructions for bfloat16. */
#include "simd_bfloat16.h"

static inline bf16_vec rounded(vec x) {
    return __builtin_convertvector(round_to_bf16(x) >> 16, bf16_vec);
}

static inline void store_two_rounded(uint16_t *p, vec first, vec second) {
    store_bf16(p, rounded(first));
    store_bf16(p + WIDTH, rounded(second));
}

static inline ptrdiff_t bf16_pack_blocks(ptrdiff_t count, ptrdiff_t n, const float *source,
                                         ptrdiff_t inner_stride, ptrdiff_t column_stride,
                                         uint16_t *panel, ptrdiff_t width) {
    (void)count, (void)n, (void)source, (void)inner_stride, (void)column_stride;
    (void)panel, (void)width;
    return 0;
}
