/* Counts the blocks that a process takes from the heap.
 *
 * Where the C library is glibc, a program that links this has malloc and its relatives replaced by
 * ones that count and then ask glibc's own; elsewhere nothing can be counted. */
#ifndef SWIFT_DEMUCS_ALLOCATIONS_H
#define SWIFT_DEMUCS_ALLOCATIONS_H

/* Whether allocations are counted here. */
int allocations_are_counted(void);

/* Blocks that all threads together have taken so far, changed sizes included. */
long allocations_so_far(void);

/* The size in bytes of the largest block since the last call. */
long largest_allocation(void);

#endif
