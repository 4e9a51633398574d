/* What the cases of all kernels share: guarded memory, numbers, sizes, comparisons. */
#ifndef SWIFT_DEMUCS_TESTER_H
#define SWIFT_DEMUCS_TESTER_H

#include "ckernels.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* The unit roundoff of float32; the spacing of the smallest numbers; what coarse kernels may err.
 */
#define U 0x1p-24
#define LEAST 0x1p-149
#define COARSE 0x1p-13

/* One kernel of one table under test. */
typedef struct {
    const kernel_table *table, *plain;
    const char *kernel;
    int failures, is_quiet;
    /* Memory of the current size. */
    void *blocks;
} test_run;

/* Every kernel of the list has a case: without one this does not link. */
#define DECLARE_CASE(name, family) void test_##name(test_run *run);
KERNEL_LIST(DECLARE_CASE)

/* The case of a kernel, as a call. */
#define CASE(name, ...)                                                                            \
    void test_##name(test_run *run) { __VA_ARGS__; }

/* A kernel of the set under test and plain's. */
#define BOTH(name)                                                                                 \
    { run->table->name, run->plain->name }

/* The same with the set under test, as t and i = 0, and with plain, as i = 1. */
#define EACH_TABLE(run, t, i)                                                                      \
    for (int i = 0; i < 2; i++)                                                                    \
        for (const kernel_table *t = i == 0 ? run->table : run->plain; t; t = NULL)

/* `rows` x `cols` elements of `size` bytes, in the middle of memory that must stay as it is. That
 * memory is full of NaN, so that a kernel that reads it spoils its result. */
typedef struct {
    ptrdiff_t rows, cols, ld, size;
    void *first;
    unsigned char *memory;
} matrix;

/* Elements that are NaN, or 0x..45 as bytes, until something is written to them. */
matrix blank(test_run *run, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t gap, ptrdiff_t size);
matrix copy(test_run *run, const matrix *m);

/* Uniform in offset - scale ... offset + scale. */
matrix uniform(test_run *run, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t gap, double scale,
               double offset);
float draw(void);

/* What a kernel writes to, for each of EACH_TABLE: equal at first. */
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

/* The next size; frees what belonged to the one before. */
int next_shape(test_run *run, shape *s);

#define EACH_SHAPE(run, s) for (shape s = {.index = 0}; next_shape(run, &s);)

/* Numbers of the shape's kind. */
matrix numbers(test_run *run, const shape *s, ptrdiff_t rows, ptrdiff_t cols);

/* Scales near 1 and shifts near 0, as norms and biases have them; special numbers stay as they are.
 */
matrix scales_for(test_run *run, const shape *s, ptrdiff_t cols);
matrix shifts_for(test_run *run, const shape *s, ptrdiff_t cols);

/* A kernel's result against the plain one's: within the bound of each element, [rows, cols], or
 * equal without bounds; a NaN where that is one; the memory around the elements as it was. What was
 * found becomes what was expected, for what goes on from it. */
void expect_matrix(test_run *run, const matrix *found, const matrix *plain, const double *bounds);
void expect_outputs(test_run *run, const outputs *out, const double *bounds);

/* A bound for each element, to begin with the same. */
double *bounds_for(test_run *run, const matrix *m, double bound);

uint16_t rounded(float x);
/* That x, rounded to bfloat16, was written. Subnormal numbers may become 0. */
void expect_rounded(test_run *run, const matrix *found, const matrix *x);
float widened(uint16_t bf16);

void expect(test_run *run, int is_right, const char *what, ptrdiff_t r, ptrdiff_t c, double found,
            double plain);

void release(test_run *run);

/* Whether only the first failure was asked for, and has come. */
int is_decided(const test_run *run);

#endif
