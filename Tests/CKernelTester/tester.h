/* Common to the test cases of all kernels: guarded memory, numbers, sizes, comparisons. */
#ifndef SWIFT_DEMUCS_TESTER_H
#define SWIFT_DEMUCS_TESTER_H

#include "ckernels.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* The unit roundoff of float32; the spacing of the smallest numbers; the largest error of coarse
 * kernels. */
#define U 0x1p-24
#define LEAST 0x1p-149
#define COARSE 0x1p-13

/* One kernel of one table under test. */
typedef struct {
    const kernel_table *table, *plain;
    const char *kernel;
    int failures, is_quiet;
    /* Memory of the current size, and mapped memory of earlier sizes that is used again. */
    struct block *blocks, *spare;
    /* Number of sizes so far, and that of matrices since, counted from it. */
    size_t sizes, mapped;
} test_run;

/* Every kernel of the list has a case: if one is missing, the program does not link. */
#define DECLARE_CASE(name, family) void test_##name(test_run *run);
KERNEL_LIST(DECLARE_CASE)

/* Defines the case of a kernel by a call. */
#define CASE(name, ...)                                                                            \
    void test_##name(test_run *run) { __VA_ARGS__; }

/* A kernel of the set under test and its plain version. */
#define BOTH(name)                                                                                 \
    { run->table->name, run->plain->name }

/* Runs the body with t = the set under test and i = 0, then with t = plain and i = 1. */
#define EACH_TABLE(run, t, i)                                                                      \
    for (int i = 0; i < 2; i++)                                                                    \
        for (const kernel_table *t = i == 0 ? run->table : run->plain; t; t = NULL)

/* `rows` x `cols` elements of `size` bytes. Around them is memory that must not change and is
 * full of NaN, so that a kernel that reads it gives NaN; in turn before the first element or
 * after the last one, memory that can't be read. */
typedef struct {
    ptrdiff_t rows, cols, ld, size;
    void *first;
    unsigned char *memory;
} matrix;

/* A matrix whose elements are NaN, or as bytes 0x..45, before they are written. */
matrix blank(test_run *run, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t gap, ptrdiff_t size);
matrix copy(test_run *run, const matrix *m);

/* A matrix of uniform numbers in offset - scale ... offset + scale. */
matrix uniform(test_run *run, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t gap, double scale,
               double offset);
float draw(void);

/* The output of a kernel for each table of EACH_TABLE; the two matrices are equal at first. */
typedef struct {
    matrix of[2];
} outputs;

outputs blanks(test_run *run, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t gap, ptrdiff_t size);
outputs copies(test_run *run, const matrix *m);

/* Memory that lives as long as a matrix. */
void *allocate(test_run *run, size_t bytes);

static inline float *f32(const matrix *m, ptrdiff_t r, ptrdiff_t c) {
    return (float *)m->first + r * m->ld + c;
}

static inline uint16_t *u16(const matrix *m, ptrdiff_t r, ptrdiff_t c) {
    return (uint16_t *)m->first + r * m->ld + c;
}

static inline signed char *i8(const matrix *m, ptrdiff_t r, ptrdiff_t c) {
    return (signed char *)m->first + r * m->ld + c;
}

#define EACH(name, list)                                                                           \
    for (size_t name##_at = 0; name##_at < sizeof list / sizeof *list; name##_at++)                \
        for (ptrdiff_t name = list[name##_at], name##_once = 1; name##_once; name##_once = 0)

#define EACH_ELEMENT(m, r, c)                                                                      \
    for (ptrdiff_t r = 0; r < (m).rows; r++)                                                       \
        for (ptrdiff_t c = 0; c < (m).cols; c++)

enum { USUAL, LARGE, SMALL, SPECIAL, KINDS };

/* A size of a matrix, and the kind of numbers in it. */
typedef struct {
    ptrdiff_t rows, cols, gap;
    int kind; /* USUAL and so on */
    size_t index;
} shape;

/* The next size; releases the memory of the previous one. */
int next_shape(test_run *run, shape *s);

#define EACH_SHAPE(run, s) for (shape s = {.index = 0}; next_shape(run, &s);)

/* Numbers of the shape's kind. */
matrix numbers(test_run *run, const shape *s, ptrdiff_t rows, ptrdiff_t cols);

/* Scales near 1 and shifts near 0, as norms and biases have them; special numbers stay as they are.
 */
matrix scales_for(test_run *run, const shape *s, ptrdiff_t cols);
matrix shifts_for(test_run *run, const shape *s, ptrdiff_t cols);

/* Compares a kernel's result with the plain one: within the bound of each element, [rows, cols], or
 * equal without bounds; NaN where the plain result is NaN; memory around the elements unchanged.
 * Then the found values are replaced by the plain ones, so that later steps begin with equal
 * values. */
void expect_matrix(test_run *run, const matrix *found, const matrix *plain, const double *bounds);
void expect_outputs(test_run *run, const outputs *out, const double *bounds);

/* An array with a bound for each element, all equal to `bound` at first. */
double *bounds_for(test_run *run, const matrix *m, double bound);

uint16_t rounded(float x);
/* Expects that `found` is x rounded to bfloat16. Subnormal numbers may become 0. */
void expect_rounded(test_run *run, const matrix *found, const matrix *x);
float widened(uint16_t bf16);

void expect(test_run *run, int is_right, const char *what, ptrdiff_t r, ptrdiff_t c, double found,
            double plain);

void release(test_run *run);

/* Whether the result is known: only the first failure was requested, and one has occurred. */
int is_decided(const test_run *run);

#endif
