#include "kernel_tester.h"

#include "code_tester.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both sides of whole vectors of 4, 8 and 16 floats, and of the tiles of products. */
static const ptrdiff_t COLUMNS[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 65};
static const ptrdiff_t ROWS[] = {0, 1, 2, 5, 6, 7, 11, 12, 13, 49};
static const ptrdiff_t INNER[] = {0, 1, 2, 7, 31, 32, 33, 64, 257, 513, 1025};

#define EACH(name, list)                                                                           \
    for (size_t name##_at = 0; name##_at < sizeof list / sizeof *list; name##_at++)                \
        for (ptrdiff_t name = list[name##_at], name##_once = 1; name##_once; name##_once = 0)

/* Around a matrix: what nothing may write to. */
enum { MARGIN = 40, GAP = 3 };
static const float GUARD = -12345.5f;

typedef struct {
    ptrdiff_t rows, cols, ld;
    float *memory, *first;
} matrix;

static unsigned long long state = 1;

/* Uniform in -1...1 (xorshift, Marsaglia 2003). */
static float draw(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (float)((double)(state >> 11) * 0x1p-52 - 1);
}

static size_t floats_of(const matrix *m) { return (size_t)(2 * MARGIN + m->rows * m->ld); }

static matrix make(ptrdiff_t rows, ptrdiff_t cols) {
    matrix m = {.rows = rows, .cols = cols, .ld = cols + GAP};
    m.memory = malloc(floats_of(&m) * sizeof(float));
    if (!m.memory)
        abort();
    for (size_t i = 0; i < floats_of(&m); i++)
        m.memory[i] = GUARD;
    m.first = m.memory + MARGIN;
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++)
            m.first[r * m.ld + c] = 3 * draw();
    return m;
}

static matrix copy(const matrix *m) {
    matrix result = *m;
    result.memory = malloc(floats_of(m) * sizeof(float));
    if (!result.memory)
        abort();
    memcpy(result.memory, m->memory, floats_of(m) * sizeof(float));
    result.first = result.memory + MARGIN;
    return result;
}

static void drop(matrix *m) { free(m->memory); }

/* What a call of a kernel left behind, against what the plain one left. */
typedef struct {
    const char *kernel;
    int failures;
} report;

static void fail(report *to, ptrdiff_t rows, ptrdiff_t cols, const char *what, double found,
                 double expected) {
    if (to->failures++ < 3)
        fprintf(stderr, "%s, %td x %td: %s: found %g, plain %g\n", to->kernel, rows, cols, what,
                found, expected);
}

/* The whole memory, margins and gaps included; tolerance relative to the larger of 1 and the value.
 */
static void compare(report *to, matrix *found, matrix *plain, double tolerance) {
    for (size_t i = 0; i < floats_of(found); i++) {
        double a = (double)found->memory[i], b = (double)plain->memory[i];
        double bound = (double)GUARD == b ? 0 : tolerance * fmax(1, fabs(b));
        if (!(fabs(a - b) <= bound)) {
            fail(to, found->rows, found->cols, "differs", a, b);
            break;
        }
    }
    drop(found);
    drop(plain);
}

typedef void (*affine_kernel)(ptrdiff_t, ptrdiff_t, const float *, const float *, const float *,
                              ptrdiff_t, float *, ptrdiff_t);

static int test_affine(const char *name, affine_kernel kernel, affine_kernel plain, int halves) {
    report result = {.kernel = name};
    EACH(rows, ROWS)
    EACH(cols, COLUMNS) {
        matrix scale = make(1, halves * cols), shift = make(1, halves * cols);
        matrix x = make(rows, halves * cols), a = make(rows, cols), b = copy(&a);
        kernel(rows, cols, scale.first, shift.first, x.first, x.ld, a.first, a.ld);
        plain(rows, cols, scale.first, shift.first, x.first, x.ld, b.first, b.ld);
        compare(&result, &a, &b, 4e-6);
        drop(&scale), drop(&shift), drop(&x);
    }
    return result.failures;
}

static int test_glu_add(const kernel_table *table, const kernel_table *plain) {
    report result = {.kernel = "f32_affine_glu_add"};
    EACH(rows, ROWS)
    EACH(cols, COLUMNS) {
        matrix scale = make(1, 2 * cols), shift = make(1, 2 * cols), gamma = make(1, cols);
        matrix x = make(rows, 2 * cols), a = make(rows, cols), b = copy(&a);
        table->f32_affine_glu_add(rows, cols, scale.first, shift.first, gamma.first, x.first, x.ld,
                                  a.first, a.ld);
        plain->f32_affine_glu_add(rows, cols, scale.first, shift.first, gamma.first, x.first, x.ld,
                                  b.first, b.ld);
        compare(&result, &a, &b, 1e-5);
        drop(&scale), drop(&shift), drop(&gamma), drop(&x);
    }
    return result.failures;
}

/* Rows `ld` apart with elements in offset - 3 ... offset + 3. The squares of differences are summed
 * up in float32: 36 times half an ulp for each. */
static void test_sums_of(report *result, const kernel_table *table, const kernel_table *plain,
                         ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ld) {
    const double count = (double)rows * (double)cols;
    double a[2] = {1, 2}, b[2] = {1, 2};
    table->f32_moments(rows, cols, x, ld, a);
    plain->f32_moments(rows, cols, x, ld, b);
    if (!(fabs(a[0] - b[0]) <= 6 * 0x1p-24 * count + 1e-13 * fabs(b[0])))
        fail(result, rows, cols, "sum", a[0], b[0]);
    if (count == 0)
        return;
    double found = (a[1] - 2) / count - pow((a[0] - 1) / count, 2);
    double expected = (b[1] - 2) / count - pow((b[0] - 1) / count, 2);
    if (!(fabs(found - expected) <= 36 * 0x1p-24 + 1e-13 * fabs(b[1])))
        fail(result, rows, cols, "variance", found, expected);
}

static int test_sums(const kernel_table *table, const kernel_table *plain) {
    static const ptrdiff_t OFFSETS[] = {0, 1000};
    report result = {.kernel = "f32_moments"};
    EACH(rows, ROWS)
    EACH(cols, COLUMNS)
    EACH(offset, OFFSETS) {
        matrix x = make(rows, cols), contiguous = make(1, rows * cols);
        for (ptrdiff_t r = 0; r < rows; r++)
            for (ptrdiff_t c = 0; c < cols; c++) {
                x.first[r * x.ld + c] += (float)offset;
                contiguous.first[r * cols + c] += (float)offset;
            }
        test_sums_of(&result, table, plain, rows, cols, x.first, x.ld);
        test_sums_of(&result, table, plain, rows, cols, contiguous.first, cols);
        drop(&x), drop(&contiguous);
    }
    return result.failures;
}

static int test_rows(const kernel_table *table, const kernel_table *plain) {
    report norm = {.kernel = "f32_layer_norm"}, scaled = {.kernel = "f32_scale_rows"};
    report added = {.kernel = "f32_add"};
    EACH(rows, ROWS)
    EACH(cols, COLUMNS) {
        matrix x = make(rows, cols), y = make(rows, cols), factor = make(1, rows);
        if (cols > 0) {
            matrix gain = make(1, cols), bias = make(1, cols), a = make(rows, cols), b = copy(&a);
            table->f32_layer_norm(rows, cols, gain.first, bias.first, 1e-5f, x.first, x.ld, a.first,
                                  a.ld);
            plain->f32_layer_norm(rows, cols, gain.first, bias.first, 1e-5f, x.first, x.ld, b.first,
                                  b.ld);
            /* Few columns may be nearly equal: their differences have lost digits. */
            compare(&norm, &a, &b, 1e-3);
            drop(&gain), drop(&bias);
        }
        matrix a = make(rows, cols), b = copy(&a);
        table->f32_scale_rows(rows, cols, factor.first, x.first, x.ld, a.first, a.ld);
        plain->f32_scale_rows(rows, cols, factor.first, x.first, x.ld, b.first, b.ld);
        compare(&scaled, &a, &b, 0);
        a = make(rows, cols), b = copy(&a);
        table->f32_add(rows, cols, x.first, x.ld, y.first, y.ld, a.first, a.ld);
        plain->f32_add(rows, cols, x.first, x.ld, y.first, y.ld, b.first, b.ld);
        compare(&added, &a, &b, 0);
        drop(&x), drop(&y), drop(&factor);
    }
    return norm.failures + scaled.failures + added.failures;
}

/* The halves at the beginning of each row as the row's floats. */
static void widen(matrix *m) {
    for (ptrdiff_t r = 0; r < m->rows; r++)
        for (ptrdiff_t c = m->cols - 1; c >= 0; c--) {
            uint16_t half;
            memcpy(&half, (const char *)(m->first + r * m->ld) + 2 * c, sizeof half);
            uint32_t bits = (uint32_t)half << 16;
            memcpy(m->first + r * m->ld + c, &bits, sizeof bits);
        }
}

typedef void (*softmax_step)(ptrdiff_t, ptrdiff_t, float, float *, ptrdiff_t, float *, float *,
                             float *);

static int test_softmax(const char *name, softmax_step step_of, softmax_step plain, int narrow) {
    report result = {.kernel = name};
    EACH(rows, ROWS)
    EACH(cols, COLUMNS) {
        if (cols == 0)
            continue;
        matrix state_a = make(3, rows), state_b;
        for (ptrdiff_t r = 0; r < rows; r++) {
            state_a.first[r] = -INFINITY;
            state_a.first[state_a.ld + r] = 0;
        }
        state_b = copy(&state_a);
        for (int step = 0; step < 3; step++) {
            matrix a = make(rows, cols), b = copy(&a);
            float *p = state_a.first, *q = state_b.first;
            ptrdiff_t ld = state_a.ld;
            step_of(rows, cols, 7.5f, a.first, a.ld, p, p + ld, p + 2 * ld);
            plain(rows, cols, 7.5f, b.first, b.ld, q, q + ld, q + 2 * ld);
            if (narrow) {
                widen(&a);
                widen(&b);
            }
            compare(&result, &a, &b, narrow ? 1e-2 : 1e-5);
        }
        compare(&result, &state_a, &state_b, narrow ? 2e-4 : 1e-5);
    }
    return result.failures;
}

static int test_winograd(const kernel_table *table, const kernel_table *plain) {
    report result = {.kernel = "f32_winograd"};
    EACH(count, ROWS)
    EACH(cols, COLUMNS) {
        ptrdiff_t tiles = (count + 3) / 4, plane = tiles * cols + GAP;
        for (ptrdiff_t first = 0; first <= tiles; first++) {
            matrix x = make(1, count * cols), a = make(1, 6 * plane), b = copy(&a);
            table->f32_winograd_input(first, tiles - first, cols, x.first, count, a.first, plane,
                                      cols);
            plain->f32_winograd_input(first, tiles - first, cols, x.first, count, b.first, plane,
                                      cols);
            compare(&result, &a, &b, 4e-6);
            drop(&x);
        }
        matrix m = make(1, 6 * plane), a = make(count, cols), b = copy(&a);
        table->f32_winograd_output(tiles, cols, m.first, plane, count, a.first, a.ld);
        plain->f32_winograd_output(tiles, cols, m.first, plane, count, b.first, b.ld);
        compare(&result, &a, &b, 4e-6);
        drop(&m);
    }
    return result.failures;
}

static int test_winograd_2d(const kernel_table *table, const kernel_table *plain) {
    report result = {.kernel = "f32_winograd_2d"};
    const ptrdiff_t freqs = 5;
    EACH(count, ROWS)
    EACH(cols, COLUMNS) {
        if (count > 13)
            continue;
        ptrdiff_t tiles = (count + 3) / 4, plane = tiles * cols + GAP;
        for (ptrdiff_t row = -1; row < freqs; row += 2) {
            matrix x = make(1, freqs * count * cols), a = make(1, 24 * plane), b = copy(&a);
            table->f32_winograd_input_2d(row, freqs, 0, tiles, cols, x.first, count, a.first, plane,
                                         cols);
            plain->f32_winograd_input_2d(row, freqs, 0, tiles, cols, x.first, count, b.first, plane,
                                         cols);
            compare(&result, &a, &b, 1e-5);
            drop(&x);
        }
        for (int both = 0; both < 2; both++) {
            matrix m = make(1, 24 * plane), a = make(2 * count, cols), b = copy(&a);
            table->f32_winograd_output_2d(tiles, cols, m.first, plane, count, a.first,
                                          both ? a.first + count * a.ld : NULL, a.ld);
            plain->f32_winograd_output_2d(tiles, cols, m.first, plane, count, b.first,
                                          both ? b.first + count * b.ld : NULL, b.ld);
            compare(&result, &a, &b, 1e-5);
            drop(&m);
        }
    }
    return result.failures;
}

/* Passes of every radix, and the way between samples or bins and the elements of a transform. */
static int test_fft(const kernel_table *table, const kernel_table *plain) {
    static const ptrdiff_t RADICES[] = {2, 3, 4, 5, 8}, FEW[] = {1, 2, 3};
    static const ptrdiff_t HALVES[] = {1, 2, 3, 8, 17}, LANES[] = {1, 2, 3, 4, 7, 8, 9, 15, 16};
    const ptrdiff_t element = 2 * FFT_LANES;
    report pass = {.kernel = "f32_fft_pass"};
    EACH(radix, RADICES)
    EACH(groups, FEW)
    EACH(stride, FEW) {
        matrix x = make(1, radix * groups * stride * element), w = make(1, 2 * radix * groups);
        matrix a = make(1, x.cols), b = copy(&a);
        table->f32_fft_pass(radix, groups, stride, w.first, x.first, a.first);
        plain->f32_fft_pass(radix, groups, stride, w.first, x.first, b.first);
        /* Sums of up to eight terms of up to 3, times another up to 4. */
        compare(&pass, &a, &b, 2e-5);
        drop(&x), drop(&w);
    }
    report forward = {.kernel = "f32_rfft_bins"}, inverse = {.kernel = "f32_irfft_bins"};
    EACH(half, HALVES)
    EACH(count, LANES) {
        matrix w = make(1, 2 * half), z = make(1, half * element);
        for (ptrdiff_t k = 0; k < half; k++) {
            w.first[2 * k] = (float)cos(3.14159265358979324 * (double)k / (double)half);
            w.first[2 * k + 1] = (float)-sin(3.14159265358979324 * (double)k / (double)half);
        }
        matrix a = make(half, 2 * count), b = copy(&a);
        table->f32_rfft_bins(half, count, w.first, z.first, a.first, a.ld);
        plain->f32_rfft_bins(half, count, w.first, z.first, b.first, b.ld);
        matrix c = make(1, half * element), d = copy(&c);
        table->f32_irfft_bins(half, count, w.first, a.first, a.ld, c.first);
        plain->f32_irfft_bins(half, count, w.first, a.first, a.ld, d.first);
        compare(&forward, &a, &b, 1e-5);
        compare(&inverse, &c, &d, 1e-5);
        drop(&w), drop(&z);
    }
    return pass.failures + forward.failures + inverse.failures;
}

/* Frames into lanes and back, the parts of frames overlapping and cut anywhere. */
static int test_frames(const kernel_table *table, const kernel_table *plain) {
    static const ptrdiff_t LANES[] = {0, 1, 3, 4, 5, 8, 9, 15, 16};
    report in = {.kernel = "f32_fft_frames"}, out = {.kernel = "f32_fft_overlap_add"};
    EACH(samples, COLUMNS) {
        matrix window = make(1, samples), signal = make(1, samples + FFT_LANES);
        matrix a = make(1, samples * FFT_LANES), b = copy(&a);
        const float *frames[FFT_LANES];
        for (ptrdiff_t lane = 0; lane < FFT_LANES; lane++)
            frames[lane] = signal.first + lane;
        table->f32_fft_frames(samples, window.first, frames, a.first);
        plain->f32_fft_frames(samples, window.first, frames, b.first);
        EACH(count, LANES) {
            matrix c = make(1, 2 * samples + FFT_LANES), d = copy(&c);
            fft_frame_part parts[2][FFT_LANES];
            for (ptrdiff_t lane = 0; lane < count; lane++) {
                ptrdiff_t first = (3 * lane + count) % (samples + 1);
                ptrdiff_t inside = lane % 2 ? samples - first : (samples - first) / 2;
                parts[0][lane] = (fft_frame_part){c.first + lane * samples / 16, first, inside};
                parts[1][lane] = (fft_frame_part){d.first + lane * samples / 16, first, inside};
            }
            table->f32_fft_overlap_add(samples, count, window.first, a.first, parts[0]);
            plain->f32_fft_overlap_add(samples, count, window.first, a.first, parts[1]);
            /* Up to 17 terms of up to 27 in another order. */
            compare(&out, &c, &d, 2e-5);
        }
        compare(&in, &a, &b, 0);
        drop(&window), drop(&signal);
    }
    return in.failures + out.failures;
}

typedef struct {
    void (*gemm)(ptrdiff_t, ptrdiff_t, ptrdiff_t, const gemm_segment *, ptrdiff_t, const void *,
                 ptrdiff_t, const float *, float *, ptrdiff_t, int);
    ptrdiff_t (*packed_bytes)(ptrdiff_t, ptrdiff_t);
    void (*pack)(ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const float *, ptrdiff_t, ptrdiff_t,
                 void *);
} product;

/* A in two segments that lie apart, its rows overlapping; B packed from either order. */
static void multiply(const product *with, const matrix *a, const matrix *b, ptrdiff_t rows,
                     ptrdiff_t inner, int transposed, const float *bias, matrix *c,
                     int accumulate) {
    ptrdiff_t columns = c->cols, half = inner / 2;
    void *packed = malloc((size_t)with->packed_bytes(inner, columns) + 64);
    if (!packed)
        abort();
    with->pack(inner, 0, inner, columns, b->first, transposed ? 1 : b->ld, transposed ? b->ld : 1,
               packed);
    gemm_segment segments[2] = {
        {.a = a->first, .first = 0, .count = half},
        {.a = a->first + a->ld, .first = half, .count = inner - half},
    };
    with->gemm(rows, columns, 2, segments, 5, packed, inner, bias, c->first, c->ld, accumulate);
    free(packed);
}

static int test_product(const char *name, const product *with, const product *plain) {
    report result = {.kernel = name};
    EACH(rows, ROWS)
    EACH(columns, COLUMNS)
    EACH(inner, INNER) {
        int variant = (int)(rows + columns + inner);
        matrix a = make(2, inner + 5 * rows + 8);
        matrix b = variant % 2 ? make(columns, inner) : make(inner, columns);
        matrix bias = make(1, columns), c = make(rows, columns), d = copy(&c);
        const float *added = variant % 3 ? bias.first : NULL;
        multiply(with, &a, &b, rows, inner, variant % 2, added, &c, variant % 5 == 0);
        multiply(plain, &a, &b, rows, inner, variant % 2, added, &d, variant % 5 == 0);
        /* Sums of up to a thousand terms of up to 9, in another order. */
        compare(&result, &c, &d, 1e-6 * (double)(inner + 4));
        drop(&a), drop(&b), drop(&bias);
    }
    return result.failures;
}

int kernel_tester_run(const kernel_table *table) {
    const kernel_table *plain = kernels_plain();
    int failures = 0;
    failures += test_affine("f32_affine", table->f32_affine, plain->f32_affine, 1);
    failures += test_affine("f32_affine_add", table->f32_affine_add, plain->f32_affine_add, 1);
    failures += test_affine("f32_affine_gelu", table->f32_affine_gelu, plain->f32_affine_gelu, 1);
    failures += test_affine("f32_affine_glu", table->f32_affine_glu, plain->f32_affine_glu, 2);
    failures += test_glu_add(table, plain);
    failures += test_sums(table, plain);
    failures += test_rows(table, plain);
    failures +=
        test_softmax("f32_softmax_step", table->f32_softmax_step, plain->f32_softmax_step, 0);
    failures +=
        test_softmax("bf16_softmax_step", table->bf16_softmax_step, plain->bf16_softmax_step, 1);
    failures += test_winograd(table, plain);
    failures += test_winograd_2d(table, plain);
    failures += test_fft(table, plain);
    failures += test_frames(table, plain);
    failures += test_product("f32_gemm",
                             &(product){table->f32_gemm, table->f32_packed_bytes, table->f32_pack},
                             &(product){plain->f32_gemm, plain->f32_packed_bytes, plain->f32_pack});
    failures += test_product(
        "bf16_gemm", &(product){table->bf16_gemm, table->bf16_packed_bytes, table->bf16_pack},
        &(product){plain->bf16_gemm, plain->bf16_packed_bytes, plain->bf16_pack});
    failures += code_tester_run(table, plain);
    return failures;
}
