/* The static libstdc++ of Debian 12 takes random numbers from `arc4random`, which glibc has since 2.36.
 * With a definition of its own, what tools/build_static links runs on glibc 2.34 too. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

__attribute__((visibility("hidden"))) uint32_t arc4random(void) {
    uint32_t value;
    /* Up to 256 bytes come whole; without entropy there is no safe way on. */
    if (getrandom(&value, sizeof value, 0) != sizeof value)
        abort();
    return value;
}
