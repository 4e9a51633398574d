/* _GNU_SOURCE declares the sets of CPUs in sched.h, and dladdr. */
#define _GNU_SOURCE

#include "platform.h"

#include <stdio.h>
#if !defined(__wasm__)
#include <dlfcn.h>
#include <sched.h>
#include <unistd.h>
#endif
#if defined(__linux__)
#include <malloc.h>
#endif

#if !defined(__wasm__)

static char **arguments;

#if defined(__GLIBC__) || defined(__APPLE__)
/* These C libraries call constructors with the arguments of main. */
__attribute__((constructor)) static void keep_arguments(int count, char **values) {
    (void)count;
    arguments = values;
}
#endif

char **program_arguments(void) { return arguments; }

int count_available_cores(void) {
#if defined(__linux__)
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0)
        return CPU_COUNT(&cores);
#endif
    long cores_online = sysconf(_SC_NPROCESSORS_ONLN);
    return cores_online > 0 ? (int)cores_online : 1;
}

const char *path_of_binary(const void *address) {
    Dl_info binary;
    return dladdr(address, &binary) != 0 ? binary.dli_fname : NULL;
}

void return_freed_memory(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

#endif

void print_number(char *text, size_t size, char form, int digits, double number) {
    const char format[] = {'%', '.', '*', form, 0};
    snprintf(text, size, format, digits, number);
}
