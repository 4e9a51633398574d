/* Times the kernels of the first set of this build but plain, for bench_wasm.py: prints the name of
 * each measurement and its speed, the best of several runs. */
#include "ckernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* CPU time, in seconds. */
static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double seconds, best;

/* Sets `best` to the time of the expression, in the best of 10 runs of at least 10 ms. */
#define TIME(...)                                                                                  \
    best = 1e9;                                                                                    \
    for (int run = 0; run < 10; run++) {                                                           \
        const double begin = now();                                                                \
        int count = 0;                                                                             \
        do {                                                                                       \
            __VA_ARGS__;                                                                           \
            count++;                                                                               \
            seconds = now() - begin;                                                               \
        } while (seconds < 0.01);                                                                  \
        best = seconds / count < best ? seconds / count : best;                                    \
    }

static float *uniform(size_t count) {
    float *x = malloc(count * sizeof(float));
    unsigned state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) * 0x1p-23f - 1;
    }
    return x;
}

/* Shapes of htdemucs: rows, inner, columns of the transformer, of a rewrite, of attention. */
static const ptrdiff_t SHAPES[][3] = {{336, 512, 2048}, {512, 144, 96}, {256, 64, 336}};
enum { SHAPE_COUNT = 3, ROWS = 64, COLUMNS = 512 };

/* Memory for the operands and the result of any measurement. */
enum { MOST = 2048 * 512 };

static void time_products(const kernel_table *kernels, const float *x, float *out) {
    static const char *const NAMES[] = {"transformer", "rewrite", "attention"};
    signed char *bytes = malloc(MOST), *a = malloc(MOST);
    float *scales = uniform(MOST);
    for (int i = 0; i < MOST; i++) {
        bytes[i] = (signed char)(127 * x[i]);
        a[i] = (signed char)(127 * x[i]);
    }
    for (int s = 0; s < SHAPE_COUNT; s++) {
        const ptrdiff_t rows = SHAPES[s][0], inner = SHAPES[s][1], columns = SHAPES[s][2];
        const gemm_segment segment = {x, 0, inner};
        packed_matrix b = {malloc((size_t)kernels->f32_packed_bytes(inner, columns)), inner,
                           columns};
        packed_matrix q = {malloc((size_t)kernels->qc8w_packed_bytes(inner, columns)), inner,
                           columns};
        kernels->f32_pack(b, 0, inner, 0, columns, x, columns, 1);
        kernels->qc8w_pack(q, 0, columns, bytes, columns);
        const double operations = 2e-9 * (double)(rows * inner * columns);
        TIME(kernels->f32_gemm(rows, 1, &segment, inner, b, 0, columns, x, out, columns, 0))
        printf("f32_gemm(%s) %.1f\n", NAMES[s], operations / best);
        TIME(kernels->qd8_qc8w_gemm(rows, 1, &segment, inner, q, 0, columns, scales, NULL, out,
                                    columns, 0))
        printf("qd8_qc8w_gemm(%s) %.1f\n", NAMES[s], operations / best);
        TIME(kernels->qd14_qc8w_gemm(rows, 1, &segment, inner, q, 0, columns, scales, NULL, out,
                                     columns, 0))
        printf("qd14_qc8w_gemm(%s) %.1f\n", NAMES[s], operations / best);
        TIME(kernels->q8_qc8w_gemm(rows, 0, inner, a, inner, scales, q, 0, columns, scales, out,
                                   columns, 0))
        printf("q8_qc8w_gemm(%s) %.1f\n", NAMES[s], operations / best);
        free(b.bytes);
        free(q.bytes);
    }
}

static void time_rows(const kernel_table *kernels, const float *x, float *out) {
    const ptrdiff_t rows = ROWS, cols = COLUMNS;
    float maxima[ROWS] = {0}, sums[ROWS] = {0}, correction[ROWS], scales[ROWS];
    double moments[2] = {0, 0};
    const double elements = 1e-6 * ROWS * COLUMNS;
    /* Some kernels work in place. Copying takes a small part of their time. */
#define ROW(name, ...)                                                                             \
    TIME(memcpy(out, x, ROWS *COLUMNS * sizeof(float)); kernels->name(__VA_ARGS__))                \
    printf(#name " %.0f\n", elements / best);
    ROW(f32_affine_gelu, rows, cols, x, x, x, cols, out, cols)
    ROW(f32_affine_glu, rows, cols, x, x, x, 2 * cols, out, cols)
    ROW(coarse_affine_gelu, rows, cols, x, x, x, cols, out, cols)
    ROW(coarse_affine_glu, rows, cols, x, x, x, 2 * cols, out, cols)
    ROW(f32_layer_norm, rows, cols, x, x, 1e-5f, x, cols, out, cols)
    ROW(f32_moments, rows, cols, x, cols, moments)
    ROW(f32_softmax_step, rows, cols, 1, out, cols, maxima, sums, correction)
    ROW(q8_softmax_step, rows, cols, 1, out, cols, maxima, sums, correction, scales)
    ROW(q8_rows, rows, cols, x, cols, (signed char *)out, cols, scales)
    ROW(f32_winograd_input, 0, rows / 4, cols, x, rows, out, rows / 4 * cols, cols)
    ROW(f32_winograd_output, rows / 4, cols, x, rows / 4 * cols, rows, out, cols)
    ROW(f32_fft_pass, 8, 64, 2, x, x, out)
    ROW(f32_lstm_cell, rows, cols / 4, x, cols, out, cols / 4, out + ROWS * COLUMNS, cols / 4)
    ROW(f32_pack, (packed_matrix){out, rows, cols}, 0, rows, 0, cols, x, cols, 1)
    ROW(qc8w_pack_scaled, (packed_matrix){out, rows, cols}, 0, rows, x, cols, x)
}

int main(void) {
    const kernel_table *kernels = NULL;
#define TAKE(set) kernels = kernels_##set();
    KERNEL_SETS(TAKE)
    float *x = uniform(MOST), *out = malloc(MOST * sizeof(float));
    time_products(kernels, x, out);
    time_rows(kernels, x, out);
    return 0;
}
