/* Accelerate's headers give its present interface, and no warnings of the one before macOS 13.3, if this
 * is defined before they are included. A C file can do so; a Swift target would need unsafe flags, which
 * a package that others depend on may not have. */
#define ACCELERATE_NEW_LAPACK 1

#include "blas.h"

#if defined(__APPLE__)
#include <Accelerate/Accelerate.h>

void accelerate_sgemm(int order, int transA, int transB, int M, int N, int K, float alpha,
                      const float *A, int lda, const float *B, int ldb, float beta, float *C,
                      int ldc) {
    cblas_sgemm((enum CBLAS_ORDER)order, (enum CBLAS_TRANSPOSE)transA, (enum CBLAS_TRANSPOSE)transB,
                M, N, K, alpha, A, lda, B, ldb, beta, C, ldc);
}
#endif
