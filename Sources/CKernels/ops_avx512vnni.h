/* INT8 products with AVX512-VNNI: VPDPBUSD adds four products of unsigned bytes, of B, with signed
 * ones, of A. */

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
    return (vec_int)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)b, _mm512_set1_epi32(group));
}

static inline int32_t sum_of_bytes(const signed char *p, ptrdiff_t n) {
    vec_int sum = 0;
    ptrdiff_t k = 0;
    for (; k + GROUP * WIDTH <= n; k += GROUP * WIDTH)
        sum = (vec_int)_mm512_dpbusd_epi32((__m512i)sum, _mm512_set1_epi8(1),
                                           _mm512_loadu_si512(p + k));
    int32_t total = sum_int_lanes(sum);
    for (; k < n; k++)
        total += p[k];
    return total;
}
