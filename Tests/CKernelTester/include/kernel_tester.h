/* Compares the kernels of an instruction set with the plain ones. */
#ifndef SWIFT_DEMUCS_KERNEL_TESTER_H
#define SWIFT_DEMUCS_KERNEL_TESTER_H

#include "ckernels.h"

/* Runs every kernel of the table over awkward sizes: nothing, one, both sides of each whole number
 * of vectors and tiles, rows that lie apart.
 *
 * Returns the number of results that differ from the plain kernel's by more than the bound in
 * kernel_families.h, and of calls that wrote outside their rows. The first few of each kernel are
 * described on stderr. */
int kernel_tester_run(const kernel_table *_Nonnull table);

/* The number of kernels whose case would let one pass that does nothing; their names go to stderr.
 */
int kernel_tester_blind_cases(void);

#endif
