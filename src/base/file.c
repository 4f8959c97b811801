/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapped input, renamed output.
 */
#include "base/file.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t identity(const struct stat *st)
{
    const int64_t parts[] = {(int64_t)st->st_dev, (int64_t)st->st_ino,
                             (int64_t)st->st_size, (int64_t)st->st_mtim.tv_sec,
                             (int64_t)st->st_mtim.tv_nsec};
    return ca_hash(parts, sizeof parts, 0) | 1;
}

uint64_t ca_file_identity(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? identity(&st) : 0;
}

CarinaStatus ca_file_read(void *to, const char *path, size_t offset, size_t size,
                          CarinaError *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t done = 0;
    ssize_t got = 1;
    if (fd < 0)
        return ca_err(err, CARINA_ERR_FILE, "%s: %s", path, strerror(errno));
    while (done < size && got > 0) {
        got = pread(fd, (char *)to + done, size - done, (off_t)(offset + done));
        done += got > 0 ? (size_t)got : 0;
        if (got < 0 && errno == EINTR)
            got = 1;
    }
    close(fd);
    return done == size ? CARINA_OK
                        : ca_err(err, CARINA_ERR_FILE, "%s: ends after %zu bytes of %zu",
                                 path, offset + done, offset + size);
}

static void unmap(CaBuffer *b) { munmap(b->map, b->map_size); }

static CarinaStatus read_stream(CaBuffer **out, FILE *f, CarinaError *err)
{
    const size_t most = (size_t)4 << 30;
    size_t room = (size_t)1 << 16, size = 0;
    unsigned char *p = ca_alloc(room);
    while (p) {
        const size_t got = fread(p + size, 1, room - size, f);
        size += got;
        if (!got)
            break;
        if (size == room) {
            if (room >= most) {
                ca_free(p);
                return ca_err(err, CARINA_ERR_LIMIT, "standard input: more than 4 GiB");
            }
            p = ca_grow(p, size, 2 * room, 1);
            room *= 2;
        }
    }
    CaBuffer *b = p ? ca_buffer_create(0) : NULL;
    if (!b) {
        ca_free(p);
        return ca_err(err, CARINA_ERR_MEMORY, "standard input: out of memory");
    }
    ca_free(b->data);
    b->data = p;
    b->size = size;
    *out = b;
    return CARINA_OK;
}

CarinaStatus ca_file_map(CaBuffer **out, const char *path, CarinaError *err)
{
    *out = NULL;
    if (strcmp(path, "-") == 0)
        return read_stream(out, stdin, err);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ca_err(err, CARINA_ERR_FILE, "%s: %s", path, strerror(errno));
    struct stat st;
    CarinaStatus status = CARINA_OK;
    if (fstat(fd, &st) != 0)
        status = ca_err(err, CARINA_ERR_FILE, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        status = ca_err(err, CARINA_ERR_FILE, "%s: is %s, not a file", path,
                        S_ISDIR(st.st_mode) ? "a folder" : "a special file");
    CaBuffer *b = status == CARINA_OK ? ca_buffer_create(0) : NULL;
    if (status == CARINA_OK && !b)
        status = ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    if (status == CARINA_OK && st.st_size > 0) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            status = ca_err(err, CARINA_ERR_FILE, "%s: %s", path, strerror(errno));
            ca_buffer_unref(&b);
        } else {
            ca_free(b->data);
            b->data = b->map = map;
            b->size = b->map_size = (size_t)st.st_size;
            b->release = unmap;
            b->identity = identity(&st);
        }
    }
    close(fd);
    *out = b;
    return status;
}

void ca_file_drop(const void *data, size_t size)
{
    const uintptr_t page = 4096, begin = ((uintptr_t)data + page - 1) & ~(page - 1),
                    end = ((uintptr_t)data + size) & ~(page - 1);
    if (end > begin)
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

struct CaWriter {
    FILE *f;
    char *path, *temporary;
    size_t size;
};

void ca_writer_abandon(CaWriter **pw)
{
    if (!pw || !*pw)
        return;
    CaWriter *w = *pw;
    if (w->f) {
        (void)fclose(w->f);
        (void)unlink(w->temporary);
    }
    ca_free(w->path);
    ca_free(w->temporary);
    ca_free(w);
    *pw = NULL;
}

CarinaStatus ca_writer_open(CaWriter **out, const char *path, CarinaError *err)
{
    *out = NULL;
    CaWriter *w = ca_alloc(sizeof *w);
    const size_t n = strlen(path);
    if (w) {
        w->path = ca_alloc(n + 1);
        w->temporary = ca_alloc(n + 8);
    }
    if (!w || !w->path || !w->temporary) {
        ca_writer_abandon(&w);
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    }
    memcpy(w->path, path, n + 1);
    memcpy(w->temporary, path, n);
    memcpy(w->temporary + n, ".XXXXXX", 8);
    const int fd = mkstemp(w->temporary);
    if (fd < 0 || fchmod(fd, 0644) != 0 || !(w->f = fdopen(fd, "wb"))) {
        const CarinaStatus status = ca_err(
            err, CARINA_ERR_FILE, "%s: cannot be written: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
            (void)unlink(w->temporary);
        }
        ca_writer_abandon(&w);
        return status;
    }
    *out = w;
    return CARINA_OK;
}

CarinaStatus ca_writer_write(CaWriter *w, const void *data, size_t size, CarinaError *err)
{
    if (size && fwrite(data, 1, size, w->f) != size)
        return ca_err(err, CARINA_ERR_FILE, "%s: %s", w->path, strerror(errno));
    w->size += size;
    return CARINA_OK;
}

CarinaStatus ca_writer_printf(CaWriter *w, CarinaError *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vfprintf(w->f, format, args);
    va_end(args);
    if (n < 0)
        return ca_err(err, CARINA_ERR_FILE, "%s: %s", w->path, strerror(errno));
    w->size += (size_t)n;
    return CARINA_OK;
}

size_t ca_writer_size(const CaWriter *w) { return w->size; }

CarinaStatus ca_writer_commit(CaWriter **pw, CarinaError *err)
{
    CaWriter *w = *pw;
    CarinaStatus status = CARINA_OK;
    const int bad = fflush(w->f) != 0;
    if ((fclose(w->f) != 0) | bad || rename(w->temporary, w->path) != 0) {
        status = ca_err(err, CARINA_ERR_FILE, "%s: cannot be written: %s", w->path,
                        strerror(errno));
        (void)unlink(w->temporary);
    }
    w->f = NULL;
    ca_writer_abandon(pw);
    return status;
}
