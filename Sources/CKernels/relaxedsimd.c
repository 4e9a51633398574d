/* WebAssembly kernels with relaxed SIMD: a multiply-add is fused if the CPU has that instruction. */
#include "ckernels.h"

#if defined(__wasm_simd128__)

#include <wasm_simd128.h>

#pragma clang attribute push(__attribute__((target("relaxed-simd"))), apply_to = function)
#define SUFFIX relaxedsimd
#define ABILITIES .multiplies_14_bits = true, .rounds_products = true,
#define FMA(a, b, c) ((vec)wasm_f32x4_relaxed_madd((v128_t)(a), (v128_t)(b), (v128_t)(c)))
#include "ops_wasm.h"

#include "bf16_widened.h"

/* Not i32x4.relaxed_dot_i8x16_i7x16_add: one operand has 7 bits, so an exact product needs two. */
#include "int8_madd.h"

#include "simd_kernels.h"
#pragma clang attribute pop

/* Replaces the kernels of simd128: kernel_sets.h. */
const kernel_table *__wrap_kernels_simd128(void);
const kernel_table *__wrap_kernels_simd128(void) { return &table__relaxedsimd; }

#endif
