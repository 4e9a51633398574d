/* The kinds of products: float32, and bfloat16 with sums in float32.
 *
 * In bfloat16 both operands are rounded to it (to nearest, ties to even). With NATIVE_BF16 the
 * pairs of VDPBF16PS (AVX512-BF16) multiply; else bfloat16 is widened to float32 in registers, with
 * the same rounding of the operands, so results agree across CPUs within the rounding of the sums.
 */

/* Columns of a panel of B, and rows of a block of A. */
enum { PANEL = 2 * WIDTH, BLOCK_ROWS = 48 };

/* Each kind has
 *   element       what A is multiplied as, and `packed`, what B is;
 *   STEP          rows of B that one element multiplies, and inner positions that it holds;
 *   CHUNK         inner positions of a chunk: a chunk of a panel fits into the L1 cache;
 *   STRIDE        elements between rows of A that are copied: no power of two, so that the rows
 *                 don't share the cache's sets;
 *   PREFETCH      whether the next panel is asked for while one is multiplied;
 *   operand, load_operand, broadcast, multiply_add;
 * and what simd_gemm.h asks for, for each form of A. */

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
#include "simd_tiles.h"
#define SOURCE f32
#define GEMM f32_gemm
#include "simd_gemm.h"
#undef PRODUCT

/* bfloat16, of float32 that is rounded (bf16) and of bfloat16 (narrow). */
typedef float bf16_stored;
typedef uint16_t narrow_stored;
typedef uint16_t bf16_packed;

#if NATIVE_BF16

/* Pairs: two neighbours of a row of A, and for each column two rows of B. */
typedef int32_t bf16_element;
typedef __m512bh bf16_operand;
enum {
    bf16_STEP = 2,
    bf16_CHUNK = 512,
    bf16_STRIDE = 256 + 16,
    bf16_DIRECT = 0,
    bf16_PREFETCH = 0
};
enum { narrow_DIRECT = 192 };

static inline void bf16_copy(bf16_element *row, ptrdiff_t k, const float *x, ptrdiff_t n) {
    round_row(n, x, (uint16_t *)row + k);
}

static inline void narrow_copy(bf16_element *row, ptrdiff_t k, const uint16_t *x, ptrdiff_t n) {
    memcpy((uint16_t *)row + k, x, sizeof(uint16_t) * (size_t)n);
}

static inline bf16_operand bf16_load_operand(const bf16_packed *b) {
    return (__m512bh)_mm512_loadu_si512(b);
}

static inline bf16_operand bf16_broadcast(const bf16_element *a) {
    return (__m512bh)_mm512_set1_epi32(*a);
}

static inline vec bf16_multiply_add(bf16_operand a, bf16_operand b, vec sum) {
    return (vec)_mm512_dpbf16_ps((__m512)sum, a, b);
}

#else

typedef float bf16_element;
typedef vec bf16_operand;
enum {
    bf16_STEP = 1,
    bf16_CHUNK = 256,
    bf16_STRIDE = 256 + 16,
    bf16_DIRECT = 0,
    bf16_PREFETCH = 0
};
enum { narrow_DIRECT = 0 };

static inline void bf16_copy(bf16_element *row, ptrdiff_t k, const float *x, ptrdiff_t n) {
    row += k;
    for (ptrdiff_t i = 0; i < n; i += WIDTH) {
        ptrdiff_t m = n - i < WIDTH ? n - i : WIDTH;
        vec_bits bits = round_to_bf16(m < WIDTH ? load_part(x + i, m) : load(x + i));
        vec v;
        memcpy(&v, &bits, sizeof v);
        if (m < WIDTH)
            store_part(row + i, v, m);
        else
            store(row + i, v);
    }
}

static inline vec bf16_load_operand(const bf16_packed *b) {
    half_vec half;
    memcpy(&half, b, sizeof half);
    vec_bits bits = __builtin_convertvector(half, vec_bits) << 16;
    vec v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline void narrow_copy(bf16_element *row, ptrdiff_t k, const uint16_t *x, ptrdiff_t n) {
    row += k;
    ptrdiff_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        store(row + i, bf16_load_operand(x + i));
    for (; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(row + i, &bits, sizeof bits);
    }
}

static inline vec bf16_broadcast(const bf16_element *a) { return (vec)*a; }

static inline vec bf16_multiply_add(vec a, vec b, vec sum) { return fma(a, b, sum); }

#endif

#define PRODUCT bf16
#include "simd_tiles.h"
#define SOURCE bf16
#define GEMM bf16_gemm
#include "simd_gemm.h"
#define SOURCE narrow
#define GEMM bf16_gemm_of_bf16
#include "simd_gemm.h"
#undef PRODUCT
