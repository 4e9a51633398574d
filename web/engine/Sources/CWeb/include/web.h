/* The functions of the page that the engine calls. */
#ifndef WEB_H
#define WEB_H

#include <stdint.h>

#define PAGE_FUNCTION(name) __attribute__((import_module("page"), import_name(#name)))

/* Tells how many of a separation's segments are done. */
PAGE_FUNCTION(progress) void page_progress(int32_t done, int32_t total);

/* Copies samples of a channel of the track to `samples`. */
PAGE_FUNCTION(read)
void page_read(int32_t channel, int32_t start, int32_t count, float *_Nonnull samples);

/* Tells that a pass begins, "begin", or that a block of the network is done, by the name of its module. */
PAGE_FUNCTION(block) void page_block(const uint8_t *_Nonnull name, int32_t count);

/* Gives the page a value of the network or a parameter, row-major, to copy. */
PAGE_FUNCTION(value)
void page_value(const uint8_t *_Nonnull name, int32_t name_count, const int32_t *_Nonnull shape,
                int32_t rank, const float *_Nonnull values, int32_t count);

/* Set by the page, from any thread, to end the work under way. */
int32_t *_Nonnull cancellation_flag(void);
int32_t is_cancelled(void);

/* Fills memory with random bytes. */
PAGE_FUNCTION(random) void page_random(void *_Nonnull bytes, int32_t count);

/* Shows a line to developers. */
PAGE_FUNCTION(print) void page_print(const char *_Nonnull line, int32_t count);

#endif
