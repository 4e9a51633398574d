/* AVX-512 kernels with the bfloat16 products of AVX512-BF16. CPUs with it always have VNNI too. Intel's have a
 * VDPBF16PS that does less than FMA, so they are left to avx512vnni (docs/speed.md). */
#include "ckernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "x86_features.h"

/* Without min_vector_width clang splits 512-bit vectors on CPUs where they lowered the clock. */
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,fma"),         \
                   min_vector_width(512))),                                                        \
    apply_to = function)
#define SUFFIX avx512bf16
#define ABILITIES .multiplies_bf16 = true, .int8_is_much_faster = true, .blas_core = "SkylakeX",
#include "ops_avx512.h"

#include "ops_avx512bf16.h"

#include "ops_avx512vnni.h"

#include "simd_kernels.h"
#pragma clang attribute pop

const kernel_table *kernels_avx512bf16(void) {
    const bool is_fast = __builtin_cpu_supports("avx512bf16") && !__builtin_cpu_is("intel");
    return cpu_has_avx512vnni() && is_fast ? &table__avx512bf16 : NULL;
}

#endif
