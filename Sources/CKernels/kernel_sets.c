/* The instruction sets by name. */
#include "ckernels.h"

#if defined(__x86_64__)
#include "x86_features.h"
#endif

#include <string.h>

const char *kernel_set_name(ptrdiff_t index) {
#if defined(__wasm_simd128__)
    return index == 0 ? kernels_simd128()->name : NULL;
#else
#define NAME(set) #set,
    static const char *const names[] = {"plain", X86_KERNEL_SETS(NAME) ARM_KERNEL_SETS(NAME)};
    return index < (ptrdiff_t)(sizeof names / sizeof *names) ? names[index] : NULL;
#endif
}

const char *kernel_set_obstacle(const char *name) {
#if defined(__x86_64__)
    if (strcmp(name, "avx512amx") == 0)
        return kernels_avx512amx_obstacle();
#else
    (void)name;
#endif
    return NULL;
}

const kernel_table *kernel_set(const char *name) {
#if defined(__wasm_simd128__)
    const kernel_table *const set = kernels_simd128();
    return strcmp(name, set->name) == 0 ? set : NULL;
#else
    if (strcmp(name, "plain") == 0)
        return kernels_plain();
#define FIND(set)                                                                                  \
    if (strcmp(name, #set) == 0)                                                                   \
        return kernels_##set();
    KERNEL_SETS(FIND)
    return NULL;
#endif
}
