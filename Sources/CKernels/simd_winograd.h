/* The transforms of Winograd's F(4, 3) along time. */

/* The points: sqrt 1/2 and sqrt 2. */
static const float POINT_A = 0.70710678118654752f, POINT_B = 1.4142135623730951f;

/* Six values of one tile, transformed. */
static inline void winograd_input_columns(const vec d[6], vec out[6]) {
    vec even = fma((vec)-2.0f, d[2], d[4]), odd = POINT_A * fma((vec)-2.0f, d[1], d[3]);
    vec far_even = fma((vec)-0.5f, d[2], d[4]), far_odd = POINT_B * fma((vec)-0.5f, d[1], d[3]);
    out[0] = fma((vec)-2.5f, d[2], d[0] + d[4]);
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = far_even + far_odd;
    out[4] = far_even - far_odd;
    out[5] = fma((vec)-2.5f, d[3], d[1] + d[5]);
}

/* Both kernels; `narrow` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void
winograd_input(const int narrow, ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols, const float *x,
               ptrdiff_t count, void *out, ptrdiff_t plane, ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++) {
        ptrdiff_t row = 4 * (first + t) - 1;
        const float *source = x + row * cols;
        vec d[6], v[6];
        for (ptrdiff_t c = 0; c < cols; c += WIDTH) {
            ptrdiff_t n = cols - c;
            for (ptrdiff_t i = 0; i < 6; i++) {
                if (row + i < 0 || row + i >= count)
                    d[i] = 0;
                else
                    d[i] = n >= WIDTH ? load(source + i * cols + c)
                                      : load_part(source + i * cols + c, n);
            }
            winograd_input_columns(d, v);
            for (ptrdiff_t i = 0; i < 6; i++) {
                if (n >= WIDTH)
                    put(narrow, out, i * plane + t * ldo + c, v[i]);
                else
                    put_part(narrow, out, i * plane + t * ldo + c, v[i], n);
            }
        }
    }
}

static void KERNEL(f32_winograd_input)(ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols,
                                       const float *x, ptrdiff_t count, float *out, ptrdiff_t plane,
                                       ptrdiff_t ldo) {
    winograd_input(0, first, tiles, cols, x, count, out, plane, ldo);
}

static void KERNEL(bf16_winograd_input)(ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols,
                                        const float *x, ptrdiff_t count, uint16_t *out,
                                        ptrdiff_t plane, ptrdiff_t ldo) {
    winograd_input(1, first, tiles, cols, x, count, out, plane, ldo);
}

static void KERNEL(f32_winograd_output)(ptrdiff_t tiles, ptrdiff_t cols, const float *m,
                                        ptrdiff_t plane, ptrdiff_t rows, float *out,
                                        ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++, m += cols, out += 4 * ldo) {
        ptrdiff_t count = rows - 4 * t < 4 ? rows - 4 * t : 4;
        for (ptrdiff_t c = 0; c < cols; c += WIDTH) {
            ptrdiff_t n = cols - c;
            vec v[6], y[4];
            for (ptrdiff_t i = 0; i < 6; i++)
                v[i] = n >= WIDTH ? load(m + i * plane + c) : load_part(m + i * plane + c, n);
            vec sum = v[1] + v[2], difference = v[1] - v[2];
            vec far_sum = v[3] + v[4], far_difference = v[3] - v[4];
            y[0] = v[0] + sum + far_sum;
            y[1] = fma((vec)POINT_A, difference, POINT_B * far_difference);
            y[2] = fma((vec)0.5f, sum, 2.0f * far_sum);
            y[3] =
                fma((vec)(POINT_A / 2), difference, fma((vec)(2 * POINT_B), far_difference, v[5]));
            for (ptrdiff_t i = 0; i < count; i++) {
                if (n >= WIDTH)
                    store(out + i * ldo + c, y[i]);
                else
                    store_part(out + i * ldo + c, y[i], n);
            }
        }
    }
}
