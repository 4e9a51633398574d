/* Packing the right operand of a product into panels, each with its columns side by side. */

/* Columns to rows that are `stride` floats apart. */
static inline void store_turned(vec block[WIDTH], float *rows, ptrdiff_t stride) {
    transpose(block);
    for (ptrdiff_t i = 0; i < WIDTH; i++)
        store(rows + i * stride, block[i]);
}

static void KERNEL(f32_pack)(ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count, ptrdiff_t columns,
                             const float *b, ptrdiff_t inner_stride, ptrdiff_t column_stride,
                             void *packed) {
    float *panel = (float *)packed;
    for (ptrdiff_t column = 0; column < columns; column += PANEL) {
        ptrdiff_t n = columns - column < PANEL ? columns - column : PANEL;
        ptrdiff_t width = n > WIDTH ? PANEL : WIDTH;
        const float *source = b + column * column_stride;
        float *target = panel + first * width;
        if (column_stride == 1) {
            for (ptrdiff_t k = 0; k < count; k++) {
                memcpy(target + k * width, source + k * inner_stride, sizeof(float) * (size_t)n);
                memset(target + k * width + n, 0, sizeof(float) * (size_t)(width - n));
            }
            panel += inner * width;
            continue;
        }
        /* Blocks, so that a read of neighbours, whichever stride is 1, finds its cache line still
         * there for the next ones. */
        for (ptrdiff_t block = 0; block < count; block += WIDTH)
            for (ptrdiff_t j = 0; j < width; j += WIDTH) {
                ptrdiff_t end = block + WIDTH < count ? block + WIDTH : count;
                if (inner_stride == 1 && block + WIDTH == end && j + WIDTH <= n) {
                    vec rows[WIDTH];
                    for (ptrdiff_t i = 0; i < WIDTH; i++)
                        rows[i] = load(source + (j + i) * column_stride + block);
                    store_turned(rows, target + block * width + j, width);
                    continue;
                }
                for (ptrdiff_t i = j; i < j + WIDTH; i++)
                    for (ptrdiff_t k = block; k < end; k++)
                        target[k * width + i] =
                            i < n ? source[k * inner_stride + i * column_stride] : 0.0f;
            }
        panel += inner * width;
    }
}

/* Where element (k, j) of a panel stands. */
static inline ptrdiff_t bf16_place(ptrdiff_t k, ptrdiff_t j, ptrdiff_t width) {
    return k / bf16_STEP * bf16_STEP * width + j * bf16_STEP + k % bf16_STEP;
}

static void KERNEL(bf16_pack)(ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count, ptrdiff_t columns,
                              const float *b, ptrdiff_t inner_stride, ptrdiff_t column_stride,
                              void *packed) {
    const ptrdiff_t padded = (inner + bf16_STEP - 1) / bf16_STEP * bf16_STEP;
    uint16_t *panel = (uint16_t *)packed;
    for (ptrdiff_t column = 0; column < columns; column += PANEL) {
        ptrdiff_t n = columns - column < PANEL ? columns - column : PANEL;
        ptrdiff_t width = n > WIDTH ? PANEL : WIDTH;
        const float *source = b + column * column_stride;
        ptrdiff_t k = 0;
#if NATIVE_BF16
        /* Pairs of rows that lie in memory, a vector of columns at a time. */
        if (column_stride == 1 && first % 2 == 0)
            for (; k + 2 <= count; k += 2)
                for (ptrdiff_t j = 0; j < width; j += WIDTH) {
                    ptrdiff_t m = n - j < WIDTH ? n - j : WIDTH;
                    const float *row = source + k * inner_stride + j;
                    vec_bits low = round_to_bf16(load_part(row, m < 0 ? 0 : m)) >> 16;
                    vec_bits high = round_to_bf16(load_part(row + inner_stride, m < 0 ? 0 : m));
                    vec_bits pairs = low | high;
                    memcpy(panel + bf16_place(first + k, j, width), &pairs, sizeof pairs);
                }
        /* Pairs of columns' neighbours: a block of pairs is rounded along memory, then turned. */
        if (inner_stride == 1 && first % 2 == 0)
            for (; k + 2 * WIDTH <= count; k += 2 * WIDTH)
                for (ptrdiff_t j = 0; j < width; j += WIDTH) {
                    vec pairs[WIDTH];
                    for (ptrdiff_t i = 0; i < WIDTH; i++) {
                        pairs[i] = (vec)0;
                        if (j + i >= n)
                            continue;
                        const float *row = source + (j + i) * column_stride + k;
                        __m512bh v =
                            _mm512_cvtne2ps_pbh((__m512)load(row + WIDTH), (__m512)load(row));
                        memcpy(&pairs[i], &v, sizeof v);
                    }
                    float *target = (float *)(void *)(panel + bf16_place(first + k, j, width));
                    store_turned(pairs, target, width);
                }
#endif
        for (; k < count; k++)
            for (ptrdiff_t j = 0; j < width; j++)
                panel[bf16_place(first + k, j, width)] =
                    j < n ? bf16_of(source[k * inner_stride + j * column_stride]) : 0;
        /* The row that makes the last pair whole. */
        if (first + count == inner)
            for (ptrdiff_t row = inner; row < padded; row++)
                for (ptrdiff_t j = 0; j < width; j++)
                    panel[bf16_place(row, j, width)] = 0;
        panel += padded * width;
    }
}
