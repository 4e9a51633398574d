/* A check of one set's products against another's, small enough for the first use in a process. */
#include "ckernels.h"

#include <stdlib.h>

/* Sizes that need whole tiles and parts of them in each direction. A product of K rows of B has
 * whole tiles only, of several chunks; one of ODD rows has a part of a tile. */
enum { M = 53, N = 45, K = 1024, ODD = 94 };

typedef struct {
    float a[M][K], b[K][N], scales[N], c[2][M][N];
    signed char quantized[K][N];
    _Alignas(64) unsigned char packed[2 * (K + 64) * (N + 64)];
} operands;

static void fill(operands *o) {
    uint32_t state = 1;
    for (ptrdiff_t k = 0; k < K; k++) {
        for (ptrdiff_t r = 0; r < M; r++)
            o->a[r][k] = (float)((state = state * 1664525u + 1013904223u) >> 16) / 32768 - 1;
        for (ptrdiff_t j = 0; j < N; j++) {
            int number = (int)((state = state * 1664525u + 1013904223u) >> 24) - 128;
            o->quantized[k][j] = (signed char)(number < -127 ? 127 : number);
            o->b[k][j] = (float)number / 128;
            o->scales[j] = 1.0f / 128;
        }
    }
}

/* Multiplies in bfloat16 (kind 0), with INT8 weights and quantised rows (1), and in two planes
 * (2). */
static void multiply(const kernel_table *table, int kind, ptrdiff_t inner, operands *o, float *c) {
    const gemm_segment segment = {o->a, 0, inner};
    const packed_matrix b = {o->packed, inner, N};
    if (kind == 0) {
        table->bf16_pack(b, 0, inner, 0, N, o->b[0], N, 1);
        table->f32_bf16w_gemm(M, 1, &segment, K, b, 0, N, NULL, c, N, 0);
        return;
    }
    table->qc8w_pack(b, 0, N, o->quantized[0], N);
    (kind == 1 ? table->qd8_qc8w_gemm : table->qd14_qc8w_gemm)(M, 1, &segment, K, b, 0, N,
                                                               o->scales, NULL, c, N, 0);
}

static bool agree(const kernel_table *first, const kernel_table *second, int kind, ptrdiff_t inner,
                  operands *o) {
    float *c = o->c[0][0], *d = o->c[1][0];
    multiply(first, kind, inner, o, c);
    multiply(second, kind, inner, o, d);
    /* The bounds of gemm_kernel and qc8w_gemm_kernel; no element is above 1. */
    const float bound = kind == 0 ? 2 * (float)(inner + 4) * 0x1p-24f * (float)inner : 0;
    for (ptrdiff_t i = 0; i < M * N; i++)
        if (!(__builtin_fabsf(c[i] - d[i]) <= bound))
            return false;
    return true;
}

bool products_agree(const kernel_table *first, const kernel_table *second) {
    operands *o = aligned_alloc(64, (sizeof *o + 63) / 64 * 64);
    if (!o)
        return false;
    fill(o);
    bool result = true;
    for (int kind = 0; kind < 3 && result; kind++)
        result = agree(first, second, kind, K, o) && agree(first, second, kind, ODD, o);
    free(o);
    return result;
}
