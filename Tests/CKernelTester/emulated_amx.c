/* The products of avx512amx.c with emulated tiles, and plain C in the place of AVX-512: they run
 * on every CPU. The emulation reads and writes exactly the bytes that the configured shapes
 * cover. */
#include "emulated_amx.h"

#include "ckernels.h"

#include <stdlib.h>
#include <string.h>

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpsabi"
#endif

/* ---- Tiles ---- */

static _Thread_local struct {
    unsigned char shapes[64];
    unsigned char row[8][16][64];
} registers;

static int rows_of(int tile) { return registers.shapes[48 + tile]; }

static int bytes_of(int tile) { return registers.shapes[16 + 2 * tile]; }

/* Real instructions fault here. */
static void demand(int is_allowed) {
    if (!is_allowed)
        abort();
}

/* As LDTILECFG, which also zeroes all tiles. */
static void configure(const void *shapes) {
    memset(&registers, 0, sizeof registers);
    memcpy(registers.shapes, shapes, sizeof registers.shapes);
    demand(registers.shapes[0] == 1 && registers.shapes[1] == 0);
    for (int tile = 0; tile < 8; tile++) {
        demand(rows_of(tile) <= 16 && bytes_of(tile) <= 64 && registers.shapes[17 + 2 * tile] == 0);
        demand((rows_of(tile) == 0) == (bytes_of(tile) == 0));
    }
}

static void zero(int tile) {
    demand(rows_of(tile) > 0);
    memset(registers.row[tile], 0, sizeof registers.row[tile]);
}

static void read_tile(int tile, const void *from, ptrdiff_t stride) {
    zero(tile);
    for (int r = 0; r < rows_of(tile); r++)
        memcpy(registers.row[tile][r], (const char *)from + r * stride, (size_t)bytes_of(tile));
}

static void write_tile(int tile, void *to, ptrdiff_t stride) {
    demand(rows_of(tile) > 0);
    for (int r = 0; r < rows_of(tile); r++)
        memcpy((char *)to + r * stride, registers.row[tile][r], (size_t)bytes_of(tile));
}

static void demand_fit(int c, int a, int b) {
    demand(rows_of(a) > 0 && rows_of(b) > 0 && c != a && a != b && b != c);
    demand(rows_of(c) == rows_of(a) && bytes_of(a) == 4 * rows_of(b) && bytes_of(c) == bytes_of(b));
}

static float widened_bf16(const unsigned char *p) {
    const uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 24;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* TDPBF16PS adds the products of even and of odd elements apart, then both to C; it also takes
 * subnormal numbers as 0, which is within the bound of the products. */
static void multiply_bf16(int c, int a, int b) {
    demand_fit(c, a, b);
    for (int r = 0; r < rows_of(c); r++)
        for (int n = 0; n < bytes_of(c) / 4; n++) {
            float sums[2] = {0, 0}, *to = (float *)(void *)registers.row[c][r] + n;
            for (int k = 0; k < rows_of(b); k++)
                for (int i = 0; i < 2; i++)
                    sums[i] += widened_bf16(&registers.row[a][r][4 * k + 2 * i]) *
                               widened_bf16(&registers.row[b][k][4 * n + 2 * i]);
            *to += sums[0] + sums[1];
        }
}

/* TDPBSUD: signed bytes of A, unsigned ones of B. */
static void multiply_bytes(int c, int a, int b) {
    demand_fit(c, a, b);
    for (int r = 0; r < rows_of(c); r++)
        for (int n = 0; n < bytes_of(c) / 4; n++) {
            int32_t *to = (int32_t *)(void *)registers.row[c][r] + n;
            for (int k = 0; k < bytes_of(a); k++)
                *to += (signed char)registers.row[a][r][k] * registers.row[b][k / 4][4 * n + k % 4];
        }
}

#define TILE_CONFIGURE(shapes) configure(shapes)
#define TILE_RELEASE() memset(&registers, 0, sizeof registers)
#define TILE_ZERO(tile) zero(tile)
#define TILE_LOAD(tile, rows, stride) read_tile(tile, rows, stride)
#define TILE_STORE(tile, rows, stride) write_tile(tile, rows, stride)
#define bf16_TILE_MULTIPLY(c, a, b) multiply_bf16(c, a, b)
#define int8_TILE_MULTIPLY(c, a, b) multiply_bytes(c, a, b)

int emulated_tiles_are_released(void) {
    static const unsigned char none[64];
    return memcmp(registers.shapes, none, sizeof none) == 0;
}

/* ---- The set: 16 floats a vector, as with AVX-512 ---- */

#define SUFFIX emulated
#define ABILITIES .multiplies_bf16 = true,
#define WIDTH 16
#define FOLD(v, op) op(op((v).hi.hi, (v).hi.lo), op((v).lo.hi, (v).lo.lo))
enum { ROWS = 12 };

#include "../../Sources/CKernels/simd_vector.h"

static inline vec larger(vec a, vec b) {
    for (int i = 0; i < WIDTH; i++)
        b[i] = a[i] > b[i] ? a[i] : b[i];
    return b;
}

static inline vec smaller(vec a, vec b) {
    for (int i = 0; i < WIDTH; i++)
        b[i] = a[i] < b[i] ? a[i] : b[i];
    return b;
}

static inline vec_int nearest(vec x) {
    return __builtin_convertvector(__builtin_elementwise_roundeven(x), vec_int);
}

static inline void store_bytes(signed char *p, const vec_int v[4]) {
    for (int i = 0; i < 4 * WIDTH; i++)
        p[i] = (signed char)v[i / WIDTH][i % WIDTH];
}

static inline vec times_power(vec p, power_parts parts) {
    return p * (vec)((__builtin_convertvector(parts.n, vec_int) + 127) << 23);
}

typedef int16_t pair_element;

#include "../../Sources/CKernels/ops_generic.h"

#include "../../Sources/CKernels/amx_tiles.h"

#include "../../Sources/CKernels/bf16_generic.h"

#include "../../Sources/CKernels/bf16_pairs.h"

static inline vec_int dot_bytes(vec_int sum, vec_int b, vec_int a) {
    for (int i = 0; i < 4; i++)
        sum += (b >> 8 * i & 255) * (a << (24 - 8 * i) >> 24);
    return sum;
}

#include "../../Sources/CKernels/int8_vnni.h"

#include "../../Sources/CKernels/simd_kernels.h"

const kernel_table *kernels_emulated_amx(void) { return &table__emulated; }
