/* The kernels that map each element on its own. */

static void KERNEL(f32_affine)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                               const float *shift, const float *x, ptrdiff_t ldx, float *out,
                               ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, fma(load(x + c), load(scale + c), load(shift + c)));
        ptrdiff_t n = cols - c;
        if (n > 0)
            store_part(out + c,
                       fma(load_part(x + c, n), load_part(scale + c, n), load_part(shift + c, n)),
                       n);
    }
}

static void KERNEL(f32_affine_add)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                   const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                   ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, load(out + c) + fma(load(x + c), load(scale + c), load(shift + c)));
        ptrdiff_t n = cols - c;
        if (n > 0)
            store_part(out + c,
                       load_part(out + c, n) + fma(load_part(x + c, n), load_part(scale + c, n),
                                                   load_part(shift + c, n)),
                       n);
    }
}

static void KERNEL(f32_affine_gelu)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                    const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                    ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, gelu(fma(load(x + c), load(scale + c), load(shift + c))));
        ptrdiff_t n = cols - c;
        if (n > 0)
            store_part(
                out + c,
                gelu(fma(load_part(x + c, n), load_part(scale + c, n), load_part(shift + c, n))),
                n);
    }
}

static inline vec affine_glu(const float *value, const float *gate, const float *scale,
                             const float *shift, const float *gate_scale, const float *gate_shift) {
    vec v = fma(load(value), load(scale), load(shift));
    vec g = fma(load(gate), load(gate_scale), load(gate_shift));
    return v * sigmoid(g);
}

static inline vec affine_glu_part(const float *value, const float *gate, const float *scale,
                                  const float *shift, const float *gate_scale,
                                  const float *gate_shift, ptrdiff_t n) {
    vec v = fma(load_part(value, n), load_part(scale, n), load_part(shift, n));
    vec g = fma(load_part(gate, n), load_part(gate_scale, n), load_part(gate_shift, n));
    return v * sigmoid(g);
}

static void KERNEL(f32_affine_glu)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                   const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                   ptrdiff_t ldo) {
    const float *gate_scale = scale + cols, *gate_shift = shift + cols;
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        const float *gate = x + cols;
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, affine_glu(x + c, gate + c, scale + c, shift + c, gate_scale + c,
                                      gate_shift + c));
        ptrdiff_t n = cols - c;
        if (n > 0)
            store_part(out + c,
                       affine_glu_part(x + c, gate + c, scale + c, shift + c, gate_scale + c,
                                       gate_shift + c, n),
                       n);
    }
}

static void KERNEL(f32_affine_glu_add)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                       const float *shift, const float *gamma, const float *x,
                                       ptrdiff_t ldx, float *out, ptrdiff_t ldo) {
    const float *gate_scale = scale + cols, *gate_shift = shift + cols;
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        const float *gate = x + cols;
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH) {
            vec y =
                affine_glu(x + c, gate + c, scale + c, shift + c, gate_scale + c, gate_shift + c);
            store(out + c, fma(load(gamma + c), y, load(out + c)));
        }
        ptrdiff_t n = cols - c;
        if (n > 0) {
            vec y = affine_glu_part(x + c, gate + c, scale + c, shift + c, gate_scale + c,
                                    gate_shift + c, n);
            store_part(out + c, fma(load_part(gamma + c, n), y, load_part(out + c, n)), n);
        }
    }
}

static void KERNEL(f32_scale_rows)(ptrdiff_t rows, ptrdiff_t cols, const float *factor,
                                   const float *x, ptrdiff_t ldx, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, load(x + c) * factor[r]);
        for (; c < cols; c++)
            out[c] = x[c] * factor[r];
    }
}

static void KERNEL(f32_add)(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                            const float *y, ptrdiff_t ldy, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, y += ldy, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, load(x + c) + load(y + c));
        for (; c < cols; c++)
            out[c] = x[c] + y[c];
    }
}
