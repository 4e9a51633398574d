/* AVX-512 kernels with the INT8 products of AVX512-VNNI. */
#include "ckernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* Without min_vector_width clang splits 512-bit vectors on CPUs where they lowered the clock. */
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma"),                    \
                   min_vector_width(512))),                                                        \
    apply_to = function)
#define SUFFIX avx512vnni
#include "ops_avx512.h"

#include "bf16_widened.h"

#include "ops_avx512vnni.h"

#include "simd_kernels.h"
#pragma clang attribute pop

const kernel_table *kernels_avx512vnni(void) {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        return &table__avx512vnni;
    return NULL;
}

#else

const kernel_table *kernels_avx512vnni(void) { return NULL; }

#endif
