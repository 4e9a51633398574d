/* AVX2 and FMA kernels: 8 floats a vector. */
#include "ckernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "x86_features.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define SUFFIX avx2
#define ABILITIES .multiplies_14_bits = true, .winograd_beats_int8 = true, .blas_core = "Haswell",
#include "ops_avx2.h"

#include "bf16_widened.h"

#include "int8_madd.h"

#include "simd_kernels.h"
#pragma clang attribute pop

const kernel_table *kernels_avx2(void) { return cpu_has_avx2() ? &table__avx2 : NULL; }

#endif
