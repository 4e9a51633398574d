/* The matrix products and what packs their right operands. */
#include "tester.h"

#include <string.h>

/* One product: A in segments that lie apart, each with all of its rows, `lda` apart. */
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

/* Segment s of A is row s of a matrix, from which its rows are cut. */
static void fill(test_run *run, product *p, int is_quantized) {
    const ptrdiff_t inner = inner_of(p), room = longest_of(p) + p->lda * p->rows + 1;
    p->a = uniform(run, p->count + 1, room, 0, 3, 0);
    p->b = uniform(run, inner, p->columns, 2, is_quantized ? 127 : 1, 0);
    p->c = uniform(run, p->rows, p->columns, 3, 1, 0);
    p->bias = uniform(run, 1, p->columns, 0, 1, 0);
    p->scales = uniform(run, 1, p->columns, 0, 0.004, is_quantized ? 0.01 : 1);
    if (!is_quantized)
        return;
    matrix bytes = blank(run, inner, p->columns, 2, 1);
    EACH_ELEMENT(bytes, k, j) * i8(&bytes, k, j) = (signed char)*f32(&p->b, k, j);
    p->b = bytes;
}

/* All sizes: rows on both sides of a register tile and of a block, columns of a panel, segments of
 * a chunk and of the longest that has one scale; rows that overlap. */
static const ptrdiff_t ROWS[] = {0, 1, 2, 5, 6, 7, 8, 9, 11, 12, 13, 25, 49};
static const ptrdiff_t COLUMNS[] = {0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65};
static const struct {
    ptrdiff_t count, lengths[3];
} SHORT[] = {{1, {5}}, {3, {1, 2, 3}}, {2, {24, 24}}},
  LONG[] = {{1, {255}},         {1, {256}},       {1, {257}},     {1, {1000}},
            {1, {2047}},        {1, {2049}},      {1, {4100}},    {2, {513, 512}},
            {3, {100, 200, 3}}, {3, {1, 256, 1}}, {3, {3, 3, 3}}, {1, {0}},
            {3, {4, 0, 7}},     {0, {0}}};
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
        p->rows = 14, p->columns = 37;
        p->lengths = LONG[i / 2].lengths;
        p->count = LONG[i / 2].count;
        p->lda = longest_of(p) + 3;
        p->first = (ptrdiff_t)(i / 2 % 4);
        p->accumulate = i % 2;
    } else if ((i -= 2 * LONGS) < 3) {
        /* A row begins before the one above has ended, or is the same. */
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

/* 2 (inner + 4) u |C|, with the largest |B| for each. */
static double *sum_bounds(test_run *run, const product *p) {
    const int is_quantized = p->b.size == 1;
    const double largest = is_quantized ? 127 * 0.014 : 1;
    double *bounds = bounds_for(run, &p->c);
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        double size = 1; /* of C and the bias */
        for (ptrdiff_t s = 0; s < p->count; s++)
            for (ptrdiff_t k = 0; k < p->lengths[s]; k++)
                size += fabs((double)*f32(&p->a, s, r * p->lda + k)) * largest;
        for (ptrdiff_t j = 0; j < p->columns; j++)
            bounds[r * p->columns + j] = 2 * ((double)inner_of(p) + 4) * U * size;
    }
    return bounds;
}

static float unrounded(float x) { return x; }

static float to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return widened((uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16));
}

/* ---- Packing ---- */

/* Room for a packed matrix, of which no more may be written than the kernel says. */
typedef struct {
    packed_matrix to;
    matrix memory, before;
    ptrdiff_t bytes;
} packing;

static packing begin_packing(test_run *run, packed_bytes_kernel *packed_bytes, ptrdiff_t inner,
                             ptrdiff_t columns) {
    packing result = {.bytes = packed_bytes(inner, columns)};
    /* As many as any set takes, and more: a kernel may be wrong. */
    result.memory = blank(run, 1, 4 * (inner + 8) * (columns + 64), 0, 1);
    result.before = copy(run, &result.memory);
    result.to = (packed_matrix){result.memory.first, inner, columns};
    return result;
}

static void end_packing(test_run *run, const packing *p) {
    const ptrdiff_t room = p->memory.cols;
    const int is_intact =
        p->bytes <= room && memcmp(i8(&p->memory, 0, p->bytes), i8(&p->before, 0, p->bytes),
                                   (size_t)(room - p->bytes)) == 0;
    expect(run, is_intact, "wrote more than packed_bytes", p->to.inner, p->to.columns, 0, 0);
    matrix after = p->memory;
    memcpy(after.first, p->before.first, (size_t)room);
    expect_matrix(run, &after, &p->before, NULL);
}

/* Columns in two parts, as threads pack them, and rows in two, as attention packs its values. */
static void pack(const kernel_table *table, pack_kernel *kernel, packed_matrix to, const float *b,
                 ptrdiff_t inner_stride, ptrdiff_t column_stride) {
    const ptrdiff_t panel = table->panel_columns, middle = to.inner / 2 & ~(ptrdiff_t)1;
    const ptrdiff_t split = to.columns > panel ? panel : 0;
    const ptrdiff_t columns[3] = {0, split, to.columns}, rows[3] = {0, middle, to.inner};
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            kernel(to, rows[i], rows[i + 1] - rows[i], columns[j], columns[j + 1] - columns[j],
                   b + rows[i] * inner_stride + columns[j] * column_stride, inner_stride,
                   column_stride);
}

/* B is what the identity gives as A. */
static void test_pack(test_run *run, packed_bytes_kernel *packed_bytes, pack_kernel *kernel,
                      gemm_kernel *gemm, float (*rounds)(float)) {
    static const ptrdiff_t INNER[] = {0, 1, 2, 7, 16, 31, 33, 64, 127};
    EACH(inner, INNER)
    EACH(columns, COLUMNS)
    for (int is_transposed = 0; is_transposed < 2; is_transposed++) {
        matrix b = is_transposed ? uniform(run, columns, inner, 3, 3, 0)
                                 : uniform(run, inner, columns, 3, 3, 0);
        matrix identity = uniform(run, inner, inner, 0, 0, 0);
        for (ptrdiff_t k = 0; k < inner; k++)
            *f32(&identity, k, k) = 1;
        packing packed = begin_packing(run, packed_bytes, inner, columns);
        pack(run->table, kernel, packed.to, b.first, is_transposed ? 1 : b.ld,
             is_transposed ? b.ld : 1);
        const gemm_segment segment = {identity.first, 0, inner};
        matrix c = blank(run, inner, columns, 2, sizeof(float)), expected = copy(run, &c);
        gemm(inner, 1, &segment, inner, packed.to, 0, columns, NULL, c.first, c.ld, 0);
        EACH_ELEMENT(expected, k, j) {
            *f32(&expected, k, j) = rounds(is_transposed ? *f32(&b, j, k) : *f32(&b, k, j));
        }
        expect_matrix(run, &c, &expected, NULL);
        end_packing(run, &packed);
        release(run);
    }
}

void test_f32_pack(test_run *run) {
    const kernel_table *table = run->table;
    test_pack(run, table->f32_packed_bytes, table->f32_pack, table->f32_gemm, unrounded);
}

void test_bf16_pack(test_run *run) {
    const kernel_table *table = run->table;
    test_pack(run, table->bf16_packed_bytes, table->bf16_pack, table->f32_bf16w_gemm, to_bf16);
}

/* Too few bytes show in the cases of packing. */
void test_f32_packed_bytes(test_run *run) { test_f32_pack(run); }

void test_bf16_packed_bytes(test_run *run) { test_bf16_pack(run); }

/* ---- Products of floats ---- */

static void segments_of(const product *p, const matrix *a, gemm_segment *segments) {
    ptrdiff_t first = p->first;
    for (ptrdiff_t s = 0; s < p->count; s++) {
        char *place = (char *)a->first + s * a->ld * a->size;
        segments[s] = (gemm_segment){place, first, p->lengths[s]};
        first += p->lengths[s];
    }
}

/* By one table, in two ranges of columns: C, as a copy of the product's. */
static matrix multiply(test_run *run, const kernel_table *table, gemm_kernel *gemm,
                       pack_kernel *kernel, packed_bytes_kernel *packed_bytes, const product *p,
                       const matrix *a) {
    const ptrdiff_t inner = inner_of(p);
    packing packed = begin_packing(run, packed_bytes, inner, p->columns);
    pack(table, kernel, packed.to, p->b.first, p->b.ld, 1);
    gemm_segment segments[MOST_SEGMENTS + 1];
    segments_of(p, a, segments);
    matrix c = copy(run, &p->c);
    const ptrdiff_t panel = table->panel_columns, split = p->columns > panel ? panel : p->columns;
    for (ptrdiff_t column = 0; column < p->columns || column == 0; column += split + (split == 0)) {
        const ptrdiff_t columns = column == 0 ? split : p->columns - split;
        gemm(p->rows, p->count, segments, p->lda, packed.to, column, columns,
             p->has_bias ? f32(&p->bias, 0, column) : NULL, f32(&c, 0, column), c.ld,
             p->accumulate);
        if (column > 0)
            break;
    }
    return c;
}

void test_f32_gemm(test_run *run) {
    const kernel_table *t = run->table, *plain = run->plain;
    EACH_PRODUCT(run, p, 0) {
        matrix found = multiply(run, t, t->f32_gemm, t->f32_pack, t->f32_packed_bytes, &p, &p.a);
        matrix expected = multiply(run, plain, plain->f32_gemm, plain->f32_pack,
                                   plain->f32_packed_bytes, &p, &p.a);
        expect_matrix(run, &found, &expected, sum_bounds(run, &p));
    }
}

static matrix multiply_bf16w(test_run *run, const kernel_table *table, const product *p) {
    return multiply(run, table, table->f32_bf16w_gemm, table->bf16_pack, table->bf16_packed_bytes,
                    p, &p->a);
}

void test_f32_bf16w_gemm(test_run *run) {
    EACH_PRODUCT(run, p, 0) {
        matrix found = multiply_bf16w(run, run->table, &p);
        matrix expected = multiply_bf16w(run, run->plain, &p);
        expect_matrix(run, &found, &expected, sum_bounds(run, &p));
    }
}

/* The same bits as f32_bf16w_gemm, where the segments are as bf16_gemm asks for. */
void test_bf16_gemm(test_run *run) {
    const kernel_table *t = run->table;
    EACH_PRODUCT(run, p, 0) {
        int is_even = p.first % 2 == 0;
        for (ptrdiff_t s = 0; s + 1 < p.count; s++)
            is_even = is_even && p.lengths[s] % 2 == 0;
        if (!is_even)
            continue;
        p.lda += p.lda % 2;
        fill(run, &p, 0);
        /* A zero behind rows whose last segment is odd, and an even distance of segments. */
        const ptrdiff_t last = p.count > 0 ? p.lengths[p.count - 1] : 0;
        for (ptrdiff_t r = 0; r < p.rows && last % 2 == 1; r++)
            *f32(&p.a, p.count - 1, r * p.lda + last) = 0;
        matrix a = blank(run, p.a.rows, p.a.cols, p.a.cols % 2, sizeof(uint16_t));
        run->plain->bf16_round(a.rows, a.cols, p.a.first, p.a.ld, a.first, a.ld);
        matrix found = multiply(run, t, t->bf16_gemm, t->bf16_pack, t->bf16_packed_bytes, &p, &a);
        matrix expected = multiply_bf16w(run, t, &p);
        expect_matrix(run, &found, &expected, NULL);
    }
}

/* ---- Products of quantised numbers ---- */

static matrix multiply_qc8w(test_run *run, const kernel_table *table, qc8w_gemm_kernel *gemm,
                            const product *p) {
    const ptrdiff_t panel = table->panel_columns, split = p->columns > panel ? panel : p->columns;
    packing packed = begin_packing(run, table->qc8w_packed_bytes, inner_of(p), p->columns);
    table->qc8w_pack(packed.to, 0, split, p->b.first, p->b.ld);
    table->qc8w_pack(packed.to, p->columns > panel ? panel : 0, p->columns - split,
                     i8(&p->b, 0, split), p->b.ld);
    gemm_segment segments[MOST_SEGMENTS + 1] = {{p->a.first, 0, 0}};
    segments_of(p, &p->a, segments);
    matrix c = copy(run, &p->c);
    gemm(p->rows, p->count, segments, p->lda, packed.to, 0, split, p->scales.first,
         p->has_bias ? p->bias.first : NULL, c.first, c.ld, p->accumulate);
    if (split < p->columns)
        gemm(p->rows, p->count, segments, p->lda, packed.to, split, p->columns - split,
             f32(&p->scales, 0, split), p->has_bias ? f32(&p->bias, 0, split) : NULL,
             f32(&c, 0, split), c.ld, p->accumulate);
    end_packing(run, &packed);
    return c;
}

void test_f32_qc8w_gemm(test_run *run) {
    EACH_PRODUCT(run, p, 1) {
        matrix found = multiply_qc8w(run, run->table, run->table->f32_qc8w_gemm, &p);
        matrix expected = multiply_qc8w(run, run->plain, run->plain->f32_qc8w_gemm, &p);
        expect_matrix(run, &found, &expected, sum_bounds(run, &p));
    }
}

void test_bf16_qc8w_gemm(test_run *run) {
    EACH_PRODUCT(run, p, 1) {
        matrix found = multiply_qc8w(run, run->table, run->table->bf16_qc8w_gemm, &p);
        matrix expected = multiply_qc8w(run, run->plain, run->plain->bf16_qc8w_gemm, &p);
        expect_matrix(run, &found, &expected, sum_bounds(run, &p));
    }
}

/* Rows of zeros, of numbers that count as such, of huge ones, and with one that is not finite. */
static void make_unusual(product *p) {
    static const float VALUES[] = {0, 1e-31f, LEAST, 3e34f, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES && (ptrdiff_t)i < p->rows; i++)
        for (ptrdiff_t s = 0; s < p->count; s++)
            for (ptrdiff_t k = 0; k < p->lengths[s]; k++)
                if (i < 4 || k == p->lengths[s] / 2)
                    *f32(&p->a, s, (ptrdiff_t)i * p->lda + k) = VALUES[i];
}

void test_qd8_qc8w_gemm(test_run *run) {
    EACH_PRODUCT(run, p, 1) {
        for (int is_unusual = 0; is_unusual < 2; is_unusual++) {
            if (is_unusual)
                make_unusual(&p);
            matrix found = multiply_qc8w(run, run->table, run->table->qd8_qc8w_gemm, &p);
            matrix expected = multiply_qc8w(run, run->plain, run->plain->qd8_qc8w_gemm, &p);
            EACH_ELEMENT(found, r, j) {
                /* Any NaN is as good. */
                if (isnan(*f32(&found, r, j)) && isnan(*f32(&expected, r, j)))
                    *f32(&found, r, j) = *f32(&expected, r, j) = 0;
            }
            expect_matrix(run, &found, &expected, NULL);
        }
    }
}

void test_qc8w_pack(test_run *run) { test_f32_qc8w_gemm(run); }

void test_qc8w_packed_bytes(test_run *run) { test_f32_qc8w_gemm(run); }

void test_q8_rows(test_run *run) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols);
        if (s.kind == SPECIAL && s.cols > 0)
            *f32(&x, 1, s.cols / 2) = s.index % 2 ? NAN : -INFINITY;
        if (s.kind == SMALL && s.cols > 0)
            for (ptrdiff_t c = 0; c < s.cols; c++)
                *f32(&x, 1, c) = QD8_SMALLEST * 0.99f;
        /* With the zeros behind each row. */
        matrix found = blank(run, s.rows, (s.cols + 3) / 4 * 4, 4, 1), expected = copy(run, &found);
        matrix scales = blank(run, 1, s.rows, 0, sizeof(float)), plain_scales = copy(run, &scales);
        run->table->q8_rows(s.rows, s.cols, x.first, x.ld, found.first, found.ld, scales.first);
        run->plain->q8_rows(s.rows, s.cols, x.first, x.ld, expected.first, expected.ld,
                            plain_scales.first);
        expect_matrix(run, &found, &expected, NULL);
        expect_matrix(run, &scales, &plain_scales, NULL);
    }
}

/* Quantised A of [rows, count] with zeros behind each row up to a multiple of 4. */
static matrix quantized_rows(test_run *run, ptrdiff_t rows, ptrdiff_t count) {
    matrix a = blank(run, rows, (count + 3) / 4 * 4, 4, 1);
    EACH_ELEMENT(a, r, k) { *i8(&a, r, k) = k < count ? (signed char)(127 * draw()) : 0; }
    return a;
}

enum { PARTS = 5 };
/* First row of B, rows of it. */
static const ptrdiff_t PART[PARTS][2] = {{0, 1}, {0, 64}, {4, 7}, {32, 449}, {8, 2100}};

/* C of q8_qc8w_gemm with a B that is packed from floats with given scales, in two parts. */
static matrix multiply_q8(test_run *run, const kernel_table *table, const matrix *a,
                          const matrix *row_scales, const matrix *b, const matrix *scales,
                          ptrdiff_t first, const matrix *c, int accumulate) {
    const ptrdiff_t inner = b->rows, columns = b->cols, count = inner - first;
    packing packed = begin_packing(run, table->qc8w_packed_bytes, inner, columns);
    table->qc8w_pack_scaled(packed.to, 0, first, b->first, b->ld, scales->first);
    table->qc8w_pack_scaled(packed.to, first, count, f32(b, first, 0), b->ld, scales->first);
    matrix result = copy(run, c);
    const ptrdiff_t panel = table->panel_columns, split = columns > panel ? panel : columns;
    table->q8_qc8w_gemm(a->rows, first, count, a->first, a->ld, row_scales->first, packed.to, 0,
                        split, scales->first, result.first, result.ld, accumulate);
    if (split < columns)
        table->q8_qc8w_gemm(a->rows, first, count, a->first, a->ld, row_scales->first, packed.to,
                            split, columns - split, f32(scales, 0, split), f32(&result, 0, split),
                            result.ld, accumulate);
    end_packing(run, &packed);
    return result;
}

void test_q8_qc8w_gemm(test_run *run) {
    static const ptrdiff_t FEW_ROWS[] = {0, 1, 13, 50}, FEW_COLUMNS[] = {1, 9, 33};
    EACH(rows, FEW_ROWS)
    EACH(columns, FEW_COLUMNS)
    for (int i = 0; i < 2 * PARTS; i++) {
        const ptrdiff_t first = PART[i / 2][0], count = PART[i / 2][1];
        matrix a = quantized_rows(run, rows, count), row_scales = uniform(run, 1, rows, 0, 1, 0);
        matrix b = uniform(run, first + count, columns, 2, 1.2, 0);
        /* Some are clamped; one column has no scale. */
        matrix scales = uniform(run, 1, columns, 0, 0.001, 1.0 / 127);
        *f32(&scales, 0, columns / 2) = i % 4 == 0 ? 0 : 0.01f;
        matrix c = uniform(run, rows, columns, 3, 1, 0);
        matrix found = multiply_q8(run, run->table, &a, &row_scales, &b, &scales, first, &c, i % 2);
        matrix expected =
            multiply_q8(run, run->plain, &a, &row_scales, &b, &scales, first, &c, i % 2);
        expect_matrix(run, &found, &expected, NULL);
        release(run);
    }
}

void test_qc8w_pack_scaled(test_run *run) { test_q8_qc8w_gemm(run); }

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
        matrix c[2], scales[2];
        const kernel_table *const tables[2] = {run->table, run->plain};
        for (int i = 0; i < 2; i++) {
            const kernel_table *table = tables[i];
            packing packed = begin_packing(run, table->qc8w_packed_bytes, inner, columns);
            const ptrdiff_t panel = table->panel_columns, split = columns > panel ? panel : 0;
            scales[i] = blank(run, 1, columns, 0, sizeof(float));
            c[i] = blank(run, 3, columns, 2, sizeof(float));
            table->qc8w_pack_rows(packed.to, 0, split, b.first, b.ld, offset.first,
                                  scales[i].first);
            table->qc8w_pack_rows(packed.to, split, columns - split, f32(&b, split, 0), b.ld,
                                  offset.first, f32(&scales[i], 0, split));
            /* The scales are compared; that of the column that is no number must not hide it. */
            matrix finite = uniform(run, 1, columns, 0, 0, 1);
            table->q8_qc8w_gemm(3, 0, inner, a.first, a.ld, ones.first, packed.to, 0, columns,
                                finite.first, c[i].first, c[i].ld, 0);
            end_packing(run, &packed);
        }
        expect_matrix(run, &scales[0], &scales[1], NULL);
        expect_matrix(run, &c[0], &c[1], NULL);
        release(run);
    }
}
