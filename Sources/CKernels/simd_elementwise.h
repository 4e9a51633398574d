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

/* Each of the next three is several kernels, fine and coarse ones, and one that writes bfloat16;
 * `coarse` and `is_bf16` are constants where they are inlined. */

ALWAYS_INLINE void affine_gelu(const int coarse, const int is_bf16, ptrdiff_t rows, ptrdiff_t cols,
                               const float *scale, const float *shift, const float *x,
                               ptrdiff_t ldx, void *out, ptrdiff_t ldo) {
    const size_t bytes = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out = (char *)out + bytes * (size_t)ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            put(is_bf16, out, c, gelu(coarse, fma(load(x + c), load(scale + c), load(shift + c))));
        ptrdiff_t n = cols - c;
        if (n > 0)
            put_part(is_bf16, out, c,
                     gelu(coarse, fma(load_part(x + c, n), load_part(scale + c, n),
                                      load_part(shift + c, n))),
                     n);
    }
}

static void KERNEL(f32_affine_gelu)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                    const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                    ptrdiff_t ldo) {
    affine_gelu(0, 0, rows, cols, scale, shift, x, ldx, out, ldo);
}

static void KERNEL(coarse_affine_gelu)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                       const float *shift, const float *x, ptrdiff_t ldx,
                                       float *out, ptrdiff_t ldo) {
    affine_gelu(1, 0, rows, cols, scale, shift, x, ldx, out, ldo);
}

static void KERNEL(bf16_affine_gelu)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                     const float *shift, const float *x, ptrdiff_t ldx,
                                     uint16_t *out, ptrdiff_t ldo) {
    affine_gelu(1, 1, rows, cols, scale, shift, x, ldx, out, ldo);
}

ALWAYS_INLINE vec gated(const int coarse, const float *value, const float *gate, const float *scale,
                        const float *shift, const float *gate_scale, const float *gate_shift) {
    vec v = fma(load(value), load(scale), load(shift));
    vec g = fma(load(gate), load(gate_scale), load(gate_shift));
    return v * sigmoid(coarse, g);
}

ALWAYS_INLINE vec gated_part(const int coarse, const float *value, const float *gate,
                             const float *scale, const float *shift, const float *gate_scale,
                             const float *gate_shift, ptrdiff_t n) {
    vec v = fma(load_part(value, n), load_part(scale, n), load_part(shift, n));
    vec g = fma(load_part(gate, n), load_part(gate_scale, n), load_part(gate_shift, n));
    return v * sigmoid(coarse, g);
}

ALWAYS_INLINE void affine_glu(const int coarse, ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                              const float *shift, const float *x, ptrdiff_t ldx, float *out,
                              ptrdiff_t ldo) {
    const float *gate_scale = scale + cols, *gate_shift = shift + cols;
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        const float *gate = x + cols;
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, gated(coarse, x + c, gate + c, scale + c, shift + c, gate_scale + c,
                                 gate_shift + c));
        ptrdiff_t n = cols - c;
        if (n > 0)
            store_part(out + c,
                       gated_part(coarse, x + c, gate + c, scale + c, shift + c, gate_scale + c,
                                  gate_shift + c, n),
                       n);
    }
}

static void KERNEL(f32_affine_glu)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                   const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                   ptrdiff_t ldo) {
    affine_glu(0, rows, cols, scale, shift, x, ldx, out, ldo);
}

static void KERNEL(coarse_affine_glu)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                      const float *shift, const float *x, ptrdiff_t ldx, float *out,
                                      ptrdiff_t ldo) {
    affine_glu(1, rows, cols, scale, shift, x, ldx, out, ldo);
}

/* The scales and shifts of a vector of columns stay in registers for all rows: loading them would
 * take as long as the arithmetic. */
ALWAYS_INLINE void affine_glu_add(const int coarse, ptrdiff_t rows, ptrdiff_t cols,
                                  const float *scale, const float *shift, const float *gamma,
                                  const float *x, ptrdiff_t ldx, float *out, ptrdiff_t ldo) {
    const float *gate_scale = scale + cols, *gate_shift = shift + cols;
    ptrdiff_t c = 0;
    for (; c + WIDTH <= cols; c += WIDTH) {
        const vec a = load(scale + c), b = load(shift + c), factor = load(gamma + c);
        const vec gate_a = load(gate_scale + c), gate_b = load(gate_shift + c);
        for (ptrdiff_t r = 0; r < rows; r++) {
            vec v = fma(load(x + r * ldx + c), a, b);
            vec g = fma(load(x + r * ldx + cols + c), gate_a, gate_b);
            float *target = out + r * ldo + c;
            store(target, fma(factor, v * sigmoid(coarse, g), load(target)));
        }
    }
    const ptrdiff_t n = cols - c;
    for (ptrdiff_t r = 0; r < rows && n > 0; r++, x += ldx, out += ldo) {
        vec y = gated_part(coarse, x + c, x + cols + c, scale + c, shift + c, gate_scale + c,
                           gate_shift + c, n);
        store_part(out + c, fma(load_part(gamma + c, n), y, load_part(out + c, n)), n);
    }
}

static void KERNEL(f32_affine_glu_add)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                       const float *shift, const float *gamma, const float *x,
                                       ptrdiff_t ldx, float *out, ptrdiff_t ldo) {
    affine_glu_add(0, rows, cols, scale, shift, gamma, x, ldx, out, ldo);
}

static void KERNEL(coarse_affine_glu_add)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                                          const float *shift, const float *gamma, const float *x,
                                          ptrdiff_t ldx, float *out, ptrdiff_t ldo) {
    affine_glu_add(1, rows, cols, scale, shift, gamma, x, ldx, out, ldo);
}

static void KERNEL(f32_scale_rows)(ptrdiff_t rows, ptrdiff_t cols, const float *factor,
                                   const float *x, ptrdiff_t ldx, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, load(x + c) * factor[r]);
        if (c < cols)
            store_part(out + c, load_part(x + c, cols - c) * factor[r], cols - c);
    }
}

static void KERNEL(f32_add)(ptrdiff_t rows, ptrdiff_t cols, const float *x, ptrdiff_t ldx,
                            const float *y, ptrdiff_t ldy, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, y += ldy, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, load(x + c) + load(y + c));
        if (c < cols)
            store_part(out + c, load_part(x + c, cols - c) + load_part(y + c, cols - c), cols - c);
    }
}

/* n <= WIDTH columns of a row: the middle tap, and those before and after where they exist. */
static inline vec gathered(ptrdiff_t n, const float *bias, const float *middle, const float *before,
                           const float *after) {
    if (n == WIDTH) {
        vec sum = load(bias);
        sum += before ? load(before) : (vec)0;
        sum += load(middle);
        return sum + (after ? load(after) : (vec)0);
    }
    vec sum = load_part(bias, n);
    sum += before ? load_part(before, n) : (vec)0;
    sum += load_part(middle, n);
    return sum + (after ? load_part(after, n) : (vec)0);
}

static void KERNEL(f32_gather_taps)(ptrdiff_t first, ptrdiff_t rows, ptrdiff_t cols,
                                    ptrdiff_t dilation, const float *bias, const float *x,
                                    ptrdiff_t ldx, ptrdiff_t length, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t row = first; row < first + rows; row++, out += ldo) {
        const float *middle = x + row * ldx + cols;
        const float *before = row >= dilation ? middle - dilation * ldx - cols : NULL;
        const float *after = row + dilation < length ? middle + dilation * ldx + cols : NULL;
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            store(out + c, gathered(WIDTH, bias + c, middle + c, before ? before + c : NULL,
                                    after ? after + c : NULL));
        if (c < cols)
            store_part(out + c,
                       gathered(cols - c, bias + c, middle + c, before ? before + c : NULL,
                                after ? after + c : NULL),
                       cols - c);
    }
}
