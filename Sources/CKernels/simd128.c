/* WebAssembly kernels with SIMD128: 4 floats a vector. */
#include "ckernels.h"

#if defined(__wasm_simd128__)

#include <wasm_simd128.h>

#define SUFFIX simd128
#define ABILITIES .multiplies_14_bits = true, .rounds_products = true,
#define FMA(a, b, c) ((a) * (b) + (c))
#include "ops_wasm.h"

#include "bf16_widened.h"

#include "int8_madd.h"

#include "simd_kernels.h"

const kernel_table *kernels_simd128(void) { return &table__simd128; }

#endif
