/* Swift's module of the C library refers to `hypotf`, which nothing calls. It has a new version in
 * glibc 2.35: with a definition of its own, a statically linked program runs on glibc 2.34 too. */
#include <math.h>

#if defined(__linux__)
__attribute__((visibility("hidden"))) float hypotf(float x, float y) {
    if (isinf(x) || isinf(y))
        return INFINITY;
    /* In double precision this neither overflows nor loses digits. */
    return (float)sqrt((double)x * x + (double)y * y);
}
#endif
