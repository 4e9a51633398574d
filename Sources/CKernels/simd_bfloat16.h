/* Rounding of float32 to bfloat16, to nearest, ties to even. */
#pragma once

#include "simd_vector.h"

/* ---- Defined by ops_avx512bf16.h, ops_neonbf16.h, and bf16_widened.h for all other sets ---- */

static inline bf16_vec rounded(vec x);

/* Writes two vectors of floats rounded to bfloat16. */
static inline void store_two_rounded(uint16_t *p, vec first, vec second);

/* Packs the first rows of a panel of n columns, `width` with padding, in blocks, and returns how
 * many of the `count` rows it has packed. Strides are those of bf16_pack. */
static inline ptrdiff_t bf16_pack_blocks(ptrdiff_t count, ptrdiff_t n, const float *source,
                                         ptrdiff_t inner_stride, ptrdiff_t column_stride,
                                         uint16_t *panel, ptrdiff_t width);

/* Packs a vector of columns, from `j` on, of the first bf16_STORED_ROWS rows of a panel; the values
 * are integers that are exact in bfloat16. */
static inline void bf16_store_rows(uint16_t *panel, ptrdiff_t width, ptrdiff_t j, const vec *rows);

/* ---- Common to all sets ---- */

/* The bits of x rounded to bfloat16, in the upper 16 bits of each lane. A NaN stays a NaN. */
static inline vec_bits round_to_bf16(vec x) {
    vec_bits bits;
    memcpy(&bits, &x, sizeof bits);
    vec_bits rounded = bits + 0x7FFF + ((bits >> 16) & 1);
    vec_bits is_number = __builtin_convertvector(x == x, vec_bits);
    return ((rounded & is_number) | ((bits | 0x00400000u) & ~is_number)) & 0xFFFF0000u;
}

static inline uint16_t bf16_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x != x)
        return (uint16_t)((bits | 0x00400000u) >> 16);
    return (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

static inline void store_bf16(uint16_t *p, bf16_vec v) { memcpy(p, &v, sizeof v); }

/* Writes the first n elements of a vector, at most WIDTH, to a float32 or bfloat16 row from element
 * c on. */
ALWAYS_INLINE void put_first(const int is_bf16, void *row, ptrdiff_t c, vec v, ptrdiff_t n) {
    if (!is_bf16)
        store_first((float *)row + c, v, n);
    else if (n >= WIDTH)
        store_bf16((uint16_t *)row + c, rounded(v));
    else
        store_bf16_part((uint16_t *)row + c, rounded(v), n);
}

/* The first n elements, at most a whole vector, followed by zeros. */
static inline vec load_first_bf16(const uint16_t *p, ptrdiff_t n) {
    bf16_vec v = 0;
    memcpy(&v, p, n < WIDTH ? sizeof(uint16_t) * (size_t)n : sizeof v);
    vec_bits bits = __builtin_convertvector(v, vec_bits) << 16;
    vec wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

static inline void round_row(ptrdiff_t n, const float *x, uint16_t *out) {
    ptrdiff_t i = 0;
    for (; i + 2 * WIDTH <= n; i += 2 * WIDTH)
        store_two_rounded(out + i, load(x + i), load(x + i + WIDTH));
    if (i + WIDTH <= n) {
        store_bf16(out + i, rounded(load(x + i)));
        i += WIDTH;
    }
    if (i < n)
        store_bf16_part(out + i, rounded(load_part(x + i, n - i)), n - i);
}

static void KERNEL(bf16_round)(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                               uint16_t *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        round_row(cols, x, out);
        if (cols % 2)
            out[cols] = 0;
    }
}

static void KERNEL(bf16_add)(ptrdiff_t rows, ptrdiff_t cols, const uint16_t *x, ptrdiff_t ldx,
                             float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, load(out + c) + load_first_bf16(x + c, WIDTH));
        if (c < cols) {
            vec sum = load_part(out + c, cols - c) + load_first_bf16(x + c, cols - c);
            store_part(out + c, sum, cols - c);
        }
    }
}
