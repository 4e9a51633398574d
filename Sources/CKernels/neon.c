/* NEON kernels: 4 floats a vector. Every arm64 CPU has NEON. */
#include "ckernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define WIDTH 4
#define SUFFIX neon
#define ROWS 8
#define NATIVE_BF16 0
#define NATIVE_DOT 0
#include "simd_kernels.h"

const kernel_table *kernels_neon(void) { return &table__neon; }

#else

const kernel_table *kernels_neon(void) { return NULL; }

#endif
