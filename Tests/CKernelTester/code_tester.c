#include "code_tester.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ptrdiff_t COLUMNS[] = {1, 7, 16, 33, 64};
static const ptrdiff_t ROWS[] = {1, 2, 5, 13, 49};
static const ptrdiff_t INNER[] = {1, 3, 4, 31, 64, 257, 2100};
enum { MOST_COLUMNS = 64, MOST_ROWS = 49, MOST_INNER = 2100 };

static float noise(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) * 0x1p-23f - 1;
}

/* A and B of the largest case, and what the products of one table make of a part of them. */
typedef struct {
    float a[MOST_ROWS * MOST_INNER], b[MOST_INNER * MOST_COLUMNS], offset[MOST_INNER];
    signed char a_codes[MOST_ROWS * MOST_INNER], b_codes[MOST_INNER * MOST_COLUMNS];
    float steps[MOST_ROWS];
} operands;

typedef struct {
    float c[MOST_ROWS * MOST_COLUMNS];
} product;

enum { WEIGHTS, ROWS_OF_B, SCALED, ROWS_OF_A, FLOATS, HALVES, KINDS };
static const char *const NAMES[KINDS] = {"qd8_qc8w_gemm", "qc8w_pack_rows", "q8_qc8w_gemm",
                                         "q8_rows",       "f32_qc8w_gemm",  "bf16_qc8w_gemm"};

/* One kind of product of [rows, inner] with [inner, columns]. */
static void multiply(int kind, const kernel_table *table, const operands *from, ptrdiff_t rows,
                     ptrdiff_t inner, ptrdiff_t columns, product *to) {
    float scales[MOST_COLUMNS] = {0};
    const size_t bytes = (size_t)table->qc8w_packed_bytes(inner, columns);
    void *packed = malloc(bytes + 64);
    if (!packed)
        abort();
    memset(packed, 0x55, bytes);
    for (ptrdiff_t i = 0; i < MOST_ROWS * MOST_COLUMNS; i++)
        to->c[i] = 0.25f;
    gemm_segment segment = {.a = from->a, .first = 0, .count = inner};
    if (kind == SCALED) {
        table->f32_column_magnitudes(inner, columns, from->b, MOST_COLUMNS, scales);
        for (ptrdiff_t j = 0; j < columns; j++)
            scales[j] /= 127;
        table->qc8w_pack_scaled(inner, 0, inner, columns, from->b, MOST_COLUMNS, scales, packed);
        table->q8_qc8w_gemm(rows, columns, 0, inner, from->a_codes, MOST_INNER, from->steps, packed,
                            inner, scales, to->c, columns, 1);
        free(packed);
        return;
    }
    if (kind == ROWS_OF_B && inner <= QD8_SEGMENT) {
        table->qc8w_pack_rows(inner, columns, from->a, MOST_INNER / 2, from->offset, packed,
                              scales);
    } else {
        for (ptrdiff_t j = 0; j < columns; j++)
            scales[j] = 0.01f * (float)(j + 1);
        table->qc8w_pack(inner, columns, from->b_codes, MOST_COLUMNS, packed);
    }
    if (kind == ROWS_OF_A && inner <= QD8_SEGMENT) {
        signed char codes[4 * MOST_INNER];
        float steps[4];
        for (ptrdiff_t row = 0; row < rows; row += 4) {
            ptrdiff_t n = rows - row < 4 ? rows - row : 4;
            table->q8_rows(n, inner, from->a + row * MOST_INNER, MOST_INNER, codes, MOST_INNER,
                           steps);
            table->q8_qc8w_gemm(n, columns, 0, inner, codes, MOST_INNER, steps, packed, inner,
                                scales, to->c + row * columns, columns, 0);
        }
        free(packed);
        return;
    }
    void (*gemm)(ptrdiff_t, ptrdiff_t, ptrdiff_t, const gemm_segment *, ptrdiff_t, const void *,
                 ptrdiff_t, const float *, const float *, float *, ptrdiff_t, int) =
        kind == FLOATS   ? table->f32_qc8w_gemm
        : kind == HALVES ? table->bf16_qc8w_gemm
                         : table->qd8_qc8w_gemm;
    gemm(rows, columns, 1, &segment, MOST_INNER, packed, inner, scales, from->offset, to->c,
         columns, 0);
    free(packed);
}

int code_tester_run(const kernel_table *table, const kernel_table *plain) {
    unsigned state = 1;
    int failures = 0;
    operands *from = malloc(sizeof *from);
    product *found = malloc(2 * sizeof *found);
    if (!from || !found)
        abort();
    for (ptrdiff_t i = 0; i < MOST_ROWS * MOST_INNER; i++) {
        from->a[i] = noise(&state);
        from->a_codes[i] = (signed char)(127 * noise(&state));
    }
    for (ptrdiff_t i = 0; i < MOST_INNER * MOST_COLUMNS; i++) {
        from->b[i] = noise(&state);
        from->b_codes[i] = (signed char)(127 * noise(&state));
    }
    for (ptrdiff_t i = 0; i < MOST_INNER; i++)
        from->offset[i] = noise(&state);
    for (ptrdiff_t i = 0; i < MOST_ROWS; i++)
        from->steps[i] = 0.01f * (float)(i + 1);

    for (int kind = 0; kind < KINDS; kind++)
        for (size_t r = 0; r < sizeof ROWS / sizeof *ROWS; r++)
            for (size_t k = 0; k < sizeof INNER / sizeof *INNER; k++)
                for (size_t j = 0; j < sizeof COLUMNS / sizeof *COLUMNS; j++) {
                    const ptrdiff_t rows = ROWS[r], inner = INNER[k], columns = COLUMNS[j];
                    /* The last element of A that a row of codes may have behind it is no zero. */
                    if (kind == SCALED && inner % 4 != 0)
                        continue;
                    multiply(kind, table, from, rows, inner, columns, &found[0]);
                    multiply(kind, plain, from, rows, inner, columns, &found[1]);
                    for (ptrdiff_t i = 0; i < rows * columns; i++) {
                        float a = found[0].c[i], b = found[1].c[i];
                        /* Sums of floats in another order; those of codes are exact. */
                        float bound = kind == FLOATS || kind == HALVES
                                          ? 1e-6f * (float)inner * 127 * 0.01f * (float)columns
                                          : 0;
                        if (fabsf(a - b) <= bound)
                            continue;
                        if (failures++ < 3)
                            fprintf(stderr, "%s, %td x %td x %td: found %g, plain %g\n",
                                    NAMES[kind], rows, inner, columns, (double)a, (double)b);
                    }
                }
    free(from);
    free(found);
    return failures;
}
