/* The coarse functions of the sets that have no table in registers. */
#include "simd_math.h"

ALWAYS_INLINE vec coarse_sigmoid(vec x) {
    return 1.0f / (1.0f + coarse_power_of_two(smaller((vec)127.0f, x * -LOG2_E)));
}

/* GELU with erf(u / sqrt 2) / 2 = u P(u^2) up to u = 3.8, and 1/2 above; results above 1/2 by
 * rounding become 1/2 too. P has degree 6 and the least error (7.2e-5, minimax by Lawson's
 * iteration). */
ALWAYS_INLINE vec coarse_gelu(vec v) {
    vec u = __builtin_elementwise_abs(v), x = smaller((vec)3.8f, u), t = x * x;
    vec p = fma((vec)3.793783065e-8f, t, (vec)-2.335593535e-6f);
    p = fma(p, t, (vec)6.190088607e-5f);
    p = fma(p, t, (vec)-9.430574137e-4f);
    p = fma(p, t, (vec)9.371659718e-3f);
    p = fma(p, t, (vec)-6.584075838e-2f);
    p = fma(p, t, (vec)3.987657428e-1f);
    return fma(u, smaller((vec)0.5f, x * p), 0.5f * v);
}
