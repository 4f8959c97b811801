/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zip by the directory at the archive's end: members that are stored or deflated, the large kind (zip64) too. Every offset and
 * size is held against the file; the sizes are the directory's, local headers only tell where the bytes begin.
 */
#include "formats/archive/zip_file.h"

#include <string.h>
#include <zlib.h>

enum {
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED = 1,
    END = 22,
    ENTRY = 46,
    LOCAL = 30,
    MOST_COMMENT = 65535
};
/* Checksums of what is used where it lies would read it all; small members are read anyway. */
static const size_t checked = (size_t)1 << 20;

typedef struct Zip {
    const unsigned char *data;
    size_t size;
    size_t before;         /* bytes in front of the archive */
    size_t directory, end; /* where the entries begin, and what follows them */
    uint64_t n;
} Zip;

typedef struct Member {
    const char *name;
    size_t name_size;
    uint64_t stored, size, where;
    uint32_t checksum;
    int method, flags;
} Member;

static uint64_t number(const unsigned char *p, int n)
{
    uint64_t v = 0;
    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static bool has(const Zip *z, size_t at, size_t n, const char *mark)
{
    return at <= z->size && n <= z->size - at && memcmp(z->data + at, mark, 4) == 0;
}

/* The record at the end, behind which only a comment may stand. */
static bool find_end(const Zip *z, size_t *out)
{
    if (z->size < END)
        return false;
    const size_t last = z->size - END,
                 first = last > MOST_COMMENT ? last - MOST_COMMENT : 0;
    for (size_t at = last + 1; at-- > first;)
        if (memcmp(z->data + at, "PK\5\6", 4) == 0 &&
            number(z->data + at + 20, 2) <= z->size - at - END) {
            *out = at;
            return true;
        }
    return false;
}

/* Number, size and offset of the directory from one of the two records; what is before the archive moves all. */
static bool set_directory(Zip *z, size_t record, uint64_t n, uint64_t size,
                          uint64_t offset)
{
    if (size > record || offset > record - size || n > size / ENTRY)
        return false;
    z->directory = record - (size_t)size;
    z->end = record;
    z->before = z->directory - (size_t)offset;
    z->n = n;
    return true;
}

static bool open_zip(Zip *z, const CaBuffer *archive)
{
    enum { LOCATOR = 20, LARGE = 56 };
    size_t end;
    *z = (Zip){.data = archive->data, .size = archive->size};
    if (!find_end(z, &end))
        return false;
    const unsigned char *p = z->data + end;
    if (end >= LOCATOR + LARGE && has(z, end - LOCATOR, LOCATOR, "PK\6\7") &&
        has(z, end - LOCATOR - LARGE, LARGE, "PK\6\6")) {
        p = z->data + end - LOCATOR - LARGE;
        return set_directory(z, end - LOCATOR - LARGE, number(p + 32, 8),
                             number(p + 40, 8), number(p + 48, 8));
    }
    return set_directory(z, end, number(p + 10, 2), number(p + 12, 4), number(p + 16, 4));
}

/* Sizes and places that do not fit in four bytes stand in a field of their own, in this order. */
static bool take_large(Member *m, const unsigned char *extra, size_t n)
{
    uint64_t *const fields[] = {&m->size, &m->stored, &m->where};
    while (n >= 4) {
        const size_t id = (size_t)number(extra, 2), size = (size_t)number(extra + 2, 2);
        if (size > n - 4)
            return false;
        for (size_t i = 0, at = 0; id == 1 && i < 3; i++) {
            if (*fields[i] != UINT32_MAX)
                continue;
            if (at + 8 > size)
                return false;
            *fields[i] = number(extra + 4 + at, 8);
            at += 8;
        }
        extra += 4 + size;
        n -= 4 + size;
    }
    return true;
}

/* The entry at *at, which moves on; false where the directory is damaged. */
static bool next_member(Member *m, const Zip *z, size_t *at)
{
    if (*at > z->end || z->end - *at < ENTRY || memcmp(z->data + *at, "PK\1\2", 4) != 0)
        return false;
    const unsigned char *e = z->data + *at;
    const size_t extra = (size_t)number(e + 30, 2), comment = (size_t)number(e + 32, 2);
    *m = (Member){.name = (const char *)e + ENTRY,
                  .name_size = (size_t)number(e + 28, 2),
                  .flags = (int)number(e + 8, 2),
                  .method = (int)number(e + 10, 2),
                  .checksum = (uint32_t)number(e + 16, 4),
                  .stored = number(e + 20, 4),
                  .size = number(e + 24, 4),
                  .where = number(e + 42, 4)};
    const size_t all = ENTRY + m->name_size + extra + comment;
    if (all > z->end - *at || !take_large(m, e + ENTRY + m->name_size, extra))
        return false;
    *at += all;
    return true;
}

static bool find(Member *m, const Zip *z, const char *name)
{
    const size_t n = strlen(name);
    size_t at = z->directory;
    for (uint64_t i = 0; i < z->n && next_member(m, z, &at); i++)
        if (m->name_size == n && memcmp(m->name, name, n) == 0)
            return true;
    return false;
}

/* Where the member's bytes begin. */
static bool locate(size_t *out, const Zip *z, const Member *m)
{
    if (m->where > z->size - z->before)
        return false;
    const size_t at = z->before + (size_t)m->where;
    if (!has(z, at, LOCAL, "PK\3\4"))
        return false;
    const size_t begin = at + LOCAL + (size_t)number(z->data + at + 26, 2) +
                         (size_t)number(z->data + at + 28, 2);
    if (begin > z->size || m->stored > z->size - begin)
        return false;
    *out = begin;
    return true;
}

static uint32_t checksum_of(const void *data, size_t size)
{
    const unsigned char *p = data;
    uLong sum = crc32(0, NULL, 0);
    for (size_t left = size; left;) {
        const uInt n = left > (1u << 30) ? 1u << 30 : (uInt)left;
        sum = crc32(sum, p, n);
        p += n;
        left -= n;
    }
    return (uint32_t)sum;
}

/* All of from must become all of to. What is unpacked will hardly be read again: its pages go as it is read. */
static bool inflate_all(CaBuffer *to, const CaBuffer *archive, const unsigned char *from,
                        size_t n)
{
    const size_t most = (size_t)1 << 20;
    z_stream s = {0};
    size_t got = 0, used = 0;
    int status = Z_OK;
    if (inflateInit2(&s, -MAX_WBITS) != Z_OK)
        return false;
    while (status == Z_OK) {
        const size_t room = to->size - got, left = n - used;
        s.next_in = (z_const Bytef *)(uintptr_t)(from + used);
        s.avail_in = (uInt)(left > most ? most : left);
        s.next_out = (Bytef *)to->data + got;
        s.avail_out = room > (1u << 30) ? 1u << 30 : (uInt)room;
        const uInt in = s.avail_in, out = s.avail_out;
        status = inflate(&s, Z_NO_FLUSH);
        ca_buffer_drop(archive, from + used, in - s.avail_in);
        used += in - s.avail_in;
        got += out - s.avail_out;
    }
    inflateEnd(&s);
    return status == Z_STREAM_END && got == to->size;
}

static CarinaStatus damaged(const char *path, const char *member, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_FORMAT,
                  "%s: %s: cannot be unpacked; the file is damaged or was cut", path,
                  member);
}

static CarinaStatus take(CaBuffer **out, const char *path, CaBuffer *archive,
                         const Zip *z, const Member *m, const char *name,
                         CarinaError *err)
{
    size_t begin;
    if (!locate(&begin, z, m))
        return damaged(path, name, err);
    if ((m->flags & ENCRYPTED) || (m->method != STORED && m->method != DEFLATED))
        return ca_err(
            err, CARINA_ERR_UNSUPPORTED,
            "%s: %s: is encrypted or compressed by method %d; stored and deflated members "
            "are read",
            path, name, m->method);
    if (m->method == STORED && m->stored != m->size)
        return damaged(path, name, err);
    CaBuffer *b = m->method == STORED ? ca_buffer_slice(archive, begin, (size_t)m->size)
                                      : ca_buffer_create_unset((size_t)m->size);
    if (!b)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    if ((m->method == DEFLATED &&
         !inflate_all(b, archive, z->data + begin, (size_t)m->stored)) ||
        ((m->method == DEFLATED || b->size <= checked) &&
         checksum_of(b->data, b->size) != m->checksum)) {
        ca_buffer_unref(&b);
        return damaged(path, name, err);
    }
    *out = b;
    return CARINA_OK;
}

CarinaStatus ca_zip_member(CaBuffer **out, const char *path, CaBuffer *archive,
                           const char *member, size_t limit, CarinaError *err)
{
    Zip z;
    Member m;
    *out = NULL;
    if (!open_zip(&z, archive))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: the directory of the zip archive cannot be read; the file is "
                      "damaged or was cut",
                      path);
    if (!find(&m, &z, member))
        return CARINA_OK;
    if (m.size > limit)
        return ca_err(
            err, CARINA_ERR_LIMIT,
            "%s: %s: %llu bytes when unpacked, more than %zu; the file is damaged "
            "or was made to fill memory",
            path, member, (unsigned long long)m.size, limit);
    return take(out, path, archive, &z, &m, member, err);
}

bool ca_zip_has_member(CaBuffer *archive, const char *member)
{
    Zip z;
    Member m;
    return open_zip(&z, archive) && find(&m, &z, member);
}

int64_t ca_zip_count(CaBuffer *archive, bool (*test)(const char *name), int64_t *n)
{
    Zip z;
    Member m;
    int64_t found = 0;
    *n = 0;
    if (!open_zip(&z, archive))
        return 0;
    size_t at = z.directory;
    for (uint64_t i = 0; i < z.n && next_member(&m, &z, &at); i++) {
        char name[512];
        const size_t length = m.name_size < sizeof name ? m.name_size : sizeof name - 1;
        memcpy(name, m.name, length);
        name[length] = 0;
        found += test(name);
        (*n)++;
    }
    return found;
}
