/* The kernels of Intel's tiles, with emulated tiles. */
#ifndef SWIFT_DEMUCS_EMULATED_AMX_H
#define SWIFT_DEMUCS_EMULATED_AMX_H

#include "ckernels.h"

const kernel_table *_Nonnull kernels_emulated_amx(void);

/* Whether no tiles are configured. */
int emulated_tiles_are_released(void);

#endif
