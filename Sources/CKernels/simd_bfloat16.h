/* float32 rounded to bfloat16, to nearest, ties to even. */

typedef uint16_t half_vec __attribute__((ext_vector_type(WIDTH)));
typedef uint32_t vec_bits __attribute__((ext_vector_type(WIDTH)));

/* The bits of x rounded to bfloat16, in the upper half of each lane. A NaN stays one. */
static inline vec_bits round_to_bf16(vec x) {
    vec_bits bits;
    memcpy(&bits, &x, sizeof bits);
    vec_bits rounded = bits + 0x7FFF + ((bits >> 16) & 1);
    vec_bits is_number = __builtin_convertvector(x == x, vec_bits);
    return ((rounded & is_number) | ((bits | 0x00400000u) & ~is_number)) & 0xFFFF0000u;
}

static inline uint16_t bf16_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x != x)
        return (uint16_t)((bits | 0x00400000u) >> 16);
    return (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

/* A vector rounded to bfloat16. */
static inline half_vec rounded(vec x) {
#if NATIVE_BF16
    __m256bh half = _mm512_cvtneps_pbh((__m512)x);
    half_vec v;
    memcpy(&v, &half, sizeof v);
    return v;
#else
    return __builtin_convertvector(round_to_bf16(x) >> 16, half_vec);
#endif
}

static inline void store_half(uint16_t *p, half_vec v) { memcpy(p, &v, sizeof v); }

/* The first n < WIDTH elements. */
static inline void store_half_part(uint16_t *p, half_vec v, ptrdiff_t n) {
#if WIDTH == 16
    _mm256_mask_storeu_epi16(p, (__mmask16)((1u << n) - 1), (__m256i)v);
#else
    memcpy(p, &v, sizeof(uint16_t) * (size_t)n);
#endif
}

/* Element c of a row of floats, or of halves if it is `narrow`, and its neighbours. */
static inline __attribute__((always_inline)) void put(const int narrow, void *row, ptrdiff_t c,
                                                      vec v) {
    if (narrow)
        store_half((uint16_t *)row + c, rounded(v));
    else
        store((float *)row + c, v);
}

/* The first n < WIDTH of them. */
static inline __attribute__((always_inline)) void put_part(const int narrow, void *row, ptrdiff_t c,
                                                           vec v, ptrdiff_t n) {
    if (narrow)
        store_half_part((uint16_t *)row + c, rounded(v), n);
    else
        store_part((float *)row + c, v, n);
}

static inline void round_row(ptrdiff_t n, const float *x, uint16_t *out) {
    ptrdiff_t i = 0;
#if NATIVE_BF16
    for (; i + 2 * WIDTH <= n; i += 2 * WIDTH) {
        __m512bh v = _mm512_cvtne2ps_pbh((__m512)load(x + i + WIDTH), (__m512)load(x + i));
        memcpy(out + i, &v, sizeof v);
    }
#endif
    for (; i + WIDTH <= n; i += WIDTH)
        store_half(out + i, rounded(load(x + i)));
    if (i < n)
        store_half_part(out + i, rounded(load_part(x + i, n - i)), n - i);
}

static void KERNEL(bf16_round)(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                               uint16_t *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        round_row(cols, x, out);
        if (cols % 2)
            out[cols] = 0;
    }
}
