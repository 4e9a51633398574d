/* Compares the kernels of an instruction set with the plain ones. */
#ifndef SWIFT_DEMUCS_KERNEL_TESTER_H
#define SWIFT_DEMUCS_KERNEL_TESTER_H

#include "ckernels.h"

/* Runs every kernel of the table over awkward sizes: nothing, one, both sides of each whole number
 * of vectors, rows that lie apart.
 *
 * Returns the number of calls whose results differ from the plain kernel's by more than rounding,
 * or that wrote outside their rows. Each is described on stderr, the first few of a kernel only. */
int kernel_tester_run(const kernel_table *_Nonnull table);

#endif
