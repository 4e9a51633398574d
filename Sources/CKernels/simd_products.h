/* The kinds of products: float32, and bfloat16 with sums in float32.
 *
 * In bfloat16 both operands are rounded to it (to nearest, ties to even). AVX512-BF16 and FEAT_BF16
 * of Arm multiply pairs of them; all other sets widen bfloat16 to float32, with the same rounding of
 * the operands, so results agree across CPUs within the rounding of the sums.
 */
#pragma once

#include "simd_vector.h"

#ifndef ROWS_OF_BLOCKS
#define ROWS_OF_BLOCKS 48
#endif

/* Columns of a panel of B, and rows of a block of A, a multiple of a tile's rows. */
enum { PANEL = 2 * WIDTH, BLOCK_ROWS = ROWS_OF_BLOCKS };

/* How the inner loop of a tile is compiled (see ops_avx2.h). */
#ifndef UNROLLED_STEPS
#define UNROLLED_STEPS 1
#define IN_REGISTER(x) (void)(x)
#endif

/* The distances of a tile's rows from its first one. */
ALWAYS_INLINE void row_offsets(const int rows, ptrdiff_t stride, ptrdiff_t offsets[ROWS]) {
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        offsets[r] = r * stride;
        IN_REGISTER(offsets[r]);
    }
}

#if !bf16_TILES
/* The set has no tiles to configure (amx_tiles.h). */
typedef struct {
    int is_used;
} tile_use;

static inline void use_tiles(tile_use *now, ptrdiff_t elements) { (void)now, (void)elements; }

static inline void release_tiles(const tile_use *now) { (void)now; }
#endif

/* Each kind defines
 *   element       type of A's elements as operands;
 *   packed        type of B's elements;
 *   STEP          inner positions in one element: the rows of B that it multiplies;
 *   CHUNK         inner positions of a chunk: a chunk of a panel fits into the L1 cache;
 *   STRIDE        elements between copied rows of A: not a power of two, so that the rows are in
 *                 different sets of the cache;
 *   PREFETCH      whether the next panel is prefetched while one is multiplied;
 *   operand, load_operand, broadcast, multiply_add; or QUADS, defined as 1, and the definitions for
 *                 neon_quads.inc.h;
 * and for each form of A the definitions for simd_gemm.inc.h. */

/* float32: a row of B at a time. */
typedef float f32_element;
typedef float f32_stored;
typedef float f32_packed;
typedef vec f32_operand;
enum { f32_STEP = 1, f32_CHUNK = 256, f32_STRIDE = 256 + 16, f32_DIRECT = 32, f32_PREFETCH = 1 };

static inline void f32_copy(f32_element *row, ptrdiff_t k, const float *x, ptrdiff_t n) {
    row += k;
    ptrdiff_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        store(row + i, load(x + i));
    if (i < n)
        store_part(row + i, load_part(x + i, n - i), n - i);
}

static inline vec f32_load_operand(const f32_packed *b) { return load(b); }

static inline vec f32_broadcast(const f32_element *a) { return (vec)*a; }

static inline vec f32_multiply_add(vec a, vec b, vec sum) { return fma(a, b, sum); }

#define PRODUCT f32
#include "simd_tiles.inc.h"
#define SOURCE f32
#define GEMM f32_gemm
#include "simd_gemm.inc.h"
#undef PRODUCT

/* bfloat16: ops_avx512bf16.h, ops_neonbf16.h or bf16_widened.h has the other definitions. A is
 * float32, which is rounded (f32a), or bfloat16 (bf16a). */
typedef uint16_t bf16_packed;
enum { bf16_STRIDE = bf16_CHUNK / bf16_STEP + 16, bf16_PREFETCH = 0 };
typedef float f32a_stored;
enum { f32a_DIRECT = 0 };
typedef uint16_t bf16a_stored;

#define PRODUCT bf16
#include "simd_tiles.inc.h"
#define SOURCE f32a
#define GEMM f32_bf16w_gemm
#include "simd_gemm.inc.h"
#define SOURCE bf16a
#define GEMM bf16_gemm
#include "simd_gemm.inc.h"
#undef PRODUCT
