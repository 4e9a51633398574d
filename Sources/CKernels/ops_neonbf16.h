/* bfloat16 products with FEAT_BF16: BFMMLA multiplies two rows by two columns, four deep. */
#include "simd_bfloat16.h"

static inline bf16_vec rounded(vec x) {
    bfloat16x4_t bf16 = vcvt_bf16_f32((float32x4_t)x);
    bf16_vec v;
    memcpy(&v, &bf16, sizeof v);
    return v;
}

static inline void store_two_rounded(uint16_t *p, vec first, vec second) {
    bfloat16x8_t v = vcvtq_low_bf16_f32((float32x4_t)first);
    v = vcvtq_high_bf16_f32(v, (float32x4_t)second);
    memcpy(p, &v, sizeof v);
}

/* The kind of product bf16 (parameters: simd_products.h). An element is four positions. */
typedef uint64_t bf16_element;
enum { bf16_STEP = 4, bf16_CHUNK = 512, bf16a_DIRECT = 0, bf16_STORED_ROWS = 4 };

typedef vec bf16_sum;

static inline vec bf16_add_quad(vec sum, uint8x16_t a, uint8x16_t b) {
    return (vec)vbfmmlaq_f32((float32x4_t)sum, vreinterpretq_bf16_u8(a), vreinterpretq_bf16_u8(b));
}

#define bf16_QUADS 1
#define PRODUCT bf16
#include "neon_quads.inc.h"
#undef PRODUCT

/* The address of position k of a row; its elements alternate with those of another row. */
static inline char *bf16_position(bf16_element *row, ptrdiff_t k) {
    return (char *)(row + k / bf16_STEP * 2) + k % bf16_STEP * (ptrdiff_t)sizeof(uint16_t);
}

static inline void f32a_copy(bf16_element *row, ptrdiff_t k, const float *x, ptrdiff_t n) {
    ptrdiff_t i = 0;
    for (; i < n && (k + i) % bf16_STEP > 0; i++) {
        const uint16_t bf16 = bf16_of(x[i]);
        memcpy(bf16_position(row, k + i), &bf16, sizeof bf16);
    }
    for (; i + bf16_STEP <= n; i += bf16_STEP) {
        const bf16_vec v = rounded(load(x + i));
        memcpy(bf16_position(row, k + i), &v, sizeof v);
    }
    if (i < n) {
        const bf16_vec v = rounded(load_part(x + i, n - i));
        memcpy(bf16_position(row, k + i), &v, sizeof(uint16_t) * (size_t)(n - i));
    }
}

static inline void bf16a_copy(bf16_element *row, ptrdiff_t k, const uint16_t *x, ptrdiff_t n) {
    ptrdiff_t i = 0;
    for (; i < n && (k + i) % bf16_STEP > 0; i++)
        memcpy(bf16_position(row, k + i), x + i, sizeof *x);
    for (; i + bf16_STEP <= n; i += bf16_STEP)
        memcpy(bf16_position(row, k + i), x + i, sizeof(bf16_element));
    if (i < n)
        memcpy(bf16_position(row, k + i), x + i, sizeof *x * (size_t)(n - i));
}

/* Stores four rows of a vector of columns. */
static inline void store_columns(uint16_t *panel, const vec columns[WIDTH]) {
    store_two_rounded(panel, columns[0], columns[1]);
    store_two_rounded(panel + 2 * bf16_STEP, columns[2], columns[3]);
}

static inline ptrdiff_t bf16_pack_blocks(ptrdiff_t count, ptrdiff_t n, const float *source,
                                         ptrdiff_t inner_stride, ptrdiff_t column_stride,
                                         uint16_t *panel, ptrdiff_t width) {
    if (column_stride != 1 && inner_stride != 1)
        return 0;
    ptrdiff_t k = 0;
    for (; k + bf16_STEP <= count; k += bf16_STEP)
        for (ptrdiff_t j = 0; j < width; j += WIDTH) {
            vec columns[WIDTH];
            const float *block = source + k * inner_stride + j * column_stride;
            for (ptrdiff_t i = 0; i < WIDTH && column_stride == 1; i++)
                columns[i] = load_first(block + i * inner_stride, n - j);
            if (column_stride == 1)
                transpose(columns);
            for (ptrdiff_t i = 0; i < WIDTH && column_stride != 1; i++)
                columns[i] = j + i < n ? load(block + i * column_stride) : (vec)0;
            store_columns(panel + k * width + bf16_STEP * j, columns);
        }
    return k;
}

static inline void bf16_store_rows(uint16_t *panel, ptrdiff_t width, ptrdiff_t j, const vec *rows) {
    (void)width;
    vec columns[WIDTH];
    memcpy(columns, rows, sizeof columns);
    transpose(columns);
    store_columns(panel + bf16_STEP * j, columns);
}
