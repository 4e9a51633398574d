/* Elementwise and normalisation kernels over row-major float32 matrices.
 *
 * A matrix is (pointer, ld): `rows` rows of `cols` floats that start `ld` floats apart. Per-column
 * parameters (scale, shift, gamma) have one float per column. Output and input may be the same
 * matrix where a contract says "in place", else they must not overlap. No kernel allocates, starts
 * threads or keeps state. Any number of rows and columns, zero too; no alignment is needed.
 *
 * Each kernel exists as `f32_<operation>__<instruction set>`. The plain version is the meaning; the
 * others must agree with it within rounding, under one test.
 */
#ifndef SWIFT_DEMUCS_CKERNELS_H
#define SWIFT_DEMUCS_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

/* A part of the inner dimension of a product: `count` neighbouring elements of each row of A, from
 * `a` on in row 0, that belong to the rows of B from `first` on. The taps of a convolution are
 * segments that lie apart in A. Elements are float32 where a product does not say otherwise. */
typedef struct gemm_segment {
    const void *_Nonnull a;
    ptrdiff_t first;
    ptrdiff_t count;
} gemm_segment;

/* Elements of a row of A that qd8_qc8w_gemm quantises with one step, at most. */
enum { QD8_SEGMENT = 2048 };

/* Rows whose largest element is smaller than this are zero to qd8_qc8w_gemm: the reciprocal of the
 * step stays finite. */
#define QD8_SMALLEST 0x1p-100f

/* Signals that the Fourier transforms work on side by side. Element n of a buffer is 2 * FFT_LANES
 * floats, the real parts of all lanes and then the imaginary ones; so a buffer of elements is one
 * of twice as many real samples too. Twiddles are (real, imaginary) pairs. */
enum { FFT_LANES = 16 };

/* The samples first ... first + count - 1 of a frame, at `samples`. */
typedef struct fft_frame_part {
    float *_Nonnull samples;
    ptrdiff_t first;
    ptrdiff_t count;
} fft_frame_part;

typedef struct kernel_table {
    /* out[r, c] = x[r, c] * scale[c] + shift[c].   In place allowed. */
    void (*_Nonnull f32_affine)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull scale,
                                const float *_Nonnull shift, const float *_Nonnull x, ptrdiff_t ldx,
                                float *_Nonnull out, ptrdiff_t ldo);

    /* out[r, c] += x[r, c] * scale[c] + shift[c]. */
    void (*_Nonnull f32_affine_add)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull scale,
                                    const float *_Nonnull shift, const float *_Nonnull x,
                                    ptrdiff_t ldx, float *_Nonnull out, ptrdiff_t ldo);

    /* out[r, c] = gelu(x[r, c] * scale[c] + shift[c]), gelu(v) = v/2 (1 + erf(v / sqrt 2)).
     * In place allowed.   PyTorch: nn.GELU() after a per-channel affine map. */
    void (*_Nonnull f32_affine_gelu)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull scale,
                                     const float *_Nonnull shift, const float *_Nonnull x,
                                     ptrdiff_t ldx, float *_Nonnull out, ptrdiff_t ldo);

    /* x has 2 cols columns, and so have scale and shift. With y = x * scale + shift:
     * out[r, c] = y[r, c] * sigmoid(y[r, cols + c]).   PyTorch: F.glu(y, dim=channels). */
    void (*_Nonnull f32_affine_glu)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull scale,
                                    const float *_Nonnull shift, const float *_Nonnull x,
                                    ptrdiff_t ldx, float *_Nonnull out, ptrdiff_t ldo);

    /* The same, then out[r, c] += gamma[c] * glu: the end of a DConv layer. */
    void (*_Nonnull f32_affine_glu_add)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull scale,
                                        const float *_Nonnull shift, const float *_Nonnull gamma,
                                        const float *_Nonnull x, ptrdiff_t ldx, float *_Nonnull out,
                                        ptrdiff_t ldo);

    /* The last three, coarse: gelu and sigmoid within 2^-13 of v and of 1, where products round
     * what comes out to 16 bits or 8. */
    void (*_Nonnull coarse_affine_gelu)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull scale,
                                        const float *_Nonnull shift, const float *_Nonnull x,
                                        ptrdiff_t ldx, float *_Nonnull out, ptrdiff_t ldo);

    void (*_Nonnull coarse_affine_glu)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull scale,
                                       const float *_Nonnull shift, const float *_Nonnull x,
                                       ptrdiff_t ldx, float *_Nonnull out, ptrdiff_t ldo);

    void (*_Nonnull coarse_affine_glu_add)(ptrdiff_t rows, ptrdiff_t cols,
                                           const float *_Nonnull scale, const float *_Nonnull shift,
                                           const float *_Nonnull gamma, const float *_Nonnull x,
                                           ptrdiff_t ldx, float *_Nonnull out, ptrdiff_t ldo);

    /* coarse_affine_gelu, rounded to bfloat16. `out` may begin where x does if ldo <= 2 ldx. */
    void (*_Nonnull bf16_affine_gelu)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull scale,
                                      const float *_Nonnull shift, const float *_Nonnull x,
                                      ptrdiff_t ldx, uint16_t *_Nonnull out, ptrdiff_t ldo);

    /* sums[0] += sum of x, sums[1] += sum of x squared: differences from the mean of the first
     * elements, and their squares, are summed up in float32 in runs of at most 1,024, and
     * everything else in double. */
    void (*_Nonnull f32_moments)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull x,
                                 ptrdiff_t ldx, double sums[_Nonnull 2]);

    /* out[r, :] = (x[r, :] - mean) / sqrt(variance + epsilon) * gain + bias, mean and biased
     * variance of each row.   In place allowed.   PyTorch: nn.LayerNorm. */
    void (*_Nonnull f32_layer_norm)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull gain,
                                    const float *_Nonnull bias, float epsilon,
                                    const float *_Nonnull x, ptrdiff_t ldx, float *_Nonnull out,
                                    ptrdiff_t ldo);

    /* The same, rounded to bfloat16. */
    void (*_Nonnull bf16_layer_norm)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull gain,
                                     const float *_Nonnull bias, float epsilon,
                                     const float *_Nonnull x, ptrdiff_t ldx, uint16_t *_Nonnull out,
                                     ptrdiff_t ldo);

    /* One step of a running softmax over tiles of columns (Milakov, Gimelshein 2018,
     * arXiv:1805.02867), in powers of two: slope is the scale of the scores times log2 e, above 0.
     * For each row r, with m = max(maxima[r], slope * max(x[r, :])):
     *   x[r, c]       = 2^(slope * x[r, c] - m)
     *   correction[r] = 2^(maxima[r] - m)        what earlier tiles must be multiplied by
     *   sums[r]       = sums[r] * correction[r] + sum(x[r, :])
     *   maxima[r]     = m
     * Start with maxima = -INFINITY and sums = 0. */
    void (*_Nonnull f32_softmax_step)(ptrdiff_t rows, ptrdiff_t cols, float slope,
                                      float *_Nonnull x, ptrdiff_t ldx, float *_Nonnull maxima,
                                      float *_Nonnull sums, float *_Nonnull correction);

    /* The same within 2^-13, with x[r, c] rounded to bfloat16 (the sums are those of the unrounded)
     * into the first halves of the row's floats, and a 0 behind them if `cols` is odd: a row of A
     * for bf16_gemm_of_bf16, 2 ldx elements from the next. */
    void (*_Nonnull bf16_softmax_step)(ptrdiff_t rows, ptrdiff_t cols, float slope,
                                       float *_Nonnull x, ptrdiff_t ldx, float *_Nonnull maxima,
                                       float *_Nonnull sums, float *_Nonnull correction);

    /* The same with codes for exponentials: with t = slope * max(x[r, :]),
     *   code[r, c] = round(127 * 2^(slope * x[r, c] - t)), within 2^-13 of 127 before rounding
     *   steps[r]   = 2^(t - m) / 127
     *   sums[r]    = sums[r] * correction[r] + steps[r] * sum(code[r, :])
     * The codes are the first bytes of the row's floats: a row of A for q8_qc8w_gemm, 4 ldx
     * elements from the next. */
    void (*_Nonnull q8_softmax_step)(ptrdiff_t rows, ptrdiff_t cols, float slope, float *_Nonnull x,
                                     ptrdiff_t ldx, float *_Nonnull maxima, float *_Nonnull sums,
                                     float *_Nonnull correction, float *_Nonnull steps);

    /* out[r, c] = x[r, c] rounded to bfloat16 (to nearest, ties to even), and out[r, cols] = 0 if
     * `cols` is odd. */
    void (*_Nonnull bf16_round)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull x,
                                ptrdiff_t ldx, uint16_t *_Nonnull out, ptrdiff_t ldo);

    /* out[r, :] = x[r, :] * factor[r].   In place allowed. */
    void (*_Nonnull f32_scale_rows)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull factor,
                                    const float *_Nonnull x, ptrdiff_t ldx, float *_Nonnull out,
                                    ptrdiff_t ldo);

    /* out[r, c] = x[r, c] + y[r, c].   In place allowed, on either side. */
    void (*_Nonnull f32_add)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull x, ptrdiff_t ldx,
                             const float *_Nonnull y, ptrdiff_t ldy, float *_Nonnull out,
                             ptrdiff_t ldo);

    /* The end of a dilated convolution with three taps, whose contributions x holds side by side,
     * `cols` columns for each tap: for the rows r = first ... first + rows - 1 of `length`,
     *   out[r - first, c] = bias[c] + sum over i = 0, 1, 2 of
     *                       x[r + (i - 1) * dilation, i * cols + c]
     * where rows outside 0 ... length - 1 count as zero. */
    void (*_Nonnull f32_gather_taps)(ptrdiff_t first, ptrdiff_t rows, ptrdiff_t cols,
                                     ptrdiff_t dilation, const float *_Nonnull bias,
                                     const float *_Nonnull x, ptrdiff_t ldx, ptrdiff_t length,
                                     float *_Nonnull out, ptrdiff_t ldo);

    /* The input transform of Winograd's F(4, 3) (Winograd 1980; Lavin, Gray 2016, arXiv:1509.09308)
     * along time, with the points 0, +-a, +-b and infinity, a = sqrt 1/2 and b = sqrt 2: for each
     * tile t and column c, from the six rows d[i] = x[4 t + i - 1, c], i = 0...5, zero where the
     * row is not in 0...count - 1,
     *   out[0] = d0 - 2.5 d2 + d4                      out[5] = d1 - 2.5 d3 + d5
     *   out[1], out[2] = (d4 - 2 d2) +- a (d3 - 2 d1)
     *   out[3], out[4] = (d4 - d2 / 2) +- b (d3 - d1 / 2)
     * written to out + i * plane + t * ldo + c. Tiles count from `first`. */
    void (*_Nonnull f32_winograd_input)(ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols,
                                        const float *_Nonnull x, ptrdiff_t count,
                                        float *_Nonnull out, ptrdiff_t plane, ptrdiff_t ldo);

    /* The same, rounded to bfloat16. */
    void (*_Nonnull bf16_winograd_input)(ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols,
                                         const float *_Nonnull x, ptrdiff_t count,
                                         uint16_t *_Nonnull out, ptrdiff_t plane, ptrdiff_t ldo);

    /* The output transform: for each tile and column, from m[i] = m + i * plane + t * cols + c,
     *   y0 = m0 + (m1 + m2) + (m3 + m4)       y1 = a (m1 - m2) + b (m3 - m4)
     *   y2 = (m1 + m2) / 2 + 2 (m3 + m4)      y3 = a/2 (m1 - m2) + 2 b (m3 - m4) + m5
     * into the rows 4 t ... 4 t + 3 of out, as far as they are below `rows`. */
    void (*_Nonnull f32_winograd_output)(ptrdiff_t tiles, ptrdiff_t cols, const float *_Nonnull m,
                                         ptrdiff_t plane, ptrdiff_t rows, float *_Nonnull out,
                                         ptrdiff_t ldo);

    /* The input transform along both directions: F(2, 3) with the points 0, 1, -1 and infinity
     * along frequency, F(4, 3) as above along time. From the rows `row` ... `row + 3` of x, [freqs,
     * count, cols], e[j], zero where one is not in 0 ... freqs - 1, e0 - e2     e1 + e2     e2 - e1
     * e1 - e3 go through the transform above, into its planes 6 j ... 6 j + 5. */
    void (*_Nonnull f32_winograd_input_2d)(ptrdiff_t row, ptrdiff_t freqs, ptrdiff_t first,
                                           ptrdiff_t tiles, ptrdiff_t cols, const float *_Nonnull x,
                                           ptrdiff_t count, float *_Nonnull out, ptrdiff_t plane,
                                           ptrdiff_t ldo);

    /* The same, rounded to bfloat16. */
    void (*_Nonnull bf16_winograd_input_2d)(ptrdiff_t row, ptrdiff_t freqs, ptrdiff_t first,
                                            ptrdiff_t tiles, ptrdiff_t cols,
                                            const float *_Nonnull x, ptrdiff_t count,
                                            uint16_t *_Nonnull out, ptrdiff_t plane, ptrdiff_t ldo);

    /* The output transform along both directions: with m[j] the planes 6 j ... 6 j + 5, the sums
     *   m0 + m1 + m2     m1 - m2 - m3
     * go through the transform above, into `out` and `next`, unless that is NULL. */
    void (*_Nonnull f32_winograd_output_2d)(ptrdiff_t tiles, ptrdiff_t cols,
                                            const float *_Nonnull m, ptrdiff_t plane,
                                            ptrdiff_t rows, float *_Nonnull out,
                                            float *_Nullable next, ptrdiff_t ldo);

    /* C[r, j] = bias[j] + sum over all segments and k < count of A[r][k] * B[first + k, j], where
     * A[r] is segment.a + r * lda (rows may overlap), B is packed and C is [rows, columns]; with
     * `accumulate`, C[r, j] += the sum, and no bias. Without a bias it is 0. The segments follow
     * each other in B without a gap. `inner` is the number of rows that B was packed with. */
    void (*_Nonnull f32_gemm)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                              const gemm_segment *_Nonnull segments, ptrdiff_t lda,
                              const void *_Nonnull packed, ptrdiff_t inner,
                              const float *_Nullable bias, float *_Nonnull c, ptrdiff_t ldc,
                              int accumulate);

    /* Columns of a panel: B's columns from a multiple of this on are packed independently of those
     * before, behind their bytes. */
    ptrdiff_t panel_columns;

    /* Bytes that f32_pack writes for B of [inner, columns]. */
    ptrdiff_t (*_Nonnull f32_packed_bytes)(ptrdiff_t inner, ptrdiff_t columns);

    /* Packs B[first + k, j] = b[k * inner_stride + j * column_stride] for k < count and j < columns
     * into panels for f32_gemm of the same instruction set, where B has `inner` rows. */
    void (*_Nonnull f32_pack)(ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count, ptrdiff_t columns,
                              const float *_Nonnull b, ptrdiff_t inner_stride,
                              ptrdiff_t column_stride, void *_Nonnull packed);

    /* f32_gemm with both operands rounded to bfloat16 (to nearest, ties to even) and sums in
     * float32. B is packed by bf16_pack. */
    void (*_Nonnull bf16_gemm)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                               const gemm_segment *_Nonnull segments, ptrdiff_t lda,
                               const void *_Nonnull packed, ptrdiff_t inner,
                               const float *_Nullable bias, float *_Nonnull c, ptrdiff_t ldc,
                               int accumulate);

    /* The same with an A of bfloat16 elements, which are multiplied where they are. `lda` and the
     * places and counts of the segments are even, and A is 4-byte aligned; the last segment's count
     * may be odd if a column of zeros follows it in A. */
    void (*_Nonnull bf16_gemm_of_bf16)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                                       const gemm_segment *_Nonnull segments, ptrdiff_t lda,
                                       const void *_Nonnull packed, ptrdiff_t inner,
                                       const float *_Nullable bias, float *_Nonnull c,
                                       ptrdiff_t ldc, int accumulate);

    /* Bytes that bf16_pack writes for B of [inner, columns]. */
    ptrdiff_t (*_Nonnull bf16_packed_bytes)(ptrdiff_t inner, ptrdiff_t columns);

    /* f32_pack for bf16_gemm. Parts of B that are packed on their own start at even rows. */
    void (*_Nonnull bf16_pack)(ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count, ptrdiff_t columns,
                               const float *_Nonnull b, ptrdiff_t inner_stride,
                               ptrdiff_t column_stride, void *_Nonnull packed);

    /* The next three take B as INT8 codes with a scale for each column, packed by qc8w_pack:
     * B[k, j] = scales[j] * code[k, j]. Otherwise as f32_gemm, and as bf16_gemm for segments. */

    /* A in float32. */
    void (*_Nonnull f32_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                                   const gemm_segment *_Nonnull segments, ptrdiff_t lda,
                                   const void *_Nonnull packed, ptrdiff_t inner,
                                   const float *_Nonnull scales, const float *_Nullable bias,
                                   float *_Nonnull c, ptrdiff_t ldc, int accumulate);

    /* A rounded to bfloat16; the codes are exact in it. */
    void (*_Nonnull bf16_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                                    const gemm_segment *_Nonnull segments, ptrdiff_t lda,
                                    const void *_Nonnull packed, ptrdiff_t inner,
                                    const float *_Nonnull scales, const float *_Nullable bias,
                                    float *_Nonnull c, ptrdiff_t ldc, int accumulate);

    /* A quantised to INT8 too: each row of each segment (of each QD8_SEGMENT elements of a longer
     * one) gets codes round(A[r][k] / step), ties to even, with step = max |A[r][k]| / 127. Sums
     * are exact within a segment; segment by segment, C = fma(sum, step * scale, C). A row whose
     * largest element is below QD8_SMALLEST counts as zero, one with a NaN or an infinity gives
     * NaN. Every instruction set gives the same bits. */
    void (*_Nonnull qd8_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                                   const gemm_segment *_Nonnull segments, ptrdiff_t lda,
                                   const void *_Nonnull packed, ptrdiff_t inner,
                                   const float *_Nonnull scales, const float *_Nullable bias,
                                   float *_Nonnull c, ptrdiff_t ldc, int accumulate);

    /* The codes that qd8_qc8w_gemm makes of rows of at most QD8_SEGMENT elements, and their steps.
     * Zeros follow each row up to a multiple of 4. */
    void (*_Nonnull q8_rows)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull x, ptrdiff_t ldx,
                             signed char *_Nonnull out, ptrdiff_t ldo, float *_Nonnull steps);

    /* The product of codes with codes: C[r, j] = sum over k < count of steps[r] * a[r * lda + k] *
     * B[first + k, j], or C += that; `first` is a multiple of 4, and zeros follow each row of A up
     * to one. Every set gives the same bits. */
    void (*_Nonnull q8_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t first,
                                  ptrdiff_t count, const signed char *_Nonnull a, ptrdiff_t lda,
                                  const float *_Nonnull steps, const void *_Nonnull packed,
                                  ptrdiff_t inner, const float *_Nonnull scales, float *_Nonnull c,
                                  ptrdiff_t ldc, int accumulate);

    /* Bytes that qc8w_pack writes for B of [inner, columns]; B's columns from a multiple of
     * panel_columns on stand at the bytes of the columns before. */
    ptrdiff_t (*_Nonnull qc8w_packed_bytes)(ptrdiff_t inner, ptrdiff_t columns);

    /* Packs the codes of a B that is float32 until now, its columns being the rows of b less an
     * offset: code[k, j] = round((b[j * ldb + k] - offset[k]) / scales[j]), ties to even, with
     * scales[j] = max over k |b[j * ldb + k] - offset[k]| / 127, which is written too. `inner` is
     * at most QD8_SEGMENT; small, infinite and missing numbers count as in qd8_qc8w_gemm. */
    void (*_Nonnull qc8w_pack_rows)(ptrdiff_t inner, ptrdiff_t columns, const float *_Nonnull b,
                                    ptrdiff_t ldb, const float *_Nonnull offset,
                                    void *_Nonnull packed, float *_Nonnull scales);

    /* Packs the codes of a part of B, its rows first ... first + count - 1 of `inner`:
     * code[first + k, j] = round(b[k * ldb + j] / scales[j]), ties to even, in -127 ... 127; 0
     * where the scale is 0. `first` is a multiple of 4, and so is `count` but for the last part. */
    void (*_Nonnull qc8w_pack_scaled)(ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count,
                                      ptrdiff_t columns, const float *_Nonnull b, ptrdiff_t ldb,
                                      const float *_Nonnull scales, void *_Nonnull packed);

    /* largest[c] = max(largest[c], max over r |x[r, c]|), NaN where one is. */
    void (*_Nonnull f32_column_magnitudes)(ptrdiff_t rows, ptrdiff_t cols, const float *_Nonnull x,
                                           ptrdiff_t ldx, float *_Nonnull largest);

    /* Packs the codes code[k, j] = b[k * ldb + j], from -127 to 127. */
    void (*_Nonnull qc8w_pack)(ptrdiff_t inner, ptrdiff_t columns, const signed char *_Nonnull b,
                               ptrdiff_t ldb, void *_Nonnull packed);

    /* x[n * FFT_LANES + lane] = frames[lane][n] * window[n] for n < samples. */
    void (*_Nonnull f32_fft_frames)(ptrdiff_t samples, const float *_Nonnull window,
                                    const float *_Nonnull const *_Nonnull frames,
                                    float *_Nonnull x);

    /* One pass of Stockham's self-sorting algorithm, radix 2, 3, 4, 5 or 8: for p < groups,
     * q < stride and k < radix, with w[p, 0] = 1 and w[p, k] = twiddles[(radix - 1) p + k - 1],
     *   y[q + stride (radix p + k)] =
     *       w[p, k] * sum over j < radix of x[q + stride (p + groups j)] exp(-2 pi i j k / radix).
     */
    void (*_Nonnull f32_fft_pass)(ptrdiff_t radix, ptrdiff_t groups, ptrdiff_t stride,
                                  const float *_Nonnull twiddles, const float *_Nonnull x,
                                  float *_Nonnull y);

    /* The spectra of real signals from z, the transforms of their samples as `half` elements: with
     * twiddles[k] = exp(-pi i k / half), Z[half] = Z[0],
     * S = (Z[k] + conj Z[half - k]) / 2 and D = (Z[k] - conj Z[half - k]) / 2,
     *   X[k] = S - i twiddles[k] D
     * for k < half, without the last bin. The first `count` lanes are written as (real, imaginary)
     * pairs to out + k * ldo. */
    void (*_Nonnull f32_rfft_bins)(ptrdiff_t half, ptrdiff_t count, const float *_Nonnull twiddles,
                                   const float *_Nonnull z, float *_Nonnull out, ptrdiff_t ldo);

    /* The way back, from pairs at x + k * ldx; other lanes, the last bin and the imaginary part of
     * the first are zero. Elements are written backwards, so that a forward transform of z is the
     * inverse one: with X[half] = 0, S = X[k] + conj X[half - k] and D = X[k] - conj X[half - k],
     *   z[-k mod half] = S + i conj(twiddles[k]) D. */
    void (*_Nonnull f32_irfft_bins)(ptrdiff_t half, ptrdiff_t count, const float *_Nonnull twiddles,
                                    const float *_Nonnull x, ptrdiff_t ldx, float *_Nonnull z);

    /* parts[lane].samples[n - first] += x[n * FFT_LANES + lane] * window[n] for each n < samples of
     * the parts of the first `count` lanes. Parts may overlap. */
    void (*_Nonnull f32_fft_overlap_add)(ptrdiff_t samples, ptrdiff_t count,
                                         const float *_Nonnull window, const float *_Nonnull x,
                                         const fft_frame_part *_Nonnull parts);
} kernel_table;

/* The kernels of an instruction set; NULL where this build or this CPU lacks it. */
const kernel_table *_Nonnull kernels_plain(void);
const kernel_table *_Nullable kernels_avx2(void);       /* AVX2 and FMA */
const kernel_table *_Nullable kernels_avx512(void);     /* AVX-512 F, BW, DQ, VL */
const kernel_table *_Nullable kernels_avx512vnni(void); /* these and AVX512-VNNI */
const kernel_table *_Nullable kernels_avx512bf16(void); /* these and AVX512-BF16 */
const kernel_table *_Nullable kernels_neon(void);
const kernel_table *_Nullable kernels_neondot(void); /* NEON and its dot product of bytes */

/* Tells the CPU that this is a spin loop. */
static inline void cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
