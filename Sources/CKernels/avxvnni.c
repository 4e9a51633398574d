/* AVX2 and FMA kernels with the INT8 products of AVX-VNNI. */
#include "ckernels.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#include "x86_features.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,avxvnni"))), apply_to = function)
#define SUFFIX avxvnni
#define ABILITIES .multiplies_14_bits = true, .int8_is_much_faster = true, .blas_core = "Haswell",
#include "ops_avx2.h"

#include "bf16_widened.h"

#include "ops_avxvnni.h"

#include "simd_kernels.h"
#pragma clang attribute pop

/* Reads leaf 7, subleaf 1 of CPUID: not every compiler's __builtin_cpu_supports does. */
static int has_avx_vnni(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1);
}

const kernel_table *kernels_avxvnni(void) {
    /* The builtin reports AVX2 only if the system also saves the 256-bit registers. */
    return cpu_has_avx2() && has_avx_vnni() ? &table__avxvnni : NULL;
}

#endif
