/* The kernels: a table of functions for each instruction set. The caller chooses the fastest set
 * that the CPU can run.
 *
 * kernel_families.h has the contract of each kernel, kernel_list.h the names, kernel_sets.h the
 * sets. The functions are called `<name>__<instruction set>`. The plain version defines the result;
 * all others pass the same test.
 */
#ifndef SWIFT_DEMUCS_CKERNELS_H
#define SWIFT_DEMUCS_CKERNELS_H

#include "kernel_families.h"
#include "kernel_list.h"
#include "kernel_sets.h"

#include <stdbool.h>

#pragma clang assume_nonnull begin

typedef struct kernel_table {
    /* The name of the set. Arrays, so that Swift can share tables among threads. */
    char name[16];
    /* Whether products in bfloat16 are faster than in float32. */
    bool multiplies_bf16;
    /* Whether products of INT8 weights with activations of 14 bits are faster than those with
     * floats: integers are multiplied at least twice as fast as floats, and bfloat16 is not. */
    bool multiplies_14_bits;
    /* Whether a 3 × 3 convolution is faster by Winograd's algorithm in float32, which takes a third
     * of the products, than with INT8 weights, because a product in INT8 takes more than half the
     * time of one in float32. */
    bool winograd_beats_int8;
    /* Whether INT8 was at least 1.3 times as fast as float32 and bfloat16 on every CPU where a
     * segment of HTDemucs was measured (docs/speed.md); false where none was. */
    bool int8_is_much_faster;
    /* Whether a product may be rounded before it is added: there is no fused multiply-add. */
    bool rounds_products;
    /* OpenBLAS's name of its kernels for the same instructions; empty leaves the choice to it. */
    char blas_core[16];
    /* Unit of columns of a packed matrix: parts of the matrix begin at a multiple of it. */
    ptrdiff_t panel_columns;
#if !defined(__wasm__)
    /* Multiplies as the inner loop of a product does, `passes` times, with operands in the
     * level-1 cache: kind 0 in float32, 1 in bfloat16, 2 in INT8. Returns the number of
     * operations, two for each product. */
    double (*peak_pass)(int kind, ptrdiff_t passes);
#endif
#define KERNEL_FIELD(name, family) family *name;
    KERNEL_LIST(KERNEL_FIELD)
#undef KERNEL_FIELD
} kernel_table;

const kernel_table *kernels_plain(void);

/* The kernels of each other set of this build; NULL if this CPU does not have it. */
#define KERNELS_OF_SET(set) const kernel_table *_Nullable kernels_##set(void);
KERNEL_SETS(KERNELS_OF_SET)
#undef KERNELS_OF_SET

/* The name of the set at a place in the list of all sets; NULL after the last one. */
const char *_Nullable kernel_set_name(ptrdiff_t index);

/* The kernels of the set of that name; NULL if there is none, or this build or CPU lacks it. */
const kernel_table *_Nullable kernel_set(const char *name);

/* Why a set is left out although the CPU has its instructions; NULL if there is no such reason. */
const char *_Nullable kernel_set_obstacle(const char *name);

/* Whether small products of two sets are equal, in bfloat16 within the bound of gemm_kernel. */
bool products_agree(const kernel_table *first, const kernel_table *second);

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
