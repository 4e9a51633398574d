/* The part of the C interface of BLAS that this package calls.
 *
 * Of OpenBLAS only types, nothing is linked: the library is opened with dlopen after its core type has
 * been chosen, because OpenBLAS reads OPENBLAS_CORETYPE once, when it is loaded. */
#ifndef SWIFT_DEMUCS_BLAS_H
#define SWIFT_DEMUCS_BLAS_H

enum { CBLAS_ROW_MAJOR = 101, CBLAS_NO_TRANS = 111 };

/* C[M, N] = alpha * op(A)[M, K] * op(B)[K, N] + beta * C; ld… are row lengths in elements. */
typedef void (*cblas_sgemm_function)(int order, int transA, int transB, int M, int N, int K,
                                     float alpha, const float *A, int lda, const float *B, int ldb,
                                     float beta, float *C, int ldc);
#if defined(__APPLE__)
/* cblas_sgemm of Accelerate. */
void accelerate_sgemm(int order, int transA, int transB, int M, int N, int K, float alpha,
                      const float *A, int lda, const float *B, int ldb, float beta, float *C,
                      int ldc);
#else
typedef void (*openblas_set_num_threads_function)(int threads);
typedef char *(*openblas_get_corename_function)(void);
#endif

#endif
