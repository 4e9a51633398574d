/* Waiting and waking in WebAssembly, whose threads share nothing but memory. */
#include "platform.h"

#if defined(__wasm_atomics__)

void wait_while_equal(int32_t *number, int32_t value) {
    __builtin_wasm_memory_atomic_wait32(number, value, -1);
}

void sleep_briefly(void) {
    static int32_t never_woken;
    const int64_t nanoseconds = 50000;
    __builtin_wasm_memory_atomic_wait32(&never_woken, 0, nanoseconds);
}

void add_and_wake(int32_t *number) {
    __atomic_fetch_add(number, 1, __ATOMIC_SEQ_CST);
    __builtin_wasm_memory_atomic_notify(number, UINT32_MAX);
}

#endif
