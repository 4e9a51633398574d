/* AVX-512 kernels with the INT8 products of AVX512-VNNI. */
#include "ckernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "x86_features.h"

/* Without min_vector_width clang splits 512-bit vectors on CPUs where they lowered the clock. */
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma"),                    \
                   min_vector_width(512))),                                                        \
    apply_to = function)
#define SUFFIX avx512vnni
#define ABILITIES .multiplies_14_bits = true, .int8_is_much_faster = true, .blas_core = "SkylakeX",
#include "ops_avx512.h"

#include "bf16_widened.h"

#include "ops_avx512vnni.h"

#include "simd_kernels.h"
#pragma clang attribute pop

const kernel_table *kernels_avx512vnni(void) {
    return cpu_has_avx512vnni() ? &table__avx512vnni : NULL;
}

#endif
