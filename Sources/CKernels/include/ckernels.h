/* The kernels: a table of functions for each instruction set. The caller chooses the fastest set
 * that the CPU can run.
 *
 * kernel_families.h has the contract of each kernel, kernel_list.h the names. The functions are
 * called `<name>__<instruction set>`. The plain version defines the result; all others pass the
 * same test.
 */
#ifndef SWIFT_DEMUCS_CKERNELS_H
#define SWIFT_DEMUCS_CKERNELS_H

#include "kernel_families.h"
#include "kernel_list.h"

#pragma clang assume_nonnull begin

typedef struct kernel_table {
    /* Unit of columns of a packed matrix: parts of the matrix begin at a multiple of it. */
    ptrdiff_t panel_columns;
#define KERNEL_FIELD(name, family) family *name;
    KERNEL_LIST(KERNEL_FIELD)
#undef KERNEL_FIELD
} kernel_table;

/* The kernels of an instruction set; NULL if this build or this CPU does not have it. */
const kernel_table *kernels_plain(void);
const kernel_table *_Nullable kernels_avx2(void);       /* AVX2 and FMA */
const kernel_table *_Nullable kernels_avxvnni(void);    /* AVX2, FMA and AVX-VNNI */
const kernel_table *_Nullable kernels_avx512(void);     /* AVX-512 F, BW, DQ, VL */
const kernel_table *_Nullable kernels_avx512vnni(void); /* avx512 and AVX512-VNNI */
const kernel_table *_Nullable kernels_avx512bf16(void); /* avx512vnni and AVX512-BF16 */
const kernel_table *_Nullable kernels_neon(void);
const kernel_table *_Nullable kernels_neondot(void);  /* NEON and FEAT_DotProd */
const kernel_table *_Nullable kernels_neonbf16(void); /* NEON, FEAT_I8MM and FEAT_BF16 */

/* Hint for the CPU in a spin loop. */
static inline void cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#pragma clang assume_nonnull end

#endif
