/* WebAssembly kernels with relaxed SIMD: a multiply-add is fused if the CPU has that instruction. */
#include "ckernels.h"

#if defined(__wasm_relaxed_simd__)

#include <wasm_simd128.h>

#define SUFFIX relaxedsimd
#define ABILITIES .multiplies_14_bits = true, .rounds_products = true,
#define FMA(a, b, c) ((vec)wasm_f32x4_relaxed_madd((v128_t)(a), (v128_t)(b), (v128_t)(c)))
#include "ops_wasm.h"

#include "bf16_widened.h"

#include "int8_madd.h"

#include "simd_kernels.h"

const kernel_table *kernels_relaxedsimd(void) { return &table__relaxedsimd; }

#endif
