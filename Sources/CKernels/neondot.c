/* NEON kernels with the dot product of bytes (FEAT_DotProd, from Armv8.2 on). */
#include "ckernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define SUFFIX neondot
#define ABILITIES .multiplies_14_bits = true,
#include "ops_neon.h"

#include "bf16_widened.h"

#include "ops_neondot.h"

#include "simd_kernels.h"
#pragma clang attribute pop

const kernel_table *kernels_neondot(void) {
#if defined(__linux__)
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) ? &table__neondot : NULL;
#else
    /* Every Mac with arm64 has FEAT_DotProd. */
    return &table__neondot;
#endif
}

#endif
