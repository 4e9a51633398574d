/* INT8 products with FEAT_I8MM: SMMLA multiplies two rows by two columns, eight bytes deep. Both
 * operands are signed, like quantised weights and activations. With USMMLA, for unsigned bytes, A's
 * bytes would have to be flipped and the sums corrected. */

enum { GROUP = 8, INT8_FLIP = 0, MULTIPLIES_BYTES_IN_PLACE = 0 };
typedef int8_t q_element;
typedef int64_t group_vec __attribute__((ext_vector_type(WIDTH)));

typedef vec_int int8_sum;

static inline vec_int int8_add_quad(vec_int sum, uint8x16_t a, uint8x16_t b) {
    return (vec_int)vmmlaq_s32((int32x4_t)sum, vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b));
}

#define int8_QUADS 1
#define PRODUCT int8
#include "neon_quads.inc.h"
#undef PRODUCT

static inline int32_t sum_of_bytes(const signed char *p, ptrdiff_t n) {
    (void)p, (void)n;
    return 0;
}
