/* The products of INT8 codes, which every instruction set must give bit by bit. */
#ifndef SWIFT_DEMUCS_CODE_TESTER_H
#define SWIFT_DEMUCS_CODE_TESTER_H

#include "ckernels.h"

/* The number of results that differ from the plain kernels'. */
int code_tester_run(const kernel_table *_Nonnull table, const kernel_table *_Nonnull plain);

#endif
