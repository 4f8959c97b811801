/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight bytes a step: table k holds the sum of a byte that k zero bytes follow (Kounavis and Berry 2005, "slicing").
 */
#include "base/crc32c.h"

#include "base/compiler.h"

enum { SLICES = 8 };
static const uint32_t polynomial = 0x82f63b78u; /* reflected */

/* The tables are made for each call, which costs what summing some 500 bytes bit by bit costs: short data go
 * without. */
static const size_t short_data = 512;

static uint32_t bitwise(uint32_t crc, unsigned char byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = (crc >> 1) ^ (polynomial & (0u - (crc & 1)));
    return crc;
}

static void make_tables(uint32_t t[SLICES][256])
{
    for (unsigned i = 0; i < 256; i++)
        t[0][i] = bitwise(0, (unsigned char)i);
    for (int k = 1; k < SLICES; k++)
        for (unsigned i = 0; i < 256; i++)
            t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xff];
}

uint32_t ca_crc32c(uint32_t before, const void *data, size_t size)
{
#if defined(__x86_64__)
    if (CA_CPU_HAS("sse4.2"))
        return ca_crc32c_sse42(before, data, size);
#endif
    return ca_crc32c_tables(before, data, size);
}

uint32_t ca_crc32c_tables(uint32_t before, const void *data, size_t size)
{
    const unsigned char *p = data;
    uint32_t crc = ~before;
    if (size >= short_data) {
        uint32_t t[SLICES][256];
        make_tables(t);
        for (; size >= SLICES; size -= SLICES, p += SLICES) {
            uint64_t next = 0;
            for (int k = 0; k < SLICES; k++) /* little-endian on any machine */
                next |= (uint64_t)p[k] << (8 * k);
            next ^= crc;
            crc = 0;
            for (int k = 0; k < SLICES; k++)
                crc ^= t[SLICES - 1 - k][(next >> (8 * k)) & 0xff];
        }
    }
    for (; size; size--)
        crc = bitwise(crc, *p++);
    return ~crc;
}
