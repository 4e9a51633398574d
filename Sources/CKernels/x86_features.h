/* Whether this CPU has the instructions of a set, and whether the system saves its registers. */
#pragma once

static inline int cpu_has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static inline int cpu_has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

/* Why the kernels on tiles are not offered although the CPU has tiles; else NULL. */
const char *kernels_avx512amx_obstacle(void);

static inline int cpu_has_avx512vnni(void) {
    return cpu_has_avx512() && __builtin_cpu_supports("avx512vnni");
}
