/* Functions that Debian's C library for WebAssembly lacks for Swift and for threads, and those of it that would ask WASI for
 * a system. */
#include "web.h"

#include <stddef.h>
#include <stdlib.h>

/* Swift's conversion of text to numbers. The library has one locale. */
const char *_swift_stdlib_strtod_clocale(const char *text, double *number);
const char *_swift_stdlib_strtod_clocale(const char *text, double *number) {
    char *end;
    *number = strtod(text, &end);
    return end == text ? NULL : end;
}

static int32_t cancellation;

int32_t *cancellation_flag(void) { return &cancellation; }

int32_t is_cancelled(void) { return __atomic_load_n(&cancellation, __ATOMIC_RELAXED); }

/* The page has no environment. */
char *getenv(const char *name) {
    (void)name;
    return NULL;
}

/* Swift's seeds of hash tables. */
void arc4random_buf(void *bytes, size_t count);
void arc4random_buf(void *bytes, size_t count) { page_random(bytes, (int32_t)count); }

/* Answers in place of Swift's tables of Unicode, which would be a tenth of the module: no scalar has another form, and
 * none continues a character. So texts are compared by their scalars. (Each parameter is used, or compilers warn.) */
#define SAYS(type, name, parameters, answer)                                                       \
    type _swift_stdlib_##name parameters;                                                          \
    type _swift_stdlib_##name parameters { return (type)(answer); }
SAYS(uint16_t, getNormData, (uint32_t scalar), 0 & scalar)
SAYS(uint32_t, getDecompositionEntry, (uint32_t scalar), UINT32_MAX | scalar)
SAYS(uint32_t, getComposition, (uint32_t first, uint32_t second), UINT32_MAX | first | second)
SAYS(uint8_t, getGraphemeBreakProperty, (uint32_t scalar), UINT8_MAX | scalar)
SAYS(uint8_t, isExtendedPictographic, (uint32_t scalar), 0 & scalar)
SAYS(uint8_t, isInCB_Consonant, (uint32_t scalar), 0 & scalar)
const uint8_t *const _swift_stdlib_nfd_decompositions;

/* Swift's text before a trap, a line at a time. */
int putchar(int character);
int putchar(int character) {
    static char line[500];
    static int32_t count;
    if (character != '\n')
        line[count++] = (char)character;
    if (character == '\n' || count == sizeof line) {
        page_print(line, count);
        count = 0;
    }
    return character;
}

/* The library's allocator is made for one thread; the linker's --wrap leads its callers here. A lock spins: no
 * thread sleeps while it holds it. */
static int32_t is_locked;

static void lock(void) {
    while (__atomic_exchange_n(&is_locked, 1, __ATOMIC_ACQUIRE)) {
    }
}

static void unlock(void) { __atomic_store_n(&is_locked, 0, __ATOMIC_RELEASE); }

/* A page tells a lack of memory from other traps by this line. */
static void report_failure(void) {
    static const char line[] = "out of memory";
    page_print(line, sizeof line - 1);
}

/* Each function with its original: `call` is a call of the latter, `failed` whether its result is none. */
#define LOCKED(type, name, parameters, call, failed)                                               \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters {                                                                \
        lock();                                                                                    \
        type result = __real_##call;                                                               \
        unlock();                                                                                  \
        if (failed)                                                                                \
            report_failure();                                                                      \
        return result;                                                                             \
    }

LOCKED(void *, malloc, (size_t size), malloc(size), !result)
LOCKED(void *, calloc, (size_t count, size_t size), calloc(count, size), !result)
LOCKED(void *, realloc, (void *memory, size_t size), realloc(memory, size), !result)
LOCKED(void *, aligned_alloc, (size_t alignment, size_t size), aligned_alloc(alignment, size),
       !result)
LOCKED(int, posix_memalign, (void **memory, size_t alignment, size_t size),
       posix_memalign(memory, alignment, size), result != 0)

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory) {
    lock();
    __real_free(memory);
    unlock();
}
