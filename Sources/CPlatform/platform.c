/* _GNU_SOURCE declares the sets of CPUs in sched.h, and dladdr. */
#define _GNU_SOURCE

#include "platform.h"

#include <stdio.h>
#if !defined(__wasm__)
#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#endif
#if defined(__linux__)
#include <malloc.h>
#endif
#if defined(__APPLE__)
#include <TargetConditionals.h>
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

bool signal_is_ignored(int number) {
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static ptrdiff_t bytes_of(const struct rlimit *limit) {
    return limit->rlim_cur < PTRDIFF_MAX ? (ptrdiff_t)limit->rlim_cur : -1;
}

ptrdiff_t address_limit_bytes(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 ? bytes_of(&limit) : -1;
}

ptrdiff_t data_limit_bytes(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_DATA, &limit) == 0 ? bytes_of(&limit) : -1;
}

float *placeholder_memory(void) {
    /* Pages of zeros take no memory until they are written. */
    static _Alignas(64) float memory[1 << 20];
    return memory;
}

const char *path_of_binary(const void *address) {
    Dl_info binary;
    return dladdr(address, &binary) != 0 ? binary.dli_fname : NULL;
}

size_t stack_limit_bytes(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur > PTRDIFF_MAX)
        return PTRDIFF_MAX;
    return (size_t)limit.rlim_cur;
}

#if defined(__APPLE__)
#if TARGET_OS_IPHONE
/* Of os/proc.h, which is not among the open headers. */
size_t os_proc_available_memory(void);

size_t bytes_below_limit(void) { return os_proc_available_memory(); }
#else
size_t bytes_below_limit(void) { return SIZE_MAX; }
#endif
#endif

#if defined(__GLIBC__)
static ssize_t write_others_lines(void *context, const char *text, size_t count) {
    (void)context;
    static const char name[] = "libmpg123";
    if (memmem(text, count, name, sizeof name - 1) == NULL && write(STDERR_FILENO, text, count) < 0)
        return 0;
    return (ssize_t)count;
}
#endif

void drop_decoder_messages(void) {
#if defined(__GLIBC__)
    FILE *filtered = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_others_lines});
    if (filtered != NULL && setvbuf(filtered, NULL, _IOLBF, BUFSIZ) == 0)
        stderr = filtered;
#endif
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
