/* The prototypes of the kernels, a typedef for each family of signatures, with their contracts.
 *
 * A matrix is (pointer, ld): `rows` rows of `cols` elements, float32 unless the type says
 * otherwise; rows start `ld` elements apart. Parameters of columns (scale, shift, gamma) have one
 * float per column. Output and input may be the same matrix only where a contract says "in place";
 * else they must not overlap. No kernel allocates, starts threads or keeps state. Any number of
 * rows and columns is allowed, also zero; no alignment is needed.
 *
 * The plain version of a kernel defines its result. "Bound" is the largest difference of a SIMD
 * version from it; the tester (Tests/CKernelTester) checks it for every instruction set. u = 2^-24
 * is the unit roundoff of float32; |...| of a formula is the formula with the absolute values of
 * its terms.
 */
#ifndef SWIFT_DEMUCS_KERNEL_FAMILIES_H
#define SWIFT_DEMUCS_KERNEL_FAMILIES_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/* ---- Elementwise ---- */

/* With y[r, c] = x[r, c] * scale[c] + shift[c]:
 *   f32_affine          out[r, c] = y[r, c]           In place allowed.
 *   f32_affine_add      out[r, c] += y[r, c]
 *   f32_affine_gelu     out[r, c] = gelu(y[r, c])     In place allowed.
 *                       gelu(v) = v/2 (1 + erf(v / sqrt 2)).   PyTorch: nn.GELU().
 *   f32_affine_glu      out[r, c] = y[r, c] * sigmoid(y[r, cols + c]): x, scale and shift have
 *                       2 cols columns.   PyTorch: F.glu(y, dim=channels).
 *   f32_affine_tanh     out[r, c] = tanh(y[r, c])     In place allowed.   PyTorch: nn.Tanh().
 *   coarse_affine_gelu  f32_affine_gelu and f32_affine_glu within 2^-13 |y|, for results that
 *   coarse_affine_glu   products round to 16 or 8 bits.
 * Bound: 3 u |y| for y, because plain rounds the product and a fused multiply-add does not. In
 * addition, 2 u |out| for the sum of affine_add; 6 u |y| for gelu, because each version rounds
 * 1 + erf and its quotient; 16 u |out| for glu, for the roundings in two exponentials and
 * divisions, and for tanh. */
typedef void affine_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *scale, const float *shift,
                           const float *x, ptrdiff_t ldx, float *out, ptrdiff_t ldo);

/* bf16_affine_gelu: coarse_affine_gelu, rounded to bfloat16. `out` may begin at the address of x if
 * ldo <= 2 ldx. Bound: 0 against the rounded result of the same set's coarse_affine_gelu. */
typedef void bf16_affine_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                const float *shift, const float *x, ptrdiff_t ldx, uint16_t *out,
                                ptrdiff_t ldo);

/* f32_affine_glu_add, coarse_affine_glu_add: the end of a DConv layer. out[r, c] += gamma[c] * glu
 * with the glu of f32_affine_glu and coarse_affine_glu.
 * Bound: |gamma| times the bound of glu, and 4 u |out| for the product and the sum. */
typedef void affine_glu_add_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                   const float *shift, const float *gamma, const float *x,
                                   ptrdiff_t ldx, float *out, ptrdiff_t ldo);

/* f32_scale_rows: out[r, :] = x[r, :] * factor[r].   In place allowed.
 * Bound: 0, one rounding. */
typedef void scale_rows_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *factor, const float *x,
                               ptrdiff_t ldx, float *out, ptrdiff_t ldo);

/* f32_add: out[r, c] = x[r, c] + y[r, c].   In place allowed: out may be x or y.
 * Bound: 0, one rounding. */
typedef void add_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                        const float *y, ptrdiff_t ldy, float *out, ptrdiff_t ldo);

/* bf16_round: out[r, c] = x[r, c] rounded to bfloat16 (to nearest, ties to even; a NaN stays a
 * NaN), and out[r, cols] = 0 if `cols` is odd.
 * Bound: 0, but subnormal numbers may become 0, as with AVX512-BF16. */
typedef void round_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                          uint16_t *out, ptrdiff_t ldo);

/* bf16_add: out[r, c] += x[r, c], with x in bfloat16.
 * Bound: 0, one rounding. */
typedef void bf16_add_kernel(ptrdiff_t rows, ptrdiff_t cols, const uint16_t *x, ptrdiff_t ldx,
                             float *out, ptrdiff_t ldo);

/* f32_column_magnitudes: largest[c] = max(largest[c], max over r |x[r, c]|), NaN if an element is
 * NaN. Bound: 0, nothing is rounded. */
typedef void column_magnitudes_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                                      float *largest);

/* f32_rotate: rotary position embedding (Su et al. 2021, arXiv:2104.09864). With x[r, c] the column
 * c of row r, for each of `heads` groups of `cols` columns, `cols` even, and each pair (a, b) of
 * neighbours in a group, at the columns c and c + 1 of the group:
 *   a' = a * cosines[r, c] - b * sines[r, c]
 *   b' = b * cosines[r, c + 1] + a * sines[r, c + 1]
 * in place. `cosines` and `sines` are contiguous rows of `cols`.
 * Bound: 3 u (|a| + |b|): plain rounds both products, and a fused multiply-add does not. */
typedef void rotate_kernel(ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t cols, const float *cosines,
                           const float *sines, float *x, ptrdiff_t ldx);

/* f32_gather_taps: the end of a dilated convolution with three taps. x has the contributions of the
 * taps side by side, `cols` columns for each tap. For the rows r = first ... first + rows - 1,
 *   out[r - first, c] = bias[c] + sum over i = 0, 1, 2 of x[r + (i - 1) * dilation, i * cols + c]
 * in this order, where rows outside 0 ... length - 1 are zero.
 * Bound: 0, because every version adds in this order. */
typedef void gather_taps_kernel(ptrdiff_t first, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t dilation,
                                const float *bias, const float *x, ptrdiff_t ldx, ptrdiff_t length,
                                float *out, ptrdiff_t ldo);

/* f32_lstm_cell: one step of an LSTM (long short-term memory; Hochreiter, Schmidhuber 1997), after
 * its products. gates[r, :] has 4 cols columns, in the order i, f, g, o of PyTorch's nn.LSTM:
 *   state[r, c] = sigmoid(f) * state[r, c] + sigmoid(i) * tanh(g)
 *   out[r, c]   = sigmoid(o) * tanh(state[r, c])
 * Bound: u (24 + 4 |x|) for a product with sigmoid(x), and 16 u for tanh in addition to the error
 * of its argument, the state. */
typedef void lstm_cell_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *gates, ptrdiff_t ldg,
                              float *state, ptrdiff_t lds, float *out, ptrdiff_t ldo);

/* ---- Sums over rows ---- */

/* f32_moments: sums[0] += sum of x, sums[1] += sum of x squared.
 * Bound: SIMD sets subtract a pivot, which is the mean of the first elements, and add the
 * differences and their squares in float32, in chains of at most 20 additions, then in double. For n
 * elements with spread = max x - min x: 20 u n spread for sums[0], 20 u n spread
 * (2 |pivot| + spread) for sums[1]; 64 instead of 20 for rows of less than four vectors that don't
 * follow one another. */
typedef void moments_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                            double *sums);

/* f32_layer_norm: out[r, :] = (x[r, :] - mean) / sqrt(variance + epsilon) * gain + bias, with the
 * mean and biased variance of each row.   In place allowed.   PyTorch: nn.LayerNorm.
 * Bound: SIMD sets add in float32, plain in double. With the factor f = 1 / sqrt(variance +
 * epsilon): 16 u f max |x| for the mean and 16 u |normalised| for the factor, both times the gain,
 * and 4 u (|bias| + |out|) for the last two roundings. */
typedef void layer_norm_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *gain, const float *bias,
                               float epsilon, const float *x, ptrdiff_t ldx, float *out,
                               ptrdiff_t ldo);

/* bf16_layer_norm: f32_layer_norm, rounded to bfloat16.
 * Bound: 0 against the rounded result of the same set's f32_layer_norm. */
typedef void bf16_layer_norm_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *gain,
                                    const float *bias, float epsilon, const float *x, ptrdiff_t ldx,
                                    uint16_t *out, ptrdiff_t ldo);

/* f32_rms_norm: out[r, :] = x[r, :] / max(|x[r, :]|, 1e-12) * gain, with the Euclidean norm of each
 * row.   In place allowed.   PyTorch: F.normalize(x, dim=-1) * gain.
 * Bound: SIMD sets add squares in float32, plain in double: 16 u |out|. */
typedef void rms_norm_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *gain, const float *x,
                             ptrdiff_t ldx, float *out, ptrdiff_t ldo);

/* bf16_rms_norm: f32_rms_norm, rounded to bfloat16.
 * Bound: 0 against the rounded result of the same set's f32_rms_norm. */
typedef void bf16_rms_norm_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *gain, const float *x,
                                  ptrdiff_t ldx, uint16_t *out, ptrdiff_t ldo);

/* f32_softmax_step: one step of a running softmax over tiles of columns (Milakov, Gimelshein 2018,
 * arXiv:1805.02867), in powers of two: slope, above 0, is the scale of the scores times log2 e. For
 * each row r, with m = max(maxima[r], slope * max(x[r, :])):
 *   x[r, c]       = 2^(slope * x[r, c] - m)
 *   correction[r] = 2^(maxima[r] - m)        the factor for the sums of earlier tiles
 *   sums[r]       = sums[r] * correction[r] + sum(x[r, :])
 *   maxima[r]     = m
 * Start with maxima = -INFINITY and sums = 0.
 * Bound: 0 for the maxima. The exponent has an error of u (|slope x| + |m|), which is a relative
 * error of the power; the power's own error is 8 u. Powers below 2^-126 may become 2^-126. 32 u for
 * the sums.
 *
 * bf16_softmax_step: f32_softmax_step within 2^-13, with x[r, c] rounded to bfloat16; the sums are
 * those of the unrounded values. The results are the first bytes of the row's floats, followed by a
 * 0 if `cols` is odd: a row of A for bf16_gemm, 2 ldx elements from the next.
 * Bound: 2^-13 more for all exponentials, and 2^-7 for the two roundings of the result. */
typedef void softmax_kernel(ptrdiff_t rows, ptrdiff_t cols, float slope, float *x, ptrdiff_t ldx,
                            float *maxima, float *sums, float *correction);

/* q8_softmax_step: f32_softmax_step with quantised exponentials. With t = slope * max(x[r, :]),
 *   q[r, c]       = round(127 * 2^(slope * x[r, c] - t)), within 2^-13 of 127 before rounding
 *   row_scales[r] = 2^(t - m) / 127
 *   sums[r]       = sums[r] * correction[r] + row_scales[r] * sum(q[r, :])
 * q is the first bytes of the row's floats, followed by zeros up to a multiple of 4: a row of A for
 * q8_qc8w_gemm, 4 ldx elements from the next.
 * Bound: 1 for q, and 1/2 + 0.02 from the exponential (127 times 2^-13 is 0.016); 16 u for the row
 * scales; 16 u for the sums, computed from the q that were written. */
typedef void q8_softmax_kernel(ptrdiff_t rows, ptrdiff_t cols, float slope, float *x, ptrdiff_t ldx,
                               float *maxima, float *sums, float *correction, float *row_scales);

/* ---- Winograd's transforms ---- */

/* f32_winograd_input: the input transform of Winograd's F(4, 3) (Winograd 1980; Lavin, Gray 2016,
 * arXiv:1509.09308) along time, with the points 0, +-a, +-b and infinity, a = sqrt 1/2, b = sqrt 2.
 * For t = 0...tiles - 1 and each column c, from the six rows d[i] = x[4 (first + t) + i - 1, c],
 * i = 0...5, zero if the row is not in 0...count - 1,
 *   out[0] = d0 - 2.5 d2 + d4                      out[5] = d1 - 2.5 d3 + d5
 *   out[1], out[2] = (d4 - 2 d2) +- a (d3 - 2 d1)
 *   out[3], out[4] = (d4 - d2 / 2) +- b (d3 - d1 / 2)
 * written to out + i * plane + t * ldo + c.
 * Bound: 8 u 5.2 max |x|: four roundings in each version, of sums of at most 5.2 max |x|. */
typedef void winograd_input_kernel(ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols, const float *x,
                                   ptrdiff_t count, float *out, ptrdiff_t plane, ptrdiff_t ldo);

/* bf16_winograd_input: f32_winograd_input, rounded to bfloat16.
 * Bound: 0 against the rounded result of the same set's f32_winograd_input. */
typedef void bf16_winograd_input_kernel(ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols,
                                        const float *x, ptrdiff_t count, uint16_t *out,
                                        ptrdiff_t plane, ptrdiff_t ldo);

/* f32_winograd_output: the output transform. For each tile and column, from
 * m[i] = m + i * plane + t * cols + c,
 *   y0 = m0 + (m1 + m2) + (m3 + m4)       y1 = a (m1 - m2) + b (m3 - m4)
 *   y2 = (m1 + m2) / 2 + 2 (m3 + m4)      y3 = a/2 (m1 - m2) + 2 b (m3 - m4) + m5
 * into the rows 4 t ... 4 t + 3 of out that are below `rows`.
 * Bound: 10 u 7.4 max |m|: five roundings in each version, of sums of at most 7.4 max |m|. */
typedef void winograd_output_kernel(ptrdiff_t tiles, ptrdiff_t cols, const float *m,
                                    ptrdiff_t plane, ptrdiff_t rows, float *out, ptrdiff_t ldo);

/* f32_winograd_input_2d: the input transform along both directions: F(2, 3) with the points 0, 1,
 * -1 and infinity along frequency, F(4, 3) of f32_winograd_input along time. x is [freqs, count,
 * cols]. e[j], j = 0...3, is row `row` + j of x, zero if it is not in 0 ... freqs - 1. These four
 * combinations go through f32_winograd_input, number j into its planes 6 j ... 6 j + 5:
 *   e0 - e2     e1 + e2     e2 - e1     e1 - e3
 * Bound: 10 u 10.4 max |x|: one rounding more, of numbers twice as large. */
typedef void winograd_input_2d_kernel(ptrdiff_t row, ptrdiff_t freqs, ptrdiff_t first,
                                      ptrdiff_t tiles, ptrdiff_t cols, const float *x,
                                      ptrdiff_t count, float *out, ptrdiff_t plane, ptrdiff_t ldo);

/* bf16_winograd_input_2d: f32_winograd_input_2d, rounded to bfloat16.
 * Bound: 0 against the rounded result of the same set's f32_winograd_input_2d. */
typedef void bf16_winograd_input_2d_kernel(ptrdiff_t row, ptrdiff_t freqs, ptrdiff_t first,
                                           ptrdiff_t tiles, ptrdiff_t cols, const float *x,
                                           ptrdiff_t count, uint16_t *out, ptrdiff_t plane,
                                           ptrdiff_t ldo);

/* f32_winograd_output_2d: the output transform along both directions. m[j] are the planes
 * 6 j ... 6 j + 5. The sums
 *   m0 + m1 + m2     m1 - m2 - m3
 * go through f32_winograd_output, the first into `out`, the second into `next` unless it is NULL.
 * Bound: 14 u 22.2 max |m|: two roundings more in each version, of numbers three times as large. */
typedef void winograd_output_2d_kernel(ptrdiff_t tiles, ptrdiff_t cols, const float *m,
                                       ptrdiff_t plane, ptrdiff_t rows, float *out,
                                       float *_Nullable next, ptrdiff_t ldo);

/* ---- Matrix products ---- */

/* The right operand of products: a matrix B of [inner, columns], packed by the kernels of one
 * instruction set for the products of that set. */
typedef struct packed_matrix {
    void *bytes;
    ptrdiff_t inner, columns;
} packed_matrix;

/* A part of the inner dimension of a product: `count` neighbouring elements of each row of A, which
 * begin at `a` in row 0, and are multiplied by the rows of B from `first` on. The taps of a
 * convolution are segments at separate places of A. */
typedef struct gemm_segment {
    const void *a;
    ptrdiff_t first;
    ptrdiff_t count;
} gemm_segment;

/* C[r, j] = bias[j] + sum over all segments and k < count of A[r][k] * B[first + k, column + j],
 * for j < columns, where A[r] is segment.a + r * lda (rows may overlap) and C is [rows, columns].
 * With `accumulate`, C[r, j] += the sum, and there is no bias. A bias of NULL is 0. The products
 * are added one after the other to the initial value of C. The segments follow each other in B
 * without a gap. `column` is a multiple of panel_columns; `columns` too, or the part ends with B.
 *   f32_gemm        A is float32, B is packed by f32_pack.
 *   f32_bf16w_gemm  A is float32 and is rounded to bfloat16 (to nearest, ties to even); B is packed
 *                   by bf16_pack; sums are float32.
 *   bf16_gemm       A is bfloat16 and is not copied: `lda` and the positions and counts of the
 *                   segments are even, and A is 4-byte aligned. The last segment's count may be odd
 *                   if a column of zeros follows it in A. With one segment the
 *                   result has the bits of f32_bf16w_gemm; with more, sums may be divided elsewhere.
 * Bound: 2 (inner + 4) u |C|. Plain rounds each product and each sum; SIMD sets round only the
 * sums, AVX512-BF16 the sums of pairs. BFMMLA of Arm rounds to odd, with an error of up to 2 u, but
 * only once for the sum of a pair and once for adding that sum: inner / 2 + 1 pairs, because a pair
 * may begin before a segment, give (inner + 4) u. */
typedef void gemm_kernel(ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,
                         ptrdiff_t lda, packed_matrix b, ptrdiff_t column, ptrdiff_t columns,
                         const float *_Nullable bias, float *c, ptrdiff_t ldc, int accumulate);

/* f32_packed_bytes, bf16_packed_bytes, qc8w_packed_bytes: size of a packed B in bytes. */
typedef ptrdiff_t packed_bytes_kernel(ptrdiff_t inner, ptrdiff_t columns);

/* f32_pack, bf16_pack: B[first + k, column + j] = b[k * inner_stride + j * column_stride] for
 * k < count and j < columns, as float32 or rounded to bfloat16. `column` and `columns` have the
 * conditions of gemm_kernel; in bfloat16 `first` is even.
 * Bound: 0, tested by the product with the identity as A, which gives B. */
typedef void pack_kernel(packed_matrix to, ptrdiff_t first, ptrdiff_t count, ptrdiff_t column,
                         ptrdiff_t columns, const float *b, ptrdiff_t inner_stride,
                         ptrdiff_t column_stride);

/* ---- Matrix products with INT8 weights. "qc8w": weights quantised with a scale per column; "qd8"
 * and "qd14": A quantised in the kernel with a scale per row; "q8": A already quantised. ---- */

/* The most elements of a row of A that qd8_qc8w_gemm quantises with one row scale. */
enum { QD8_SEGMENT = 2048 };

/* The largest whole number of qd14_qc8w_gemm's A: sums of QD8_SEGMENT products fit into 32 bits. */
enum { QD14_LARGEST = 8191 };

/* qd8_qc8w_gemm takes rows as zero if their largest element is smaller than this, so that the
 * reciprocal of the row scale stays finite. */
#define QD8_SMALLEST 0x1p-100f

/* The product of gemm_kernel with B[k, j] = scales[j] * q[k, j], q from -127 to 127. scales[0] and
 * bias[0] belong to `column`. The scale multiplies the sum.
 *   f32_qc8w_gemm   A is float32.
 *   bf16_qc8w_gemm  A is float32 and is rounded to bfloat16; q is exact in bfloat16.
 *   qd8_qc8w_gemm   A is float32 and is quantised: each row of each segment (of each QD8_SEGMENT
 *                   elements of a longer segment) becomes round(A[r][k] / row_scale), ties to even,
 *                   with row_scale = max |A[r][k]| / 127. Sums are exact within a segment; segment
 *                   by segment, C = fma(sum, row_scale * scale, C). A row whose largest element is
 *                   below QD8_SMALLEST is taken as zero; a row with a NaN or an infinity gives NaN.
 *   qd14_qc8w_gemm  A is float32 and is quantised to 14 bits, with row_scale = max |A[r][k]| /
 *                   QD14_LARGEST for all segments together (for each QD8_SEGMENT elements of their
 *                   sequence). Otherwise as qd8_qc8w_gemm.
 * Bound: 2 (inner + 4) u |C| for the first two: the bound of gemm_kernel and of the product with
 * the scale. 0 for the others: the sums are integers, and every version continues with the same
 * operations; but sets that round products (rounds_products in kernel_table) have (2 steps + 1)
 * u |C|, where a step is a segment, or QD8_SEGMENT elements of it. */
typedef void qc8w_gemm_kernel(ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,
                              ptrdiff_t lda, packed_matrix b, ptrdiff_t column, ptrdiff_t columns,
                              const float *scales, const float *_Nullable bias, float *c,
                              ptrdiff_t ldc, int accumulate);

/* q8_qc8w_gemm: C[r, j] = sum over k < count of row_scales[r] * quantized[r * lda + k] * scales[j]
 * * q[first + k, column + j], or C[r, j] += the sum, in steps of QD8_SEGMENT as in qd8_qc8w_gemm.
 * `first` is a multiple of 8, and zeros follow each row of A up to a multiple of 4. Bound: that
 * of qd8_qc8w_gemm, for the same reasons. */
typedef void q8_gemm_kernel(ptrdiff_t rows, ptrdiff_t first, ptrdiff_t count,
                            const signed char *quantized, ptrdiff_t lda, const float *row_scales,
                            packed_matrix b, ptrdiff_t column, ptrdiff_t columns,
                            const float *scales, float *c, ptrdiff_t ldc, int accumulate);

/* q8_rows: quantises rows of at most QD8_SEGMENT elements as qd8_qc8w_gemm does, and writes their
 * row scales. Zeros follow each row up to a multiple of 4. Bound: 0, because every version has the
 * same operations. */
typedef void quantize_rows_kernel(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                                  signed char *quantized, ptrdiff_t ldo, float *row_scales);

/* qc8w_pack: q[k, column + j] = b[k * ldb + j], from -127 to 127, for j < columns. Bound: 0. */
typedef void qc8w_pack_kernel(packed_matrix to, ptrdiff_t column, ptrdiff_t columns,
                              const signed char *b, ptrdiff_t ldb);

/* qc8w_pack_rows: quantises and packs a B whose columns are the rows of b minus an offset,
 *   q[k, column + j] = round((b[j * ldb + k] - offset[k]) / scales[j]), ties to even, with
 *   scales[j] = max over k |b[j * ldb + k] - offset[k]| / 127, which is written too.
 * `inner` is at most QD8_SEGMENT; small rows, infinities and NaNs have the result of qd8_qc8w_gemm.
 * Bound: 0, because every version has the same operations. */
typedef void qc8w_pack_rows_kernel(packed_matrix to, ptrdiff_t column, ptrdiff_t columns,
                                   const float *b, ptrdiff_t ldb, const float *offset,
                                   float *scales);

/* qc8w_pack_scaled: quantises and packs the rows first ... first + count - 1 of all columns of B:
 * q[first + k, j] = round(b[k * ldb + j] / scales[j]), ties to even, clamped to -127 ... 127; 0
 * where the scale is not a positive finite number. `first` is a multiple of 8, and so is `count`
 * except in the last part. Bound: 0, one division and one rounding. */
typedef void qc8w_pack_scaled_kernel(packed_matrix to, ptrdiff_t first, ptrdiff_t count,
                                     const float *b, ptrdiff_t ldb, const float *scales);

/* ---- Fourier transforms ---- */

/* Number of signals that the Fourier transforms process side by side. Element n of a buffer is
 * 2 * FFT_SIGNALS floats: the real parts of all signals, then the imaginary parts. So a buffer of n
 * elements is also a buffer of 2 n real samples. Twiddles are (real, imaginary) pairs. */
enum { FFT_SIGNALS = 16 };

/* A part of a frame: its samples first ... first + count - 1, and their address in the signal. */
typedef struct fft_frame_part {
    float *samples;
    ptrdiff_t first;
    ptrdiff_t count;
} fft_frame_part;

/* f32_fft_frames: x[n * FFT_SIGNALS + s] = frames[s][n] * window[n] for n < samples.
 * Bound: 0, one rounding. */
typedef void fft_frames_kernel(ptrdiff_t samples, const float *window,
                               const float *_Nonnull const *_Nonnull frames, float *x);

/* f32_fft_pass: one pass of Stockham's self-sorting algorithm with radix 2, 4 or 8. For
 * p < groups, q < stride and k < radix, w[p, 0] = 1 and w[p, k] = twiddles[(radix - 1) p + k - 1],
 *   y[q + stride (radix p + k)] =
 *       w[p, k] * sum over j < radix of x[q + stride (p + groups j)] exp(-2 pi i j k / radix).
 * Bound: (3 radix + 12) u |y|: plain rounds a product and two sums for each of the radix terms,
 * SIMD sets round less often; in addition the roots are rounded, and the product with w. */
typedef void fft_pass_kernel(ptrdiff_t radix, ptrdiff_t groups, ptrdiff_t stride,
                             const float *twiddles, const float *x, float *y);

/* f32_rfft_bins: the spectra of real signals from Z, the complex transforms of their samples taken
 * as `bins` elements. With twiddles[k] = exp(-pi i k / bins), Z[bins] = Z[0],
 * S = (Z[k] + conj Z[bins - k]) / 2 and D = (Z[k] - conj Z[bins - k]) / 2,
 *   X[k] = S - i twiddles[k] D
 * for k < bins, without the bin of the Nyquist frequency. The first `count` signals are written as
 * (real, imaginary) pairs to out + k * ldo.
 * Bound: 16 u 3 max |z|: fewer than eight roundings in each version, of sums up to 3 max |z|. */
typedef void rfft_bins_kernel(ptrdiff_t bins, ptrdiff_t count, const float *twiddles,
                              const float *z, float *out, ptrdiff_t ldo);

/* f32_irfft_bins: the inverse of f32_rfft_bins, from the pairs of the first `count` signals at
 * x + k * ldx. All other signals, the bin of the Nyquist frequency and the imaginary part of bin 0
 * are taken as zero. Elements are written in reverse order, so that a forward transform of z is the
 * inverse one. With X[bins] = 0, S = X[k] + conj X[bins - k] and D = X[k] - conj X[bins - k],
 *   z[-k mod bins] = S + i conj(twiddles[k]) D.
 * Bound: 16 u 6 max |x|: that of f32_rfft_bins without the factors of one half. */
typedef void irfft_bins_kernel(ptrdiff_t bins, ptrdiff_t count, const float *twiddles,
                               const float *x, ptrdiff_t ldx, float *z);

/* f32_fft_overlap_add: parts[s].samples[n - first] += x[n * FFT_SIGNALS + s] * window[n] for each n
 * in the part of signal s, for the first `count` signals. Parts may overlap.
 * Bound: 2 (parts + 2) u |samples| for a sample in `parts` parts: one version may round products,
 * and add them in another order. */
typedef void fft_overlap_add_kernel(ptrdiff_t samples, ptrdiff_t count, const float *window,
                                    const float *x, const fft_frame_part *parts);

#pragma clang assume_nonnull end

#endif
