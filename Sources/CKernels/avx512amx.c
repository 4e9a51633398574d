/* AVX-512 kernels with the products of Intel's tiles (AMX-BF16, AMX-INT8). */
#define _GNU_SOURCE
#include "ckernels.h"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <errno.h>
#include <immintrin.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "x86_features.h"

/* Without min_vector_width clang splits 512-bit vectors on CPUs where they lowered the clock. */
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,fma,"          \
                          "amx-tile,amx-bf16,amx-int8"),                                           \
                   min_vector_width(512))),                                                        \
    apply_to = function)
#define SUFFIX avx512amx
#define ABILITIES .multiplies_bf16 = true, .blas_core = "SkylakeX",

#define TILE_CONFIGURE(shapes) _tile_loadconfig(shapes)
#define TILE_RELEASE() _tile_release()
#define TILE_ZERO(tile) _tile_zero(tile)
#define TILE_LOAD(tile, rows, stride) _tile_loadd(tile, rows, (size_t)(stride))
#define TILE_STORE(tile, rows, stride) _tile_stored(tile, rows, (size_t)(stride))
#define bf16_TILE_MULTIPLY(c, a, b) _tile_dpbf16ps(c, a, b)
#define int8_TILE_MULTIPLY(c, a, b) _tile_dpbsud(c, a, b)

#include "ops_avx512.h"

#include "amx_tiles.h"

#include "ops_avx512bf16.h"

#include "ops_avx512vnni.h"

#include "simd_kernels.h"
#pragma clang attribute pop

static bool is_offered;
static const char *obstacle;

static void look_for_tiles(void) {
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25 };
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* of arch_prctl, Linux 5.16 */
    const unsigned needed = AMX_BF16 | AMX_TILE | AMX_INT8;
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & needed) != needed ||
        !cpu_has_avx512vnni() || !__builtin_cpu_supports("avx512bf16"))
        return;
    if (syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) != 0)
        obstacle =
            errno == ENOSPC
                ? "the CPU has AMX tiles, but a thread's signal stack is too small for them"
                : "the CPU has AMX tiles, but the system refuses them (Linux before 5.16, or "
                  "a sandbox)";
    else if (!products_agree(&table__avx512amx, kernels_avx512vnni()))
        obstacle = "a check of products on this machine's AMX tiles failed";
    else
        is_offered = true;
}

static void look_once(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, look_for_tiles);
}

const kernel_table *kernels_avx512amx(void) {
    look_once();
    return is_offered ? &table__avx512amx : NULL;
}

const char *kernels_avx512amx_obstacle(void) {
    look_once();
    return obstacle;
}

#elif defined(__x86_64__)

const kernel_table *kernels_avx512amx(void) { return NULL; }

const char *kernels_avx512amx_obstacle(void) { return NULL; }

#endif
