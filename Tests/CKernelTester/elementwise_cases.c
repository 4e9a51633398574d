/* Test cases of the elementwise kernels. */
#include "tester.h"

#include <string.h>

/* Bound of x * scale + shift: plain rounds the product, and both versions round the sum. */
static double affine_bound(double x, double scale, double shift) {
    return 3 * U * (fabs(x * scale) + fabs(shift)) + LEAST;
}

/* Bound of gelu(v) for a v with an error of `error`: the slope of gelu is below 1.13, and each
 * version rounds 1 + erf and a quotient. Where erf is -1 the result must be exact, because v would
 * multiply a rounding error. */
static double gelu_bound(double v, double error, double coarse) {
    if (v <= -12)
        return 0;
    return 1.13 * error + (v >= 12 ? 0 : (6 * U + coarse) * fabs(v)) + LEAST;
}

/* Bound of v * sigmoid(g): exp turns the absolute error of g into a relative one, and rounds a few
 * times itself. The kernels clamp their exponent, so a sigmoid below 1e-37 may become 1e-37. */
static double glu_bound(double v, double error, double g, double gate_error, double coarse) {
    const double sigmoid = 1 / (1 + exp(-g));
    return sigmoid * error + fabs(v) * (sigmoid * (4 * gate_error + 16 * U) + coarse + 2e-37) +
           LEAST;
}

/* A kernel of the set under test and its plain version, with gamma or without. */
typedef struct {
    affine_kernel *kernels[2];
    affine_glu_add_kernel *add_kernels[2];
    enum { AFFINE, AFFINE_ADD, GELU, GLU, GLU_ADD, TANH } operation;
    double coarse;
} affine_case;

typedef struct {
    matrix x, scale, shift, gamma, before;
} affine_inputs;

static double bound_of(const affine_case *test, const affine_inputs *in, ptrdiff_t r, ptrdiff_t c) {
    const double x = (double)*f32(&in->x, r, c), before = (double)*f32(&in->before, r, c);
    const double a = (double)*f32(&in->scale, 0, c), b = (double)*f32(&in->shift, 0, c);
    const double y = x * a + b, error = affine_bound(x, a, b);
    if (test->operation == AFFINE)
        return error;
    if (test->operation == AFFINE_ADD)
        return error + 2 * U * (fabs(before) + fabs(y));
    if (test->operation == GELU)
        return gelu_bound(y, error, test->coarse);
    /* The slope of tanh is at most 1, and falls as 4 exp(-2 |y|). */
    if (test->operation == TANH)
        return error * fmin(1, 8 * exp(-2 * fabs(y))) + 16 * U * fabs(tanh(y)) + LEAST;
    const ptrdiff_t gate = c + in->x.cols / 2;
    const double ga = (double)*f32(&in->scale, 0, gate), gb = (double)*f32(&in->shift, 0, gate);
    const double gx = (double)*f32(&in->x, r, gate), g = gx * ga + gb;
    const double bound = glu_bound(y, error, g, affine_bound(gx, ga, gb), test->coarse);
    if (test->operation == GLU)
        return bound;
    const double gamma = (double)*f32(&in->gamma, 0, c), added = gamma * y / (1 + exp(-g));
    return fabs(gamma) * bound + 4 * U * (fabs(before) + fabs(added));
}

/* GELU of a huge number is the number, or 0 for a negative one. */
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

static void test_affine(test_run *run, affine_case test) {
    const int is_gated = test.operation == GLU || test.operation == GLU_ADD;
    EACH_SHAPE(run, s) {
        const ptrdiff_t rows = s.rows, cols = s.cols, inputs = is_gated ? 2 * cols : cols;
        affine_inputs in = {numbers(run, &s, rows, inputs), scales_for(run, &s, inputs),
                            shifts_for(run, &s, inputs), scales_for(run, &s, cols),
                            numbers(run, &s, rows, cols)};
        const float *scale = in.scale.first, *shift = in.shift.first, *x = in.x.first;
        const ptrdiff_t ldx = in.x.ld, ldo = in.before.ld;
        outputs out = copies(run, &in.before);
        for (int i = 0; i < 2; i++) {
            float *to = out.of[i].first;
            if (test.operation == GLU_ADD)
                test.add_kernels[i](rows, cols, scale, shift, in.gamma.first, x, ldx, to, ldo);
            else
                test.kernels[i](rows, cols, scale, shift, x, ldx, to, ldo);
        }
        if (test.operation == AFFINE || test.operation == GELU || test.operation == TANH) {
            matrix onto = copy(run, &in.x);
            test.kernels[0](rows, cols, scale, shift, onto.first, ldx, onto.first, ldx);
            expect_matrix(run, &onto, &out.of[0], NULL);
        }
        double *bounds = bounds_for(run, &in.before, 0);
        EACH_ELEMENT(in.before, r, c) { bounds[r * cols + c] = bound_of(&test, &in, r, c); }
        expect_outputs(run, &out, bounds);
    }
    if (test.operation == GELU)
        test_huge_gelu(run, test.kernels[0]);
}

#define AFFINE_CASE(name, operation, coarse)                                                       \
    CASE(name, test_affine(run, (affine_case){BOTH(name), {0}, operation, coarse}))
#define AFFINE_GLU_ADD_CASE(name, coarse)                                                          \
    CASE(name, test_affine(run, (affine_case){{0}, BOTH(name), GLU_ADD, coarse}))

AFFINE_CASE(f32_affine, AFFINE, 0)
AFFINE_CASE(f32_affine_add, AFFINE_ADD, 0)
AFFINE_CASE(f32_affine_gelu, GELU, 0)
AFFINE_CASE(f32_affine_glu, GLU, 0)
AFFINE_CASE(f32_affine_tanh, TANH, 0)
AFFINE_CASE(coarse_affine_gelu, GELU, COARSE)
AFFINE_CASE(coarse_affine_glu, GLU, COARSE)
AFFINE_GLU_ADD_CASE(f32_affine_glu_add, 0)
AFFINE_GLU_ADD_CASE(coarse_affine_glu_add, COARSE)

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
        /* In place, with the least row stride that the contract allows. */
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
        outputs out = blanks(run, s.rows, s.cols, 2, sizeof(float)), onto = copies(run, &x);
        EACH_TABLE(run, t, i) {
            matrix *to = &out.of[i], *same = &onto.of[i];
            t->f32_scale_rows(s.rows, s.cols, factor.first, x.first, x.ld, to->first, to->ld);
            t->f32_scale_rows(s.rows, s.cols, factor.first, same->first, x.ld, same->first, x.ld);
        }
        expect_outputs(run, &out, NULL);
        expect_outputs(run, &onto, NULL);
    }
}

void test_f32_add(test_run *run) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols), y = numbers(run, &s, s.rows, s.cols);
        /* The output is other memory, x, or y. */
        for (int onto = 0; onto < 3; onto++) {
            outputs a = copies(run, &x), b = copies(run, &y);
            outputs out = onto == 0   ? blanks(run, s.rows, s.cols, s.gap, sizeof(float))
                          : onto == 1 ? a
                                      : b;
            EACH_TABLE(run, t, i)
            t->f32_add(s.rows, s.cols, a.of[i].first, x.ld, b.of[i].first, y.ld, out.of[i].first,
                       out.of[i].ld);
            expect_outputs(run, &out, NULL);
        }
    }
}

void test_bf16_add(test_run *run) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols), before = numbers(run, &s, s.rows, s.cols);
        matrix skip = blank(run, s.rows, s.cols, s.gap, sizeof(uint16_t));
        EACH_ELEMENT(x, r, c)
        *u16(&skip, r, c) = rounded(*f32(&x, r, c));
        outputs out = copies(run, &before);
        EACH_TABLE(run, t, i)
        t->bf16_add(s.rows, s.cols, skip.first, skip.ld, out.of[i].first, out.of[i].ld);
        expect_outputs(run, &out, NULL);
    }
}

void test_bf16_round(test_run *run) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols);
        if (s.kind == SPECIAL && s.cols > 0) { /* infinity stays infinity, a tie goes to even */
            *f32(&x, 0, 0) = INFINITY, *f32(&x, 1, 0) = 1 + 0x3p-8f;
            *f32(&x, 1, s.cols - 1) = 1 + 0x1p-8f;
        }
        /* A 0 follows rows of odd length. */
        matrix padded = uniform(run, s.rows, s.cols + s.cols % 2, 0, 0, 0);
        EACH_ELEMENT(x, r, c)
        *f32(&padded, r, c) = *f32(&x, r, c);
        matrix found = blank(run, s.rows, padded.cols, 2, sizeof(uint16_t));
        run->table->bf16_round(s.rows, s.cols, x.first, x.ld, found.first, found.ld);
        expect_rounded(run, &found, &padded);
    }
    float nan[] = {1, -NAN, NAN, 4};
    uint32_t bits = 0x7F800001; /* a NaN whose upper 16 bits would be infinity */
    memcpy(&nan[3], &bits, sizeof bits);
    uint16_t out[4] = {0};
    run->table->bf16_round(1, 4, nan, 4, out, 4);
    for (int i = 1; i < 4; i++)
        expect(run, widened(out[i]) != widened(out[i]), "no NaN", 0, i, (double)widened(out[i]), 0);
}

void test_f32_column_magnitudes(test_run *run) {
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols), before = uniform(run, 1, s.cols, 0, 0, 0.25);
        if (s.kind == SPECIAL && s.cols > 0)
            *f32(&x, (ptrdiff_t)s.index % 2, s.cols / 2) = NAN;
        outputs out = copies(run, &before);
        EACH_TABLE(run, t, i)
        t->f32_column_magnitudes(s.rows, s.cols, x.first, x.ld, out.of[i].first);
        expect_outputs(run, &out, NULL);
    }
}

void test_f32_gather_taps(test_run *run) {
    /* length, first, rows, dilation */
    static const ptrdiff_t PARTS[][4] = {{9, 0, 9, 1}, {9, 0, 9, 2}, {9, 3, 4, 2},
                                         {3, 0, 3, 4}, {1, 0, 1, 1}, {5, 2, 0, 1}};
    static const ptrdiff_t COLUMNS[] = {0, 1, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 33, 48};
    EACH(cols, COLUMNS)
    for (size_t part = 0; part < sizeof PARTS / sizeof *PARTS; part++) {
        const ptrdiff_t length = PARTS[part][0], first = PARTS[part][1], rows = PARTS[part][2];
        matrix x = uniform(run, length, 3 * cols, 5, 3, 0), bias = uniform(run, 1, cols, 0, 3, 0);
        outputs out = blanks(run, rows, cols, 2, sizeof(float));
        EACH_TABLE(run, t, i)
        t->f32_gather_taps(first, rows, cols, PARTS[part][3], bias.first, x.first, x.ld, length,
                           out.of[i].first, out.of[i].ld);
        expect_outputs(run, &out, NULL);
        release(run);
    }
}

void test_f32_rotate(test_run *run) {
    enum { HEADS = 3 };
    EACH_SHAPE(run, s) {
        const ptrdiff_t cols = s.cols / 2 * 2;
        matrix x = numbers(run, &s, s.rows, HEADS * cols);
        matrix cosines = uniform(run, s.rows, cols, 0, 1, 0);
        matrix sines = uniform(run, s.rows, cols, 0, 1, 0);
        outputs out = copies(run, &x);
        EACH_TABLE(run, t, i)
        t->f32_rotate(s.rows, HEADS, cols, cosines.first, sines.first, out.of[i].first,
                      out.of[i].ld);
        double *bounds = bounds_for(run, &x, 0);
        EACH_ELEMENT(x, r, c) {
            const double a = (double)*f32(&x, r, c), b = (double)*f32(&x, r, c ^ 1);
            bounds[r * x.cols + c] = 3 * U * (fabs(a) + fabs(b)) + LEAST;
        }
        expect_outputs(run, &out, bounds);
    }
}

/* Bound of sigmoid(g) * v for a v with an error of `error`; exp turns the rounding error of its
 * exponent into a relative error. */
static double gated_bound(double g, double v, double error) {
    const double sigmoid = 1 / (1 + exp(-g));
    return sigmoid * error + fabs(v) * ((24 + 4 * fabs(g)) * U * sigmoid + 2e-37) + LEAST;
}

void test_f32_lstm_cell(test_run *run) {
    EACH_SHAPE(run, s) {
        const ptrdiff_t cols = s.cols;
        matrix gates = numbers(run, &s, s.rows, 4 * cols), before = numbers(run, &s, s.rows, cols);
        outputs state = copies(run, &before);
        outputs out = blanks(run, s.rows, cols, 2, sizeof(float));
        EACH_TABLE(run, t, i)
        t->f32_lstm_cell(s.rows, cols, gates.first, gates.ld, state.of[i].first, state.of[i].ld,
                         out.of[i].first, out.of[i].ld);
        double *state_bounds = bounds_for(run, &before, 0), *bounds = bounds_for(run, &before, 0);
        EACH_ELEMENT(before, r, c) {
            const double in = (double)*f32(&gates, r, c),
                         forget = (double)*f32(&gates, r, cols + c);
            const double g = tanh((double)*f32(&gates, r, 2 * cols + c));
            const double old = (double)*f32(&before, r, c);
            const double next = (double)*f32(&state.of[1], r, c);
            const double error = gated_bound(forget, old, 0) +
                                 gated_bound(in, g, 16 * U * fabs(g)) + 2 * U * fabs(next);
            state_bounds[r * cols + c] = error;
            bounds[r * cols + c] = gated_bound((double)*f32(&gates, r, 3 * cols + c), tanh(next),
                                               error + 16 * U * fabs(tanh(next)));
        }
        expect_outputs(run, &state, state_bounds);
        expect_outputs(run, &out, bounds);
    }
}
