/* The packed matrix product in bfloat16, written once: both operands rounded to bfloat16 (to
 * nearest, ties to even), sums in float32.
 *
 * Included after simd_gemm.h. With NATIVE_BF16 the pairs of VDPBF16PS (AVX512-BF16) multiply; else
 * bfloat16 is widened to float32 in registers, with the same rounding of the operands, so results
 * agree across CPUs within the rounding of the sums.
 *
 * A is rounded in blocks of BLOCK_ROWS rows and CHUNK inner positions, which stay in the L1 cache
 * while all panels pass over them.
 */

enum { BLOCK_ROWS = 48 };

typedef uint16_t half_vec __attribute__((ext_vector_type(WIDTH)));
typedef uint32_t vec_bits __attribute__((ext_vector_type(WIDTH)));

/* The bits of x rounded to bfloat16, in the upper half of each lane. A NaN stays one. */
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

#if NATIVE_BF16

/* An element of a block of A, and how many of B's rows one of them multiplies. */
typedef uint16_t block_element;
enum { STEP = 2 };

static inline void store_block(block_element *p, vec x, ptrdiff_t n) {
    __m256bh v = _mm512_cvtneps_pbh((__m512)x);
    _mm256_mask_storeu_epi16(p, (__mmask16)((1u << n) - 1), (__m256i)v);
}

#else

typedef float block_element;
enum { STEP = 1 };

static inline void store_block(block_element *p, vec x, ptrdiff_t n) {
    vec_bits bits = round_to_bf16(x);
    vec v;
    memcpy(&v, &bits, sizeof v);
    store_part(p, v, n);
}

#endif

typedef struct {
    block_element rows[BLOCK_ROWS][CHUNK];
} bf16_block;

/* C[rows, vectors * WIDTH] (+)= A times B over `inner` positions of a block from `row` on. */
static inline __attribute__((always_inline)) void bf16_tile(const int rows, const int vectors,
                                                            const bf16_block *block, ptrdiff_t row,
                                                            ptrdiff_t inner, const uint16_t *panel,
                                                            const float *bias, float *c,
                                                            ptrdiff_t ldc, int accumulate) {
    vec sum[ROWS][2];
    const vec start[2] = {bias ? load(bias) : (vec)0,
                          bias && vectors > 1 ? load(bias + WIDTH) : (vec)0};
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++)
            sum[r][v] = accumulate ? load(c + r * ldc + v * WIDTH) : start[v];
    const block_element *a = &block->rows[row][0];
    for (ptrdiff_t k = 0; k < inner; k += STEP, a += STEP, panel += STEP * vectors * WIDTH) {
#if NATIVE_BF16
        __m512bh b0 = (__m512bh)_mm512_loadu_si512(panel);
        __m512bh b1 = vectors > 1 ? (__m512bh)_mm512_loadu_si512(panel + 2 * WIDTH) : b0;
#else
        half_vec h0, h1;
        memcpy(&h0, panel, sizeof h0);
        memcpy(&h1, panel + (vectors > 1 ? WIDTH : 0), sizeof h1);
        vec_bits w0 = __builtin_convertvector(h0, vec_bits) << 16;
        vec_bits w1 = __builtin_convertvector(h1, vec_bits) << 16;
        vec b0, b1;
        memcpy(&b0, &w0, sizeof b0);
        memcpy(&b1, &w1, sizeof b1);
#endif
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
#if NATIVE_BF16
            int32_t pair;
            memcpy(&pair, a + r * CHUNK, sizeof pair);
            __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
            sum[r][0] = (vec)_mm512_dpbf16_ps((__m512)sum[r][0], x, b0);
            if (vectors > 1)
                sum[r][1] = (vec)_mm512_dpbf16_ps((__m512)sum[r][1], x, b1);
#else
            vec x = (vec)a[r * CHUNK];
            sum[r][0] = fma(x, b0, sum[r][0]);
            if (vectors > 1)
                sum[r][1] = fma(x, b1, sum[r][1]);
#endif
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++)
            store(c + r * ldc + v * WIDTH, sum[r][v]);
}

static inline __attribute__((always_inline)) void
bf16_rows(const int vectors, const bf16_block *block, ptrdiff_t rows, ptrdiff_t inner,
          const uint16_t *panel, const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    ptrdiff_t row = 0;
    for (; row + ROWS <= rows; row += ROWS)
        bf16_tile(ROWS, vectors, block, row, inner, panel, bias, c + row * ldc, ldc, accumulate);
    if (row + ROWS / 2 <= rows) {
        bf16_tile(ROWS / 2, vectors, block, row, inner, panel, bias, c + row * ldc, ldc,
                  accumulate);
        row += ROWS / 2;
    }
    for (; row + 2 <= rows; row += 2)
        bf16_tile(2, vectors, block, row, inner, panel, bias, c + row * ldc, ldc, accumulate);
    if (row < rows)
        bf16_tile(1, vectors, block, row, inner, panel, bias, c + row * ldc, ldc, accumulate);
}

/* One block against one panel. */
static void bf16_panel(const bf16_block *block, ptrdiff_t rows, ptrdiff_t inner, ptrdiff_t columns,
                       const uint16_t *panel, const float *bias, float *c, ptrdiff_t ldc,
                       int accumulate) {
    if (columns == PANEL) {
        bf16_rows(2, block, rows, inner, panel, bias, c, ldc, accumulate);
        return;
    }
    if (columns == WIDTH) {
        bf16_rows(1, block, rows, inner, panel, bias, c, ldc, accumulate);
        return;
    }
    /* The last panel, whose columns are not all there, goes through a buffer. */
    float buffer[BLOCK_ROWS * PANEL], whole_bias[PANEL] = {0};
    const ptrdiff_t width = columns > WIDTH ? PANEL : WIDTH;
    const size_t bytes = sizeof(float) * (size_t)columns;
    if (bias) {
        memcpy(whole_bias, bias, bytes);
        bias = whole_bias;
    }
    if (accumulate)
        for (ptrdiff_t r = 0; r < rows; r++)
            memcpy(buffer + r * width, c + r * ldc, bytes);
    if (width == PANEL)
        bf16_rows(2, block, rows, inner, panel, bias, buffer, width, accumulate);
    else
        bf16_rows(1, block, rows, inner, panel, bias, buffer, width, accumulate);
    for (ptrdiff_t r = 0; r < rows; r++)
        memcpy(c + r * ldc, buffer + r * width, bytes);
}

/* Rounds what the segments hold for B's rows `from` ... `to - 1` into a block, zero where they
 * have nothing (before the first and behind the last, to make pairs whole). */
static void bf16_fill(bf16_block *block, ptrdiff_t rows, ptrdiff_t count,
                      const gemm_segment *segments, ptrdiff_t row, ptrdiff_t lda, ptrdiff_t from,
                      ptrdiff_t to) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        block->rows[r][0] = 0;
        block->rows[r][to - from - 1] = 0;
    }
    for (ptrdiff_t s = 0; s < count; s++) {
        ptrdiff_t first = segments[s].first, last = first + segments[s].count;
        ptrdiff_t begin = first > from ? first : from, end = last < to ? last : to;
        for (ptrdiff_t r = 0; r < rows && begin < end; r++) {
            const float *source = segments[s].a + (row + r) * lda - first;
            block_element *target = block->rows[r] - from;
            ptrdiff_t k = begin;
            for (; k + WIDTH <= end; k += WIDTH)
                store_block(target + k, load(source + k), WIDTH);
            if (k < end)
                store_block(target + k, load_part(source + k, end - k), end - k);
        }
    }
}

static void KERNEL(bf16_gemm)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                              const gemm_segment *segments, ptrdiff_t lda, const void *packed,
                              ptrdiff_t inner, const float *bias, float *c, ptrdiff_t ldc,
                              int accumulate) {
    const ptrdiff_t padded = (inner + STEP - 1) / STEP * STEP;
    ptrdiff_t from = count > 0 ? segments[0].first / STEP * STEP : 0;
    ptrdiff_t to = count > 0 ? segments[count - 1].first + segments[count - 1].count : 0;
    to = (to + STEP - 1) / STEP * STEP;
    bf16_block block;
    for (ptrdiff_t row = 0; row < rows; row += BLOCK_ROWS) {
        ptrdiff_t n = rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS;
        ptrdiff_t k = from;
        int adding = accumulate;
        do {
            ptrdiff_t end = k + CHUNK < to ? k + CHUNK : to;
            if (end > k)
                bf16_fill(&block, n, count, segments, row, lda, k, end);
            const uint16_t *panel = (const uint16_t *)packed;
            for (ptrdiff_t column = 0; column < columns; column += PANEL) {
                ptrdiff_t m = columns - column < PANEL ? columns - column : PANEL;
                ptrdiff_t width = m > WIDTH ? PANEL : WIDTH;
                bf16_panel(&block, n, end - k, m, panel + k * width,
                           bias && !adding ? bias + column : NULL, c + row * ldc + column, ldc,
                           adding);
                panel += padded * PANEL;
            }
            adding = 1;
            k = end;
        } while (k < to);
    }
}

static ptrdiff_t KERNEL(bf16_packed_bytes)(ptrdiff_t inner, ptrdiff_t columns) {
    return 2 * ((inner + STEP - 1) / STEP * STEP) * ((columns + WIDTH - 1) / WIDTH * WIDTH);
}

/* Where element (k, j) of a panel stands. */
static inline ptrdiff_t bf16_place(ptrdiff_t k, ptrdiff_t j, ptrdiff_t width) {
    return k / STEP * STEP * width + j * STEP + k % STEP;
}

static void KERNEL(bf16_pack)(ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count, ptrdiff_t columns,
                              const float *b, ptrdiff_t inner_stride, ptrdiff_t column_stride,
                              void *packed) {
    const ptrdiff_t padded = (inner + STEP - 1) / STEP * STEP;
    uint16_t *panel = (uint16_t *)packed;
    for (ptrdiff_t column = 0; column < columns; column += PANEL) {
        ptrdiff_t n = columns - column < PANEL ? columns - column : PANEL;
        ptrdiff_t width = n > WIDTH ? PANEL : WIDTH;
        const float *source = b + column * column_stride;
        ptrdiff_t k = 0;
#if NATIVE_BF16
        /* Pairs of rows that lie in memory, a vector of columns at a time. */
        if (column_stride == 1 && first % 2 == 0)
            for (; k + 2 <= count; k += 2)
                for (ptrdiff_t j = 0; j < width; j += WIDTH) {
                    ptrdiff_t m = n - j < WIDTH ? n - j : WIDTH;
                    const float *row = source + k * inner_stride + j;
                    vec_bits low = round_to_bf16(load_part(row, m < 0 ? 0 : m)) >> 16;
                    vec_bits high = round_to_bf16(load_part(row + inner_stride, m < 0 ? 0 : m));
                    vec_bits pairs = low | high;
                    memcpy(panel + bf16_place(first + k, j, width), &pairs, sizeof pairs);
                }
        /* Pairs of columns' neighbours: a block of pairs is rounded along memory, then turned. */
        if (inner_stride == 1 && first % 2 == 0)
            for (; k + 2 * WIDTH <= count; k += 2 * WIDTH)
                for (ptrdiff_t j = 0; j < width; j++) {
                    uint32_t pairs[WIDTH] = {0};
                    if (j < n) {
                        const float *row = source + j * column_stride + k;
                        __m512bh v =
                            _mm512_cvtne2ps_pbh((__m512)load(row + WIDTH), (__m512)load(row));
                        memcpy(pairs, &v, sizeof pairs);
                    }
                    uint16_t *target = panel + bf16_place(first + k, j, width);
                    for (ptrdiff_t i = 0; i < WIDTH; i++)
                        memcpy(target + i * 2 * width, &pairs[i], sizeof pairs[i]);
                }
#endif
        for (; k < count; k++)
            for (ptrdiff_t j = 0; j < width; j++)
                panel[bf16_place(first + k, j, width)] =
                    j < n ? bf16_of(source[k * inner_stride + j * column_stride]) : 0;
        /* The row that makes the last pair whole. */
        if (first + count == inner)
            for (ptrdiff_t row = inner; row < padded; row++)
                for (ptrdiff_t j = 0; j < width; j++)
                    panel[bf16_place(row, j, width)] = 0;
        panel += padded * width;
    }
}

#include "simd_int8.h"

#include "simd_int8_wide.h"

static const kernel_table KERNEL(table) = {
    .f32_affine = KERNEL(f32_affine),
    .f32_affine_add = KERNEL(f32_affine_add),
    .f32_affine_gelu = KERNEL(f32_affine_gelu),
    .f32_affine_glu = KERNEL(f32_affine_glu),
    .f32_affine_glu_add = KERNEL(f32_affine_glu_add),
    .f32_moments = KERNEL(f32_moments),
    .f32_layer_norm = KERNEL(f32_layer_norm),
    .f32_softmax_step = KERNEL(f32_softmax_step),
    .f32_scale_rows = KERNEL(f32_scale_rows),
    .f32_add = KERNEL(f32_add),
    .f32_winograd_input = KERNEL(f32_winograd_input),
    .f32_winograd_output = KERNEL(f32_winograd_output),
    .f32_gemm = KERNEL(f32_gemm),
    .panel_columns = PANEL,
    .f32_packed_floats = KERNEL(f32_packed_floats),
    .f32_pack = KERNEL(f32_pack),
    .bf16_gemm = KERNEL(bf16_gemm),
    .bf16_packed_bytes = KERNEL(bf16_packed_bytes),
    .bf16_pack = KERNEL(bf16_pack),
    .f32_qc8w_gemm = KERNEL(f32_qc8w_gemm),
    .bf16_qc8w_gemm = KERNEL(bf16_qc8w_gemm),
    .qd8_qc8w_gemm = KERNEL(qd8_qc8w_gemm),
    .qc8w_packed_bytes = KERNEL(qc8w_packed_bytes),
    .qc8w_pack = KERNEL(qc8w_pack),
};
