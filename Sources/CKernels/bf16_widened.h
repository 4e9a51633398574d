/* bfloat16 products of the sets that cannot multiply bfloat16: they widen it to float32 in
 * registers. */
#include "bf16_generic.h"

/* The kind of product bf16; simd_products.h describes its parameters. */
typedef float bf16_element;
typedef vec bf16_operand;
enum { bf16_STEP = 1, bf16_CHUNK = 256, bf16a_DIRECT = 0, bf16_STORED_ROWS = 2 };

static inline bf16_operand bf16_load_operand(const uint16_t *b) {
    bf16_vec v;
    memcpy(&v, b, sizeof v);
    vec_bits bits = __builtin_convertvector(v, vec_bits) << 16;
    vec widened;
    memcpy(&widened, &bits, sizeof widened);
    return widened;
}

static inline bf16_operand bf16_broadcast(const bf16_element *a) { return (vec)*a; }

static inline vec bf16_multiply_add(bf16_operand a, bf16_operand b, vec sum) {
    return fma(a, b, sum);
}

static inline void f32a_copy(bf16_element *row, ptrdiff_t k, const float *x, ptrdiff_t n) {
    row += k;
    for (ptrdiff_t i = 0; i < n; i += WIDTH) {
        vec_bits bits = round_to_bf16(load_first(x + i, n - i));
        vec v;
        memcpy(&v, &bits, sizeof v);
        store_first(row + i, v, n - i);
    }
}

static inline void bf16a_copy(bf16_element *row, ptrdiff_t k, const uint16_t *x, ptrdiff_t n) {
    row += k;
    ptrdiff_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        store(row + i, bf16_load_operand(x + i));
    for (; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(row + i, &bits, sizeof bits);
    }
}

static inline bf16_vec upper_bits(vec x) {
    vec_bits bits;
    memcpy(&bits, &x, sizeof bits);
    return __builtin_convertvector(bits >> 16, bf16_vec);
}

static inline void bf16_store_rows(uint16_t *panel, ptrdiff_t width, ptrdiff_t j, const vec *rows) {
    store_bf16(panel + j, upper_bits(rows[0]));
    store_bf16(panel + width + j, upper_bits(rows[1]));
}
