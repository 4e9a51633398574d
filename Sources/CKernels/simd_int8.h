/* Products of INT8 with INT8: weights quantised with a scale per column, A quantised row by row.
 *
 * The products of simd_int8_wide.h use the same packed weights.
 *
 * A set adds the products of a group at once: GROUP neighbours in a row of A times GROUP rows of B,
 * which are contiguous for each column. The sums are exact, so every set gives the same result.
 * int8_pairs.h, or the header of a set with an instruction for four products, defines
 *   GROUP           2, 4 or 8;
 *   INT8_FLIP       mask that is xored to B's bytes if the instruction takes them unsigned, else 0;
 *   MULTIPLIES_BYTES_IN_PLACE   whether quantised rows of A are multiplied without copying;
 *   q_element       type of A's elements as operands;
 *   q_operand       groups of WIDTH columns of B as an operand (load_q_operand);
 *   group_vec       the groups of WIDTH columns as they are packed;
 *   dot             adds a group of A times a group of B to the sums of WIDTH columns; or, in place
 *                   of dot and q_operand, int8_QUADS and the definitions for neon_quads.h;
 *   sum_of_bytes    the sum of n bytes of A, if INT8_FLIP is not 0;
 *   WIDENS_PANELS   1 if panels of B are widened before they are multiplied, with q_packed, the
 *                   element type of such a panel, and widen_groups, which widens a vector's groups.
 */

#ifndef WIDENS_PANELS
#define WIDENS_PANELS 0
typedef uint8_t q_packed;

static inline void widen_groups(const uint8_t *p, q_packed *out) { (void)p, (void)out; }
#endif

typedef q_element q_vec __attribute__((ext_vector_type(WIDTH)));

/* Elements for a segment, for padding to whole groups and for a vector after it; one cache line
 * more, so that the rows of a tile are not in the same sets of the L1 cache. */
enum { QUANTIZED_COLUMNS = QD8_SEGMENT + 64 };

typedef struct {
    q_element rows[BLOCK_ROWS][QUANTIZED_COLUMNS];
    float row_scales[BLOCK_ROWS];
    /* Start of each row's sums: it compensates the flipped bytes of B. */
    int32_t start[BLOCK_ROWS];
} quantized_block;

/* A view of quantised rows of A, `stride` elements apart, with their row scales and starts. Numbers
 * that are wider than an element have a second plane: A is (rows << LOW_BITS) + low->rows. */
typedef struct {
    const q_element *rows;
    ptrdiff_t stride;
    const float *row_scales;
    const int32_t *start;
    const quantized_block *low;
} quantized_view;

enum { LOW_BITS = 7 };

static inline quantized_view view_of(const quantized_block *block) {
    return (quantized_view){&block->rows[0][0], QUANTIZED_COLUMNS, block->row_scales, block->start,
                            NULL};
}

/* The bits of |x|, which are ordered like the numbers, with infinity and NaN last. */
static inline vec_int magnitude_bits(vec x) {
    vec_int bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7FFFFFFF;
}

/* The row scale of n floats for whole numbers up to `largest_step`, and the factor that quantises
 * the floats: 0 if they are taken as zeros, or if one is not finite. */
static inline float scale_of(const float *x, ptrdiff_t n, float largest_step, float *inverse) {
    vec_int largest = 0;
    ptrdiff_t k = 0;
    for (; k + WIDTH <= n; k += WIDTH)
        largest = __builtin_elementwise_max(largest, magnitude_bits(load(x + k)));
    if (k < n)
        largest = __builtin_elementwise_max(largest, magnitude_bits(load_part(x + k, n - k)));
    int32_t bits = 0;
    for (int i = 0; i < WIDTH; i++)
        bits = largest[i] > bits ? largest[i] : bits;
    float magnitude;
    memcpy(&magnitude, &bits, sizeof magnitude);
    *inverse = 0;
    if (bits >= 0x7F800000) /* infinity or NaN */
        return __builtin_nanf("");
    if (magnitude < QD8_SMALLEST)
        return 0;
    *inverse = largest_step / magnitude;
    return magnitude / largest_step;
}

/* Quantises four vectors to bytes and returns their sum. */
static inline vec_int quantize_four(const float *x, float inverse, signed char *out) {
    vec_int quantized[4];
    for (int i = 0; i < 4; i++)
        quantized[i] = nearest(load(x + i * WIDTH) * inverse);
    store_bytes(out, quantized);
    return (quantized[0] + quantized[1]) + (quantized[2] + quantized[3]);
}

/* Quantises n floats with one row scale; `lead` zeros precede them, and zeros fill up the last
 * group. */
static void quantize_to(q_element *out, const float *x, ptrdiff_t n, float largest_step,
                        quantized_block *block, ptrdiff_t row, ptrdiff_t lead) {
    memset(out, 0, sizeof(q_element) * (size_t)lead);
    out += lead;
    float inverse;
    block->row_scales[row] = scale_of(x, n, largest_step, &inverse);
    block->start[row] = 0;
    if (inverse == 0) {
        memset(out, 0, sizeof(q_element) * (size_t)(n + GROUP));
        return;
    }
    vec_int sum = 0;
    ptrdiff_t k = 0;
    /* Four vectors of bytes are written at once, because narrowing single vectors takes longer than
     * all other operations. */
    for (; sizeof(q_element) == 1 && k + 4 * WIDTH <= n; k += 4 * WIDTH)
        sum += quantize_four(x + k, inverse, (signed char *)(out + k));
    for (; k < n; k += WIDTH) {
        vec_int quantized = nearest(load_first(x + k, n - k) * inverse);
        sum += quantized;
        q_vec elements = __builtin_convertvector(quantized, q_vec);
        memcpy(out + k, &elements, sizeof elements);
    }
    memset(out + n, 0, sizeof(q_element) * GROUP);
    block->start[row] = -INT8_FLIP * sum_int_lanes(sum);
}

#include "simd_int8_block.h"

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

/* Number of a panel's elements in an operand. */
enum { OPERAND = GROUP * WIDTH };

/* sum[rows][vectors] += rows of A, `stride` elements apart, times the groups of a panel. */
ALWAYS_INLINE void int8_add_products(const int rows, const int vectors, const q_element *a,
                                     ptrdiff_t stride, ptrdiff_t groups, const q_packed *panel,
                                     vec_int sum[ROWS][2]) {
#if int8_QUADS
    int8_multiply_quads(rows, vectors, a, stride, groups, panel, sum);
#else
    for (ptrdiff_t g = 0; g < groups; g++, a += GROUP, panel += vectors * OPERAND) {
        q_operand b0 = load_q_operand(panel);
        q_operand b1 = load_q_operand(panel + (vectors > 1 ? OPERAND : 0));
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            sum[r][0] = dot(sum[r][0], b0, a + r * stride);
            if (vectors > 1)
                sum[r][1] = dot(sum[r][1], b1, a + r * stride);
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
    int8_add_products(rows, vectors, view.rows + row * view.stride, view.stride, groups, panel,
                      sum);
    if (view.low) {
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
            for (int v = 0; v < vectors; v++)
                sum[r][v] = (sum[r][v] << LOW_BITS) + (vec_int)view.low->start[row + r];
        int8_add_products(rows, vectors, view.low->rows[row], QUANTIZED_COLUMNS, groups, panel,
                          sum);
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) {
            vec factor = view.row_scales[row + r] * load(scales + v * WIDTH);
            vec before = accumulate ? load(c + r * ldc + v * WIDTH)
                         : bias     ? load(bias + v * WIDTH)
                                    : (vec)0;
            store(c + r * ldc + v * WIDTH,
                  fma(__builtin_convertvector(sum[r][v], vec), factor, before));
        }
}

typedef quantized_view int8_block;
typedef q_packed int8_packed;
typedef float int8_beside; /* scales */
#define PRODUCT int8
#include "simd_panel.h"
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
                int8_columns(view_of(&block), n, whole_groups(lead + length) / GROUP, matrix,
                             from - lead, scales, bias, c + row * ldc, ldc, adding);
                adding = 1;
                done += length;
            } while (done < segments[s].count);
        }
    }
}

static void KERNEL(q8_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t first, ptrdiff_t count,
                                 const signed char *quantized, ptrdiff_t lda,
                                 const float *row_scales, packed_matrix b, ptrdiff_t column,
                                 ptrdiff_t columns, const float *scales, float *c, ptrdiff_t ldc,
                                 int accumulate) {
    const quantized_columns matrix = columns_of(b, column, columns);
    for (ptrdiff_t row = 0; row < rows; row += BLOCK_ROWS) {
        ptrdiff_t n = rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS;
        int adding = accumulate;
        ptrdiff_t done = 0;
        do {
            ptrdiff_t length = count - done < QD8_SEGMENT ? count - done : QD8_SEGMENT;
            const signed char *bytes = quantized + row * lda + done;
            const ptrdiff_t groups = whole_groups(length) / GROUP;
            float *target = c + row * ldc;
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
}

static void KERNEL(q8_rows)(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                            signed char *quantized, ptrdiff_t ldo, float *row_scales) {
    const ptrdiff_t padded = (cols + 3) & -4;
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, quantized += ldo) {
        float inverse;
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
