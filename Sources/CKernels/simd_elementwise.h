/* The elementwise kernels. */
#pragma once

#include "simd_bfloat16.h"
#include "simd_math.h"

/* The first n columns of x * scale + shift; n is the constant WIDTH in the loops over whole
 * vectors. */
ALWAYS_INLINE vec affine(ptrdiff_t n, const float *scale, const float *shift, const float *x) {
    return fma(load_first(x, n), load_first(scale, n), load_first(shift, n));
}

/* The operation on y = x * scale + shift, a constant of the kernels of kernel_variants.h. */
enum operation { AFFINE, AFFINE_ADD, GELU, GLU, TANH };

ALWAYS_INLINE void affine_columns(const enum operation operation, const int coarse,
                                  const int is_bf16, ptrdiff_t n, ptrdiff_t c, ptrdiff_t cols,
                                  const float *scale, const float *shift, const float *x,
                                  void *out) {
    vec y = affine(n, scale + c, shift + c, x + c);
    if (operation == AFFINE_ADD)
        y = load_first((const float *)out + c, n) + y;
    if (operation == GELU)
        y = gelu(coarse, y);
    if (operation == GLU)
        y *= sigmoid(coarse, affine(n, scale + cols + c, shift + cols + c, x + cols + c));
    if (operation == TANH)
        y = hyperbolic_tangent(y);
    put_first(is_bf16, out, c, y, n);
}

ALWAYS_INLINE void affine_rows(const enum operation operation, const int coarse, const int is_bf16,
                               ptrdiff_t rows, ptrdiff_t cols, const float *scale,
                               const float *shift, const float *x, ptrdiff_t ldx, void *out,
                               ptrdiff_t ldo) {
    const ptrdiff_t bytes = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, out = (char *)out + bytes * ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            affine_columns(operation, coarse, is_bf16, WIDTH, c, cols, scale, shift, x, out);
        if (c < cols)
            affine_columns(operation, coarse, is_bf16, cols - c, c, cols, scale, shift, x, out);
    }
}

/* Rows between the one that a gate is added to and the one that is loaded into the cache: about the
 * time that memory takes. */
enum { ROWS_AHEAD = 16 };

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
            if (c == 0 && r + ROWS_AHEAD < rows)
                prefetch_row(target + ROWS_AHEAD * ldo, cols);
            store(target, fma(factor, v * sigmoid(coarse, g), load(target)));
        }
    }
    const ptrdiff_t n = cols - c;
    for (ptrdiff_t r = 0; r < rows && n > 0; r++, x += ldx, out += ldo) {
        vec v = fma(load_part(x + c, n), load_part(scale + c, n), load_part(shift + c, n));
        vec g = fma(load_part(x + cols + c, n), load_part(gate_scale + c, n),
                    load_part(gate_shift + c, n));
        vec y = v * sigmoid(coarse, g);
        store_part(out + c, fma(load_part(gamma + c, n), y, load_part(out + c, n)), n);
    }
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

/* The first n columns of the pairs of a group, rotated. */
ALWAYS_INLINE void rotate(ptrdiff_t n, const float *cosines, const float *sines, float *x) {
    const vec v = load_first(x, n), s = load_first(sines, n);
    vec turned;
    turned.even = -v.odd;
    turned.odd = v.even;
    store_first(x, fma(v, load_first(cosines, n), turned * s), n);
}

static void KERNEL(f32_rotate)(ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t cols,
                               const float *cosines, const float *sines, float *x, ptrdiff_t ldx) {
    for (ptrdiff_t r = 0; r < rows; r++, x += ldx, cosines += cols, sines += cols)
        for (ptrdiff_t h = 0; h < heads; h++) {
            float *group = x + h * cols;
            ptrdiff_t c = 0;
            for (; c + WIDTH <= cols; c += WIDTH)
                rotate(WIDTH, cosines + c, sines + c, group + c);
            if (c < cols)
                rotate(cols - c, cosines + c, sines + c, group + c);
        }
}

/* The sum of the taps for n <= WIDTH columns of a row; `before` and `after` may be NULL. */
ALWAYS_INLINE vec gathered(ptrdiff_t n, const float *bias, const float *middle, const float *before,
                           const float *after) {
    vec sum = load_first(bias, n);
    sum += before ? load_first(before, n) : (vec)0;
    sum += load_first(middle, n);
    return sum + (after ? load_first(after, n) : (vec)0);
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

/* The LSTM cell for n <= WIDTH columns of a row; `gates` points to the input gate. */
ALWAYS_INLINE void lstm_cell(ptrdiff_t n, ptrdiff_t cols, const float *gates, float *state,
                             float *out) {
    vec input = fine_sigmoid(load_first(gates, n));
    vec forget = fine_sigmoid(load_first(gates + cols, n));
    vec candidate = hyperbolic_tangent(load_first(gates + 2 * cols, n));
    vec output = fine_sigmoid(load_first(gates + 3 * cols, n));
    vec next = fma(forget, load_first(state, n), input * candidate);
    put_first(0, state, 0, next, n);
    put_first(0, out, 0, output * hyperbolic_tangent(next), n);
}

static void KERNEL(f32_lstm_cell)(ptrdiff_t rows, ptrdiff_t cols, const float *gates, ptrdiff_t ldg,
                                  float *state, ptrdiff_t lds, float *out, ptrdiff_t ldo) {
    for (ptrdiff_t r = 0; r < rows; r++, gates += ldg, state += lds, out += ldo) {
        ptrdiff_t c = 0;
        for (; c + WIDTH <= cols; c += WIDTH)
            lstm_cell(WIDTH, cols, gates + c, state + c, out + c);
        if (c < cols)
            lstm_cell(cols - c, cols, gates + c, state + c, out + c);
    }
}
