/* Products of INT8 with INT8, written once: weights as a code each and a scale per column, A
 * quantised row by row.
 *
 * Included after simd_products.h. The same packed codes serve the products of simd_int8_wide.h too.
 *
 * NATIVE_DOT: the CPU adds up four products of bytes in one instruction (VPDPBUSD of AVX512-VNNI,
 * SDOT of arm64). Elsewhere two products of 16 bits are added (VPMADDWD), or two of bytes (SMULL
 * and SADALP): exact as well, so every set gives the same sums.
 */

/* B's rows that stand together for each column, and what the x86 dot product's unsigned operand
 * asks to be added to each code. */
#if NATIVE_DOT
enum { GROUP = 4 };
#else
enum { GROUP = 2 };
#endif
#if NATIVE_DOT && defined(__x86_64__)
#define CODE_FLIP 0x80
#else
#define CODE_FLIP 0
#endif

/* A code of A. VPMADDWD multiplies 16 bits. */
#if !NATIVE_DOT && defined(__x86_64__)
typedef int16_t a_code;
#else
typedef int8_t a_code;
#endif
typedef a_code a_codes __attribute__((ext_vector_type(WIDTH)));

/* Rows of A that are quantised together; a whole number of tiles. */
enum { CODE_ROWS = 48 };
/* Room for a segment, what makes its groups whole and a vector behind it; one line more, so that
 * the rows of a tile do not fall on the same sets of the L1 cache. */
enum { CODE_COLUMNS = QD8_SEGMENT + 64 };

typedef struct {
    a_code rows[CODE_ROWS][CODE_COLUMNS];
    float step[CODE_ROWS];
    /* What the flipped codes of B add to each sum, negated. */
    int32_t start[CODE_ROWS];
} code_block;

/* Quantised rows of A where they are: `stride` codes apart, with their steps and starts. */
typedef struct {
    const a_code *rows;
    ptrdiff_t stride;
    const float *step;
    const int32_t *start;
} code_view;

static inline code_view view_of(const code_block *block) {
    return (code_view){&block->rows[0][0], CODE_COLUMNS, block->step, block->start};
}

/* The bits of |x|: ordered like the numbers, with infinity and NaN at the end. */
static inline vec_int magnitude_bits(vec x) {
    vec_int bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7FFFFFFF;
}

/* The step of n floats that their codes are multiples of, and its inverse: 0 where they count as
 * zeros, or where one is no finite number. */
static inline float step_of(const float *x, ptrdiff_t n, float *inverse) {
    vec_int largest = 0;
    ptrdiff_t k = 0;
    for (; k + WIDTH <= n; k += WIDTH)
        largest = __builtin_elementwise_max(largest, magnitude_bits(load(x + k)));
    if (k < n)
        largest = __builtin_elementwise_max(largest, magnitude_bits(load_part(x + k, n - k)));
    int32_t bits = 0;
    for (int i = 0; i < WIDTH; i++)
        bits = largest[i] > bits ? largest[i] : bits;
    float magnitude;
    memcpy(&magnitude, &bits, sizeof magnitude);
    *inverse = 0;
    if (bits >= 0x7F800000) /* infinity or NaN */
        return __builtin_nanf("");
    if (magnitude < QD8_SMALLEST)
        return 0;
    *inverse = 127.0f / magnitude;
    return magnitude / 127.0f;
}

static inline vec_int codes_of(vec x, float inverse) {
    return __builtin_convertvector(__builtin_elementwise_roundeven(x * inverse), vec_int);
}

/* Quantises n floats to codes in -127...127 with one step, zeros up to whole groups behind them. */
static void quantise_row(const float *x, ptrdiff_t n, code_block *block, ptrdiff_t row,
                         ptrdiff_t lead) {
    a_code *out = block->rows[row];
    memset(out, 0, sizeof(a_code) * (size_t)lead);
    out += lead;
    float inverse;
    block->step[row] = step_of(x, n, &inverse);
    block->start[row] = 0;
    if (inverse == 0) {
        memset(out, 0, sizeof(a_code) * (size_t)(n + GROUP));
        return;
    }
    vec_int sum = 0;
    for (ptrdiff_t k = 0; k < n; k += WIDTH) {
        vec_int codes = codes_of(load_first(x + k, n - k), inverse);
        sum += codes;
        a_codes narrow = __builtin_convertvector(codes, a_codes);
        memcpy(out + k, &narrow, sizeof narrow);
    }
    memset(out + n, 0, sizeof(a_code) * GROUP);
    block->start[row] = -CODE_FLIP * sum_int_lanes(sum);
}

/* GROUP codes of each of WIDTH columns, as they are packed. */
#if NATIVE_DOT
typedef vec_int code_group;
static inline code_group load_group(const uint8_t *p) {
    code_group v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline vec_int group_lanes(const uint8_t *p) {
    return load_group(p) ^ (vec_int)(int32_t)(0x01010101u * CODE_FLIP);
}
#else
typedef int16_t code_group __attribute__((ext_vector_type(WIDTH)));
static inline vec_int group_lanes(const uint8_t *p) {
    code_group v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, vec_int);
}
#endif

/* The codes of the i-th row of a group. */
static inline vec group_row(vec_int lanes, int i) {
    return __builtin_convertvector((lanes << (24 - 8 * i)) >> 24, vec);
}

/* sum += a group of A's codes times a group of B's, for each column. */
#if NATIVE_DOT && defined(__x86_64__)
typedef vec_int b_codes;
static inline b_codes load_codes(const uint8_t *p) { return load_group(p); }
static inline vec_int dot(vec_int sum, b_codes b, const a_code *a) {
    int32_t group;
    memcpy(&group, a, sizeof group);
    return (vec_int)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)b, _mm512_set1_epi32(group));
}
#elif NATIVE_DOT
typedef int8x16_t b_codes;
static inline b_codes load_codes(const uint8_t *p) { return vld1q_s8((const int8_t *)p); }
static inline vec_int dot(vec_int sum, b_codes b, const a_code *a) {
    int32_t group;
    memcpy(&group, a, sizeof group);
    int8x16_t x = vreinterpretq_s8_s32(vdupq_n_s32(group));
    int32x4_t total;
    memcpy(&total, &sum, sizeof total);
    total = vdotq_s32(total, b, x);
    memcpy(&sum, &total, sizeof sum);
    return sum;
}
#elif WIDTH == 16
typedef __m512i b_codes;
static inline b_codes load_codes(const uint8_t *p) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p));
}
static inline vec_int dot(vec_int sum, b_codes b, const a_code *a) {
    int32_t group;
    memcpy(&group, a, sizeof group);
    return sum + (vec_int)_mm512_madd_epi16(b, _mm512_set1_epi32(group));
}
#elif WIDTH == 8
typedef __m256i b_codes;
static inline b_codes load_codes(const uint8_t *p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
}
static inline vec_int dot(vec_int sum, b_codes b, const a_code *a) {
    int32_t group;
    memcpy(&group, a, sizeof group);
    return sum + (vec_int)_mm256_madd_epi16(b, _mm256_set1_epi32(group));
}
#else
typedef int8x8_t b_codes;
static inline b_codes load_codes(const uint8_t *p) { return vld1_s8((const int8_t *)p); }
static inline vec_int dot(vec_int sum, b_codes b, const a_code *a) {
    int16_t group;
    memcpy(&group, a, sizeof group);
    int16x8_t products = vmull_s8(b, vreinterpret_s8_s16(vdup_n_s16(group)));
    int32x4_t total;
    memcpy(&total, &sum, sizeof total);
    total = vpadalq_s16(total, products);
    memcpy(&sum, &total, sizeof sum);
    return sum;
}
#endif

enum { GROUP_BYTES = GROUP * WIDTH };

/* C[rows, vectors * WIDTH] = start or C, + step * scale * (codes of A times codes of B). */
static inline __attribute__((always_inline)) void
code_tile(const int rows, const int vectors, code_view view, ptrdiff_t row, ptrdiff_t groups,
          const uint8_t *panel, const float *scales, const float *bias, float *c, ptrdiff_t ldc,
          int accumulate) {
    vec_int sum[ROWS][2];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++)
            sum[r][v] = (vec_int)view.start[row + r];
    const a_code *a = view.rows + row * view.stride;
    for (ptrdiff_t g = 0; g < groups; g++, a += GROUP, panel += vectors * GROUP_BYTES) {
        b_codes b0 = load_codes(panel);
        b_codes b1 = load_codes(panel + (vectors > 1 ? GROUP_BYTES : 0));
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            sum[r][0] = dot(sum[r][0], b0, a + r * view.stride);
            if (vectors > 1)
                sum[r][1] = dot(sum[r][1], b1, a + r * view.stride);
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) {
            vec factor = view.step[row + r] * load(scales + v * WIDTH);
            vec before = accumulate ? load(c + r * ldc + v * WIDTH)
                         : bias     ? load(bias + v * WIDTH)
                                    : (vec)0;
            store(c + r * ldc + v * WIDTH,
                  fma(__builtin_convertvector(sum[r][v], vec), factor, before));
        }
}

static inline __attribute__((always_inline)) void
code_rows(const int vectors, code_view view, ptrdiff_t rows, ptrdiff_t groups, const uint8_t *panel,
          const float *scales, const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    ptrdiff_t row = 0;
    for (; row + ROWS <= rows; row += ROWS)
        code_tile(ROWS, vectors, view, row, groups, panel, scales, bias, c + row * ldc, ldc,
                  accumulate);
    if (row + ROWS / 2 <= rows) {
        code_tile(ROWS / 2, vectors, view, row, groups, panel, scales, bias, c + row * ldc, ldc,
                  accumulate);
        row += ROWS / 2;
    }
    for (; row + 2 <= rows; row += 2)
        code_tile(2, vectors, view, row, groups, panel, scales, bias, c + row * ldc, ldc,
                  accumulate);
    if (row < rows)
        code_tile(1, vectors, view, row, groups, panel, scales, bias, c + row * ldc, ldc,
                  accumulate);
}

/* Some rows against one panel. */
static void code_panel(code_view view, ptrdiff_t rows, ptrdiff_t groups, ptrdiff_t columns,
                       const uint8_t *panel, const float *scales, const float *bias, float *c,
                       ptrdiff_t ldc, int accumulate) {
    if (columns == PANEL) {
        code_rows(2, view, rows, groups, panel, scales, bias, c, ldc, accumulate);
        return;
    }
    if (columns == WIDTH) {
        code_rows(1, view, rows, groups, panel, scales, bias, c, ldc, accumulate);
        return;
    }
    /* The last panel, whose columns are not all there, goes through a buffer. */
    float buffer[CODE_ROWS * PANEL], whole_scales[PANEL] = {0}, whole_bias[PANEL] = {0};
    const ptrdiff_t width = columns > WIDTH ? PANEL : WIDTH;
    const size_t bytes = sizeof(float) * (size_t)columns;
    memcpy(whole_scales, scales, bytes);
    if (bias)
        memcpy(whole_bias, bias, bytes);
    if (accumulate)
        for (ptrdiff_t r = 0; r < rows; r++)
            memcpy(buffer + r * width, c + r * ldc, bytes);
    if (width == PANEL)
        code_rows(2, view, rows, groups, panel, whole_scales, whole_bias, buffer, width,
                  accumulate);
    else
        code_rows(1, view, rows, groups, panel, whole_scales, whole_bias, buffer, width,
                  accumulate);
    for (ptrdiff_t r = 0; r < rows; r++)
        memcpy(c + r * ldc, buffer + r * width, bytes);
}

/* B's rows from a group's beginning on, in a panel of `width` columns. */
static inline const uint8_t *code_place(const void *packed, ptrdiff_t padded, ptrdiff_t column,
                                        ptrdiff_t width, ptrdiff_t k) {
    return (const uint8_t *)packed + padded * column + k * width;
}

/* Some rows against all columns, from B's row `k` on. */
static void code_columns(code_view view, ptrdiff_t rows, ptrdiff_t groups, ptrdiff_t columns,
                         const void *packed, ptrdiff_t padded, ptrdiff_t k, const float *scales,
                         const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    for (ptrdiff_t column = 0; column < columns; column += PANEL) {
        ptrdiff_t n = columns - column < PANEL ? columns - column : PANEL;
        ptrdiff_t width = n > WIDTH ? PANEL : WIDTH;
        code_panel(view, rows, groups, n, code_place(packed, padded, column, width, k),
                   scales + column, bias ? bias + column : NULL, c + column, ldc, accumulate);
    }
}

static inline ptrdiff_t whole_groups(ptrdiff_t inner) {
    return (inner + GROUP - 1) / GROUP * GROUP;
}

static void KERNEL(qd8_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                                  const gemm_segment *segments, ptrdiff_t lda, const void *packed,
                                  ptrdiff_t inner, const float *scales, const float *bias, float *c,
                                  ptrdiff_t ldc, int accumulate) {
    const ptrdiff_t padded = whole_groups(inner);
    const gemm_segment nothing = {.a = scales, .first = 0, .count = 0};
    if (count == 0) {
        segments = &nothing;
        count = 1;
    }
    code_block block;
    for (ptrdiff_t row = 0; row < rows; row += CODE_ROWS) {
        ptrdiff_t n = rows - row < CODE_ROWS ? rows - row : CODE_ROWS;
        int adding = accumulate;
        for (ptrdiff_t s = 0; s < count; s++) {
            ptrdiff_t done = 0;
            do {
                ptrdiff_t length = segments[s].count - done;
                length = length < QD8_SEGMENT ? length : QD8_SEGMENT;
                ptrdiff_t from = segments[s].first + done, lead = from % GROUP;
                const float *a = (const float *)segments[s].a + done + row * lda;
                for (ptrdiff_t r = 0; r < n; r++)
                    quantise_row(a + r * lda, length, &block, r, lead);
                code_columns(view_of(&block), n, (lead + length + GROUP - 1) / GROUP, columns,
                             packed, padded, from - lead, scales, bias, c + row * ldc, ldc, adding);
                adding = 1;
                done += length;
            } while (done < segments[s].count);
        }
    }
}

static ptrdiff_t KERNEL(qc8w_packed_bytes)(ptrdiff_t inner, ptrdiff_t columns) {
    return whole_groups(inner) * ((columns + WIDTH - 1) / WIDTH * WIDTH);
}

static void KERNEL(qc8w_pack)(ptrdiff_t inner, ptrdiff_t columns, const signed char *b,
                              ptrdiff_t ldb, void *packed) {
    const ptrdiff_t padded = whole_groups(inner);
    uint8_t *panel = (uint8_t *)packed;
    for (ptrdiff_t column = 0; column < columns; column += PANEL) {
        ptrdiff_t n = columns - column < PANEL ? columns - column : PANEL;
        ptrdiff_t width = n > WIDTH ? PANEL : WIDTH;
        for (ptrdiff_t k = 0; k < padded; k++)
            for (ptrdiff_t j = 0; j < width; j++) {
                signed char code = k < inner && j < n ? b[k * ldb + column + j] : 0;
                panel[k / GROUP * GROUP * width + j * GROUP + k % GROUP] =
                    (uint8_t)code ^ CODE_FLIP;
            }
        panel += padded * width;
    }
}

/* One column of B as the bytes of its groups, with zeros behind them; returns its scale. */
static float column_bytes(const float *x, const float *offset, ptrdiff_t inner, uint8_t *bytes) {
    float column[QD8_SEGMENT + WIDTH];
    ptrdiff_t k = 0;
    for (; k + WIDTH <= inner; k += WIDTH)
        store(column + k, load(x + k) - load(offset + k));
    if (k < inner)
        store(column + k, load_part(x + k, inner - k) - load_part(offset + k, inner - k));
    float inverse, scale = step_of(column, inner, &inverse);
    for (k = 0; k < inner; k += WIDTH) {
        vec_int codes = inverse == 0 ? (vec_int)0 : codes_of(load(column + k), inverse);
        byte_vec narrow = __builtin_convertvector(codes ^ CODE_FLIP, byte_vec);
        memcpy(bytes + k, &narrow, sizeof narrow);
    }
    memset(bytes + inner, CODE_FLIP, GROUP);
    return scale;
}

static void KERNEL(qc8w_pack_rows)(ptrdiff_t inner, ptrdiff_t columns, const float *b,
                                   ptrdiff_t ldb, const float *offset, void *packed,
                                   float *scales) {
    const ptrdiff_t padded = whole_groups(inner);
    uint8_t *panel = (uint8_t *)packed;
    uint8_t bytes[WIDTH][QD8_SEGMENT + WIDTH + GROUP];
    for (ptrdiff_t column = 0; column < columns; column += WIDTH) {
        ptrdiff_t n = columns - column < WIDTH ? columns - column : WIDTH;
        ptrdiff_t first = column % PANEL;
        ptrdiff_t width = columns - (column - first) > WIDTH ? PANEL : WIDTH;
        for (ptrdiff_t j = 0; j < n; j++)
            scales[column + j] = column_bytes(b + (column + j) * ldb, offset, inner, bytes[j]);
        for (ptrdiff_t j = n; j < WIDTH; j++)
            memset(bytes[j], CODE_FLIP, (size_t)padded);
        uint8_t *target = panel + first * GROUP;
        ptrdiff_t k = 0;
#if NATIVE_DOT
        /* A group is as long as a float. */
        for (; k + GROUP * WIDTH <= padded; k += GROUP * WIDTH) {
            vec groups[WIDTH];
            for (ptrdiff_t j = 0; j < WIDTH; j++)
                memcpy(&groups[j], bytes[j] + k, sizeof groups[j]);
            store_turned(groups, (float *)(void *)(target + k * width), width);
        }
#endif
        for (; k < padded; k += GROUP)
            for (ptrdiff_t j = 0; j < WIDTH; j++)
                memcpy(target + k * width + j * GROUP, bytes[j] + k, GROUP);
        if (first + WIDTH == width)
            panel += padded * width;
    }
}

#if NATIVE_DOT
/* What the flipped codes of B add to the sums of n codes of A, negated. */
static inline int32_t start_of(const signed char *codes, ptrdiff_t n) {
    int32_t total = 0;
    ptrdiff_t k = 0;
#ifdef __x86_64__
    vec_int sum = 0;
    for (; k + GROUP * WIDTH <= n; k += GROUP * WIDTH)
        sum = (vec_int)_mm512_dpbusd_epi32((__m512i)sum, _mm512_set1_epi8(1),
                                           _mm512_loadu_si512(codes + k));
    total = sum_int_lanes(sum);
#endif
    for (; k < n && CODE_FLIP != 0; k++)
        total += codes[k];
    return -CODE_FLIP * total;
}
#else
/* Takes n codes as a row of a block, zeros up to whole groups behind them. */
static void take_codes(const signed char *codes, ptrdiff_t n, float step, code_block *block,
                       ptrdiff_t row) {
    a_code *out = block->rows[row];
    for (ptrdiff_t k = 0; k < n; k += WIDTH) {
        byte_vec bytes = 0;
        memcpy(&bytes, codes + k, (size_t)(n - k < WIDTH ? n - k : WIDTH));
        a_codes wide = __builtin_convertvector(bytes, a_codes);
        memcpy(out + k, &wide, sizeof wide);
    }
    memset(out + n, 0, sizeof(a_code) * GROUP);
    block->step[row] = step;
    block->start[row] = 0;
}
#endif

static void KERNEL(q8_qc8w_gemm)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t first,
                                 ptrdiff_t count, const signed char *a, ptrdiff_t lda,
                                 const float *steps, const void *packed, ptrdiff_t inner,
                                 const float *scales, float *c, ptrdiff_t ldc, int accumulate) {
    const ptrdiff_t padded = whole_groups(inner);
    for (ptrdiff_t row = 0; row < rows; row += CODE_ROWS) {
        ptrdiff_t n = rows - row < CODE_ROWS ? rows - row : CODE_ROWS;
        int adding = accumulate;
        ptrdiff_t done = 0;
        do {
            ptrdiff_t length = count - done < QD8_SEGMENT ? count - done : QD8_SEGMENT;
            const signed char *codes = a + row * lda + done;
#if NATIVE_DOT
            /* Codes are multiplied where they are. */
            int32_t start[CODE_ROWS];
            for (ptrdiff_t r = 0; r < n; r++)
                start[r] = start_of(codes + r * lda, length);
            code_view view = {codes, lda, steps + row, start};
#else
            code_block block;
            for (ptrdiff_t r = 0; r < n; r++)
                take_codes(codes + r * lda, length, steps[row + r], &block, r);
            code_view view = view_of(&block);
#endif
            code_columns(view, n, whole_groups(length) / GROUP, columns, packed, padded,
                         first + done, scales, NULL, c + row * ldc, ldc, adding);
            adding = 1;
            done += length;
        } while (done < count);
    }
}

static void KERNEL(q8_rows)(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                            signed char *out, ptrdiff_t ldo, float *steps) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        float inverse;
        steps[r] = step_of(x, cols, &inverse);
        if (inverse == 0) {
            memset(out, 0, (size_t)((cols + 3) & -4));
            continue;
        }
        ptrdiff_t k = 0;
        for (; k + WIDTH <= cols; k += WIDTH) {
            byte_vec codes = __builtin_convertvector(codes_of(load(x + k), inverse), byte_vec);
            memcpy(out + k, &codes, sizeof codes);
        }
        if (k < cols) {
            vec_int codes = codes_of(load_part(x + k, cols - k), inverse);
            for (ptrdiff_t i = 0; k + i < ((cols + 3) & -4); i++)
                out[k + i] = (signed char)codes[i];
        }
    }
}

static inline void grow(vec_int *largest, vec x) {
    *largest = __builtin_elementwise_max(*largest, magnitude_bits(x));
}

static void KERNEL(f32_column_magnitudes)(ptrdiff_t rows, ptrdiff_t cols, const float *x,
                                          ptrdiff_t ldx, float *largest) {
    ptrdiff_t c = 0;
    /* Four vectors of columns at once: rows may be far apart. */
    for (; c + 4 * WIDTH <= cols; c += 4 * WIDTH) {
        vec_int found[4];
        memcpy(found, largest + c, sizeof found);
        for (ptrdiff_t r = 0; r < rows; r++)
            for (int i = 0; i < 4; i++)
                grow(&found[i], load(x + r * ldx + c + i * WIDTH));
        memcpy(largest + c, found, sizeof found);
    }
    for (; c < cols; c += WIDTH) {
        ptrdiff_t n = cols - c < WIDTH ? cols - c : WIDTH;
        vec_int found = 0;
        memcpy(&found, largest + c, sizeof(float) * (size_t)n);
        for (ptrdiff_t r = 0; r < rows; r++) {
            const float *row = x + r * ldx + c;
            grow(&found, load_first(row, n));
        }
        memcpy(largest + c, &found, sizeof(float) * (size_t)n);
    }
}

/* The codes of n <= WIDTH columns of one row of B. */
static inline vec_int scaled_codes(const float *b, const float *scales, ptrdiff_t n) {
    vec x = load_first(b, n), scale = load_first(scales, n);
    vec_int is_normal = (scale > 0) & (scale < __builtin_inff());
    vec code = __builtin_elementwise_roundeven(x / scale);
    return __builtin_convertvector(smaller((vec)127.0f, larger((vec)-127.0f, code)), vec_int) &
           is_normal;
}

static void KERNEL(qc8w_pack_scaled)(ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count,
                                     ptrdiff_t columns, const float *b, ptrdiff_t ldb,
                                     const float *scales, void *packed) {
    const ptrdiff_t padded = whole_groups(inner);
    uint8_t *panel = (uint8_t *)packed;
    for (ptrdiff_t column = 0; column < columns; column += PANEL) {
        ptrdiff_t n = columns - column < PANEL ? columns - column : PANEL;
        ptrdiff_t width = n > WIDTH ? PANEL : WIDTH;
        for (ptrdiff_t k = 0; k < count; k += GROUP)
            for (ptrdiff_t j = 0; j < width; j += WIDTH) {
                vec_int lanes = 0;
                ptrdiff_t m = n - j < WIDTH ? n - j : WIDTH;
                for (ptrdiff_t i = 0; i < GROUP; i++) {
                    vec_int codes = 0;
                    if (k + i < count && m > 0)
                        codes =
                            scaled_codes(b + (k + i) * ldb + column + j, scales + column + j, m);
                    lanes |= ((codes ^ CODE_FLIP) & 0xFF) << (8 * i);
                }
                code_group group = __builtin_convertvector(lanes, code_group);
                memcpy(panel + (first + k) * width + GROUP * j, &group, sizeof group);
            }
        panel += padded * width;
    }
}
