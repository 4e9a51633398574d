/* Functions of the system that Swift can't call as they are: their declarations need feature macros,
 * or they take any number of arguments. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stddef.h>

#if defined(__wasm__)
/* No module of the C library exists there. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Waits for add_and_wake on a number, unless it is no longer `value`; may also return without. Only where
 * threads share memory, and not on a page's main thread. */
void wait_while_equal(int32_t *_Nonnull number, int32_t value);

/* Sleeps for a moment, where wait_while_equal can be called. */
void sleep_briefly(void);

/* Adds 1 to a number, and wakes all threads that wait on it. */
void add_and_wake(int32_t *_Nonnull number);

#else

/* The number of cores that this process may run on. */
int count_available_cores(void);

/* Whether this process ignores a signal. */
_Bool signal_is_ignored(int number);

/* The limits of this process for its addresses and its data, in bytes; -1 without a limit. */
ptrdiff_t address_limit_bytes(void);
ptrdiff_t data_limit_bytes(void);

/* Four megabytes that nobody reads, for programs that count what memory a computation would take. */
float *_Nonnull placeholder_memory(void);

/* The arguments of `main`, the program's name first, with a NULL at the end. NULL if the C library
 * doesn't tell (musl). */
char *_Nullable *_Nullable program_arguments(void);

/* The path of the program or library that holds an address, as it was loaded; NULL if the system
 * doesn't tell. Lasts as long as that binary is loaded. */
const char *_Nullable path_of_binary(const void *_Nonnull address);

/* Bytes that the main thread's stack may have; PTRDIFF_MAX without a limit. */
size_t stack_limit_bytes(void);

#if defined(__APPLE__)
/* Bytes that this process may still get before the system ends it: iOS limits apps; SIZE_MAX without a limit. */
size_t bytes_below_limit(void);
#endif

/* Drops the lines of libmpg123, which libsndfile decodes MP3 with, from the standard error of this process:
 * it writes hundreds about a damaged file. Where the C library can't, nothing changes. */
void drop_decoder_messages(void);

/* Returns freed memory that the C library keeps to the system: megabytes, after arrays as large as a
 * model's tensors were freed. */
void return_freed_memory(void);

#endif

/* Writes a number with a zero byte to `text` as printf's `%.*f`, `%.*e` or `%.*g`; `form` is the letter.
 * Text beyond `size` bytes is cut off. */
void print_number(char *_Nonnull text, size_t size, char form, int digits, double number);

#endif
