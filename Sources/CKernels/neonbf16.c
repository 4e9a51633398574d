/* NEON kernels with the matrix products of Armv8.6: SMMLA for bytes (FEAT_I8MM) and BFMMLA for
 * bfloat16 (FEAT_BF16).
 *
 * One set for both features, because CPUs have both or neither. They are optional from Armv8.2 on
 * and mandatory from Armv8.6 on. According to LLVM's table (AArch64Processors.td, 2026), Neoverse
 * V1 and N2, Cortex-A510, A710 and X2, Ampere-1, Oryon, Apple's A15 and M2, and their successors
 * have both; Neoverse N1, Cortex-A78 and X1, A64FX, TSV110 and Apple's M1 have neither. A CPU with
 * only one of them runs neondot. */
#include "ckernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#else
#include <sys/sysctl.h>
#endif

#pragma clang attribute push(__attribute__((target("i8mm,bf16"))), apply_to = function)
#define SUFFIX neonbf16
#define ABILITIES .multiplies_bf16 = true,
#include "ops_neon.h"

#include "ops_neonbf16.h"

#include "ops_neoni8mm.h"

#include "simd_kernels.h"
#pragma clang attribute pop

#if defined(__linux__)

const kernel_table *kernels_neonbf16(void) {
    const unsigned long both = HWCAP2_I8MM | HWCAP2_BF16;
    return (getauxval(AT_HWCAP2) & both) == both ? &table__neonbf16 : NULL;
}

#else

/* Whether macOS reports a feature; older systems don't know the name. */
static int has(const char *feature) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(feature, &value, &size, NULL, 0) == 0 && value == 1;
}

const kernel_table *kernels_neonbf16(void) {
    if (has("hw.optional.arm.FEAT_I8MM") && has("hw.optional.arm.FEAT_BF16"))
        return &table__neonbf16;
    return NULL;
}

#endif

#endif
