/* INT8 products of the x86 sets without VPDPBUSD: VPMADDWD adds two 16-bit products. A panel of B
 * is widened to 16 bits once for a block of A: widening it again for each tile, in registers, took
 * a tenth of the time. */
#include "simd_vector.h"

enum { GROUP = 2, INT8_FLIP = 0, MULTIPLIES_BYTES_IN_PLACE = 0 };
typedef pair_element q_element;
typedef pair_operand q_operand;
typedef int16_t group_vec __attribute__((ext_vector_type(WIDTH)));

#define WIDENS_PANELS 1
typedef pair_element q_packed;

static inline void widen_groups(const uint8_t *p, q_packed *out) {
    pair_operand pairs = widened_pairs(p);
    memcpy(out, &pairs, sizeof pairs);
}

static inline q_operand load_q_operand(const q_packed *p) { return load_pair_operand(p); }

static inline vec_int dot(vec_int sum, q_operand b, const q_element *a) {
    return dot_pairs(sum, b, a);
}

static inline int32_t sum_of_bytes(const signed char *p, ptrdiff_t n) {
    (void)p, (void)n;
    return 0;
}
