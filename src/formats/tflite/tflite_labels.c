/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: what the file says about itself: the metadata's texts, and the labels in the zip behind the tables.
 *
 * Model.metadata "TFLITE_METADATA" is a buffer that holds a flatbuffer of its own (M001). Files that it names are
 * members of a zip archive appended to the model, whose offsets count from the start of the whole file.
 */
#include "formats/tflite/tflite_reader.h"

#include "formats/archive/zip_file.h"
#include "graph/labels.h"

enum { MODEL_BUFFERS = 4, MODEL_METADATA = 6 };
enum { METADATA_NAME = 0, METADATA_BUFFER };
enum {
    ABOUT_NAME = 0,
    ABOUT_DESCRIPTION,
    ABOUT_VERSION,
    ABOUT_SUBGRAPHS,
    ABOUT_AUTHOR,
    ABOUT_LICENSE
};
enum {
    SUBGRAPH_OUTPUTS = 3,
    TENSOR_FILES = 6,
    FILE_NAME = 0,
    FILE_TYPE = 2,
    AXIS_LABELS = 2,
    VALUE_LABELS = 3
};

static const size_t labels_limit = (size_t)4 << 20;

/* The file of labels that the first output with one names; NULL if none. */
static const char *labels_file(CaFlat *f, const CaFlatTable *about)
{
    const CaFlatVector graphs = ca_flat_vector(f, about, ABOUT_SUBGRAPHS, 4);
    const CaFlatTable graph = ca_flat_item(f, &graphs, 0);
    const CaFlatVector outputs = ca_flat_vector(f, &graph, SUBGRAPH_OUTPUTS, 4);
    for (uint32_t i = 0; i < outputs.n && f->status == CARINA_OK; i++) {
        const CaFlatTable output = ca_flat_item(f, &outputs, i);
        const CaFlatVector files = ca_flat_vector(f, &output, TENSOR_FILES, 4);
        for (uint32_t k = 0; k < files.n && f->status == CARINA_OK; k++) {
            const CaFlatTable file = ca_flat_item(f, &files, k);
            const int64_t type = ca_flat_int(f, &file, FILE_TYPE, CA_FLAT_I8, 0);
            if (type == AXIS_LABELS || type == VALUE_LABELS)
                return ca_flat_text(f, &file, FILE_NAME);
        }
    }
    return NULL;
}

/* An archive that cannot be read is no harm: the model is complete without labels. */
static void read_labels(CaTflite *r, const char *name)
{
    CaBuffer *member = NULL;
    if (ca_zip_member(&member, r->flat.path, r->source->file, name, labels_limit, NULL) ==
            CARINA_OK &&
        member)
        ca_labels_set(r->b.graph, (const char *)member->data, member->size,
                      CA_LABELS_LINES);
    ca_buffer_unref(&member);
}

static void read_about(CaTflite *r, const CaFlatVector *bytes)
{
    static const struct {
        int field;
        const char *key;
    } texts[] = {{ABOUT_NAME, "name"},
                 {ABOUT_DESCRIPTION, "description"},
                 {ABOUT_VERSION, "version"},
                 {ABOUT_AUTHOR, "author"},
                 {ABOUT_LICENSE, "license"}};
    CarinaError unheard;
    CaFlat f = {.data = r->flat.data + bytes->at,
                .size = bytes->n,
                .path = r->flat.path,
                .err = &unheard};
    const CaFlatTable about = ca_flat_root(&f);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = ca_flat_text(&f, &about, texts[i].field);
        if (text && text[0])
            ca_graph_set_info(r->b.graph, texts[i].key, text);
    }
    const char *labels = labels_file(&f, &about);
    if (f.status == CARINA_OK && labels && labels[0])
        read_labels(r, labels);
}

/* ConversionMetadata {environment {tensorflow_version}}. */
static void read_conversion(CaTflite *r, const CaFlatVector *bytes)
{
    CarinaError unheard;
    CaFlat f = {.data = r->flat.data + bytes->at,
                .size = bytes->n,
                .path = r->flat.path,
                .err = &unheard};
    const CaFlatTable root = ca_flat_root(&f);
    const CaFlatTable environment = ca_flat_table(&f, &root, 0);
    const char *version =
        f.status == CARINA_OK ? ca_flat_text(&f, &environment, 0) : NULL;
    if (version && version[0])
        ca_graph_set_info(r->b.graph, "producer_version", version);
}

/* The version of the runtime that the operators need, as text that NULs may pad. */
static void read_runtime(CaTflite *r, const CaFlatVector *bytes)
{
    char text[16] = "";
    for (uint32_t i = 0; i < bytes->n && i + 1 < sizeof text; i++)
        text[i] = (char)r->flat.data[bytes->at + i];
    if (text[0] && strspn(text, "0123456789.") == strlen(text))
        ca_graph_set_info(r->b.graph, "min_runtime_version", text);
}

CarinaStatus ca_tflite_metadata(CaTflite *r, const CaFlatTable *model)
{
    CaFlat *f = &r->flat;
    const CaFlatVector all = ca_flat_vector(f, model, MODEL_METADATA, 4);
    for (uint32_t i = 0; i < all.n && f->status == CARINA_OK; i++) {
        const CaFlatTable item = ca_flat_item(f, &all, i);
        const int64_t buffer = ca_flat_int(f, &item, METADATA_BUFFER, CA_FLAT_U32, 0);
        const char *name = ca_flat_text(f, &item, METADATA_NAME);
        if (!name || buffer >= r->buffers.n)
            continue;
        const CaFlatTable table = ca_flat_item(f, &r->buffers, (uint32_t)buffer);
        const CaFlatVector bytes = ca_flat_vector(f, &table, 0, 1);
        if (f->status != CARINA_OK || bytes.n < 1)
            continue;
        if (strcmp(name, "min_runtime_version") == 0)
            read_runtime(r, &bytes);
        else if (bytes.n >= 8 && strcmp(name, "TFLITE_METADATA") == 0)
            read_about(r, &bytes);
        else if (bytes.n >= 8 && strcmp(name, "CONVERSION_METADATA") == 0)
            read_conversion(r, &bytes);
    }
    return f->status;
}
