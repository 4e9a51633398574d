/* The SIMD kernels, written once over clang's vector types.
 *
 * Included by one file per instruction set, which first defines WIDTH (floats in a vector), SUFFIX
 * (the name of the set), ROWS (of a product's register tile), NATIVE_BF16 and NATIVE_DOT (whether
 * the set multiplies bfloat16, and sums up four products of bytes), and compiles the text under
 * that set's target attribute.
 */
#include "simd_vector.h"

#include "simd_math.h"

#include "simd_bfloat16.h"

#include "simd_elementwise.h"

#include "simd_norms.h"

#include "simd_winograd.h"

#include "simd_products.h"

#include "simd_pack.h"

#include "simd_int8.h"

#include "simd_int8_wide.h"

#include "simd_fft.h"

static const kernel_table KERNEL(table) = {
    .f32_affine = KERNEL(f32_affine),
    .f32_affine_add = KERNEL(f32_affine_add),
    .f32_affine_gelu = KERNEL(f32_affine_gelu),
    .f32_affine_glu = KERNEL(f32_affine_glu),
    .f32_affine_glu_add = KERNEL(f32_affine_glu_add),
    .coarse_affine_gelu = KERNEL(coarse_affine_gelu),
    .coarse_affine_glu = KERNEL(coarse_affine_glu),
    .coarse_affine_glu_add = KERNEL(coarse_affine_glu_add),
    .bf16_affine_gelu = KERNEL(bf16_affine_gelu),
    .f32_moments = KERNEL(f32_moments),
    .f32_layer_norm = KERNEL(f32_layer_norm),
    .bf16_layer_norm = KERNEL(bf16_layer_norm),
    .f32_softmax_step = KERNEL(f32_softmax_step),
    .bf16_softmax_step = KERNEL(bf16_softmax_step),
    .q8_softmax_step = KERNEL(q8_softmax_step),
    .bf16_round = KERNEL(bf16_round),
    .f32_scale_rows = KERNEL(f32_scale_rows),
    .f32_add = KERNEL(f32_add),
    .f32_gather_taps = KERNEL(f32_gather_taps),
    .f32_winograd_input = KERNEL(f32_winograd_input),
    .bf16_winograd_input = KERNEL(bf16_winograd_input),
    .f32_winograd_output = KERNEL(f32_winograd_output),
    .f32_winograd_input_2d = KERNEL(f32_winograd_input_2d),
    .bf16_winograd_input_2d = KERNEL(bf16_winograd_input_2d),
    .f32_winograd_output_2d = KERNEL(f32_winograd_output_2d),
    .f32_gemm = KERNEL(f32_gemm),
    .panel_columns = PANEL,
    .f32_packed_bytes = KERNEL(f32_packed_bytes),
    .f32_pack = KERNEL(f32_pack),
    .bf16_gemm = KERNEL(bf16_gemm),
    .bf16_gemm_of_bf16 = KERNEL(bf16_gemm_of_bf16),
    .bf16_packed_bytes = KERNEL(bf16_packed_bytes),
    .bf16_pack = KERNEL(bf16_pack),
    .f32_qc8w_gemm = KERNEL(f32_qc8w_gemm),
    .bf16_qc8w_gemm = KERNEL(bf16_qc8w_gemm),
    .qd8_qc8w_gemm = KERNEL(qd8_qc8w_gemm),
    .q8_rows = KERNEL(q8_rows),
    .q8_qc8w_gemm = KERNEL(q8_qc8w_gemm),
    .qc8w_packed_bytes = KERNEL(qc8w_packed_bytes),
    .qc8w_pack_rows = KERNEL(qc8w_pack_rows),
    .qc8w_pack_scaled = KERNEL(qc8w_pack_scaled),
    .f32_column_magnitudes = KERNEL(f32_column_magnitudes),
    .qc8w_pack = KERNEL(qc8w_pack),
    .f32_fft_frames = KERNEL(f32_fft_frames),
    .f32_fft_pass = KERNEL(f32_fft_pass),
    .f32_rfft_bins = KERNEL(f32_rfft_bins),
    .f32_irfft_bins = KERNEL(f32_irfft_bins),
    .f32_fft_overlap_add = KERNEL(f32_fft_overlap_add),
};
