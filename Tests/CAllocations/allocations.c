#include "allocations.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__GLIBC__)

#include <stdatomic.h>

static atomic_long count;
static atomic_long largest;

long allocations_so_far(void) { return atomic_load(&count); }

long largest_allocation(void) { return atomic_exchange(&largest, 0); }

int allocations_are_counted(void) { return 1; }

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static void counted(size_t size) {
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    long seen = atomic_load_explicit(&largest, memory_order_relaxed);
    while ((long)size > seen && !atomic_compare_exchange_weak(&largest, &seen, (long)size)) {
    }
}

void *malloc(size_t size) {
    counted(size);
    return __libc_malloc(size);
}

void *calloc(size_t members, size_t size) {
    counted(members * size);
    return __libc_calloc(members, size);
}

void *realloc(void *block, size_t size) {
    counted(size);
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    counted(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    void *result = memalign(alignment, size);
    if (!result)
        return ENOMEM;
    *block = result;
    return 0;
}

#else

long allocations_so_far(void) { return 0; }

long largest_allocation(void) { return 0; }

int allocations_are_counted(void) { return 0; }

#endif
