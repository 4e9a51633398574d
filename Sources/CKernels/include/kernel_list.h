/* The list of all kernels: ENTRY(name, family) for each. The table's fields, each set's functions
 * and the tester's cases are generated from it. kernel_families.h has the families with their
 * contracts. */
#ifndef SWIFT_DEMUCS_KERNEL_LIST_H
#define SWIFT_DEMUCS_KERNEL_LIST_H

#define KERNEL_LIST(ENTRY)                                                                         \
    ENTRY(f32_affine, affine_kernel)                                                               \
    ENTRY(f32_affine_add, affine_kernel)                                                           \
    ENTRY(f32_affine_gelu, affine_kernel)                                                          \
    ENTRY(f32_affine_glu, affine_kernel)                                                           \
    ENTRY(f32_affine_tanh, affine_kernel)                                                          \
    ENTRY(f32_affine_glu_add, affine_glu_add_kernel)                                               \
    ENTRY(coarse_affine_gelu, affine_kernel)                                                       \
    ENTRY(coarse_affine_glu, affine_kernel)                                                        \
    ENTRY(coarse_affine_glu_add, affine_glu_add_kernel)                                            \
    ENTRY(bf16_affine_gelu, bf16_affine_kernel)                                                    \
    ENTRY(f32_scale_rows, scale_rows_kernel)                                                       \
    ENTRY(f32_add, add_kernel)                                                                     \
    ENTRY(bf16_round, round_kernel)                                                                \
    ENTRY(bf16_add, bf16_add_kernel)                                                               \
    ENTRY(f32_column_magnitudes, column_magnitudes_kernel)                                         \
    ENTRY(f32_rotate, rotate_kernel)                                                               \
    ENTRY(f32_gather_taps, gather_taps_kernel)                                                     \
    ENTRY(f32_lstm_cell, lstm_cell_kernel)                                                         \
    ENTRY(f32_moments, moments_kernel)                                                             \
    ENTRY(f32_layer_norm, layer_norm_kernel)                                                       \
    ENTRY(bf16_layer_norm, bf16_layer_norm_kernel)                                                 \
    ENTRY(f32_rms_norm, rms_norm_kernel)                                                           \
    ENTRY(bf16_rms_norm, bf16_rms_norm_kernel)                                                     \
    ENTRY(f32_softmax_step, softmax_kernel)                                                        \
    ENTRY(bf16_softmax_step, softmax_kernel)                                                       \
    ENTRY(q8_softmax_step, q8_softmax_kernel)                                                      \
    ENTRY(f32_winograd_input, winograd_input_kernel)                                               \
    ENTRY(bf16_winograd_input, bf16_winograd_input_kernel)                                         \
    ENTRY(f32_winograd_output, winograd_output_kernel)                                             \
    ENTRY(f32_winograd_input_2d, winograd_input_2d_kernel)                                         \
    ENTRY(bf16_winograd_input_2d, bf16_winograd_input_2d_kernel)                                   \
    ENTRY(f32_winograd_output_2d, winograd_output_2d_kernel)                                       \
    ENTRY(f32_packed_bytes, packed_bytes_kernel)                                                   \
    ENTRY(f32_pack, pack_kernel)                                                                   \
    ENTRY(f32_gemm, gemm_kernel)                                                                   \
    ENTRY(bf16_packed_bytes, packed_bytes_kernel)                                                  \
    ENTRY(bf16_pack, pack_kernel)                                                                  \
    ENTRY(f32_bf16w_gemm, gemm_kernel)                                                             \
    ENTRY(bf16_gemm, gemm_kernel)                                                                  \
    ENTRY(qc8w_packed_bytes, packed_bytes_kernel)                                                  \
    ENTRY(qc8w_pack, qc8w_pack_kernel)                                                             \
    ENTRY(qc8w_pack_rows, qc8w_pack_rows_kernel)                                                   \
    ENTRY(qc8w_pack_scaled, qc8w_pack_scaled_kernel)                                               \
    ENTRY(f32_qc8w_gemm, qc8w_gemm_kernel)                                                         \
    ENTRY(bf16_qc8w_gemm, qc8w_gemm_kernel)                                                        \
    ENTRY(qd8_qc8w_gemm, qc8w_gemm_kernel)                                                         \
    ENTRY(qd14_qc8w_gemm, qc8w_gemm_kernel)                                                        \
    ENTRY(q8_rows, quantize_rows_kernel)                                                           \
    ENTRY(q8_qc8w_gemm, q8_gemm_kernel)                                                            \
    ENTRY(f32_fft_frames, fft_frames_kernel)                                                       \
    ENTRY(f32_fft_pass, fft_pass_kernel)                                                           \
    ENTRY(f32_rfft_bins, rfft_bins_kernel)                                                         \
    ENTRY(f32_irfft_bins, irfft_bins_kernel)                                                       \
    ENTRY(f32_fft_overlap_add, fft_overlap_add_kernel)

#endif
