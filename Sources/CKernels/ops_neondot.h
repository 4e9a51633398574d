/* INT8 products with FEAT_DotProd: SDOT adds four products of bytes. */

enum { GROUP = 4, INT8_FLIP = 0, MULTIPLIES_BYTES_IN_PLACE = 1 };
typedef int8_t q_element;
typedef int8x16_t q_operand;
typedef vec_int group_vec;

static inline q_operand load_q_operand(const uint8_t *p) { return vld1q_s8((const int8_t *)p); }

static inline vec_int dot(vec_int sum, q_operand b, const q_element *a) {
    int32_t group;
    memcpy(&group, a, sizeof group);
    int8x16_t x = vreinterpretq_s8_s32(vdupq_n_s32(group));
    int32x4_t total;
    memcpy(&total, &sum, sizeof total);
    total = vdotq_s32(total, b, x);
    memcpy(&sum, &total, sizeof sum);
    return sum;
}

static inline int32_t sum_of_bytes(const signed char *p, ptrdiff_t n) {
    (void)p, (void)n;
    return 0;
}
