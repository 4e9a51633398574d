/* The static libstdc++ of Debian 12 takes random numbers from `arc4random`, which glibc has since 2.36.
 * With this definition, the binaries of packaging/build_static run on glibc 2.34 too. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

__attribute__((visibility("hidden"))) uint32_t arc4random(void) {
    uint32_t value;
    /* getrandom fills up to 256 bytes completely; without entropy it is not safe to go on. */
    if (getrandom(&value, sizeof value, 0) != sizeof value)
        abort();
    return value;
}
