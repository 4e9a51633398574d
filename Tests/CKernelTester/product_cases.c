/* Test cases of the matrix products and of packing. */
#include "tester.h"

#include <stdlib.h>
#include <string.h>

/* One product: A is in separate segments, each with all rows, `lda` apart. */
typedef struct {
    ptrdiff_t rows, columns, lda, first, count;
    const ptrdiff_t *lengths;
    int accumulate, has_bias;
    matrix a, b, c, bias, scales;
} product;

enum { MOST_SEGMENTS = 150 };

static ptrdiff_t inner_of(const product *p) {
    ptrdiff_t inner = p->first;
    for (ptrdiff_t s = 0; s < p->count; s++)
        inner += p->lengths[s];
    return inner;
}

static ptrdiff_t longest_of(const product *p) {
    ptrdiff_t longest = 0;
    for (ptrdiff_t s = 0; s < p->count; s++)
        longest = p->lengths[s] > longest ? p->lengths[s] : longest;
    return longest;
}

/* Segment s of A is row s of a matrix, and its rows are parts of that row. */
static void fill(test_run *run, product *p, int is_quantized) {
    /* No element after the last row, but the one for odd segments of bf16_gemm. */
    const ptrdiff_t inner = inner_of(p), longest = longest_of(p);
    const ptrdiff_t room = p->lda * (p->rows > 0 ? p->rows - 1 : 0) + longest + longest % 2;
    p->a = uniform(run, p->count > 0 ? p->count : 1, room, 0, 3, 0);
    p->b = uniform(run, inner, p->columns, 2, is_quantized ? 127 : 1, 0);
    p->c = uniform(run, p->rows, p->columns, 3, 1, 0);
    p->bias = uniform(run, 1, p->columns, 0, 1, 0);
    p->scales = uniform(run, 1, p->columns, 0, 0.004, is_quantized ? 0.01 : 1);
    if (!is_quantized)
        return;
    matrix bytes = blank(run, inner, p->columns, 2, 1);
    EACH_ELEMENT(bytes, k, j)
    *i8(&bytes, k, j) = (signed char)*f32(&p->b, k, j);
    p->b = bytes;
}

/* All sizes: rows on both sides of a register tile and of a block, columns on both sides of a
 * panel, segments on both sides of a chunk and of the longest one with a single row scale;
 * overlapping rows. */
static const ptrdiff_t ROWS[] = {0, 1, 2, 5, 6, 7, 8, 9, 11, 12, 13, 25, 49};
static const ptrdiff_t COLUMNS[] = {0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65};
static const struct {
    ptrdiff_t count, lengths[3];
} SHORT[] = {{1, {5}}, {3, {1, 2, 3}}, {2, {24, 24}}}, LONG[] = {{1, {255}},
                                                                 {1, {256}},
                                                                 {1, {257}},
                                                                 {1, {1000}},
                                                                 {1, {2047}},
                                                                 {1, {2049}},
                                                                 {1, {4100}},
                                                                 {2, {513, 512}},
                                                                 {1, {64}},
                                                                 {1, {1024}},
                                                                 {3, {64, 640, 2048}},
                                                                 {3, {100, 200, 3}},
                                                                 {3, {1, 256, 1}},
                                                                 {3, {3, 3, 3}},
                                                                 {1, {0}},
                                                                 {3, {4, 0, 7}},
                                                                 {0, {0}}};
enum { SHORTS = 3, LONGS = sizeof LONG / sizeof *LONG };

static int next_product(test_run *run, size_t *index, product *p, int is_quantized) {
    enum { ROW_SIZES = sizeof ROWS / sizeof *ROWS, SIZES = sizeof COLUMNS / sizeof *COLUMNS };
    release(run);
    if (is_decided(run))
        return 0;
    static ptrdiff_t many[MOST_SEGMENTS];
    size_t i = (*index)++;
    *p = (product){.accumulate = i % 2, .has_bias = i % 3 > 0, .lda = 26};
    if (i < ROW_SIZES * SIZES * SHORTS) {
        p->rows = ROWS[i / (SIZES * SHORTS)];
        p->columns = COLUMNS[i / SHORTS % SIZES];
        p->lengths = SHORT[i % SHORTS].lengths;
        p->count = SHORT[i % SHORTS].count;
        p->first = (ptrdiff_t)(i % 5 % 3);
    } else if ((i -= ROW_SIZES * SIZES * SHORTS) < 2 * LONGS) {
        p->rows = i % 2 ? 14 : 111, p->columns = 69;
        p->lengths = LONG[i / 2].lengths;
        p->count = LONG[i / 2].count;
        p->lda = longest_of(p) + 3;
        p->first = (ptrdiff_t)(i / 2 % 4);
        p->accumulate = i % 2;
    } else if ((i -= 2 * LONGS) < 3) {
        /* Rows overlap, or are all the same. */
        p->rows = 13, p->columns = 20, p->lda = (ptrdiff_t[]){0, 2, 8}[i];
        p->lengths = SHORT[2].lengths, p->count = 2;
    } else if (i == 3) {
        for (int s = 0; s < MOST_SEGMENTS; s++)
            many[s] = 3;
        p->rows = 193, p->columns = 33, p->lda = 4, p->lengths = many, p->count = MOST_SEGMENTS;
    } else {
        return 0;
    }
    fill(run, p, is_quantized);
    return 1;
}

#define EACH_PRODUCT(run, p, is_quantized)                                                         \
    for (size_t p##_index = 0, p##_once = 1; p##_once; p##_once = 0)                               \
        for (product p; next_product(run, &p##_index, &p, is_quantized);)

/* The bound `units` u |C|, with the largest |B| in place of each element. */
static double *sum_bounds(test_run *run, const product *p, double units) {
    const int is_quantized = p->b.size == 1;
    const double largest = is_quantized ? 127 * 0.014 : 1;
    double *bounds = bounds_for(run, &p->c, 0);
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        double size = 1; /* of C and the bias */
        for (ptrdiff_t s = 0; s < p->count; s++)
            for (ptrdiff_t k = 0; k < p->lengths[s]; k++)
                size += fabs((double)*f32(&p->a, s, r * p->lda + k)) * largest;
        for (ptrdiff_t j = 0; j < p->columns; j++)
            bounds[r * p->columns + j] = units * U * size;
    }
    return bounds;
}

/* ---- Packing and multiplying ---- */

/* The functions that pack and multiply in a format, floats or INT8, of both tables. */
typedef struct {
    packed_bytes_kernel *packed_bytes[2];
    pack_kernel *pack[2];
    gemm_kernel *gemm[2];
    qc8w_gemm_kernel *qc8w_gemm[2];
} format;

#define FLOATS(packing, product)                                                                   \
    {                                                                                              \
        BOTH(packing##_packed_bytes), BOTH(packing##_pack), BOTH(product), { 0 }                   \
    }
#define QUANTIZED(product)                                                                         \
    { BOTH(qc8w_packed_bytes), {0}, {0}, BOTH(product) }

/* A packed matrix in as many bytes as its kernel asks for. */
typedef struct {
    packed_matrix to;
    matrix memory;
} packing;

static packing begin_packing(test_run *run, packed_bytes_kernel *packed_bytes, ptrdiff_t inner,
                             ptrdiff_t columns) {
    packing result = {.memory = blank(run, 1, packed_bytes(inner, columns), 0, 1)};
    result.to = (packed_matrix){result.memory.first, inner, columns};
    return result;
}

static void end_packing(test_run *run, const packing *p) {
    /* Compares nothing: memory around it must not have changed. */
    expect_matrix(run, &p->memory, &p->memory, NULL);
}

/* Two ranges of columns, as on two threads: `n` columns from `column` on. */
#define EACH_RANGE(table, columns, column, n)                                                      \
    for (ptrdiff_t column = 0,                                                                     \
                   n = (columns) > (table)->panel_columns ? (table)->panel_columns : 0, range = 0; \
         range < 2; range++, column += n, n = (columns)-column)

/* Packs the rows in two parts, as attention does with values. */
static void pack(const kernel_table *table, pack_kernel *kernel, packed_matrix to, const float *b,
                 ptrdiff_t inner_stride, ptrdiff_t column_stride) {
    const ptrdiff_t rows[3] = {0, to.inner / 2 & ~(ptrdiff_t)1, to.inner};
    for (int i = 0; i < 2; i++)
        EACH_RANGE(table, to.columns, column, n) {
            kernel(to, rows[i], rows[i + 1] - rows[i], column, n,
                   b + rows[i] * inner_stride + column * column_stride, inner_stride,
                   column_stride);
        }
}

/* The product with the identity as A must be B. */
static void test_pack(test_run *run, format format, int is_bf16) {
    static const ptrdiff_t INNER[] = {0, 1, 2, 7, 16, 31, 33, 64, 127};
    EACH(inner, INNER)
    EACH(columns, COLUMNS)
    for (int is_transposed = 0; is_transposed < 2; is_transposed++) {
        matrix b = is_transposed ? uniform(run, columns, inner, 3, 3, 0)
                                 : uniform(run, inner, columns, 3, 3, 0);
        matrix identity = uniform(run, inner, inner, 0, 0, 0);
        for (ptrdiff_t k = 0; k < inner; k++)
            *f32(&identity, k, k) = 1;
        packing packed = begin_packing(run, format.packed_bytes[0], inner, columns);
        pack(run->table, format.pack[0], packed.to, b.first, is_transposed ? 1 : b.ld,
             is_transposed ? b.ld : 1);
        const gemm_segment segment = {identity.first, 0, inner};
        outputs out = blanks(run, inner, columns, 2, sizeof(float));
        format.gemm[0](inner, 1, &segment, inner, packed.to, 0, columns, NULL, out.of[0].first,
                       out.of[0].ld, 0);
        EACH_ELEMENT(out.of[1], k, j) {
            const float x = is_transposed ? *f32(&b, j, k) : *f32(&b, k, j);
            *f32(&out.of[1], k, j) = is_bf16 ? widened(rounded(x)) : x;
        }
        expect_outputs(run, &out, NULL);
        end_packing(run, &packed);
        release(run);
    }
}

CASE(f32_pack, test_pack(run, (format)FLOATS(f32, f32_gemm), 0))
CASE(bf16_pack, test_pack(run, (format)FLOATS(bf16, f32_bf16w_gemm), 1))

/* Too few bytes fail in the cases of packing. */
CASE(f32_packed_bytes, test_f32_pack(run))
CASE(bf16_packed_bytes, test_bf16_pack(run))

/* Computes a product in ranges of columns, with the set under test (i = 0) or plain (i = 1), into a
 * copy of C. */
static matrix multiply(test_run *run, const format *format, int i, const product *p,
                       const matrix *a) {
    const kernel_table *table = i == 0 ? run->table : run->plain;
    packing packed = begin_packing(run, format->packed_bytes[i], inner_of(p), p->columns);
    gemm_segment segments[MOST_SEGMENTS + 1] = {{a->first, 0, 0}};
    ptrdiff_t first = p->first;
    for (ptrdiff_t s = 0; s < p->count; first += p->lengths[s], s++) {
        const char *place = (const char *)a->first + s * a->ld * a->size;
        segments[s] = (gemm_segment){place, first, p->lengths[s]};
    }
    if (format->pack[i])
        pack(table, format->pack[i], packed.to, p->b.first, p->b.ld, 1);
    matrix c = copy(run, &p->c);
    EACH_RANGE(table, p->columns, column, n) {
        const float *bias = p->has_bias ? f32(&p->bias, 0, column) : NULL;
        if (format->gemm[i]) {
            format->gemm[i](p->rows, p->count, segments, p->lda, packed.to, column, n, bias,
                            f32(&c, 0, column), c.ld, p->accumulate);
            continue;
        }
        table->qc8w_pack(packed.to, column, n, i8(&p->b, 0, column), p->b.ld);
        format->qc8w_gemm[i](p->rows, p->count, segments, p->lda, packed.to, column, n,
                             f32(&p->scales, 0, column), bias, f32(&c, 0, column), c.ld,
                             p->accumulate);
    }
    end_packing(run, &packed);
    return c;
}

/* ---- Products ---- */

/* Rows of zeros, of numbers that are taken as zeros, of huge numbers, and rows with an element that
 * is not finite. */
static void make_unusual(product *p) {
    static const float VALUES[] = {0, 1e-31f, LEAST, 3e34f, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES && (ptrdiff_t)i < p->rows; i++)
        for (ptrdiff_t s = 0; s < p->count; s++)
            for (ptrdiff_t k = 0; k < p->lengths[s]; k++)
                if (i < 4 || k == p->lengths[s] / 2)
                    *f32(&p->a, s, (ptrdiff_t)i * p->lda + k) = VALUES[i];
}

/* The bound of exact sums in units of u |C|, after steps C = fma(sum, scale, C). Without a fused
 * multiply-add a step rounds the product, and then both versions round C, to different sides. This
 * covers an error of plain too: musl's fmaf, in WebAssembly's C library, needs another rounding mode
 * if the product lies in the middle between two floats, but WebAssembly has only one. */
static double step_units(const test_run *run, ptrdiff_t steps) {
    return run->table->rounds_products ? 2 * (double)steps + 1 : 0;
}

static ptrdiff_t steps_in(ptrdiff_t inner) { return (inner + QD8_SEGMENT - 1) / QD8_SEGMENT; }

static ptrdiff_t steps_of(const product *p) {
    ptrdiff_t steps = 0;
    for (ptrdiff_t s = 0; s < p->count; s++)
        steps += steps_in(p->lengths[s]);
    return steps;
}

/* Results must be within the bounds of the sums; exact products must be equal, also for unusual
 * numbers.
 */
static void test_product(test_run *run, format format, int is_exact) {
    EACH_PRODUCT(run, p, format.qc8w_gemm[0] != NULL)
    for (int is_unusual = 0; is_unusual <= is_exact; is_unusual++) {
        if (is_unusual)
            make_unusual(&p);
        matrix found = multiply(run, &format, 0, &p, &p.a);
        matrix expected = multiply(run, &format, 1, &p, &p.a);
        const double units =
            is_exact ? step_units(run, steps_of(&p)) : 2 * ((double)inner_of(&p) + 4);
        expect_matrix(run, &found, &expected, sum_bounds(run, &p, units));
    }
}

CASE(f32_gemm, test_product(run, (format)FLOATS(f32, f32_gemm), 0))
CASE(f32_bf16w_gemm, test_product(run, (format)FLOATS(bf16, f32_bf16w_gemm), 0))
CASE(f32_qc8w_gemm, test_product(run, (format)QUANTIZED(f32_qc8w_gemm), 0))
CASE(bf16_qc8w_gemm, test_product(run, (format)QUANTIZED(bf16_qc8w_gemm), 0))
CASE(qd8_qc8w_gemm, test_product(run, (format)QUANTIZED(qd8_qc8w_gemm), 1))
CASE(qd14_qc8w_gemm, test_product(run, (format)QUANTIZED(qd14_qc8w_gemm), 1))
CASE(qc8w_pack, test_f32_qc8w_gemm(run))
CASE(qc8w_packed_bytes, test_f32_qc8w_gemm(run))

/* The bits of f32_bf16w_gemm, or its bound, for segments that bf16_gemm allows. */
void test_bf16_gemm(test_run *run) {
    const format rounding = FLOATS(bf16, f32_bf16w_gemm), rounded = FLOATS(bf16, bf16_gemm);
    EACH_PRODUCT(run, p, 0) {
        int is_even = p.first % 2 == 0;
        for (ptrdiff_t s = 0; s + 1 < p.count; s++)
            is_even = is_even && p.lengths[s] % 2 == 0;
        if (!is_even)
            continue;
        p.lda += p.lda % 2;
        fill(run, &p, 0);
        /* A zero follows rows whose last segment is odd; segments are an even distance apart. */
        const ptrdiff_t last = p.count > 0 ? p.lengths[p.count - 1] : 0;
        for (ptrdiff_t r = 0; r < p.rows && last % 2 == 1; r++)
            *f32(&p.a, p.count - 1, r * p.lda + last) = 0;
        matrix a = blank(run, p.a.rows, p.a.cols, p.a.cols % 2, sizeof(uint16_t));
        run->plain->bf16_round(a.rows, a.cols, p.a.first, p.a.ld, a.first, a.ld);
        matrix found = multiply(run, &rounded, 0, &p, &a);
        matrix expected = multiply(run, &rounding, 0, &p, &p.a);
        const double units = p.count == 1 ? 0 : 2 * ((double)inner_of(&p) + 4);
        expect_matrix(run, &found, &expected, sum_bounds(run, &p, units));
    }
}

/* ---- Products of quantised rows ---- */

void test_q8_rows(test_run *run) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols);
        if (s.kind == SPECIAL && s.cols > 0)
            *f32(&x, 1, s.cols / 2) = s.index % 2 ? NAN : -INFINITY;
        if (s.kind == SMALL && s.cols > 0)
            for (ptrdiff_t c = 0; c < s.cols; c++)
                *f32(&x, 1, c) = QD8_SMALLEST * 0.99f;
        /* Compares the zeros after each row too. */
        outputs out = blanks(run, s.rows, (s.cols + 3) / 4 * 4, 4, 1);
        outputs scales = blanks(run, 1, s.rows, 0, sizeof(float));
        EACH_TABLE(run, t, i) {
            t->q8_rows(s.rows, s.cols, x.first, x.ld, out.of[i].first, out.of[i].ld,
                       scales.of[i].first);
        }
        expect_outputs(run, &out, NULL);
        expect_outputs(run, &scales, NULL);
    }
}

/* A quantised A, [rows, count], with zeros after each row up to a multiple of 4. */
static matrix quantized_rows(test_run *run, ptrdiff_t rows, ptrdiff_t count) {
    matrix a = blank(run, rows, (count + 3) / 4 * 4, 4, 1);
    EACH_ELEMENT(a, r, k) { *i8(&a, r, k) = k < count ? (signed char)(127 * draw()) : 0; }
    return a;
}

/* B is packed from floats with given scales, in two parts. */
void test_q8_qc8w_gemm(test_run *run) {
    static const ptrdiff_t FEW_ROWS[] = {0, 1, 13, 50}, FEW_COLUMNS[] = {1, 9, 33};
    /* First row of B, and number of rows. */
    static const ptrdiff_t PARTS[][2] = {{0, 1}, {0, 64}, {8, 7}, {32, 449}, {40, 2100}};
    EACH(rows, FEW_ROWS)
    EACH(columns, FEW_COLUMNS)
    for (size_t part = 0; part < 2 * sizeof PARTS / sizeof *PARTS; part++) {
        const ptrdiff_t first = PARTS[part / 2][0], count = PARTS[part / 2][1];
        matrix a = quantized_rows(run, rows, count), row_scales = uniform(run, 1, rows, 0, 1, 0);
        matrix b = uniform(run, first + count, columns, 2, 1.2, 0);
        /* Some elements are clamped; one column has the scale 0. */
        matrix scales = uniform(run, 1, columns, 0, 0.001, 1.0 / 127);
        *f32(&scales, 0, columns / 2) = part % 4 == 0 ? 0 : 0.01f;
        matrix before = uniform(run, rows, columns, 3, 1, 0);
        outputs c = copies(run, &before);
        EACH_TABLE(run, t, i) {
            packing packed = begin_packing(run, t->qc8w_packed_bytes, b.rows, columns);
            t->qc8w_pack_scaled(packed.to, 0, first, b.first, b.ld, scales.first);
            t->qc8w_pack_scaled(packed.to, first, count, f32(&b, first, 0), b.ld, scales.first);
            EACH_RANGE(t, columns, column, n) {
                t->q8_qc8w_gemm(rows, first, count, a.first, a.ld, row_scales.first, packed.to,
                                column, n, f32(&scales, 0, column), f32(&c.of[i], 0, column),
                                before.ld, part % 2);
            }
            end_packing(run, &packed);
        }
        const double units = step_units(run, steps_in(count));
        double *bounds = bounds_for(run, &before, units * U); /* of C before */
        EACH_ELEMENT(a, r, k)
        for (ptrdiff_t j = 0; j < columns; j++)
            bounds[r * columns + j] +=
                units * U * abs(*i8(&a, r, k)) * 1.27 * fabs((double)*f32(&row_scales, 0, r));
        expect_outputs(run, &c, bounds);
        release(run);
    }
}

CASE(qc8w_pack_scaled, test_q8_qc8w_gemm(run))

void test_qc8w_pack_rows(test_run *run) {
    static const ptrdiff_t INNER[] = {1, 5, 7, 24, 63, 64, 67, 129, 1023, 2048};
    static const ptrdiff_t FEW_COLUMNS[] = {0, 1, 7, 16, 17, 33, 48, 65};
    EACH(inner, INNER)
    EACH(columns, FEW_COLUMNS) {
        matrix b = uniform(run, columns, inner, 3, 1, 0), offset = uniform(run, 1, inner, 0, 1, 0);
        if (columns > 2) {
            *f32(&b, 1, inner / 2) = NAN;
            memcpy(f32(&b, 2, 0), offset.first, sizeof(float) * (size_t)inner); /* all zeros */
        }
        matrix a = quantized_rows(run, 3, inner), ones = uniform(run, 1, 3, 0, 0, 1);
        /* The scales are compared themselves; here scales of 1 keep a NaN scale from hiding the
         * column. */
        matrix finite = uniform(run, 1, columns, 0, 0, 1);
        outputs c = blanks(run, 3, columns, 2, sizeof(float));
        outputs scales = blanks(run, 1, columns, 0, sizeof(float));
        EACH_TABLE(run, t, i) {
            packing packed = begin_packing(run, t->qc8w_packed_bytes, inner, columns);
            EACH_RANGE(t, columns, column, n) {
                t->qc8w_pack_rows(packed.to, column, n, f32(&b, column, 0), b.ld, offset.first,
                                  f32(&scales.of[i], 0, column));
            }
            t->q8_qc8w_gemm(3, 0, inner, a.first, a.ld, ones.first, packed.to, 0, columns,
                            finite.first, c.of[i].first, c.of[i].ld, 0);
            end_packing(run, &packed);
        }
        expect_outputs(run, &scales, NULL);
        expect_outputs(run, &c, NULL);
        release(run);
    }
}
