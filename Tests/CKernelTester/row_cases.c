/* Test cases of the kernels with sums over rows: moments, layer normalisation, softmax. */
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
    /* The double sums may be in another order. */
    const double rounding[2] = {1e-12 * (count + fabs(plain[0])), 1e-12 * (count + fabs(plain[1]))};
    const double chain = 20 * U * count * spread;
    const double bounds[2] = {chain + rounding[0], chain * (2 * pivot + spread) + rounding[1]};
    for (int i = 0; i < 2; i++)
        expect(run, fabs(found[i] - plain[i]) <= bounds[i], "sum", rows, cols, found[i], plain[i]);
    if (count == 0)
        return;
    /* With a large mean the variance is a small difference; the pivot keeps its digits. */
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

/* The bounds of f32_layer_norm's contract, with the mean and the factor of each row in double. */
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
        for (int j = 0; j < 3; j++) {
            matrix x = j == 0 ? numbers(run, &s, s.rows, s.cols)
                              : uniform(run, s.rows, s.cols, s.gap, j == 1, MEANS[s.index % 4]);
            outputs out = blanks(run, s.rows, s.cols, 1, sizeof(float)), onto = copies(run, &x);
            double *bounds = bounds_for(run, &x, 0);
            layer_norm_bounds(&x, &gain, &bias, (double)1e-5f, bounds);
            EACH_TABLE(run, t, i) {
                matrix *to = &out.of[i], *same = &onto.of[i];
                t->f32_layer_norm(s.rows, s.cols, gain.first, bias.first, 1e-5f, x.first, x.ld,
                                  to->first, to->ld);
                t->f32_layer_norm(s.rows, s.cols, gain.first, bias.first, 1e-5f, same->first, x.ld,
                                  same->first, x.ld);
            }
            expect_outputs(run, &out, bounds);
            expect_outputs(run, &onto, bounds);
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

void test_f32_rms_norm(test_run *run) {
    EACH_SHAPE(run, s) {
        if (s.kind == SPECIAL)
            continue;
        /* Rows of zeros too, whose norm is below the least one. */
        for (int is_zero = 0; is_zero < 2; is_zero++) {
            matrix x = is_zero ? uniform(run, s.rows, s.cols, s.gap, 0, 0)
                               : numbers(run, &s, s.rows, s.cols);
            matrix gain = scales_for(run, &s, s.cols);
            outputs out = blanks(run, s.rows, s.cols, 1, sizeof(float)), onto = copies(run, &x);
            double *bounds = bounds_for(run, &x, 0);
            EACH_ELEMENT(x, r, c) {
                double squares = 0;
                for (ptrdiff_t i = 0; i < s.cols; i++)
                    squares += pow((double)*f32(&x, r, i), 2);
                const double normal = (double)*f32(&x, r, c) / fmax(sqrt(squares), 1e-12);
                bounds[r * s.cols + c] = 16 * U * fabs(normal * (double)*f32(&gain, 0, c)) + LEAST;
            }
            EACH_TABLE(run, t, i) {
                matrix *to = &out.of[i], *same = &onto.of[i];
                t->f32_rms_norm(s.rows, s.cols, gain.first, x.first, x.ld, to->first, to->ld);
                t->f32_rms_norm(s.rows, s.cols, gain.first, same->first, x.ld, same->first, x.ld);
            }
            expect_outputs(run, &out, bounds);
            expect_outputs(run, &onto, bounds);
        }
    }
}

void test_bf16_rms_norm(test_run *run) {
    EACH_SHAPE(run, s) {
        if (s.kind == SPECIAL)
            continue;
        matrix x = numbers(run, &s, s.rows, s.cols), gain = scales_for(run, &s, s.cols);
        matrix floats = blank(run, s.rows, s.cols, 0, sizeof(float));
        matrix found = blank(run, s.rows, s.cols, 2, sizeof(uint16_t));
        run->table->f32_rms_norm(s.rows, s.cols, gain.first, x.first, x.ld, floats.first,
                                 floats.ld);
        run->table->bf16_rms_norm(s.rows, s.cols, gain.first, x.first, x.ld, found.first, found.ld);
        expect_rounded(run, &found, &floats);
    }
}

/* ---- Softmax ---- */

/* The state of a running softmax, for each row. */
typedef struct {
    outputs maxima, sums, correction;
} running;

static running begin(test_run *run, ptrdiff_t rows) {
    const matrix maxima = uniform(run, 1, rows, 0, 0, -INFINITY);
    const matrix sums = uniform(run, 1, rows, 0, 0, 0);
    return (running){copies(run, &maxima), copies(run, &sums),
                     blanks(run, 1, rows, 0, sizeof(float))};
}

/* Slopes of the scores. The maxima of successive tiles rise, fall, or do neither. */
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

/* The exponential 2^(slope x - maximum), and the bound of the difference of two versions: for
 * rounding of the exponent, the polynomial and the product, plus `coarse`. */
static double power(float slope, float x, float maximum, double coarse, double *bound) {
    const double sloped = (double)slope * (double)x, exponent = sloped - (double)maximum;
    const double e = exp2(fmin(exponent, 1));
    *bound = e * (8 * U * (fabs(sloped) + fabs((double)maximum)) + 16 * U + coarse) + 0x1p-125;
    return e;
}

/* Compares the states, with bounds for the sums; then both continue from the same state. */
static void expect_running(test_run *run, const running *kept, const double *sum_bounds) {
    double *corrections = bounds_for(run, &kept->correction.of[1], 0x1p-125);
    EACH_ELEMENT(kept->correction.of[1], zero, r)
    corrections[r] += 16 * U * (double)*f32(&kept->correction.of[1], zero, r);
    expect_outputs(run, &kept->maxima, NULL);
    expect_outputs(run, &kept->sums, sum_bounds);
    expect_outputs(run, &kept->correction, corrections);
}

/* Rows of bfloat16 in the memory of float rows, as a matrix of floats: the first cols elements, and
 * the zero after an odd number of them. */
static matrix widened_rows(test_run *run, const matrix *x) {
    matrix m = blank(run, x->rows, x->cols + x->cols % 2, 0, sizeof(float));
    EACH_ELEMENT(m, r, c)
    *f32(&m, r, c) = widened(((uint16_t *)x->first)[2 * r * x->ld + c]);
    return m;
}

/* Checks the bytes around the rows. The rest of a row after narrower elements may have any content.
 */
static void expect_intact(test_run *run, const outputs *rows) {
    EACH_ELEMENT(rows->of[0], r, c)
    *f32(&rows->of[0], r, c) = *f32(&rows->of[1], r, c) = 0;
    expect_outputs(run, rows, NULL);
}

static void test_softmax(test_run *run, softmax_kernel *const kernels[2], int is_bf16) {
    EACH_SHAPE(run, s) {
        if (s.cols == 0)
            continue;
        const float slope = SLOPES[s.index % 4];
        running kept = begin(run, s.rows);
        for (int tile = 0; tile < TILES; tile++) {
            matrix x = scores(run, &s, tile);
            outputs out = copies(run, &x), written = out;
            for (int i = 0; i < 2; i++) {
                kernels[i](s.rows, s.cols, slope, out.of[i].first, x.ld, kept.maxima.of[i].first,
                           kept.sums.of[i].first, kept.correction.of[i].first);
                if (is_bf16)
                    written.of[i] = widened_rows(run, &out.of[i]);
            }
            double *sums = bounds_for(run, &kept.sums.of[1], 0);
            double *bounds = bounds_for(run, &written.of[1], 0);
            for (ptrdiff_t r = 0; r < s.rows; r++) {
                sums[r] = 32 * U * fabs((double)*f32(&kept.sums.of[1], 0, r));
                for (ptrdiff_t c = 0; c < s.cols; c++) {
                    double bound;
                    const double e = power(slope, *f32(&x, r, c), *f32(&kept.maxima.of[1], 0, r),
                                           is_bf16 ? COARSE : 0, &bound);
                    sums[r] += bound;
                    /* Two roundings to a significand of 8 bits. */
                    bounds[r * written.of[1].cols + c] = bound + (is_bf16 ? 0x1p-7 * e : 0);
                }
            }
            expect_outputs(run, &written, bounds);
            if (is_bf16)
                expect_intact(run, &out);
            expect_running(run, &kept, sums);
        }
    }
}

CASE(f32_softmax_step, test_softmax(run, (softmax_kernel *[])BOTH(f32_softmax_step), 0))
CASE(bf16_softmax_step, test_softmax(run, (softmax_kernel *[])BOTH(bf16_softmax_step), 1))

/* Byte c in the memory of a row of floats. */
static signed char *byte_of_row(const matrix *m, ptrdiff_t r, ptrdiff_t c) {
    return (signed char *)f32(m, r, 0) + c;
}

/* Compares the quantised exponentials with plain, and with 127 times the same set's exponentials.
 */
static void expect_quantized(test_run *run, const shape *s, const outputs *out,
                             const matrix *exponentials) {
    EACH_ELEMENT(*exponentials, r, c) {
        const int a = *byte_of_row(&out->of[0], r, c), b = *byte_of_row(&out->of[1], r, c);
        const double exact = 127 * (double)*f32(exponentials, r, c);
        /* Exponentials of scores of 1e15 may differ by a factor of 2. */
        const int is_near =
            s->kind == SPECIAL ? a >= 0 : a - b <= 1 && b - a <= 1 && fabs(a - exact) <= 0.52;
        expect(run, is_near, "quantised", r, c, a, exact);
    }
    for (ptrdiff_t r = 0; r < s->rows; r++)
        for (ptrdiff_t c = s->cols; c < (s->cols + 3) / 4 * 4; c++)
            expect(run, *byte_of_row(&out->of[0], r, c) == 0, "no zero behind a row", r, c, 1, 0);
}

void test_q8_softmax_step(test_run *run) {
    EACH_SHAPE(run, s) {
        if (s.cols == 0)
            continue;
        const float slope = SLOPES[s.index % 4];
        running kept = begin(run, s.rows);
        for (int tile = 0; tile < TILES; tile++) {
            matrix x = scores(run, &s, tile), exponentials = copy(run, &x);
            running own = begin(run, s.rows);
            run->table->f32_softmax_step(s.rows, s.cols, slope, exponentials.first, x.ld,
                                         own.maxima.of[0].first, own.sums.of[0].first,
                                         own.correction.of[0].first);
            outputs out = copies(run, &x), row_scales = blanks(run, 1, s.rows, 0, sizeof(float));
            matrix before = copy(run, &kept.sums.of[1]);
            EACH_TABLE(run, t, i) {
                t->q8_softmax_step(s.rows, s.cols, slope, out.of[i].first, x.ld,
                                   kept.maxima.of[i].first, kept.sums.of[i].first,
                                   kept.correction.of[i].first, row_scales.of[i].first);
            }
            expect_quantized(run, &s, &out, &exponentials);
            double *bounds = bounds_for(run, &before, 0), *sums = bounds_for(run, &before, 0);
            for (ptrdiff_t r = 0; r < s.rows; r++) {
                bounds[r] = 16 * U * (double)*f32(&row_scales.of[1], 0, r) + 0x1p-125;
                /* The sums are those of the written values. */
                double sum = 0;
                for (ptrdiff_t c = 0; c < s.cols; c++)
                    sum += *byte_of_row(&out.of[0], r, c);
                sum *= (double)*f32(&row_scales.of[0], 0, r);
                sum += (double)*f32(&before, 0, r) * (double)*f32(&kept.correction.of[0], 0, r);
                *f32(&kept.sums.of[1], 0, r) = (float)sum;
                sums[r] = 16 * U * sum;
            }
            expect_outputs(run, &row_scales, bounds);
            expect_running(run, &kept, sums);
            expect_intact(run, &out);
        }
    }
}
