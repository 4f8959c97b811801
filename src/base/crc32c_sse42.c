/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor's own instruction, eight bytes in three cycles: a sum is found as fast as its data come from memory.
 */
#include "base/crc32c.h"

#include <nmmintrin.h>
#include <string.h>

uint32_t ca_crc32c_sse42(uint32_t before, const void *data, size_t size)
{
    const unsigned char *p = data;
    uint64_t crc = (uint32_t)~before;
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t next;
        memcpy(&next, p, sizeof next);
        crc = _mm_crc32_u64(crc, next);
    }
    for (; size; size--)
        crc = _mm_crc32_u8((uint32_t)crc, *p++);
    return ~(uint32_t)crc;
}
