/* The primitives for which neither NEON nor WebAssembly has an instruction. */
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

static inline vec reciprocal(vec x) { return 1.0f / x; }

static inline power_parts parts_of_power(vec x) {
    /* Smaller exponents give 1e-38 instead of 0, too small to change a sum of exponentials. */
    x = larger((vec)-126.0f, x);
    vec n = __builtin_elementwise_floor(x);
    return (power_parts){n, x - n};
}

#include "ops_coarse.h"
