// LAME's own header; the library is linked through the module map.
#include <stddef.h>

#include <lame/lame.h>

// Turns all messages off. In C, because the compiler of Swift crashes on arm64 Linux at functions
// whose callbacks take a va_list.
static inline void lame_set_silent(lame_t encoder) {
    lame_set_errorf(encoder, NULL);
    lame_set_msgf(encoder, NULL);
    lame_set_debugf(encoder, NULL);
}
