/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that people have and that hold no graph, or one that is not read: told by their content, and answered with what
 * they are and what makes a model of them (refused.def). Nothing is unpacked and no pickle is executed: bytes are
 * looked at, and the names in a zip archive.
 */
#include "base/text.h"
#include "formats/archive/zip_file.h"
#include "formats/reader.h"

#include <stdlib.h>
#include <string.h>

#define HAS(s, at, bytes) ca_source_has(s, at, bytes, sizeof(bytes) - 1)

/* How far into a pickle or a text names are looked for. */
enum { LOOK = 1 << 16 };

static bool begins(const CaSource *s, const char *word)
{
    size_t n = 0;
    const char *p = ca_source_text(s, &n);
    return n >= strlen(word) && memcmp(p, word, strlen(word)) == 0;
}

static bool mentions(const CaSource *s, const char *word, size_t within)
{
    const size_t n = s->file ? s->file->size : 0, m = strlen(word);
    const char *p = n ? s->file->data : "";
    for (size_t i = 0; i + m <= (n < within ? n : within); i++)
        if (p[i] == word[0] && memcmp(p + i, word, m) == 0)
            return true;
    return false;
}

static uint64_t word_at(const CaSource *s, size_t at, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; s->file && i < bytes && at + bytes <= s->file->size; i++)
        v |= (uint64_t)((const unsigned char *)s->file->data)[at + i] << (8 * i);
    return v;
}

/* --- No model at all. */

static bool lfs_pointer(const CaSource *s)
{
    return begins(s, "version https://git-lfs.github.com/spec/");
}

static bool web_page(const CaSource *s)
{
    return begins(s, "<!DOCTYPE html") || begins(s, "<!doctype html") ||
           begins(s, "<html");
}

static bool compressed(const CaSource *s)
{
    return HAS(s, 0, "\x1f\x8b\x08") ||
           HAS(s, 0,
               "\xfd"
               "7zXZ\0") ||
           HAS(s, 0, "BZh") || HAS(s, 0, "\x28\xb5\x2f\xfd") ||
           HAS(s, 0, "7z\xbc\xaf\x27\x1c");
}

static bool tar(const CaSource *s) { return HAS(s, 257, "ustar"); }
static bool npy(const CaSource *s) { return HAS(s, 0, "\x93NUMPY"); }

static bool bare_ndarray(const CaSource *s)
{
    return HAS(s, 0, "\xc8\xfa\x93\xf9") || HAS(s, 0, "\xc9\xfa\x93\xf9") ||
           HAS(s, 0, "\xca\xfa\x93\xf9");
}

/* --- Zip archives: the names in them. */

typedef bool NameTest(const char *name);

static bool is_zip(const CaSource *s) { return HAS(s, 0, "PK\x03\x04"); }

/* How many of the archive's names pass; *n: how many there are. Nothing is unpacked. */
static int64_t count_names(const CaSource *s, NameTest *test, int64_t *n)
{
    *n = 0;
    return is_zip(s) ? ca_zip_count(s->file, test, n) : 0;
}

static bool has_name(const CaSource *s, NameTest *test)
{
    int64_t n;
    return count_names(s, test, &n) > 0;
}

/* The name after its first folder, which torch.save makes of the file's own name. */
static const char *below(const char *name)
{
    const char *slash = strchr(name, '/');
    return slash ? slash + 1 : name;
}

static bool is_script_part(const char *name)
{
    return strcmp(below(name), "constants.pkl") == 0 ||
           strcmp(below(name), "bytecode.pkl") == 0 ||
           strncmp(below(name), "code/", 5) == 0;
}
static bool is_program_part(const char *name)
{
    return strstr(name, "serialized_exported_program.json") != NULL ||
           strcmp(below(name), "archive_format") == 0;
}
static bool is_data_pkl(const char *name) { return strcmp(below(name), "data.pkl") == 0; }
static bool is_npy(const char *name)
{
    const size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".npy") == 0;
}
static bool is_saved_model(const char *name)
{
    const size_t n = strlen(name), m = strlen("saved_model.pb");
    return n >= m && strcmp(name + n - m, "saved_model.pb") == 0;
}

static bool torch_script(const CaSource *s) { return has_name(s, is_script_part); }
static bool torch_program(const CaSource *s) { return has_name(s, is_program_part); }
static bool torch_archive(const CaSource *s) { return has_name(s, is_data_pkl); }
static bool zipped_saved_model(const CaSource *s) { return has_name(s, is_saved_model); }
static bool npz(const CaSource *s)
{
    int64_t n;
    return count_names(s, is_npy, &n) == n && n > 0;
}
static bool zip(const CaSource *s) { return is_zip(s); }

/* --- Pickles. */

static bool pickle(const CaSource *s)
{
    const uint64_t protocol = word_at(s, 1, 1);
    return (HAS(s, 0, "\x80") && protocol >= 2 && protocol <= 5) ||
           begins(s, "ccopy_reg\n") || begins(s, "(dp0\n");
}

/* torch.save of before 1.6 begins with a number of its own, 0x1950a86a20f9469cfc6c. */
static bool torch_pickle(const CaSource *s)
{
    return HAS(s, 0, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") ||
           (pickle(s) && mentions(s, "torch._utils", LOOK));
}

static bool sklearn(const CaSource *s)
{
    return pickle(s) && mentions(s, "sklearn.", LOOK);
}

/* A zlib stream at any level: the first two bytes are a multiple of 31. */
static bool zlib(const CaSource *s)
{
    return HAS(s, 0, "\x78\x01") || HAS(s, 0, "\x78\x5e") || HAS(s, 0, "\x78\x9c") ||
           HAS(s, 0, "\x78\xda");
}

/* --- Weights and graphs of others. */

/* The length of a JSON header, then the header. */
static bool safetensors(const CaSource *s)
{
    const uint64_t n = word_at(s, 0, 8);
    return s->file && s->file->size > 9 && n >= 2 && n <= s->file->size - 8 &&
           (HAS(s, 8, "{\"") || HAS(s, 8, "{}") || HAS(s, 8, "{ "));
}

static bool in_folder(const CaSource *s, const char *name)
{
    const size_t n = strlen(s->path) + strlen(name) + 2;
    CaText path = {.limit = n};
    ca_text_add(&path, "%s/%s", s->path, name);
    const bool is_there =
        !s->file && path.data && !path.failed && ca_path_exists(path.data);
    ca_text_free(&path);
    return is_there;
}

static bool hugging_face(const CaSource *s)
{
    return in_folder(s, "config.json") &&
           (in_folder(s, "model.safetensors") || in_folder(s, "pytorch_model.bin"));
}

static bool core_ml_package(const CaSource *s)
{
    return in_folder(s, "Manifest.json") && in_folder(s, "Data/com.apple.CoreML");
}

/* ProgramDesc: its first block, 0, whose parent is -1. */
static bool paddle_program(const CaSource *s)
{
    static const char block[] = "\x08\x00\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    size_t at = 1;
    if (!HAS(s, 0, "\x0a"))
        return false;
    while (at < 6 && (word_at(s, at, 1) & 0x80))
        at++;
    return ca_source_has(s, at + 1, block, sizeof block - 1);
}

/* A tensor: version 0, no levels of detail, version 0, then its description, whose first field is the type. */
static bool paddle_weights(const CaSource *s)
{
    const uint64_t n = word_at(s, 16, 4);
    return s->file && s->file->size > 24 && word_at(s, 0, 8) == 0 &&
           word_at(s, 8, 8) == 0 && n >= 2 && n < 256 && HAS(s, 20, "\x08");
}

static bool is_object(const CaSource *s) { return begins(s, "{"); }

static bool paddle_pir(const CaSource *s)
{
    return is_object(s) && mentions(s, "\"base_code\"", LOOK) &&
           mentions(s, "\"pir\"", LOOK);
}

static bool tensorflow_js(const CaSource *s)
{
    return is_object(s) && (mentions(s, "\"modelTopology\"", LOOK) ||
                            mentions(s, "\"weightsManifest\"", SIZE_MAX));
}

static bool ort(const CaSource *s) { return HAS(s, 4, "ORTM"); }
static bool json(const CaSource *s) { return is_object(s); }

/* One number of a protocol buffer at *at; false past the end. */
static bool varint(const CaSource *s, size_t *at, uint64_t *v)
{
    *v = 0;
    for (int shift = 0; shift < 64 && *at < s->file->size; shift += 7) {
        const unsigned char byte = ((const unsigned char *)s->file->data)[(*at)++];
        *v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* A version, a description, and what the model is under a number from 200 on, which no other format has. */
static bool core_ml(const CaSource *s)
{
    size_t at = 0;
    uint64_t key, v;
    if (!HAS(s, 0, "\x08"))
        return false;
    for (int i = 0; i < 8 && varint(s, &at, &key) && varint(s, &at, &v); i++) {
        const uint64_t field = key >> 3;
        if (field >= 200 && field < 4096 && (key & 7) == 2)
            return i >= 2 && v <= s->file->size - at;
        if (((key & 7) == 2 && v > s->file->size - at) ||
            ((key & 7) != 0 && (key & 7) != 2))
            return false;
        at += (key & 7) == 2 ? (size_t)v : 0;
    }
    return false;
}

static bool ncnn_param(const CaSource *s)
{
    return begins(s, "7767517\n") || begins(s, "7767517\r\n") ||
           HAS(s, 0, "\xdd\x85\x76\x00");
}
static bool ncnn_bin(const CaSource *s) { return HAS(s, 0, "\x47\x6b\x30\x01"); }

/* The first section, whatever comments are before it. */
static bool darknet_cfg(const CaSource *s)
{
    size_t n = 0;
    const char *p = ca_source_text(s, &n), *end = p + n;
    while (p < end && (*p == '#' || *p == ';' || *p == '\n' || *p == '\r' || *p == ' ')) {
        if (*p == '#' || *p == ';')
            while (p < end && *p != '\n')
                p++;
        else
            p++;
    }
    return (end - p >= 5 && memcmp(p, "[net]", 5) == 0) ||
           (end - p >= 9 && memcmp(p, "[network]", 9) == 0);
}

/* Version 0.1 or 0.2, a small revision, and room for one number at least. */
static bool darknet_weights(const CaSource *s)
{
    const uint64_t minor = word_at(s, 4, 4), revision = word_at(s, 8, 4);
    return s->file && s->file->size > 24 && word_at(s, 0, 4) == 0 && minor >= 1 &&
           minor <= 2 && revision <= 5;
}

static bool gguf(const CaSource *s)
{
    return HAS(s, 0, "GGUF") || HAS(s, 0, "tjgg") || HAS(s, 0, "lmgg") ||
           HAS(s, 0, "fmgg");
}
static bool kaldi(const CaSource *s) { return HAS(s, 0, "\0B<"); }
static bool torch7(const CaSource *s)
{
    return HAS(s, 0, "\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1");
}

/* --- The table. */

typedef struct Refusal {
    enum { FIRST, LAST } when;
    const char *name;
    bool (*is)(const CaSource *s);
    const char *what, *how;
} Refusal;

static const Refusal refusals[] = {
#define REFUSED(when, name, is, what, how) {when, name, is, what, how},
#include "formats/refused/refused.def"
#undef REFUSED
};

static const Refusal *find(const CaSource *s, int when)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if ((int)refusals[i].when == when && refusals[i].is(s))
            return &refusals[i];
    return NULL;
}

static CarinaStatus refuse(CaSource *s, int when)
{
    const Refusal *r = find(s, when);
    return ca_err(s->err, CARINA_ERR_FORMAT, "%s: %s; %s", s->path, r->what, r->how);
}

static bool match_first(const CaSource *s) { return find(s, FIRST) != NULL; }
static bool match_last(const CaSource *s) { return find(s, LAST) != NULL; }

static CarinaStatus read_first(CaGraph **out, CaSource *s)
{
    *out = NULL;
    return refuse(s, FIRST);
}
static CarinaStatus read_last(CaGraph **out, CaSource *s)
{
    *out = NULL;
    return refuse(s, LAST);
}

/* Without a name: no format that is read. */
const CaReader ca_reader_refused = {NULL, match_first, read_first};
const CaReader ca_reader_refused_last = {NULL, match_last, read_last};
