/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file is, by its first bytes, and the second file that goes with it.
 */
#include "engine/read.h"

#include "base/file.h"
#include "base/text.h"
#include "formats/caffe/caffe.h"
#include "formats/onnx/onnx.h"
#include "ir/ir.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef enum Kind {
    NOTHING,
    IR,
    ONNX,
    CAFFE_TEXT,
    CAFFE_WEIGHTS,
    HDF5,
    ZIP,
    PICKLE,
    FLATBUFFER
} Kind;

/* The first bytes with leading white space and a byte order mark skipped. */
static const char *first_text(const CaBuffer *b, size_t *n)
{
    const char *p = b->data;
    size_t left = b->size;
    if (left >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3, left -= 3;
    while (left && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++, left--;
    *n = left;
    return p;
}

/* Prototxt: a printable first line that starts with a word or a comment. */
static bool is_prototxt(const char *p, size_t n)
{
    const size_t look = n < 512 ? n : 512;
    if (!n || !((*p >= 'a' && *p <= 'z') || *p == '#'))
        return false;
    for (size_t i = 0; i < look; i++)
        if ((unsigned char)p[i] < ' ' && p[i] != '\n' && p[i] != '\r' && p[i] != '\t')
            return false;
    return memchr(p, ':', look) || memchr(p, '{', look);
}

static Kind kind_of(const CaBuffer *b)
{
    size_t n = 0;
    const char *p = first_text(b, &n);
    const unsigned char *raw = b->data;
    if (n >= 4 && (memcmp(p, "<?xm", 4) == 0 || memcmp(p, "<net", 4) == 0))
        return IR;
    if (b->size >= 8 && memcmp(raw, "\x89HDF\r\n\x1a\n", 8) == 0)
        return HDF5;
    if (b->size >= 4 && memcmp(raw, "PK\x03\x04", 4) == 0)
        return ZIP;
    if (b->size >= 2 && raw[0] == 0x80 && raw[1] <= 5)
        return PICKLE;
    if (b->size >= 8 && memcmp(raw + 4, "TFL3", 4) == 0)
        return FLATBUFFER;
    if (is_prototxt(p, n))
        return CAFFE_TEXT;
    /* protobuf: field 1 is ir_version (a varint) in ONNX's ModelProto and the name in Caffe's NetParameter */
    if (b->size >= 2 && raw[0] == 0x08)
        return ONNX;
    return b->size >= 2 && raw[0] == 0x0a ? CAFFE_WEIGHTS : NOTHING;
}

static const char *refusal(Kind kind)
{
    switch (kind) {
    case HDF5:
        return "is an HDF5 file (Keras .h5?), which this version does not read; export the model to ONNX with tf2onnx";
    case ZIP:
        return "is a zip archive (PyTorch .pt or .keras?), which this version does not read; export it with torch.onnx.export(model, example, \"model.onnx\")";
    case PICKLE:
        return "is a Python pickle (PyTorch weights?), which holds no graph and is never executed; export the model with torch.onnx.export(model, example, \"model.onnx\")";
    case FLATBUFFER:
        return "is a TensorFlow Lite model, which this version does not read; convert it with tf2onnx --tflite";
    case NOTHING:
    case IR:
    case ONNX:
    case CAFFE_TEXT:
    case CAFFE_WEIGHTS: break;
    }
    return "is no model that is known by its content; OpenVINO IR (.xml), ONNX and Caffe are read";
}

/* path with its extension replaced. */
static void with_extension(char *out, size_t room, const char *path,
                           const char *extension)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    const size_t n = dot && (!slash || dot > slash) ? (size_t)(dot - path) : strlen(path);
    (void)snprintf(out, room, "%.*s%s", (int)(n < room ? n : room - 1), path, extension);
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static CarinaStatus read_ir(CaGraph **out, char *format, size_t room, const char *path,
                            CaBuffer *xml, const char *weights, CarinaError *err)
{
    char beside[4096];
    CaBuffer *bin = NULL;
    int version = 0;
    with_extension(beside, sizeof beside, path, ".bin");
    if (weights || exists(beside))
        CA_TRY(ca_file_map(&bin, weights ? weights : beside, err));
    const CarinaStatus status = ca_ir_read(out, path, xml, bin, &version, err);
    ca_buffer_unref(&bin);
    (void)snprintf(format, room, "OpenVINO IR v%d", version);
    return status;
}

/* The one file with that extension in path's folder; false where there are none or several. */
static bool find_only(char *out, size_t room, const char *path, const char *extension)
{
    const char *slash = strrchr(path, '/');
    const int n = slash ? (int)(slash - path) + 1 : 0;
    char folder[4096];
    int found = 0;
    if ((size_t)n >= sizeof folder)
        return false;
    (void)snprintf(folder, sizeof folder, "%.*s", n, path);
    DIR *dir = opendir(n ? folder : ".");
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        const size_t length = strlen(e->d_name), tail = strlen(extension);
        if (length <= tail || strcmp(e->d_name + length - tail, extension) != 0)
            continue;
        if (strlen(folder) + length >= room)
            continue;
        found++;
        memcpy(out, folder, strlen(folder));
        memcpy(out + strlen(folder), e->d_name, length + 1);
    }
    if (dir)
        closedir(dir);
    return found == 1;
}

/* One of the pair was given: text says the graph, weights the numbers. */
static CarinaStatus read_caffe(CaGraph **out, char *format, size_t room, const char *path,
                               CaBuffer *file, Kind kind, const char *other,
                               CarinaError *err)
{
    char beside[4096];
    CaBuffer *second = NULL;
    const bool is_text = kind == CAFFE_TEXT;
    const char *extension = is_text ? ".caffemodel" : ".prototxt";
    with_extension(beside, sizeof beside, path, extension);
    if (!other && (exists(beside) || find_only(beside, sizeof beside, path, extension)))
        other = beside;
    if (!other)
        return ca_err(err, CARINA_ERR_FILE,
                      "%s: the %s file that goes with it is not beside it; name it too",
                      path, extension);
    CA_TRY(ca_file_map(&second, other, err));
    const CarinaStatus status = is_text
                                    ? ca_caffe_read(out, path, file, other, second, err)
                                    : ca_caffe_read(out, other, second, path, file, err);
    ca_buffer_unref(&second);
    (void)snprintf(format, room, "Caffe");
    return status;
}

/* path without its folder and extension. */
static void name_after(CaGraph *g, const char *path)
{
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path,
               *dot = strrchr(stem, '.');
    char *name = ca_arena_copy_n(ca_graph_arena(g), stem,
                                 dot && dot > stem ? (size_t)(dot - stem) : strlen(stem));
    if (name)
        g->name = name;
}

CarinaStatus ca_read_file(CaGraph **out, char *format, size_t room, const char *path,
                          const char *weights, CarinaError *err)
{
    CaBuffer *file = NULL;
    CarinaStatus status = CARINA_OK;
    int opset = 0;
    *out = NULL;
    CA_TRY(ca_file_map(&file, path, err));
    const Kind kind = kind_of(file);
    if (!file->size)
        status = ca_err(err, CARINA_ERR_FORMAT, "%s: the file is empty", path);
    else if (kind == IR)
        status = read_ir(out, format, room, path, file, weights, err);
    else if (kind == ONNX) {
        status = ca_onnx_read(out, path, file, &opset, err);
        (void)snprintf(format, room, "ONNX opset %d", opset);
    } else if (kind == CAFFE_TEXT || kind == CAFFE_WEIGHTS)
        status = read_caffe(out, format, room, path, file, kind, weights, err);
    else
        status = ca_err(err, CARINA_ERR_FORMAT, "%s: %s", path, refusal(kind));
    ca_buffer_unref(&file);
    if (status == CARINA_OK && strcmp((*out)->name, "model") == 0)
        name_after(*out, path); /* the file gave none */
    return status;
}
