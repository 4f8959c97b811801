/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Keras reader: opens .h5 and .keras, reads the configuration, runs through the model.
 *
 * Refused with a sentence: Keras 1, files with weights only or a configuration only, Python code inside.
 */
#include "formats/keras/keras.h"

#include "formats/archive/zip_file.h"
#include "formats/keras/keras_reader.h"
#include "formats/reader.h"
#include "graph/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t work_limit = (size_t)4 << 30;
static const size_t config_limit = (size_t)64 << 20;
static const unsigned char hdf5_sign[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
static const unsigned char zip_sign[] = {'P', 'K', 3, 4};

/* --- The configuration. */

static CarinaStatus parse(json_t **out, CaKeras *r, const char *what, const char *text,
                          size_t n)
{
    json_error_t problem;
    if (n > config_limit)
        return ca_err(r->b.err, CARINA_ERR_LIMIT,
                      "%s: %s: %zu bytes; at most %zu are read", r->b.path, what, n,
                      config_limit);
    *out = json_loadb(text, n, JSON_ALLOW_NUL, &problem);
    if (*out)
        return CARINA_OK;
    return ca_err(r->b.err, CARINA_ERR_FORMAT,
                  "%s: %s: line %d: %s; the configuration is damaged", r->b.path, what,
                  problem.line, problem.text);
}

/* Words that only Keras 1 wrote. */
static bool is_first_keras(const char *text, size_t n)
{
    static const char *const words[] = {"\"nb_filter\"", "\"border_mode\"", "\"nb_row\"",
                                        "\"dim_ordering\"", "\"subsample\""};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (memmem(text, n, words[i], strlen(words[i])))
            return true;
    return false;
}

static CarinaStatus set_version(CaKeras *r, const char *version, const char *text,
                                size_t n)
{
    const char *dot = strchr(version, '.');
    r->version = 2;
    r->minor = 0;
    if (version[0] >= '1' && version[0] <= '9')
        r->version = version[0] - '0';
    if (dot) {
        const char *end = dot + 1;
        while (*end >= '0' && *end <= '9')
            end++;
        if (!ca_text_int(&r->minor, dot + 1, (size_t)(end - dot - 1)))
            r->minor = 0;
    }
    if (r->version == 1 || is_first_keras(text, n))
        return ca_err(
            r->b.err, CARINA_ERR_UNSUPPORTED,
            "%s: saved by Keras 1, whose layers mean other things; load it with "
            "Keras 2 and save it again",
            r->b.path);
    return CARINA_OK;
}

/* --- The model. */

static CarinaStatus add_outputs(CaKeras *r, const CaKerasResult *out)
{
    for (int i = 0; i < out->n; i++) {
        const char *name = out->v[i]->name;
        for (int j = 0; name && j < r->b.graph->n_outputs; j++)
            if (strcmp(r->b.graph->outputs[j]->name, name) == 0)
                name = ca_arena_printf(r->b.work, "%s:%d", out->v[i]->name, i);
        if (!name)
            name = ca_arena_printf(r->b.work, "output%d", i);
        if (!name)
            return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
        CA_TRY(ca_graph_result(r->b.graph, name, out->v[i], r->b.err));
    }
    if (out->n)
        return CARINA_OK;
    return ca_err(r->b.err, CARINA_ERR_FORMAT,
                  "%s: the model has no output; the configuration is damaged", r->b.path);
}

static CarinaStatus read_model(CaKeras *r, json_t *root)
{
    json_t *config = json_object_get(root, "config");
    const char *class_name = json_string_value(json_object_get(root, "class_name"));
    if (!class_name || !config)
        return ca_err(
            r->b.err, CARINA_ERR_FORMAT,
            "%s: the configuration has no class_name or no config; it is damaged",
            r->b.path);
    r->b.name = class_name;
    r->b.type = class_name;
    if (json_is_string(json_object_get(config, "name")))
        r->b.name = json_string_value(json_object_get(config, "name"));
    if (!ca_keras_is_model(class_name) &&
        !json_is_array(json_object_get(config, "layers")))
        return ca_err(
            r->b.err, CARINA_ERR_UNSUPPORTED,
            "%s: the model is a Python class of its own, '%s'; rebuild it with the "
            "functional API and save again",
            r->b.path, class_name);
    CA_TRY(ca_graph_create(&r->b.graph, r->b.err));
    r->b.graph->name = ca_arena_copy(ca_graph_arena(r->b.graph), r->b.name);
    const CaKerasModel *m = ca_keras_model(r, class_name, config, ca_keras_root(r));
    if (!m)
        return r->b.status;
    if (r->is_tree)
        ca_keras_share_scopes(r);
    const CaKerasResult out = ca_keras_run(r, m, NULL, NULL, 0, "");
    if (!ca_build_settle(&r->b))
        return r->b.status;
    CA_TRY(add_outputs(r, &out));
    ca_graph_sweep(r->b.graph);
    return CARINA_OK;
}

/* --- .h5 */

static CarinaStatus weights_only(const CaKeras *r)
{
    return ca_err(
        r->b.err, CARINA_ERR_UNSUPPORTED,
        "%s: holds weights only, not the model that they belong to; save the whole "
        "model with model.save(\"model.keras\")",
        r->b.path);
}

static CarinaStatus no_config(CaKeras *r)
{
    CaHdf5Kind tree = CA_HDF5_NOTHING, old = CA_HDF5_NOTHING, vars = CA_HDF5_NOTHING;
    char **names;
    int n = -1;
    CA_TRY(ca_hdf5_texts(&names, &n, r->h5, r->b.work, "/", "layer_names", r->b.err));
    CA_TRY(ca_hdf5_find(&tree, r->h5, "layers", r->b.err));
    CA_TRY(ca_hdf5_find(&old, r->h5, "_layer_checkpoint_dependencies", r->b.err));
    CA_TRY(ca_hdf5_find(&vars, r->h5, "vars", r->b.err));
    if (n >= 0 || tree || old || vars)
        return weights_only(r);
    return ca_err(r->b.err, CARINA_ERR_FORMAT,
                  "%s: is HDF5 but no Keras model (no attribute model_config)",
                  r->b.path);
}

/* Attributes that people add to the file: a text, or a list of them. */
static void read_labels(CaKeras *r)
{
    static const char *const keys[] = {"labels", "class_names", "classes"};
    CarinaError unheard;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char *text = NULL, **texts = NULL;
        int n = -1;
        CaText lines = {.limit = config_limit};
        if (ca_hdf5_texts(&texts, &n, r->h5, r->b.work, "/", keys[i], &unheard) ==
            CARINA_OK)
            for (int k = 0; k < n; k++)
                ca_text_add(&lines, "%s\n", texts[k]);
        if (n > 0)
            ca_labels_set(r->b.graph, lines.data, lines.size, CA_LABELS_LINES);
        else if (ca_hdf5_text(&text, r->h5, r->b.work, "/", keys[i], &unheard) ==
                     CARINA_OK &&
                 text)
            ca_labels_set(r->b.graph, text, strlen(text), CA_LABELS_VALUE);
        ca_text_free(&lines);
    }
}

static CarinaStatus read_h5(CaKeras *r, char version[16])
{
    char *text = NULL, *saved_by = NULL, *backend = NULL;
    json_t *root = NULL;
    CA_TRY(ca_hdf5_text(&text, r->h5, r->b.work, "/", "model_config", r->b.err));
    if (!text)
        return no_config(r);
    CA_TRY(ca_hdf5_text(&saved_by, r->h5, r->b.work, "/", "keras_version", r->b.err));
    CA_TRY(ca_hdf5_text(&backend, r->h5, r->b.work, "/", "backend", r->b.err));
    (void)snprintf(version, 16, "%.15s", saved_by ? saved_by : "");
    CA_TRY(set_version(r, version, text, strlen(text)));
    if (backend && strcmp(backend, "theano") == 0)
        return ca_err(
            r->b.err, CARINA_ERR_UNSUPPORTED,
            "%s: saved with the Theano backend, whose kernels are mirrored; load it "
            "with TensorFlow and save it again",
            r->b.path);
    CA_TRY(parse(&root, r, "model_config", text, strlen(text)));
    const CarinaStatus status = read_model(r, root);
    json_decref(root);
    if (status == CARINA_OK)
        read_labels(r);
    return status;
}

/* --- .keras */

static CarinaStatus read_metadata(CaKeras *r, CaBuffer *file, char version[16])
{
    CaBuffer *member = NULL;
    json_t *root = NULL;
    CA_TRY(
        ca_zip_member(&member, r->b.path, file, "metadata.json", config_limit, r->b.err));
    if (!member)
        return CARINA_OK;
    const CarinaStatus status =
        parse(&root, r, "metadata.json", member->data, member->size);
    const char *text = json_string_value(json_object_get(root, "keras_version"));
    (void)snprintf(version, 16, "%.15s", text ? text : "3");
    json_decref(root);
    ca_buffer_unref(&member);
    return status;
}

static CarinaStatus read_config(json_t **out, CaKeras *r, CaBuffer *file,
                                const char *version)
{
    CaBuffer *member = NULL;
    CA_TRY(
        ca_zip_member(&member, r->b.path, file, "config.json", config_limit, r->b.err));
    if (!member)
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: no config.json inside; the file is damaged", r->b.path);
    CarinaStatus status = set_version(r, version, member->data, member->size);
    if (status == CARINA_OK)
        status = parse(out, r, "config.json", member->data, member->size);
    ca_buffer_unref(&member);
    return status;
}

static CarinaStatus open_weights(CaKeras *r, CaBuffer *file, CaBuffer **weights)
{
    CaHdf5Kind old;
    /* It may be stored with a compression that wins little on floats. */
    const size_t limit = file->size > SIZE_MAX / 64 ? SIZE_MAX : file->size * 64;
    CA_TRY(ca_zip_member(weights, r->b.path, file, "model.weights.h5", limit, r->b.err));
    if (!*weights)
        return ca_err(
            r->b.err, CARINA_ERR_UNSUPPORTED,
            "%s: no model.weights.h5 inside; save the model again with weights in "
            "one HDF5 file",
            r->b.path);
    CA_TRY(ca_hdf5_open(&r->h5, r->b.path, *weights, r->b.err));
    CA_TRY(ca_hdf5_find(&old, r->h5, "_layer_checkpoint_dependencies", r->b.err));
    r->is_tree = true;
    r->layers = old == CA_HDF5_GROUP ? "_layer_checkpoint_dependencies" : "layers";
    return CARINA_OK;
}

/* A member that people add: one label a line. */
static void read_labels_member(CaKeras *r, CaBuffer *file)
{
    CaBuffer *member = NULL;
    CarinaError unheard;
    if (ca_zip_member(&member, r->b.path, file, "labels.txt", config_limit, &unheard) ==
            CARINA_OK &&
        member)
        ca_labels_set(r->b.graph, (const char *)member->data, member->size,
                      CA_LABELS_LINES);
    ca_buffer_unref(&member);
}

static CarinaStatus read_zip(CaKeras *r, CaBuffer *file, char version[16])
{
    CaBuffer *weights = NULL;
    json_t *root = NULL;
    CarinaStatus status = read_metadata(r, file, version);
    if (status == CARINA_OK)
        status = read_config(&root, r, file, version);
    if (status == CARINA_OK)
        status = open_weights(r, file, &weights);
    if (status == CARINA_OK)
        status = read_model(r, root);
    if (status == CARINA_OK)
        read_labels_member(r, file);
    json_decref(root);
    ca_hdf5_close(&r->h5);
    ca_buffer_unref(&weights);
    return status;
}

static CarinaStatus read_file(CaGraph **out, const char *path, CaBuffer *file,
                              const CaCustoms *customs, char version[16],
                              CarinaError *err)
{
    CaKeras r = {.b = {.path = path, .err = err, .noun = "layer", .customs = customs}};
    CarinaError spare; /* so that the parts can rewrite the sentence */
    CarinaStatus status;
    *out = NULL;
    version[0] = 0;
    if (!r.b.err)
        r.b.err = &spare;
    r.b.work = ca_arena_create(work_limit);
    if (!r.b.work)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    if (file->size >= sizeof zip_sign &&
        memcmp(file->data, zip_sign, sizeof zip_sign) == 0) {
        status = read_zip(&r, file, version);
    } else {
        status = ca_hdf5_open(&r.h5, path, file, r.b.err);
        if (status == CARINA_OK)
            status = read_h5(&r, version);
        ca_hdf5_close(&r.h5);
    }
    ca_arena_free(&r.b.work);
    if (status != CARINA_OK) {
        ca_graph_free(&r.b.graph);
        return status;
    }
    *out = r.b.graph;
    ca_graph_set_info(*out, "producer", "Keras");
    if (version[0])
        ca_graph_set_info(*out, "producer_version", version);
    return CARINA_OK;
}

CarinaStatus ca_keras_read(CaGraph **out, const char *path, CaBuffer *file,
                           char version[16], CarinaError *err)
{
    return read_file(out, path, file, NULL, version, err);
}

/* --- The reader's row. */

/* The architecture without weights, as model.to_json() gives it. */
static bool is_architecture(const CaSource *s)
{
    size_t n = 0;
    const char *p = ca_source_text(s, &n);
    const size_t look = n < 4096 ? n : 4096;
    return n && *p == '{' && memmem(p, look, "\"class_name\"", 12) &&
           memmem(p, look, "\"config\"", 8);
}

/* HDF5 may begin behind a block of the user's, at 512, 1024 ... */
static bool is_hdf5(const CaSource *s)
{
    for (size_t at = 0; at <= 4096; at = at ? 2 * at : 512)
        if (ca_source_has(s, at, hdf5_sign, sizeof hdf5_sign))
            return true;
    return false;
}

/* Its first member tells, or, where others come first, the directory. */
static bool is_zip(const CaSource *s)
{
    enum { NAME = 30 }; /* in a local header */
    return ca_source_has(s, 0, zip_sign, sizeof zip_sign) &&
           (ca_source_has(s, NAME, "metadata.json", 13) ||
            ca_zip_has_member(s->file, "model.weights.h5"));
}

static bool match(const CaSource *s)
{
    return s->file && (is_hdf5(s) || is_zip(s) || is_architecture(s));
}

static CarinaStatus read_source(CaGraph **out, CaSource *s)
{
    char version[16];
    *out = NULL;
    if (!is_hdf5(s) && !is_zip(s))
        return ca_err(
            s->err, CARINA_ERR_UNSUPPORTED,
            "%s: is a Keras model without its weights; save the whole model with "
            "model.save(\"model.keras\")",
            s->path);
    CA_TRY(read_file(out, s->path, s->file, s->customs, version, s->err));
    (void)snprintf(s->format, sizeof s->format, "Keras%s%s", version[0] ? " " : "",
                   version);
    return CARINA_OK;
}

const CaReader ca_reader_keras = {"Keras", match, read_source, ca_keras_op_name};
