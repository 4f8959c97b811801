/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C (Castagnoli, RFC 3720 B.4), and its masked form that LevelDB and TensorFlow store (a sum over data that
 * holds sums would be weak).
 */
#ifndef CA_BASE_CRC32C_H
#define CA_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The sum of what was summed before (0: nothing) followed by data. */
uint32_t ca_crc32c(uint32_t before, const void *data, size_t size);

/* The two ways it is computed: on any processor, and with SSE 4.2's instruction for it. */
uint32_t ca_crc32c_tables(uint32_t before, const void *data, size_t size);
uint32_t ca_crc32c_sse42(uint32_t before, const void *data, size_t size);

static inline uint32_t ca_crc32c_masked(uint32_t crc)
{
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

#endif
