/* The primitives of NEON: vectors of 4 floats. */
#define WIDTH 4
#define FOLD(v, op) (v)

/* Rows of a product's register tile: 16 of the 32 registers are sums. */
enum { ROWS = 8 };

#include "simd_vector.h"

static inline vec larger(vec a, vec b) { return (vec)vmaxq_f32((float32x4_t)a, (float32x4_t)b); }

static inline vec smaller(vec a, vec b) { return (vec)vminq_f32((float32x4_t)a, (float32x4_t)b); }

static inline vec_int nearest(vec x) {
    return __builtin_convertvector(__builtin_elementwise_roundeven(x), vec_int);
}

static inline void store_bytes(signed char *p, const vec_int v[4]) {
    for (int i = 0; i < 4; i++) {
        byte_vec bytes = __builtin_convertvector(v[i], byte_vec);
        memcpy(p + i * WIDTH, &bytes, sizeof bytes);
    }
}

static inline vec times_power(vec p, power_parts parts) {
    vec_int exponent = (__builtin_convertvector(parts.n, vec_int) + 127) << 23;
    vec power;
    memcpy(&power, &exponent, sizeof power);
    return p * power;
}

#include "ops_generic.h"

/* Pairs: SMULL and SADALP add two products of bytes. */
typedef int8_t pair_element;
typedef int8x8_t pair_operand;

static inline pair_operand load_pair_operand(const uint8_t *p) {
    return vld1_s8((const int8_t *)p);
}

static inline vec_int dot_pairs(vec_int sum, pair_operand b, const pair_element *a) {
    int16_t pair;
    memcpy(&pair, a, sizeof pair);
    int16x8_t products = vmull_s8(b, vreinterpret_s8_s16(vdup_n_s16(pair)));
    int32x4_t total;
    memcpy(&total, &sum, sizeof total);
    total = vpadalq_s16(total, products);
    memcpy(&sum, &total, sizeof sum);
    return sum;
}
