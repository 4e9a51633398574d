/* The list of all instruction sets but the plain one and relaxedsimd: SET(name) for each. A set follows those whose
 * instructions it has; the file `<name>.c` defines its kernels, its abilities and `kernels_<name>`. Everything that
 * goes through all sets reads this list: Swift, the tester, the tools, the help.
 */
#ifndef SWIFT_DEMUCS_KERNEL_SETS_H
#define SWIFT_DEMUCS_KERNEL_SETS_H

#define X86_KERNEL_SETS(SET)                                                                       \
    SET(avx2)       /* AVX2 and FMA */                                                             \
    SET(avxvnni)    /* AVX2, FMA and AVX-VNNI */                                                   \
    SET(avx512)     /* AVX-512 F, BW, DQ, VL */                                                    \
    SET(avx512vnni) /* avx512 and AVX512-VNNI */                                                   \
    SET(avx512bf16) /* avx512vnni and AVX512-BF16 */                                               \
    SET(avx512amx)  /* avx512bf16, AMX-TILE, AMX-BF16 and AMX-INT8 */

#define ARM_KERNEL_SETS(SET)                                                                       \
    SET(neon)                                                                                      \
    SET(neondot)  /* NEON and FEAT_DotProd */                                                      \
    SET(neonbf16) /* NEON, FEAT_I8MM and FEAT_BF16 */

/* The sets of the machine that this is compiled for. WebAssembly has no test at run time, because
 * an engine refuses a whole module for one unknown instruction: a module has one set, simd128, or
 * relaxedsimd in its place if the linker has the option `--wrap=kernels_simd128`. */
#if defined(__x86_64__)
#define KERNEL_SETS(SET) X86_KERNEL_SETS(SET)
#elif defined(__aarch64__)
#define KERNEL_SETS(SET) ARM_KERNEL_SETS(SET)
#elif defined(__wasm_simd128__)
#define KERNEL_SETS(SET) SET(simd128)
#else
#define KERNEL_SETS(SET)
#endif

#endif
