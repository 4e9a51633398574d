/* INT8 products with AVX-VNNI: VPDPBUSD on 256-bit vectors. */

static inline vec_int dot_bytes(vec_int sum, vec_int b, vec_int a) {
    return (vec_int)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)b, (__m256i)a);
}

#include "int8_vnni.h"
