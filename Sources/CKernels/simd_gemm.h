/* The packed matrix product, written once over clang's vector types.
 *
 * Included after simd_kernels.h, with ROWS (rows of a register tile) defined too: a tile of ROWS
 * rows and two vectors of columns stays in registers while it runs over the inner dimension, one
 * broadcast element of A against two vectors of B at a time (Goto, van de Geijn 2008, "Anatomy of
 * high-performance matrix multiplication").
 */

enum { PANEL = 2 * WIDTH };

/* Inner positions of a chunk: a chunk of a panel (32 KiB with AVX-512) stays in the L1 cache while
 * all rows pass over it. */
enum { CHUNK = 256 };

/* Segments of a chunk; more than that are left for the next one. */
enum { CHUNK_SEGMENTS = 64 };

typedef struct {
    ptrdiff_t count;
    gemm_segment segments[CHUNK_SEGMENTS];
} gemm_chunk;

/* C[rows, vectors * WIDTH] (+)= the sum over the chunk of A times B, kept in registers. `rows` and
 * `vectors` are constants where this is inlined. */
static inline __attribute__((always_inline)) void
gemm_tile(const int rows, const int vectors, const gemm_chunk *chunk, ptrdiff_t row, ptrdiff_t lda,
          const float *panel, const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    vec sum[ROWS][2];
    const vec start[2] = {bias ? load(bias) : (vec)0,
                          bias && vectors > 1 ? load(bias + WIDTH) : (vec)0};
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++)
            sum[r][v] = accumulate ? load(c + r * ldc + v * WIDTH) : start[v];
    for (ptrdiff_t s = 0; s < chunk->count; s++) {
        const gemm_segment *segment = &chunk->segments[s];
        const float *a = segment->a + row * lda;
        const float *b = panel + segment->first * vectors * WIDTH;
        for (ptrdiff_t k = 0; k < segment->count; k++, a++, b += vectors * WIDTH) {
            vec b0 = load(b), b1 = vectors > 1 ? load(b + WIDTH) : (vec)0;
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) {
                vec x = (vec)a[r * lda];
                sum[r][0] = fma(x, b0, sum[r][0]);
                if (vectors > 1)
                    sum[r][1] = fma(x, b1, sum[r][1]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++)
            store(c + r * ldc + v * WIDTH, sum[r][v]);
}

/* A tile with fewer rows than ROWS, as a few tiles with fixed numbers of rows. */
static inline __attribute__((always_inline)) void
gemm_rows(const int vectors, const gemm_chunk *chunk, ptrdiff_t rows, ptrdiff_t lda,
          const float *panel, const float *bias, float *c, ptrdiff_t ldc, int accumulate) {
    ptrdiff_t row = 0;
    for (; row + ROWS <= rows; row += ROWS)
        gemm_tile(ROWS, vectors, chunk, row, lda, panel, bias, c + row * ldc, ldc, accumulate);
    if (row + ROWS / 2 <= rows) {
        gemm_tile(ROWS / 2, vectors, chunk, row, lda, panel, bias, c + row * ldc, ldc, accumulate);
        row += ROWS / 2;
    }
    for (; row + 2 <= rows; row += 2)
        gemm_tile(2, vectors, chunk, row, lda, panel, bias, c + row * ldc, ldc, accumulate);
    if (row < rows)
        gemm_tile(1, vectors, chunk, row, lda, panel, bias, c + row * ldc, ldc, accumulate);
}

/* One chunk against one panel. */
static void gemm_panel(const gemm_chunk *chunk, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t lda,
                       const float *panel, const float *bias, float *c, ptrdiff_t ldc,
                       int accumulate) {
    if (columns == PANEL) {
        gemm_rows(2, chunk, rows, lda, panel, bias, c, ldc, accumulate);
        return;
    }
    if (columns == WIDTH) {
        gemm_rows(1, chunk, rows, lda, panel, bias, c, ldc, accumulate);
        return;
    }
    /* The last panel, whose columns are not all there, goes through a buffer. */
    float buffer[ROWS * PANEL], whole_bias[PANEL] = {0};
    if (bias) {
        memcpy(whole_bias, bias, sizeof(float) * (size_t)columns);
        bias = whole_bias;
    }
    const ptrdiff_t width = columns > WIDTH ? PANEL : WIDTH;
    for (ptrdiff_t row = 0; row < rows; row += ROWS) {
        ptrdiff_t n = rows - row < ROWS ? rows - row : ROWS;
        gemm_chunk part = *chunk;
        for (ptrdiff_t s = 0; s < part.count; s++)
            part.segments[s].a += row * lda;
        if (accumulate)
            for (ptrdiff_t r = 0; r < n; r++)
                memcpy(buffer + r * width, c + (row + r) * ldc, sizeof(float) * (size_t)columns);
        if (width == PANEL)
            gemm_rows(2, &part, n, lda, panel, bias, buffer, width, accumulate);
        else
            gemm_rows(1, &part, n, lda, panel, bias, buffer, width, accumulate);
        for (ptrdiff_t r = 0; r < n; r++)
            memcpy(c + (row + r) * ldc, buffer + r * width, sizeof(float) * (size_t)columns);
    }
}

static void KERNEL(f32_gemm)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t count,
                             const gemm_segment *segments, ptrdiff_t lda, const float *packed,
                             ptrdiff_t inner, const float *bias, float *c, ptrdiff_t ldc,
                             int accumulate) {
    ptrdiff_t s = 0, done = 0; /* the segment at hand and what is done of it */
    do {
        gemm_chunk chunk = {0};
        ptrdiff_t room = CHUNK;
        while (s < count && room > 0 && chunk.count < CHUNK_SEGMENTS) {
            ptrdiff_t n = segments[s].count - done;
            if (n > room) {
                /* A segment that starts a chunk is cut; one that doesn't fit waits for the next. */
                if (chunk.count > 0)
                    break;
                n = room;
            }
            chunk.segments[chunk.count++] = (gemm_segment){
                .a = segments[s].a + done, .first = segments[s].first + done, .count = n};
            room -= n;
            done += n;
            if (done == segments[s].count) {
                s++;
                done = 0;
            }
        }
        const float *panel = packed;
        for (ptrdiff_t column = 0; column < columns; column += PANEL) {
            ptrdiff_t n = columns - column < PANEL ? columns - column : PANEL;
            gemm_panel(&chunk, rows, n, lda, panel, bias ? bias + column : NULL, c + column, ldc,
                       accumulate);
            panel += inner * PANEL;
        }
        accumulate = 1;
        bias = NULL;
    } while (s < count);
}

static ptrdiff_t KERNEL(f32_packed_floats)(ptrdiff_t inner, ptrdiff_t columns) {
    return inner * ((columns + WIDTH - 1) / WIDTH * WIDTH);
}

static void KERNEL(f32_pack)(ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count, ptrdiff_t columns,
                             const float *b, ptrdiff_t inner_stride, ptrdiff_t column_stride,
                             float *packed) {
    for (ptrdiff_t column = 0; column < columns; column += PANEL) {
        ptrdiff_t n = columns - column < PANEL ? columns - column : PANEL;
        ptrdiff_t width = n > WIDTH ? PANEL : WIDTH;
        const float *source = b + column * column_stride;
        float *target = packed + first * width;
        if (column_stride == 1) {
            for (ptrdiff_t k = 0; k < count; k++) {
                memcpy(target + k * width, source + k * inner_stride, sizeof(float) * (size_t)n);
                memset(target + k * width + n, 0, sizeof(float) * (size_t)(width - n));
            }
            packed += inner * width;
            continue;
        }
        /* Blocks of inner positions, so that a read of neighbours, whichever stride is 1, finds
         * its cache line still there for the next ones. */
        for (ptrdiff_t block = 0; block < count; block += 16) {
            ptrdiff_t end = block + 16 < count ? block + 16 : count;
            for (ptrdiff_t j = 0; j < width; j++)
                for (ptrdiff_t k = block; k < end; k++)
                    target[k * width + j] =
                        j < n ? source[k * inner_stride + j * column_stride] : 0.0f;
        }
        packed += inner * width;
    }
}
