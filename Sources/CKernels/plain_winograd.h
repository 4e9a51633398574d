/* The plain kernels of the Winograd transforms. */

/* The points of Winograd's transforms: sqrt 1/2 and sqrt 2. */
static const float POINT_A = 0.70710678118654752f, POINT_B = 1.4142135623730951f;

static void winograd_input_column(const float d[6], float out[6]) {
    float even = d[4] - 2 * d[2], odd = POINT_A * (d[3] - 2 * d[1]);
    float far_even = d[4] - d[2] / 2, far_odd = POINT_B * (d[3] - d[1] / 2);
    out[0] = d[0] - 2.5f * d[2] + d[4];
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = far_even + far_odd;
    out[4] = far_even - far_odd;
    out[5] = d[1] - 2.5f * d[3] + d[5];
}

static void winograd_input(int is_bf16, ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols,
                           const float *x, ptrdiff_t count, void *out, ptrdiff_t plane,
                           ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            float d[6], v[6];
            for (ptrdiff_t i = 0; i < 6; i++) {
                ptrdiff_t place = 4 * (first + t) + i - 1;
                d[i] = place >= 0 && place < count ? x[place * cols + c] : 0.0f;
            }
            winograd_input_column(d, v);
            for (ptrdiff_t i = 0; i < 6; i++)
                put(is_bf16, out, i * plane + t * ldo + c, v[i]);
        }
}

static void winograd_input_2d(int is_bf16, ptrdiff_t row, ptrdiff_t freqs, ptrdiff_t first,
                              ptrdiff_t tiles, ptrdiff_t cols, const float *x, ptrdiff_t count,
                              void *out, ptrdiff_t plane, ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            float e[4][6], d[4][6];
            for (ptrdiff_t j = 0; j < 4; j++)
                for (ptrdiff_t i = 0; i < 6; i++) {
                    ptrdiff_t freq = row + j, place = 4 * (first + t) + i - 1;
                    int inside = freq >= 0 && freq < freqs && place >= 0 && place < count;
                    e[j][i] = inside ? x[(freq * count + place) * cols + c] : 0.0f;
                }
            for (ptrdiff_t i = 0; i < 6; i++) {
                d[0][i] = e[0][i] - e[2][i];
                d[1][i] = e[1][i] + e[2][i];
                d[2][i] = e[2][i] - e[1][i];
                d[3][i] = e[1][i] - e[3][i];
            }
            for (ptrdiff_t j = 0; j < 4; j++) {
                float v[6];
                winograd_input_column(d[j], v);
                for (ptrdiff_t i = 0; i < 6; i++)
                    put(is_bf16, out, (6 * j + i) * plane + t * ldo + c, v[i]);
            }
        }
}

static void winograd_output_column(const float v[6], ptrdiff_t count, float *out, ptrdiff_t ldo) {
    float sum = v[1] + v[2], difference = v[1] - v[2];
    float far_sum = v[3] + v[4], far_difference = v[3] - v[4];
    const float y[4] = {v[0] + sum + far_sum, POINT_A * difference + POINT_B * far_difference,
                        sum / 2 + 2 * far_sum,
                        POINT_A / 2 * difference + 2 * POINT_B * far_difference + v[5]};
    for (ptrdiff_t i = 0; i < 4 && i < count; i++)
        out[i * ldo] = y[i];
}

static void f32_winograd_output__plain(ptrdiff_t tiles, ptrdiff_t cols, const float *m,
                                       ptrdiff_t plane, ptrdiff_t rows, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            float v[6];
            for (ptrdiff_t i = 0; i < 6; i++)
                v[i] = m[i * plane + t * cols + c];
            winograd_output_column(v, rows - 4 * t, out + 4 * t * ldo + c, ldo);
        }
}

static void f32_winograd_output_2d__plain(ptrdiff_t tiles, ptrdiff_t cols, const float *m,
                                          ptrdiff_t plane, ptrdiff_t rows, float *out, float *next,
                                          ptrdiff_t ldo) {
    for (ptrdiff_t t = 0; t < tiles; t++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            float v[6], w[6];
            for (ptrdiff_t i = 0; i < 6; i++) {
                const float *p = m + i * plane + t * cols + c;
                v[i] = p[0] + p[6 * plane] + p[12 * plane];
                w[i] = p[6 * plane] - p[12 * plane] - p[18 * plane];
            }
            winograd_output_column(v, rows - 4 * t, out + 4 * t * ldo + c, ldo);
            if (next)
                winograd_output_column(w, rows - 4 * t, next + 4 * t * ldo + c, ldo);
        }
}
