/* The primitives for which NEON has no instruction. */
#include "simd_vector.h"

static inline vec load_part(const float *p, ptrdiff_t n) {
    float lanes[WIDTH] = {0};
    for (ptrdiff_t i = 0; i < n; i++)
        lanes[i] = p[i];
    return load(lanes);
}

static inline void store_part(float *p, vec v, ptrdiff_t n) {
    float lanes[WIDTH];
    store(lanes, v);
    for (ptrdiff_t i = 0; i < n; i++)
        p[i] = lanes[i];
}

static inline void store_bf16_part(uint16_t *p, bf16_vec v, ptrdiff_t n) {
    memcpy(p, &v, sizeof(uint16_t) * (size_t)n);
}

static inline vec_int nearest(vec x) {
    return __builtin_convertvector(__builtin_elementwise_roundeven(x), vec_int);
}

static inline void store_bytes(signed char *p, const vec_int v[4]) {
    for (int i = 0; i < 4; i++) {
        byte_vec bytes = __builtin_convertvector(v[i], byte_vec);
        memcpy(p + i * WIDTH, &bytes, sizeof bytes);
    }
}

static inline vec reciprocal(vec x) { return 1.0f / x; }

static inline power_parts parts_of_power(vec x) {
    /* Smaller exponents give 1e-38 instead of 0, too small to change a sum of exponentials. */
    x = larger((vec)-126.0f, x);
    vec n = __builtin_elementwise_floor(x);
    return (power_parts){n, x - n};
}

static inline vec times_power(vec p, power_parts parts) {
    vec_int exponent = (__builtin_convertvector(parts.n, vec_int) + 127) << 23;
    vec power;
    memcpy(&power, &exponent, sizeof power);
    return p * power;
}

#include "simd_math.h"

/* The coarse functions are the fine ones: without a table in registers or a fast reciprocal, coarse
 * versions would not be faster. */
ALWAYS_INLINE vec coarse_sigmoid(vec x) { return fine_sigmoid(x); }

ALWAYS_INLINE vec coarse_gelu(vec v) { return fine_gelu(v); }
