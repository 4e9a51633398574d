#include "kernel_tester.h"

#include "emulated_amx.h"
#include "tester.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int is_decided(const test_run *run) { return run->is_quiet && run->failures > 0; }

/* ---- Memory ---- */

/* Number of guard bytes on one side of a matrix: more than a vector of any set. On the other
 * side is a page that can't be read, where pages exist. */
enum { MARGIN = 160 };
static const uint32_t GUARD = 0x7FC12345; /* a NaN, and so is its upper part as bfloat16 */

typedef struct block {
    _Alignas(16) struct block *next;
    void *pages;
    size_t bytes;
} block;

static block *add_block(test_run *run, size_t bytes) {
    block *added = malloc(sizeof(block) + bytes);
    if (!added)
        abort();
    *added = (block){run->blocks, NULL, 0};
    run->blocks = added;
    return added;
}

void *allocate(test_run *run, size_t bytes) { return add_block(run, bytes) + 1; }

#if defined(__wasm__)
static char *map_pages(test_run *run, size_t bytes) { return allocate(run, bytes); }

static void unmap_spare(test_run *run) { (void)run; }

static int runs(test_run *run, void (*test)(test_run *)) {
    test(run);
    return 1;
}
#else
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* Memory with unreadable pages around it. */
static char *map_pages(test_run *run, size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t inner = (bytes + page - 1) / page * page;
    block **place = &run->spare;
    while (*place && (*place)->bytes != inner + 2 * page)
        place = &(*place)->next;
    block *added = *place;
    if (added) {
        *place = added->next;
    } else {
        added = malloc(sizeof(block));
        char *pages = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
        if (!added || pages == MAP_FAILED ||
            mprotect(pages + page, inner, PROT_READ | PROT_WRITE) != 0)
            abort();
        *added = (block){NULL, pages, inner + 2 * page};
    }
    added->next = run->blocks;
    run->blocks = added;
    /* In turn at the end of the pages and at their beginning, from matrix to matrix and, as `release`
     * does, from size to size. */
    char *first = (char *)added->pages + page;
    return run->mapped++ % 2 == 0 ? first + inner - bytes : first;
}

static void unmap_spare(test_run *run) {
    while (run->spare) {
        block *next = run->spare->next;
        munmap(run->spare->pages, run->spare->bytes);
        free(run->spare);
        run->spare = next;
    }
}

#include <pthread.h>

enum { SIGNALS = 2 };
static const int FAULTS[SIGNALS] = {SIGSEGV, SIGBUS};
static struct sigaction former[SIGNALS];
static _Thread_local sigjmp_buf *_Nullable running;

/* Ends the test of its own thread; faults of other threads go where they went before. */
static void leave(int fault) {
    if (running)
        siglongjmp(*running, 1);
    sigaction(fault, &former[fault == FAULTS[1]], NULL);
    raise(fault);
}

/* For the whole process, and for good: tests of other threads may be running. */
static void install(void) {
    struct sigaction leaving = {.sa_handler = leave};
    for (int i = 0; i < SIGNALS; i++)
        sigaction(FAULTS[i], &leaving, &former[i]);
}

/* Runs a test; 0 if it touched memory that can't be read or written. */
static int runs(test_run *run, void (*test)(test_run *)) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    sigjmp_buf place;
    volatile int is_complete = 0;
    running = &place;
    if (sigsetjmp(place, 1) == 0) {
        test(run);
        is_complete = 1;
    }
    running = NULL;
    return is_complete;
}
#endif

void release(test_run *run) {
    while (run->blocks) {
        block *last = run->blocks;
        run->blocks = last->next;
        if (last->pages) {
            /* Mapping takes longer than most kernels. */
            last->next = run->spare;
            run->spare = last;
        } else {
            free(last);
        }
    }
    run->mapped = ++run->sizes;
}

/* Bytes from the first element to the last one, in whole units of the guard. */
static size_t bytes_of(const matrix *m) {
    const ptrdiff_t elements = m->rows > 0 ? (m->rows - 1) * m->ld + m->cols : 0;
    return (size_t)((elements * m->size + 3) / 4 * 4);
}

matrix blank(test_run *run, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t gap, ptrdiff_t size) {
    matrix m = {.rows = rows, .cols = cols, .ld = cols + gap, .size = size};
    const ptrdiff_t before = run->mapped % 2 == 0 ? MARGIN : 0;
    m.memory = (unsigned char *)map_pages(run, bytes_of(&m) + MARGIN);
    for (size_t i = 0; i < bytes_of(&m) + MARGIN; i += sizeof GUARD)
        memcpy(m.memory + i, &GUARD, sizeof GUARD);
    m.first = m.memory + before;
    return m;
}

matrix copy(test_run *run, const matrix *m) {
    matrix result = blank(run, m->rows, m->cols, m->ld - m->cols, m->size);
    memcpy(result.first, m->first, bytes_of(m));
    return result;
}

outputs copies(test_run *run, const matrix *m) { return (outputs){{copy(run, m), copy(run, m)}}; }

outputs blanks(test_run *run, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t gap, ptrdiff_t size) {
    const matrix m = blank(run, rows, cols, gap, size);
    return copies(run, &m);
}

/* ---- Numbers ---- */

static _Thread_local unsigned long long state;

/* Uniform in -1...1 (xorshift, Marsaglia 2003). */
float draw(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (float)((double)(state >> 11) * 0x1p-52 - 1);
}

matrix uniform(test_run *run, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t gap, double scale,
               double offset) {
    matrix m = blank(run, rows, cols, gap, sizeof(float));
    EACH_ELEMENT(m, r, c)
    *f32(&m, r, c) = (float)(offset + scale * (double)draw());
    return m;
}

/* Numbers at which exponentials overflow, error functions become 1, and float32 reaches its limits.
 */
static const float SPECIALS[] = {0,     -0.0f, 1e-38f, -1e-38f, 1e-20f, 0.5f,  -0.5f, 3.925f,
                                 -5.5f, -5.6f, 12,     -12,     87,     -87,   88.5f, -88.5f,
                                 103,   -104,  1e4f,   -1e4f,   1e15f,  -1e15f};

matrix numbers(test_run *run, const shape *s, ptrdiff_t rows, ptrdiff_t cols) {
    matrix m = uniform(run, rows, cols, s->gap, (double[]){3, 1e4, 1e-6, 1}[s->kind], 0);
    if (s->kind == SPECIAL)
        EACH_ELEMENT(m, r, c) {
            const size_t count = sizeof SPECIALS / sizeof *SPECIALS;
            *f32(&m, r, c) = SPECIALS[(size_t)(draw() * 1e6f + 1e6f) % count];
        }
    return m;
}

matrix scales_for(test_run *run, const shape *s, ptrdiff_t cols) {
    return uniform(run, 1, cols, 0, s->kind == SPECIAL ? 0 : 0.5, 1);
}

matrix shifts_for(test_run *run, const shape *s, ptrdiff_t cols) {
    return uniform(run, 1, cols, 0, (double[]){0.5, 0.5, 1e-6, 0}[s->kind], 0);
}

/* Sizes on both sides of one vector of 4, 8 or 16 floats, of several vectors, and of tiles. */
static const ptrdiff_t ROWS[] = {0, 1, 2, 3, 5, 15, 17, 33};
static const ptrdiff_t COLUMNS[] = {0,  1,  2,  3,  4,  6,  7,  8,  9,  12,  15,  16,
                                    17, 24, 31, 32, 33, 48, 63, 64, 65, 127, 129, 1023};
enum { ROW_SIZES = sizeof ROWS / sizeof *ROWS, COLUMN_SIZES = sizeof COLUMNS / sizeof *COLUMNS };

int next_shape(test_run *run, shape *s) {
    release(run);
    /* All kinds of numbers in all sizes would take long and find no more errors. */
    const size_t usual = ROW_SIZES * COLUMN_SIZES, all = usual + (KINDS - 1) * COLUMN_SIZES;
    const size_t i = s->index++;
    if (i >= all || is_decided(run))
        return 0;
    s->rows = i < usual ? ROWS[i / COLUMN_SIZES] : 2;
    s->cols = COLUMNS[i % COLUMN_SIZES];
    if (s->cols > 1000 && s->rows > 3)
        return next_shape(run, s);
    s->gap = i < usual && (i / COLUMN_SIZES + i) % 2 ? 0 : 5;
    s->kind = i < usual ? USUAL : 1 + (int)((i - usual) / COLUMN_SIZES);
    return 1;
}

/* ---- Comparisons ---- */

void expect(test_run *run, int is_right, const char *what, ptrdiff_t r, ptrdiff_t c, double found,
            double plain) {
    if (is_right)
        return;
    if (run->failures++ < 3 && !run->is_quiet)
        fprintf(stderr, "%s: %s at (%td, %td): found %.9g, plain %.9g\n", run->kernel, what, r, c,
                found, plain);
}

double *bounds_for(test_run *run, const matrix *m, double bound) {
    double *bounds = allocate(run, sizeof(double) * (size_t)(m->rows * m->cols));
    for (ptrdiff_t i = 0; i < m->rows * m->cols; i++)
        bounds[i] = bound;
    return bounds;
}

uint16_t rounded(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

float widened(uint16_t bf16) {
    const uint32_t bits = (uint32_t)bf16 << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void *row_at(const matrix *m, ptrdiff_t r) { return (char *)m->first + r * m->ld * m->size; }

static double value(const matrix *m, ptrdiff_t r, ptrdiff_t c) {
    return m->size == 4   ? (double)*f32(m, r, c)
           : m->size == 2 ? (double)widened(*u16(m, r, c))
                          : (double)*i8(m, r, c);
}

static int is_guard(const matrix *m, const void *from, const void *to) {
    for (const unsigned char *p = from; p < (const unsigned char *)to; p++)
        if (*p != ((const unsigned char *)&GUARD)[(p - m->memory) % 4])
            return 0;
    return 1;
}

/* Whether all memory around the elements is unchanged. */
static int is_intact(const matrix *m) {
    const unsigned char *row = m->first;
    int result = is_guard(m, m->memory, row);
    for (ptrdiff_t r = 0; r + 1 < m->rows; r++, row += m->ld * m->size)
        result = result && is_guard(m, row + m->cols * m->size, row + m->ld * m->size);
    if (m->rows > 0)
        row += m->cols * m->size;
    return result && is_guard(m, row, m->memory + bytes_of(m) + MARGIN);
}

void expect_matrix(test_run *run, const matrix *found, const matrix *plain, const double *bounds) {
    EACH_ELEMENT(*found, r, c) {
        const double a = value(found, r, c), b = value(plain, r, c);
        const double bound = bounds ? bounds[r * found->cols + c] : 0;
        const int is_same = a == b || (isnan(a) && isnan(b));
        expect(run, is_same || fabs(a - b) <= bound, "differs", r, c, a, b);
    }
    for (ptrdiff_t r = 0; r < found->rows; r++)
        memmove(row_at(found, r), row_at(plain, r), (size_t)(found->cols * found->size));
    expect(run, is_intact(found), "memory around the result was written", found->rows, found->cols,
           0, 0);
}

void expect_outputs(test_run *run, const outputs *out, const double *bounds) {
    expect_matrix(run, &out->of[0], &out->of[1], bounds);
}

void expect_rounded(test_run *run, const matrix *found, const matrix *x) {
    matrix expected = copy(run, found);
    double *bounds = bounds_for(run, found, 0);
    EACH_ELEMENT(*found, r, c) {
        *u16(&expected, r, c) = rounded(*f32(x, r, c));
        bounds[r * found->cols + c] = fabsf(*f32(x, r, c)) < 0x1p-126f ? 0x1p-126 : 0;
    }
    expect_matrix(run, found, &expected, bounds);
}

/* ---- All cases ---- */

static int run_case(void (*test)(test_run *), const char *kernel, const kernel_table *table,
                    int is_quiet) {
    test_run run = {
        .table = table, .plain = kernels_plain(), .kernel = kernel, .is_quiet = is_quiet};
    state = 1;
    expect(&run, runs(&run, test), "touched memory outside its operands", 0, 0, 0, 0);
    expect(&run, emulated_tiles_are_released(), "left tiles in use", 0, 0, 0, 0);
    release(&run);
    unmap_spare(&run);
    return run.failures;
}

int kernel_tester_run(const kernel_table *table) {
    int failures = 0;
#define RUN_CASE(name, family) failures += run_case(test_##name, #name, table, 0);
    KERNEL_LIST(RUN_CASE)
    return failures;
}

static ptrdiff_t do_nothing(void) { return 0; }

int kernel_tester_blind_cases(void) {
    int blind = 0;
    /* A cast to another function type; do_nothing reads no arguments. */
#define RUN_CASE_WITHOUT(name, family)                                                             \
    {                                                                                              \
        kernel_table table = *kernels_plain();                                                     \
        table.name = (family *)(void (*)(void))do_nothing;                                         \
        if (run_case(test_##name, #name, &table, 1) == 0) {                                        \
            fprintf(stderr, "%s: its test passes without it\n", #name);                            \
            blind++;                                                                               \
        }                                                                                          \
    }
    KERNEL_LIST(RUN_CASE_WITHOUT)
    return blind;
}
