/* NEON kernels: 4 floats a vector. Every arm64 CPU has NEON. */
#include "ckernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define SUFFIX neon
#define ABILITIES .winograd_beats_int8 = true,
#include "ops_neon.h"

#include "bf16_widened.h"

#include "int8_pairs.h"

#include "simd_kernels.h"

const kernel_table *kernels_neon(void) { return &table__neon; }

#endif
