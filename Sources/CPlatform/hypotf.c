/* Swift's view of the C library names `hypotf`, which nothing calls. It has a new version in
 * glibc 2.35: with a definition of its own, a statically linked program runs on glibc 2.34 too. */
#include <math.h>

#if defined(__linux__)
__attribute__((visibility("hidden"))) float hypotf(float x, float y) {
    if (isinf(x) || isinf(y))
        return INFINITY;
    /* Neither overflows nor loses digits in double precision. */
    return (float)sqrt((double)x * x + (double)y * y);
}
#endif
