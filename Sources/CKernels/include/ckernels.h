/* The kernels: a table of functions for each instruction set, of which the caller takes the best
 * that the CPU has.
 *
 * kernel_families.h has what each kernel means, kernel_list.h their names. A function of a table
 * is `<name>__<instruction set>`. The plain version is the meaning; all others pass the same test.
 */
#ifndef SWIFT_DEMUCS_CKERNELS_H
#define SWIFT_DEMUCS_CKERNELS_H

#include "kernel_families.h"
#include "kernel_list.h"

#pragma clang assume_nonnull begin

typedef struct kernel_table {
    /* Columns of a packed matrix that belong together: parts of it begin at a multiple of this. */
    ptrdiff_t panel_columns;
#define KERNEL_FIELD(name, family) family *name;
    KERNEL_LIST(KERNEL_FIELD)
#undef KERNEL_FIELD
} kernel_table;

/* The kernels of an instruction set; NULL where this build or this CPU lacks it. */
const kernel_table *kernels_plain(void);
const kernel_table *_Nullable kernels_avx2(void);       /* AVX2 and FMA */
const kernel_table *_Nullable kernels_avxvnni(void);    /* these and AVX-VNNI */
const kernel_table *_Nullable kernels_avx512(void);     /* AVX-512 F, BW, DQ, VL */
const kernel_table *_Nullable kernels_avx512vnni(void); /* these and AVX512-VNNI */
const kernel_table *_Nullable kernels_avx512bf16(void); /* these and AVX512-BF16 */
const kernel_table *_Nullable kernels_neon(void);
const kernel_table *_Nullable kernels_neondot(void);  /* NEON and its dot product of bytes */
const kernel_table *_Nullable kernels_neonbf16(void); /* NEON, FEAT_I8MM and FEAT_BF16 */

/* Tells the CPU that this is a spin loop. */
static inline void cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#pragma clang assume_nonnull end

#endif
