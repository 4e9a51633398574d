/* A tester that compares the kernels of an instruction set with the plain kernels. */
#ifndef SWIFT_DEMUCS_KERNEL_TESTER_H
#define SWIFT_DEMUCS_KERNEL_TESTER_H

#include "ckernels.h"

/* Runs every kernel of the table with awkward sizes: zero, one, both sides of whole numbers of
 * vectors and tiles, rows with gaps.
 *
 * Returns the number of results whose difference from the plain kernel's is above the bound in
 * kernel_families.h, plus the number of calls that wrote outside their rows. The first failures of
 * each kernel are printed on stderr. */
int kernel_tester_run(const kernel_table *_Nonnull table);

/* The number of cases that a kernel without effect would pass; the kernels' names are printed on
 * stderr.
 */
int kernel_tester_blind_cases(void);

#endif
