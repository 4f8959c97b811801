/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zip through libzip, which knows the many ways in which archives are broken. What was stored plainly is then
 * found by the local header and used where it lies.
 */
#include "formats/archive/zip_file.h"

#include <string.h>
#include <zip.h>

static zip_t *open_archive(CaBuffer *archive)
{
    zip_error_t problem;
    zip_error_init(&problem);
    zip_source_t *source =
        zip_source_buffer_create(archive->data, archive->size, 0, &problem);
    zip_t *z = source ? zip_open_from_source(source, ZIP_RDONLY, &problem) : NULL;
    if (source && !z)
        zip_source_free(source);
    zip_error_fini(&problem);
    return z;
}

bool ca_zip_has_member(CaBuffer *archive, const char *member)
{
    zip_t *z = open_archive(archive);
    const bool found = z && zip_name_locate(z, member, 0) >= 0;
    if (z)
        zip_discard(z);
    return found;
}

int64_t ca_zip_count(CaBuffer *archive, bool (*test)(const char *name), int64_t *n)
{
    zip_t *z = open_archive(archive);
    int64_t found = 0;
    *n = z ? zip_get_num_entries(z, 0) : 0;
    for (int64_t i = 0; i < *n; i++) {
        const char *name = zip_get_name(z, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        found += name && test(name);
    }
    if (z)
        zip_discard(z);
    return found;
}

static uint32_t number(const unsigned char *p, int n)
{
    uint32_t v = 0;
    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

/* Where the bytes of a plainly stored member lie, by its entry in the directory at the end; false where the archive is of
 * the large kind or the two headers disagree. */
static bool find_stored(size_t *offset, const CaBuffer *archive, const char *member,
                        size_t size)
{
    static const unsigned char entry[] = {'P', 'K', 1, 2}, local[] = {'P', 'K', 3, 4};
    enum { ENTRY = 46, LOCAL = 30 };
    const unsigned char *data = archive->data;
    const size_t length = strlen(member);
    size_t at = archive->size < ENTRY ? 0 : archive->size - ENTRY;
    for (; at > 0; at--) {
        const unsigned char *e = data + at;
        if (memcmp(e, entry, sizeof entry) != 0 || number(e + 28, 2) != length ||
            archive->size - at - ENTRY < length || memcmp(e + ENTRY, member, length) != 0)
            continue;
        const size_t where = number(e + 42, 4);
        if (where > archive->size - LOCAL ||
            memcmp(data + where, local, sizeof local) != 0)
            return false;
        const size_t begin =
            where + LOCAL + number(data + where + 26, 2) + number(data + where + 28, 2);
        if (begin > archive->size || size > archive->size - begin)
            return false;
        *offset = begin;
        return true;
    }
    return false;
}

static CarinaStatus damaged(const char *path, const char *member, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_FORMAT,
                  "%s: %s: cannot be unpacked; the file is damaged or was cut", path,
                  member);
}

static CarinaStatus unpack(CaBuffer **out, const char *path, zip_t *z, zip_uint64_t index,
                           const char *member, size_t size, CarinaError *err)
{
    CaBuffer *b = ca_buffer_create(size);
    zip_file_t *f = zip_fopen_index(z, index, 0);
    size_t n = 0;
    zip_int64_t got = 0;
    while (b && f && n < size && (got = zip_fread(f, (char *)b->data + n, size - n)) > 0)
        n += (size_t)got;
    if (f)
        zip_fclose(f);
    if (b && n == size) {
        *out = b;
        return CARINA_OK;
    }
    const CarinaStatus status =
        b ? damaged(path, member, err)
          : ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    ca_buffer_unref(&b);
    return status;
}

static CarinaStatus take(CaBuffer **out, const char *path, CaBuffer *archive, zip_t *z,
                         const char *member, size_t limit, CarinaError *err)
{
    zip_stat_t st;
    size_t offset;
    const zip_int64_t index = zip_name_locate(z, member, 0);
    if (index < 0)
        return CARINA_OK;
    zip_stat_init(&st);
    if (zip_stat_index(z, (zip_uint64_t)index, 0, &st) != 0 ||
        !(st.valid & ZIP_STAT_SIZE) || !(st.valid & ZIP_STAT_COMP_METHOD))
        return damaged(path, member, err);
    if (st.size > limit)
        return ca_err(
            err, CARINA_ERR_LIMIT,
            "%s: %s: %llu bytes when unpacked, more than %zu; the file is damaged "
            "or was made to fill memory",
            path, member, (unsigned long long)st.size, limit);
    if (st.comp_method == ZIP_CM_STORE &&
        find_stored(&offset, archive, member, (size_t)st.size)) {
        *out = ca_buffer_slice(archive, offset, (size_t)st.size);
        return *out ? CARINA_OK
                    : ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    }
    return unpack(out, path, z, (zip_uint64_t)index, member, (size_t)st.size, err);
}

CarinaStatus ca_zip_member(CaBuffer **out, const char *path, CaBuffer *archive,
                           const char *member, size_t limit, CarinaError *err)
{
    zip_t *z = open_archive(archive);
    *out = NULL;
    if (!z)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: the directory of the zip archive cannot be read; the file is "
                      "damaged or was cut",
                      path);
    const CarinaStatus status = take(out, path, archive, z, member, limit, err);
    zip_discard(z);
    return status;
}
