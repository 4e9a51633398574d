/* INT8 products with AVX512-VNNI. */

static inline vec_int dot_bytes(vec_int sum, vec_int b, vec_int a) {
    return (vec_int)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)b, (__m512i)a);
}

#include "int8_vnni.h"
