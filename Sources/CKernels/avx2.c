/* AVX2 and FMA kernels: 8 floats a vector. */
#include "ckernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define SUFFIX avx2
#include "ops_avx2.h"

#include "bf16_widened.h"

#include "int8_madd.h"

#include "simd_kernels.h"
#pragma clang attribute pop

const kernel_table *kernels_avx2(void) {
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &table__avx2;
    return NULL;
}

#else

const kernel_table *kernels_avx2(void) { return NULL; }

#endif
