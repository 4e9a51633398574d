/* The kernels that map each element on its own. */
#include "tester.h"

#include <string.h>

/* Of x * scale + shift: plain rounds the product, and both the sum. */
static double affine_bound(double x, double scale, double shift) {
    return 3 * U * (fabs(x * scale) + fabs(shift)) + LEAST;
}

/* Of gelu(v), with v off by `error`: its slope is below 1.13, and each version rounds 1 + erf and a
 * quotient. Where erf is -1 nothing of a rounding may be left, as v would multiply it. */
static double gelu_bound(double v, double error, double coarse) {
    if (v <= -12)
        return 0;
    return 1.13 * error + (v >= 12 ? 0 : (6 * U + coarse) * fabs(v)) + LEAST;
}

/* Of v * sigmoid(g): exp turns the absolute error of g into a relative one, and has a few roundings
 * of its own. The kernels clamp their exponent, so a sigmoid below 1e-37 may be that. */
static double glu_bound(double v, double error, double g, double gate_error, double coarse) {
    const double sigmoid = 1 / (1 + exp(-g));
    return sigmoid * error + fabs(v) * (sigmoid * (4 * gate_error + 16 * U) + coarse + 2e-37) +
           LEAST;
}

typedef enum { AFFINE, AFFINE_ADD, GELU, GLU } operation;

static double bound_of(operation operation, double coarse, const matrix *x, const matrix *scale,
                       const matrix *shift, ptrdiff_t r, ptrdiff_t c, double before) {
    const double a = (double)*f32(scale, 0, c), b = (double)*f32(shift, 0, c);
    const double y = (double)*f32(x, r, c) * a + b,
                 error = affine_bound((double)*f32(x, r, c), a, b);
    if (operation == AFFINE)
        return error;
    if (operation == AFFINE_ADD)
        return error + 2 * U * (fabs(before) + fabs(y));
    if (operation == GELU)
        return gelu_bound(y, error, coarse);
    const ptrdiff_t gate = c + x->cols / 2;
    const double ga = (double)*f32(scale, 0, gate), gb = (double)*f32(shift, 0, gate);
    const double gx = (double)*f32(x, r, gate);
    return glu_bound(y, error, gx * ga + gb, affine_bound(gx, ga, gb), coarse);
}

static void test_affine(test_run *run, affine_kernel *kernel, affine_kernel *plain,
                        operation operation, double coarse) {
    EACH_SHAPE(run, s) {
        const ptrdiff_t inputs = operation == GLU ? 2 * s.cols : s.cols;
        matrix x = numbers(run, &s, s.rows, inputs);
        matrix scale = scales_for(run, &s, inputs), shift = shifts_for(run, &s, inputs);
        matrix before = operation == AFFINE_ADD ? numbers(run, &s, s.rows, s.cols)
                                                : blank(run, s.rows, s.cols, 3, sizeof(float));
        matrix found = copy(run, &before), expected = copy(run, &before);
        kernel(s.rows, s.cols, scale.first, shift.first, x.first, x.ld, found.first, found.ld);
        plain(s.rows, s.cols, scale.first, shift.first, x.first, x.ld, expected.first, expected.ld);
        double *bounds = bounds_for(run, &found);
        EACH_ELEMENT(found, r, c) {
            bounds[r * s.cols + c] =
                bound_of(operation, coarse, &x, &scale, &shift, r, c, (double)*f32(&before, r, c));
        }
        if (operation == AFFINE || operation == GELU) {
            matrix onto = copy(run, &x);
            kernel(s.rows, s.cols, scale.first, shift.first, onto.first, x.ld, onto.first, x.ld);
            EACH_ELEMENT(found, r, c) {
                const float a = *f32(&onto, r, c), b = *f32(&found, r, c);
                expect(run, a == b || (a != a && b != b), "in place", r, c, (double)a, (double)b);
            }
        }
        expect_matrix(run, &found, &expected, bounds);
    }
}

void test_f32_affine(test_run *run) {
    test_affine(run, run->table->f32_affine, run->plain->f32_affine, AFFINE, 0);
}

void test_f32_affine_add(test_run *run) {
    test_affine(run, run->table->f32_affine_add, run->plain->f32_affine_add, AFFINE_ADD, 0);
}

/* Of huge numbers: the number, or 0. */
static void test_huge_gelu(test_run *run, affine_kernel *gelu) {
    static const float huge[] = {12, 13.5f, 30, 1e4f, 1e15f, 1e30f, __FLT_MAX__};
    enum { COUNT = sizeof huge / sizeof *huge };
    float x[2 * COUNT], out[2 * COUNT], ones[2 * COUNT], zeros[2 * COUNT] = {0};
    for (int i = 0; i < 2 * COUNT; i++) {
        ones[i] = 1;
        x[i] = i < COUNT ? huge[i] : -huge[i - COUNT];
    }
    memset(out, 0xFF, sizeof out);
    gelu(1, 2 * COUNT, ones, zeros, x, 2 * COUNT, out, 2 * COUNT);
    for (int i = 0; i < 2 * COUNT; i++) {
        const float expected = x[i] > 0 ? x[i] : 0;
        expect(run, out[i] == expected, "gelu of a huge number", 0, i, (double)out[i],
               (double)expected);
    }
}

void test_f32_affine_gelu(test_run *run) {
    test_affine(run, run->table->f32_affine_gelu, run->plain->f32_affine_gelu, GELU, 0);
    test_huge_gelu(run, run->table->f32_affine_gelu);
}

void test_coarse_affine_gelu(test_run *run) {
    test_affine(run, run->table->coarse_affine_gelu, run->plain->f32_affine_gelu, GELU, COARSE);
    test_huge_gelu(run, run->table->coarse_affine_gelu);
}

void test_f32_affine_glu(test_run *run) {
    test_affine(run, run->table->f32_affine_glu, run->plain->f32_affine_glu, GLU, 0);
}

void test_coarse_affine_glu(test_run *run) {
    test_affine(run, run->table->coarse_affine_glu, run->plain->f32_affine_glu, GLU, COARSE);
}

static void test_glu_add(test_run *run, affine_glu_add_kernel *kernel, double coarse) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, 2 * s.cols), gamma = scales_for(run, &s, s.cols);
        matrix scale = scales_for(run, &s, x.cols), shift = shifts_for(run, &s, x.cols);
        matrix before = numbers(run, &s, s.rows, s.cols);
        matrix found = copy(run, &before), expected = copy(run, &before);
        kernel(s.rows, s.cols, scale.first, shift.first, gamma.first, x.first, x.ld, found.first,
               found.ld);
        run->plain->f32_affine_glu_add(s.rows, s.cols, scale.first, shift.first, gamma.first,
                                       x.first, x.ld, expected.first, expected.ld);
        double *bounds = bounds_for(run, &found);
        EACH_ELEMENT(found, r, c) {
            const double glu = bound_of(GLU, coarse, &x, &scale, &shift, r, c, 0);
            const double old = (double)*f32(&before, r, c);
            const double added = (double)*f32(&expected, r, c) - old;
            bounds[r * s.cols + c] =
                fabs((double)*f32(&gamma, 0, c)) * glu + 4 * U * (fabs(old) + fabs(added));
        }
        expect_matrix(run, &found, &expected, bounds);
    }
}

void test_f32_affine_glu_add(test_run *run) {
    test_glu_add(run, run->table->f32_affine_glu_add, 0);
}

void test_coarse_affine_glu_add(test_run *run) {
    test_glu_add(run, run->table->coarse_affine_glu_add, COARSE);
}

void test_bf16_affine_gelu(test_run *run) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols);
        matrix scale = scales_for(run, &s, s.cols), shift = shifts_for(run, &s, s.cols);
        matrix floats = blank(run, s.rows, s.cols, 0, sizeof(float));
        run->table->coarse_affine_gelu(s.rows, s.cols, scale.first, shift.first, x.first, x.ld,
                                       floats.first, floats.ld);
        matrix found = blank(run, s.rows, s.cols, 2, sizeof(uint16_t));
        run->table->bf16_affine_gelu(s.rows, s.cols, scale.first, shift.first, x.first, x.ld,
                                     found.first, found.ld);
        /* In the place of its input, packed as densely as a contract allows. */
        for (ptrdiff_t ldo = x.ld; ldo <= 2 * x.ld; ldo += x.ld + (x.ld == 0)) {
            matrix onto = copy(run, &x);
            run->table->bf16_affine_gelu(s.rows, s.cols, scale.first, shift.first, onto.first, x.ld,
                                         onto.first, ldo);
            EACH_ELEMENT(found, r, c) {
                const uint16_t a = ((uint16_t *)onto.first)[r * ldo + c], b = *u16(&found, r, c);
                expect(run, a == b, "in place", r, c, (double)widened(a), (double)widened(b));
            }
        }
        expect_rounded(run, &found, &floats);
    }
}

void test_f32_scale_rows(test_run *run) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols), factor = uniform(run, 1, s.rows, 0, 2, 0);
        matrix found = blank(run, s.rows, s.cols, 2, sizeof(float)), expected = copy(run, &found);
        matrix onto = copy(run, &x), plain = copy(run, &x);
        run->table->f32_scale_rows(s.rows, s.cols, factor.first, x.first, x.ld, found.first,
                                   found.ld);
        run->plain->f32_scale_rows(s.rows, s.cols, factor.first, x.first, x.ld, expected.first,
                                   expected.ld);
        run->table->f32_scale_rows(s.rows, s.cols, factor.first, onto.first, x.ld, onto.first,
                                   x.ld);
        run->plain->f32_scale_rows(s.rows, s.cols, factor.first, plain.first, x.ld, plain.first,
                                   x.ld);
        expect_matrix(run, &found, &expected, NULL);
        expect_matrix(run, &onto, &plain, NULL);
    }
}

void test_f32_add(test_run *run) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols), y = numbers(run, &s, s.rows, s.cols);
        matrix expected = blank(run, s.rows, s.cols, s.gap, sizeof(float));
        run->plain->f32_add(s.rows, s.cols, x.first, x.ld, y.first, y.ld, expected.first,
                            expected.ld);
        /* Onto other memory, onto x, onto y. */
        for (int onto = 0; onto < 3; onto++) {
            matrix a = copy(run, &x), b = copy(run, &y);
            matrix out = onto == 0   ? blank(run, s.rows, s.cols, s.gap, sizeof(float))
                         : onto == 1 ? a
                                     : b;
            run->table->f32_add(s.rows, s.cols, a.first, a.ld, b.first, b.ld, out.first, out.ld);
            expect_matrix(run, &out, &expected, NULL);
        }
    }
}

void test_bf16_round(test_run *run) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols);
        if (s.kind == SPECIAL && s.cols > 0) /* infinity stays, a tie goes to even */
            *f32(&x, 0, 0) = INFINITY, *f32(&x, 1, s.cols - 1) = 1 + 0x1p-8f;
        /* With a 0 behind rows of an odd length. */
        matrix padded = uniform(run, s.rows, s.cols + s.cols % 2, 0, 0, 0);
        EACH_ELEMENT(x, r, c) * f32(&padded, r, c) = *f32(&x, r, c);
        matrix found = blank(run, s.rows, padded.cols, 2, sizeof(uint16_t));
        run->table->bf16_round(s.rows, s.cols, x.first, x.ld, found.first, found.ld);
        expect_rounded(run, &found, &padded);
    }
    float nan[] = {1, -NAN, NAN, 4};
    uint32_t bits = 0x7F800001; /* whose upper 16 bits alone are infinity */
    memcpy(&nan[3], &bits, sizeof bits);
    uint16_t out[4] = {0};
    run->table->bf16_round(1, 4, nan, 4, out, 4);
    for (int i = 1; i < 4; i++)
        expect(run, widened(out[i]) != widened(out[i]), "no NaN", 0, i, (double)widened(out[i]), 0);
}

void test_f32_column_magnitudes(test_run *run) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols), found = uniform(run, 1, s.cols, 0, 0, 0.25);
        if (s.kind == SPECIAL && s.cols > 0)
            *f32(&x, (ptrdiff_t)s.index % 2, s.cols / 2) = NAN;
        matrix expected = copy(run, &found);
        run->table->f32_column_magnitudes(s.rows, s.cols, x.first, x.ld, found.first);
        run->plain->f32_column_magnitudes(s.rows, s.cols, x.first, x.ld, expected.first);
        expect_matrix(run, &found, &expected, NULL);
    }
}

void test_f32_gather_taps(test_run *run) {
    /* length, first, rows, dilation */
    static const ptrdiff_t PARTS[][4] = {{9, 0, 9, 1}, {9, 0, 9, 2}, {9, 3, 4, 2},
                                         {3, 0, 3, 4}, {1, 0, 1, 1}, {5, 2, 0, 1}};
    static const ptrdiff_t COLUMNS[] = {0, 1, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 33, 48};
    EACH(cols, COLUMNS)
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
        const ptrdiff_t length = PARTS[i][0], first = PARTS[i][1], rows = PARTS[i][2];
        matrix x = uniform(run, length, 3 * cols, 5, 3, 0), bias = uniform(run, 1, cols, 0, 3, 0);
        matrix found = blank(run, rows, cols, 2, sizeof(float)), expected = copy(run, &found);
        run->table->f32_gather_taps(first, rows, cols, PARTS[i][3], bias.first, x.first, x.ld,
                                    length, found.first, found.ld);
        run->plain->f32_gather_taps(first, rows, cols, PARTS[i][3], bias.first, x.first, x.ld,
                                    length, expected.first, expected.ld);
        expect_matrix(run, &found, &expected, NULL);
        release(run);
    }
}
