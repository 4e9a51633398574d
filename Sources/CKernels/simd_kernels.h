/* The SIMD kernels, written once with clang's vector types.
 *
 * Included by one file per instruction set. The file first defines SUFFIX (the name of the set) and
 * ABILITIES (the initialisers of its abilities in kernel_table), and includes the primitives of the
 * set, ops_<set>.h and the headers for bfloat16 and INT8; it compiles everything under the set's
 * target attribute. Headers named *.inc.h are templates, which are included several times.
 */
#include "simd_elementwise.h"

#include "simd_norms.h"

#include "simd_winograd.h"

#include "simd_products.h"

#include "simd_pack.h"

#include "simd_int8.h"

#include "simd_int8_pack.h"

#include "simd_int14.h"

#include "simd_int8_wide.h"

#include "simd_fft.h"

#include "kernel_variants.h"

#if defined(__wasm__)
#define PEAK
#else
#include "simd_peak.h"
#define PEAK .peak_pass = KERNEL(peak_pass),
#endif

#define TABLE_ENTRY(name, family) .name = KERNEL(name),
#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)
static const kernel_table KERNEL(table) = {
    .name = TEXT(SUFFIX), .panel_columns = PANEL, PEAK ABILITIES KERNEL_LIST(TABLE_ENTRY)};
