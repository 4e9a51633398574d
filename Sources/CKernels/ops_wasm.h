/* The primitives of WebAssembly's SIMD128: vectors of 4 floats. The set defines FMA before. */
#define WIDTH 4
#define FOLD(v, op) (v)

/* Rows of a product's register tile: on x86 engines have 15 registers, 8 of them for sums. */
enum { ROWS = 4 };

#include "simd_vector.h"

/* i32x4.dot_i16x8_s adds two 16-bit products. */
typedef int16_t pair_element;
typedef v128_t pair_operand;

static inline pair_operand widened_pairs(const uint8_t *p) { return wasm_i16x8_load8x8(p); }

static inline pair_operand load_pair_operand(const pair_element *p) { return wasm_v128_load(p); }

static inline vec_int dot_pairs(vec_int sum, pair_operand b, const pair_element *a) {
    return sum + (vec_int)wasm_i32x4_dot_i16x8(b, wasm_v128_load32_splat(a));
}

static inline vec larger(vec a, vec b) { return (vec)wasm_f32x4_pmax((v128_t)b, (v128_t)a); }

static inline vec smaller(vec a, vec b) { return (vec)wasm_f32x4_pmin((v128_t)b, (v128_t)a); }

/* Adding 3 * 2^22 rounds a number below 2^22 to a whole one, which is then in the lower bits of the
 * sum. A conversion takes x86 several instructions, because WebAssembly's saturate. */
static const float WHOLE = 0x3p22f;
enum { WHOLE_BITS = 0x4B400000 };

static inline vec_int nearest(vec x) { return (vec_int)(x + WHOLE) - WHOLE_BITS; }

static inline void store_bytes(signed char *p, const vec_int v[4]) {
    v128_t low = wasm_i16x8_narrow_i32x4((v128_t)v[0], (v128_t)v[1]);
    v128_t high = wasm_i16x8_narrow_i32x4((v128_t)v[2], (v128_t)v[3]);
    wasm_v128_store(p, wasm_i8x16_narrow_i16x8(low, high));
}

/* The sum's lower bits are the exponent of 2^n. */
static inline vec times_power(vec p, power_parts parts) {
    return p * (vec)((vec_int)(parts.n + (WHOLE + 127)) << 23);
}

#include "ops_generic.h"
