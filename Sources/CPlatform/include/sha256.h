/* The compression function of SHA-256, with the CPU's instructions for it if there are any. */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

/* Hashes `count` 64-byte blocks into the state, the words a to h of FIPS 180-4, section 6.2.2. */
void sha256_blocks(uint32_t *_Nonnull state, const uint8_t *_Nonnull blocks, size_t count);

/* sha256_blocks in portable C, for comparisons. */
void sha256_blocks_plain(uint32_t *_Nonnull state, const uint8_t *_Nonnull blocks, size_t count);

#endif
