/* INT8 products of the sets with VPDPBUSD, which adds four products of unsigned bytes (of B) with
 * signed bytes (of A). The header of the set, ops_<set>.h, must define `dot_bytes` before: this
 * instruction on vectors of WIDTH sums. */
#include "simd_vector.h"

enum { GROUP = 4, INT8_FLIP = 0x80, MULTIPLIES_BYTES_IN_PLACE = 1 };
typedef int8_t q_element;
typedef vec_int q_operand;
typedef vec_int group_vec;

static inline q_operand load_q_operand(const uint8_t *p) {
    q_operand v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline vec_int dot(vec_int sum, q_operand b, const q_element *a) {
    int32_t group;
    memcpy(&group, a, sizeof group);
    return dot_bytes(sum, b, (vec_int)group);
}

static inline int32_t sum_of_bytes(const signed char *p, ptrdiff_t n) {
    vec_int sum = 0;
    ptrdiff_t k = 0;
    for (; k + GROUP * WIDTH <= n; k += GROUP * WIDTH)
        sum = dot_bytes(sum, (vec_int)0x01010101, load_q_operand((const uint8_t *)p + k));
    int32_t total = sum_int_lanes(sum);
    for (; k < n; k++)
        total += p[k];
    return total;
}
