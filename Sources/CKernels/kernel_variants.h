/* Kernels that are variants of one function in each set, with different constants as first
 * arguments: the operation, whether it is coarse, whether it writes bfloat16. */

#define AFFINE_KERNEL(name, operation, coarse, element)                                            \
    static void KERNEL(name)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,                   \
                             const float *shift, const float *x, ptrdiff_t ldx, element *out,      \
                             ptrdiff_t ldo) {                                                      \
        affine_rows(operation, coarse, IS_BF16(element), rows, cols, scale, shift, x, ldx, out,    \
                    ldo);                                                                          \
    }

#define AFFINE_GLU_ADD_KERNEL(name, coarse)                                                        \
    static void KERNEL(name)(ptrdiff_t rows, ptrdiff_t cols, const float *scale,                   \
                             const float *shift, const float *gamma, const float *x,               \
                             ptrdiff_t ldx, float *out, ptrdiff_t ldo) {                           \
        affine_glu_add(coarse, rows, cols, scale, shift, gamma, x, ldx, out, ldo);                 \
    }

#define LAYER_NORM_KERNEL(name, element)                                                           \
    static void KERNEL(name)(ptrdiff_t rows, ptrdiff_t cols, const float *gain, const float *bias, \
                             float epsilon, const float *x, ptrdiff_t ldx, element *out,           \
                             ptrdiff_t ldo) {                                                      \
        layer_norm(IS_BF16(element), rows, cols, gain, bias, epsilon, x, ldx, out, ldo);           \
    }

#define RMS_NORM_KERNEL(name, element)                                                             \
    static void KERNEL(name)(ptrdiff_t rows, ptrdiff_t cols, const float *gain, const float *x,    \
                             ptrdiff_t ldx, element *out, ptrdiff_t ldo) {                         \
        rms_norm(IS_BF16(element), rows, cols, gain, x, ldx, out, ldo);                            \
    }

#define WINOGRAD_INPUT_KERNEL(name, element)                                                       \
    static void KERNEL(name)(ptrdiff_t first, ptrdiff_t tiles, ptrdiff_t cols, const float *x,     \
                             ptrdiff_t count, element *out, ptrdiff_t plane, ptrdiff_t ldo) {      \
        winograd_input(IS_BF16(element), first, tiles, cols, x, count, out, plane, ldo);           \
    }

#define WINOGRAD_INPUT_2D_KERNEL(name, element)                                                    \
    static void KERNEL(name)(ptrdiff_t row, ptrdiff_t freqs, ptrdiff_t first, ptrdiff_t tiles,     \
                             ptrdiff_t cols, const float *x, ptrdiff_t count, element *out,        \
                             ptrdiff_t plane, ptrdiff_t ldo) {                                     \
        winograd_input_2d(IS_BF16(element), row, freqs, first, tiles, cols, x, count, out, plane,  \
                          ldo);                                                                    \
    }

#define IS_BF16(element) (sizeof(element) == sizeof(uint16_t))

AFFINE_KERNEL(f32_affine, AFFINE, 0, float)
AFFINE_KERNEL(f32_affine_add, AFFINE_ADD, 0, float)
AFFINE_KERNEL(f32_affine_gelu, GELU, 0, float)
AFFINE_KERNEL(f32_affine_glu, GLU, 0, float)
AFFINE_KERNEL(f32_affine_tanh, TANH, 0, float)
AFFINE_KERNEL(coarse_affine_gelu, GELU, 1, float)
AFFINE_KERNEL(coarse_affine_glu, GLU, 1, float)
AFFINE_KERNEL(bf16_affine_gelu, GELU, 1, uint16_t)
AFFINE_GLU_ADD_KERNEL(f32_affine_glu_add, 0)
AFFINE_GLU_ADD_KERNEL(coarse_affine_glu_add, 1)
LAYER_NORM_KERNEL(f32_layer_norm, float)
LAYER_NORM_KERNEL(bf16_layer_norm, uint16_t)
RMS_NORM_KERNEL(f32_rms_norm, float)
RMS_NORM_KERNEL(bf16_rms_norm, uint16_t)
WINOGRAD_INPUT_KERNEL(f32_winograd_input, float)
WINOGRAD_INPUT_KERNEL(bf16_winograd_input, uint16_t)
WINOGRAD_INPUT_2D_KERNEL(f32_winograd_input_2d, float)
WINOGRAD_INPUT_2D_KERNEL(bf16_winograd_input_2d, uint16_t)
