/* The body of a parallel loop: a Swift closure `(Int, Int) -> Void` that other threads call while
 * its owner waits for them.
 *
 * Swift stores no closure that doesn't escape, and makes one that may escape on the heap, for every
 * loop. Here it is kept as what it is: code and context, called by the convention that clang has
 * for Swift's functions.
 */
#ifndef SWIFT_DEMUCS_LOOP_BODY_H
#define SWIFT_DEMUCS_LOOP_BODY_H

#include <stddef.h>

typedef struct loop_body {
    const void *_Nonnull code;
    const void *_Nullable context;
} loop_body;

/* Calls the closure. It must not have returned to its owner yet. */
static inline void loop_body_call(loop_body body, ptrdiff_t index, ptrdiff_t thread) {
    typedef __attribute__((swiftcall)) void closure(
        ptrdiff_t index, ptrdiff_t thread, __attribute__((swift_context)) const void *context);
    ((closure *)body.code)(index, thread, body.context);
}

#endif
