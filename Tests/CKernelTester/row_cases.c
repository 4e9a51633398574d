/* The kernels that sum up rows: moments, layer normalisation, softmax. */
#include "tester.h"

#include <string.h>

static void expect_moments(test_run *run, ptrdiff_t rows, ptrdiff_t cols, const float *x,
                           ptrdiff_t ld) {
    const double count = (double)(rows * cols);
    double least = INFINITY, largest = -INFINITY, found[2] = {12.5, -3.25},
           plain[2] = {12.5, -3.25};
    run->table->f32_moments(rows, cols, x, ld, found);
    run->plain->f32_moments(rows, cols, x, ld, plain);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            least = fmin(least, (double)x[r * ld + c]);
            largest = fmax(largest, (double)x[r * ld + c]);
        }
    const double spread = count > 0 ? largest - least : 0;
    const double pivot = count > 0 ? fmax(fabs(least), fabs(largest)) : 0;
    /* Sums of doubles, in another order. */
    const double rounding[2] = {1e-12 * (count + fabs(plain[0])), 1e-12 * (count + fabs(plain[1]))};
    const double chain = 20 * U * count * spread;
    const double bounds[2] = {chain + rounding[0], chain * (2 * pivot + spread) + rounding[1]};
    for (int i = 0; i < 2; i++)
        expect(run, fabs(found[i] - plain[i]) <= bounds[i], "sum", rows, cols, found[i], plain[i]);
    if (count == 0)
        return;
    /* The variance, a small difference where the mean is large: the pivot keeps its digits. */
    const double mean = (plain[0] - 12.5) / count;
    const double a = (found[1] + 3.25) / count - pow((found[0] - 12.5) / count, 2);
    const double b = (plain[1] + 3.25) / count - mean * mean;
    const double bound = 20 * U * spread * spread + 2 * rounding[1] / count;
    expect(run, fabs(a - b) <= bound, "variance", rows, cols, a, b);
}

void test_f32_moments(test_run *run) {
    static const double MEANS[] = {0, 1e2, 1e4, -1e5};
    EACH_SHAPE(run, s) {
        matrix x = numbers(run, &s, s.rows, s.cols);
        expect_moments(run, s.rows, s.cols, x.first, x.ld);
        matrix far = uniform(run, s.rows, s.cols, s.gap, 3, MEANS[s.index % 4]);
        expect_moments(run, s.rows, s.cols, far.first, far.ld);
    }
}

/* As f32_layer_norm's contract has it, with the mean and the factor of each row in double. */
static void layer_norm_bounds(const matrix *x, const matrix *gain, const matrix *bias,
                              double epsilon, double *bounds) {
    for (ptrdiff_t r = 0; r < x->rows; r++) {
        double sum = 0, squares = 0, largest = 0;
        for (ptrdiff_t c = 0; c < x->cols; c++) {
            sum += (double)*f32(x, r, c);
            largest = fmax(largest, fabs((double)*f32(x, r, c)));
        }
        const double mean = sum / (double)x->cols;
        for (ptrdiff_t c = 0; c < x->cols; c++)
            squares += pow((double)*f32(x, r, c) - mean, 2);
        const double factor = 1 / sqrt(squares / (double)x->cols + epsilon);
        for (ptrdiff_t c = 0; c < x->cols; c++) {
            const double normal = ((double)*f32(x, r, c) - mean) * factor;
            const double scaled = normal * (double)*f32(gain, 0, c);
            const double shift = (double)*f32(bias, 0, c);
            bounds[r * x->cols + c] =
                16 * U * (fabs((double)*f32(gain, 0, c)) * largest * factor + fabs(scaled)) +
                4 * U * (fabs(shift) + fabs(scaled + shift));
        }
    }
}

void test_f32_layer_norm(test_run *run) {
    static const double MEANS[] = {10, -100, 1000, 0};
    EACH_SHAPE(run, s) {
        if (s.cols == 0 || s.kind == SPECIAL)
            continue;
        matrix gain = scales_for(run, &s, s.cols), bias = shifts_for(run, &s, s.cols);
        /* Rows around zero, far from it, and of equal numbers. */
        for (int i = 0; i < 3; i++) {
            matrix x = i == 0 ? numbers(run, &s, s.rows, s.cols)
                              : uniform(run, s.rows, s.cols, s.gap, i == 1, MEANS[s.index % 4]);
            matrix found = blank(run, s.rows, s.cols, 1, sizeof(float));
            matrix expected = copy(run, &found), onto = copy(run, &x), plain = copy(run, &x);
            double *bounds = bounds_for(run, &found);
            layer_norm_bounds(&x, &gain, &bias, (double)1e-5f, bounds);
            run->table->f32_layer_norm(s.rows, s.cols, gain.first, bias.first, 1e-5f, x.first, x.ld,
                                       found.first, found.ld);
            run->plain->f32_layer_norm(s.rows, s.cols, gain.first, bias.first, 1e-5f, x.first, x.ld,
                                       expected.first, expected.ld);
            run->table->f32_layer_norm(s.rows, s.cols, gain.first, bias.first, 1e-5f, onto.first,
                                       x.ld, onto.first, x.ld);
            run->plain->f32_layer_norm(s.rows, s.cols, gain.first, bias.first, 1e-5f, plain.first,
                                       x.ld, plain.first, x.ld);
            expect_matrix(run, &found, &expected, bounds);
            expect_matrix(run, &onto, &plain, bounds);
        }
    }
}

void test_bf16_layer_norm(test_run *run) {
    EACH_SHAPE(run, s) {
        if (s.cols == 0 || s.kind == SPECIAL)
            continue;
        matrix x = numbers(run, &s, s.rows, s.cols);
        matrix gain = scales_for(run, &s, s.cols), bias = shifts_for(run, &s, s.cols);
        matrix floats = blank(run, s.rows, s.cols, 0, sizeof(float));
        matrix found = blank(run, s.rows, s.cols, 2, sizeof(uint16_t));
        run->table->f32_layer_norm(s.rows, s.cols, gain.first, bias.first, 1e-5f, x.first, x.ld,
                                   floats.first, floats.ld);
        run->table->bf16_layer_norm(s.rows, s.cols, gain.first, bias.first, 1e-5f, x.first, x.ld,
                                    found.first, found.ld);
        expect_rounded(run, &found, &floats);
    }
}

/* ---- Softmax ---- */

/* What a running softmax keeps of each row. */
typedef struct {
    matrix maxima, sums, correction;
} running;

static running begin(test_run *run, ptrdiff_t rows) {
    return (running){uniform(run, 1, rows, 0, 0, -INFINITY), uniform(run, 1, rows, 0, 0, 0),
                     blank(run, 1, rows, 0, sizeof(float))};
}

static running copy_of(test_run *run, const running *from) {
    return (running){copy(run, &from->maxima), copy(run, &from->sums),
                     copy(run, &from->correction)};
}

/* Slopes of scores; the tiles' maxima rise, fall, or do neither. */
static const float SLOPES[] = {1, 0.125f, 0.37f, 7.5f};
enum { TILES = 3 };

static matrix scores(test_run *run, const shape *s, int tile) {
    matrix x = numbers(run, s, s->rows, s->cols);
    if (s->kind == USUAL)
        EACH_ELEMENT(x, r, c) {
            *f32(&x, r, c) += (float)(tile * (ptrdiff_t[]){5, -5, 0, 100, -1000}[r % 5]);
        }
    return x;
}

/* The exponential 2^(slope x - maximum), and how far two versions of it may be from each other: the
 * exponent's rounding, that of the polynomial and the product, and what `coarse` is. */
static double power(float slope, float x, float maximum, double coarse, double *bound) {
    const double sloped = (double)slope * (double)x, exponent = sloped - (double)maximum;
    const double e = exp2(fmin(exponent, 1));
    *bound = e * (8 * U * (fabs(sloped) + fabs((double)maximum)) + 16 * U + coarse) + 0x1p-125;
    return e;
}

/* Compares what is kept, with bounds for the sums; then both go on from the same. */
static void expect_running(test_run *run, running *found, running *plain,
                           const double *sum_bounds) {
    double *corrections = bounds_for(run, &found->correction);
    for (ptrdiff_t r = 0; r < found->maxima.cols; r++)
        corrections[r] = 16 * U * (double)*f32(&plain->correction, 0, r) + 0x1p-125;
    expect_matrix(run, &found->maxima, &plain->maxima, NULL);
    expect_matrix(run, &found->sums, &plain->sums, sum_bounds);
    expect_matrix(run, &found->correction, &plain->correction, corrections);
}

/* The first cols elements of rows of bfloat16 in the place of floats, as a matrix of floats, the
 * zero behind an odd number of them included. */
static matrix widened_rows(test_run *run, const matrix *x) {
    matrix m = blank(run, x->rows, x->cols + x->cols % 2, 0, sizeof(float));
    EACH_ELEMENT(m, r, c) * f32(&m, r, c) = widened(((uint16_t *)x->first)[2 * r * x->ld + c]);
    return m;
}

static void test_softmax(test_run *run, softmax_kernel *kernel, softmax_kernel *plain,
                         int is_bf16) {
    const double coarse = is_bf16 ? COARSE : 0;
    EACH_SHAPE(run, s) {
        if (s.cols == 0)
            continue;
        const float slope = SLOPES[s.index % 4];
        running a = begin(run, s.rows), b = copy_of(run, &a);
        for (int tile = 0; tile < TILES; tile++) {
            matrix x = scores(run, &s, tile), found = copy(run, &x), expected = copy(run, &x);
            kernel(s.rows, s.cols, slope, found.first, x.ld, a.maxima.first, a.sums.first,
                   a.correction.first);
            plain(s.rows, s.cols, slope, expected.first, x.ld, b.maxima.first, b.sums.first,
                  b.correction.first);
            double *sums = bounds_for(run, &a.sums);
            matrix written = is_bf16 ? widened_rows(run, &found) : found;
            matrix wanted = is_bf16 ? widened_rows(run, &expected) : expected;
            double *bounds = bounds_for(run, &written);
            for (ptrdiff_t r = 0; r < s.rows; r++) {
                sums[r] = 32 * U * fabs((double)*f32(&b.sums, 0, r));
                for (ptrdiff_t c = 0; c < s.cols; c++) {
                    double bound,
                        e = power(slope, *f32(&x, r, c), *f32(&b.maxima, 0, r), coarse, &bound);
                    sums[r] += bound;
                    /* Two roundings to a significand of 8 bits. */
                    bounds[r * written.cols + c] = bound + (is_bf16 ? 0x1p-7 * e : 0);
                }
            }
            expect_matrix(run, &written, &wanted, bounds);
            if (is_bf16) { /* around the rows; what bfloat16 leaves of their floats may be anything
                            */
                EACH_ELEMENT(found, r, c) * f32(&found, r, c) = *f32(&expected, r, c) = 0;
                expect_matrix(run, &found, &expected, NULL);
            }
            expect_running(run, &a, &b, sums);
        }
    }
}

void test_f32_softmax_step(test_run *run) {
    test_softmax(run, run->table->f32_softmax_step, run->plain->f32_softmax_step, 0);
}

void test_bf16_softmax_step(test_run *run) {
    test_softmax(run, run->table->bf16_softmax_step, run->plain->bf16_softmax_step, 1);
}

/* What was written, against plain and against 127 times the same set's exponentials. */
static void expect_quantized(test_run *run, const shape *s, const matrix *found,
                             const matrix *plain, const matrix *exponentials) {
    EACH_ELEMENT(*found, r, c) {
        const int a = ((signed char *)f32(found, r, 0))[c],
                  b = ((signed char *)f32(plain, r, 0))[c];
        const double exact = 127 * (double)*f32(exponentials, r, c);
        /* Scores of 1e15 are told apart no better than by a factor of 2. */
        const int is_near =
            s->kind == SPECIAL ? a >= 0 : a - b <= 1 && b - a <= 1 && fabs(a - exact) <= 0.52;
        expect(run, is_near, "quantised", r, c, a, exact);
    }
    for (ptrdiff_t r = 0; r < found->rows; r++)
        for (ptrdiff_t c = found->cols; c < (found->cols + 3) / 4 * 4; c++)
            expect(run, ((signed char *)f32(found, r, 0))[c] == 0, "no zero behind a row", r, c, 1,
                   0);
}

void test_q8_softmax_step(test_run *run) {
    EACH_SHAPE(run, s) {
        if (s.cols == 0)
            continue;
        const float slope = SLOPES[s.index % 4];
        running a = begin(run, s.rows), b = copy_of(run, &a);
        for (int tile = 0; tile < TILES; tile++) {
            matrix x = scores(run, &s, tile), found = copy(run, &x), expected = copy(run, &x);
            matrix exponentials = copy(run, &x), before = copy(run, &a.sums);
            running own = begin(run, s.rows);
            run->table->f32_softmax_step(s.rows, s.cols, slope, exponentials.first, x.ld,
                                         own.maxima.first, own.sums.first, own.correction.first);
            matrix row_scales = blank(run, 1, s.rows, 0, sizeof(float));
            matrix plain_scales = copy(run, &row_scales);
            run->table->q8_softmax_step(s.rows, s.cols, slope, found.first, x.ld, a.maxima.first,
                                        a.sums.first, a.correction.first, row_scales.first);
            run->plain->q8_softmax_step(s.rows, s.cols, slope, expected.first, x.ld, b.maxima.first,
                                        b.sums.first, b.correction.first, plain_scales.first);
            expect_quantized(run, &s, &found, &expected, &exponentials);
            double *bounds = bounds_for(run, &row_scales), *sums = bounds_for(run, &a.sums);
            for (ptrdiff_t r = 0; r < s.rows; r++) {
                bounds[r] = 16 * U * (double)*f32(&plain_scales, 0, r) + 0x1p-125;
                /* The sums are of what was written. */
                double sum = 0;
                for (ptrdiff_t c = 0; c < s.cols; c++)
                    sum += ((signed char *)f32(&found, r, 0))[c];
                *f32(&b.sums, 0, r) =
                    (float)((double)*f32(&before, 0, r) * (double)*f32(&a.correction, 0, r) +
                            sum * (double)*f32(&row_scales, 0, r));
                sums[r] = 16 * U * (double)*f32(&b.sums, 0, r);
            }
            expect_matrix(run, &row_scales, &plain_scales, bounds);
            expect_running(run, &a, &b, sums);
            EACH_ELEMENT(found, r, c) * f32(&found, r, c) = *f32(&expected, r, c) = 0;
            expect_matrix(run, &found, &expected, NULL);
        }
    }
}
