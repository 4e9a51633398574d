/* The plain kernels of matrix products. A packed B is B itself, row-major. */

/* Sets C to the bias or 0, unless `accumulate`. */
static void begin_sums(ptrdiff_t rows, ptrdiff_t columns, const float *bias, float *c,
                       ptrdiff_t ldc, int accumulate) {
    for (ptrdiff_t r = 0; r < rows && !accumulate; r++)
        for (ptrdiff_t j = 0; j < columns; j++)
            c[r * ldc + j] = bias ? bias[j] : 0;
}

/* The form of A: float32, unchanged or rounded to bfloat16; or bfloat16. */
enum form { AS_IS, ROUNDED, BF16 };

static inline float element(enum form form, const void *a, ptrdiff_t i) {
    if (form == BF16)
        return widened(((const uint16_t *)a)[i]);
    const float x = ((const float *)a)[i];
    return form == ROUNDED ? widened(bf16_of(x)) : x;
}

/* B is bfloat16 if A is used as bfloat16. The form is a constant after inlining. */
static inline __attribute__((always_inline)) void
product(const enum form form, ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,
        ptrdiff_t lda, packed_matrix b, ptrdiff_t column, ptrdiff_t columns, const float *bias,
        float *c, ptrdiff_t ldc, int accumulate) {
    begin_sums(rows, columns, bias, c, ldc, accumulate);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t s = 0; s < count; s++)
            for (ptrdiff_t k = 0; k < segments[s].count; k++) {
                const float x = element(form, segments[s].a, r * lda + k);
                const ptrdiff_t place = (segments[s].first + k) * b.columns + column;
                float *restrict sums = c + r * ldc;
                for (ptrdiff_t j = 0; j < columns; j++)
                    sums[j] += x * element(form == AS_IS ? AS_IS : BF16, b.bytes, place + j);
            }
}

#define GEMM_KERNEL(name, form)                                                                    \
    static void name##__plain(ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,       \
                              ptrdiff_t lda, packed_matrix b, ptrdiff_t column, ptrdiff_t columns, \
                              const float *bias, float *c, ptrdiff_t ldc, int accumulate) {        \
        product(form, rows, count, segments, lda, b, column, columns, bias, c, ldc, accumulate);   \
    }

GEMM_KERNEL(f32_gemm, AS_IS)
GEMM_KERNEL(f32_bf16w_gemm, ROUNDED)
GEMM_KERNEL(bf16_gemm, BF16)

static ptrdiff_t f32_packed_bytes__plain(ptrdiff_t inner, ptrdiff_t columns) {
    return (ptrdiff_t)sizeof(float) * inner * columns;
}

static void f32_pack__plain(packed_matrix to, ptrdiff_t first, ptrdiff_t count, ptrdiff_t column,
                            ptrdiff_t columns, const float *b, ptrdiff_t inner_stride,
                            ptrdiff_t column_stride) {
    for (ptrdiff_t k = 0; k < count; k++)
        for (ptrdiff_t j = 0; j < columns; j++)
            ((float *)to.bytes)[(first + k) * to.columns + column + j] =
                b[k * inner_stride + j * column_stride];
}

static ptrdiff_t bf16_packed_bytes__plain(ptrdiff_t inner, ptrdiff_t columns) {
    return (ptrdiff_t)sizeof(uint16_t) * inner * columns;
}

static void bf16_pack__plain(packed_matrix to, ptrdiff_t first, ptrdiff_t count, ptrdiff_t column,
                             ptrdiff_t columns, const float *b, ptrdiff_t inner_stride,
                             ptrdiff_t column_stride) {
    for (ptrdiff_t k = 0; k < count; k++)
        for (ptrdiff_t j = 0; j < columns; j++)
            ((uint16_t *)to.bytes)[(first + k) * to.columns + column + j] =
                bf16_of(b[k * inner_stride + j * column_stride]);
}

static ptrdiff_t qc8w_packed_bytes__plain(ptrdiff_t inner, ptrdiff_t columns) {
    return inner * columns;
}

static void qc8w_pack__plain(packed_matrix to, ptrdiff_t column, ptrdiff_t columns,
                             const signed char *b, ptrdiff_t ldb) {
    for (ptrdiff_t k = 0; k < to.inner; k++)
        memcpy((signed char *)to.bytes + k * to.columns + column, b + k * ldb, (size_t)columns);
}

/* Number of columns whose sums are computed side by side. */
enum { SUMS = 16 };

static void qc8w_product(enum form form, ptrdiff_t rows, ptrdiff_t count,
                         const gemm_segment *segments, ptrdiff_t lda, packed_matrix b,
                         ptrdiff_t column, ptrdiff_t columns, const float *scales,
                         const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    begin_sums(rows, columns, bias, c, ldc, accumulate);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t first = 0; first < columns; first += SUMS) {
            const ptrdiff_t n = columns - first < SUMS ? columns - first : SUMS;
            float sums[SUMS] = {0};
            for (ptrdiff_t s = 0; s < count; s++)
                for (ptrdiff_t k = 0; k < segments[s].count; k++) {
                    const float x = element(form, segments[s].a, r * lda + k);
                    const signed char *row = (const signed char *)b.bytes +
                                             (segments[s].first + k) * b.columns + column + first;
                    for (ptrdiff_t j = 0; j < n; j++)
                        sums[j] += x * row[j];
                }
            for (ptrdiff_t j = 0; j < n; j++)
                c[r * ldc + first + j] += scales[first + j] * sums[j];
        }
}

#define QC8W_GEMM_KERNEL(name, form)                                                               \
    static void name##__plain(ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,       \
                              ptrdiff_t lda, packed_matrix b, ptrdiff_t column, ptrdiff_t columns, \
                              const float *scales, const float *bias, float *c, ptrdiff_t ldc,     \
                              int accumulate) {                                                    \
        qc8w_product(form, rows, count, segments, lda, b, column, columns, scales, bias, c, ldc,   \
                     accumulate);                                                                  \
    }

QC8W_GEMM_KERNEL(f32_qc8w_gemm, AS_IS)
QC8W_GEMM_KERNEL(bf16_qc8w_gemm, ROUNDED)

/* Quantises n floats to whole numbers up to `largest` and returns their row scale. */
static float quantize(const float *x, ptrdiff_t n, float largest, int16_t *quantized) {
    float magnitude = 0;
    for (ptrdiff_t k = 0; k < n; k++) {
        float size = __builtin_fabsf(x[k]);
        if (!(size <= __FLT_MAX__)) {
            memset(quantized, 0, sizeof(int16_t) * (size_t)n);
            return __builtin_nanf("");
        }
        magnitude = size > magnitude ? size : magnitude;
    }
    const int is_zero = magnitude < QD8_SMALLEST;
    const float inverse = is_zero ? 0.0f : largest / magnitude;
    for (ptrdiff_t k = 0; k < n; k++)
        quantized[k] = (int16_t)rintf(x[k] * inverse);
    return is_zero ? 0.0f : magnitude / largest;
}

/* Writes n whole numbers as bytes, `distance` apart. */
static void narrow(ptrdiff_t n, const int16_t *x, signed char *bytes, ptrdiff_t distance) {
    for (ptrdiff_t k = 0; k < n; k++)
        bytes[k * distance] = (signed char)x[k];
}

static void q8_rows__plain(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                           signed char *quantized, ptrdiff_t ldo, float *row_scales) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, quantized += ldo) {
        int16_t numbers[QD8_SEGMENT];
        row_scales[r] = quantize(x, cols, 127, numbers);
        narrow(cols, numbers, quantized, 1);
        memset(quantized + cols, 0, (size_t)(-cols & 3));
    }
}

/* Adds one row of A, of at most QD8_SEGMENT elements, times B's rows from `first` on. */
static void add_quantized(ptrdiff_t count, const int16_t *quantized, float row_scale,
                          packed_matrix b, ptrdiff_t first, ptrdiff_t column, ptrdiff_t columns,
                          const float *scales, float *c) {
    for (ptrdiff_t begin = 0; begin < columns; begin += SUMS) {
        const ptrdiff_t n = columns - begin < SUMS ? columns - begin : SUMS;
        const signed char *row = (const signed char *)b.bytes + first * b.columns + column + begin;
        int32_t sums[SUMS] = {0};
        for (ptrdiff_t k = 0; k < count; k++, row += b.columns)
            for (ptrdiff_t j = 0; j < n; j++)
                sums[j] += quantized[k] * row[j];
        for (ptrdiff_t j = begin; j < begin + n; j++)
            c[j] = __builtin_fmaf((float)sums[j - begin], row_scale * scales[j], c[j]);
    }
}

static void qd8_qc8w_gemm__plain(ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,
                                 ptrdiff_t lda, packed_matrix b, ptrdiff_t column,
                                 ptrdiff_t columns, const float *scales, const float *bias,
                                 float *c, ptrdiff_t ldc, int accumulate) {
    begin_sums(rows, columns, bias, c, ldc, accumulate);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t s = 0; s < count; s++)
            for (ptrdiff_t done = 0; done < segments[s].count; done += QD8_SEGMENT) {
                const ptrdiff_t rest = segments[s].count - done;
                const ptrdiff_t n = rest < QD8_SEGMENT ? rest : QD8_SEGMENT;
                const float *x = (const float *)segments[s].a + r * lda + done;
                int16_t quantized[QD8_SEGMENT];
                const float row_scale = quantize(x, n, 127, quantized);
                add_quantized(n, quantized, row_scale, b, segments[s].first + done, column, columns,
                              scales, c + r * ldc);
            }
}

static void qd14_qc8w_gemm__plain(ptrdiff_t rows, ptrdiff_t count, const gemm_segment *segments,
                                  ptrdiff_t lda, packed_matrix b, ptrdiff_t column,
                                  ptrdiff_t columns, const float *scales, const float *bias,
                                  float *c, ptrdiff_t ldc, int accumulate) {
    begin_sums(rows, columns, bias, c, ldc, accumulate);
    ptrdiff_t inner = 0;
    for (ptrdiff_t s = 0; s < count; s++)
        inner += segments[s].count;
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t done = 0, s = 0, k = 0; done < inner; done += QD8_SEGMENT) {
            const ptrdiff_t n = inner - done < QD8_SEGMENT ? inner - done : QD8_SEGMENT;
            float x[QD8_SEGMENT];
            for (ptrdiff_t i = 0; i < n; i++, k++) {
                for (; k == segments[s].count; s++)
                    k = 0;
                x[i] = ((const float *)segments[s].a)[r * lda + k];
            }
            int16_t quantized[QD8_SEGMENT];
            const float row_scale = quantize(x, n, QD14_LARGEST, quantized);
            add_quantized(n, quantized, row_scale, b, segments[0].first + done, column, columns,
                          scales, c + r * ldc);
        }
}

static void q8_qc8w_gemm__plain(ptrdiff_t rows, ptrdiff_t first, ptrdiff_t count,
                                const signed char *quantized, ptrdiff_t lda,
                                const float *row_scales, packed_matrix b, ptrdiff_t column,
                                ptrdiff_t columns, const float *scales, float *c, ptrdiff_t ldc,
                                int accumulate) {
    begin_sums(rows, columns, NULL, c, ldc, accumulate);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t done = 0; done < count; done += QD8_SEGMENT) {
            const ptrdiff_t n = count - done < QD8_SEGMENT ? count - done : QD8_SEGMENT;
            int16_t numbers[QD8_SEGMENT];
            for (ptrdiff_t k = 0; k < n; k++)
                numbers[k] = quantized[r * lda + done + k];
            add_quantized(n, numbers, row_scales[r], b, first + done, column, columns, scales,
                          c + r * ldc);
        }
}

static void qc8w_pack_rows__plain(packed_matrix to, ptrdiff_t column, ptrdiff_t columns,
                                  const float *b, ptrdiff_t ldb, const float *offset,
                                  float *scales) {
    float differences[QD8_SEGMENT];
    int16_t quantized[QD8_SEGMENT];
    for (ptrdiff_t j = 0; j < columns; j++) {
        for (ptrdiff_t k = 0; k < to.inner; k++)
            differences[k] = b[j * ldb + k] - offset[k];
        scales[j] = quantize(differences, to.inner, 127, quantized);
        narrow(to.inner, quantized, (signed char *)to.bytes + column + j, to.columns);
    }
}

static void qc8w_pack_scaled__plain(packed_matrix to, ptrdiff_t first, ptrdiff_t count,
                                    const float *b, ptrdiff_t ldb, const float *scales) {
    for (ptrdiff_t k = 0; k < count; k++)
        for (ptrdiff_t j = 0; j < to.columns; j++) {
            float quantized = 0;
            if (scales[j] > 0 && scales[j] < INFINITY)
                quantized = fminf(127, fmaxf(-127, rintf(b[k * ldb + j] / scales[j])));
            ((signed char *)to.bytes)[(first + k) * to.columns + j] = (signed char)quantized;
        }
}
