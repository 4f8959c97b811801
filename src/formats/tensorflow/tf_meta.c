/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meta graphs: a graph with the names of its ends and of the operator that restores its variables; alone in a .meta
 * file, or several, told apart by tags, in a SavedModel. And checkpoints, which hold no graph themselves.
 *
 * The ends are what a signature says, under the signature's names; without one they are guessed as for any graph.
 */
#include "base/file.h"
#include "formats/tensorflow/tf_table.h"
#include "formats/tensorflow/tf_variables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_ROOM = 4096, LIST_ROOM = 160 };

typedef struct Meta {
    CaTf *r;
    CaTfSpan span;  /* the MetaGraphDef */
    CaTfSpan graph; /* its GraphDef */
    CaTfSpan info;  /* its MetaInfoDef, or nothing */
    const char *restore;
} Meta;

static CarinaStatus no_memory(const CaTf *r)
{
    return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
}

/* "a, b, c", cut where it is long: for messages. */
static void list(char text[LIST_ROOM], const char *item)
{
    const size_t n = strlen(text);
    if (n + strlen(item) + 8 < LIST_ROOM)
        (void)snprintf(text + n, LIST_ROOM - n, "%s%s", n ? ", " : "", item);
    else if (n < 4 || strcmp(text + n - 3, "...") != 0)
        (void)snprintf(text + n, LIST_ROOM - n, ", ...");
}

/* --- Signatures. */

typedef struct Signature {
    const char *name;
    CaTfSpan span;
} Signature;

/* Initialisers and training steps are kept among the signatures, with names of this form. */
static bool is_for_users(const char *name)
{
    return strncmp(name, "__saved_model_", 14) != 0;
}

/* An entry of a map of messages. */
static bool entry(CaTf *r, const CaTfField *f, const char **key, CaTfSpan *value)
{
    CaTfField k, v;
    *value = (CaTfSpan){0, 0};
    if (f->wire != 2 || !ca_tf_field(r, &k, f->span, 1) || k.wire != 2)
        return false;
    if (ca_tf_field(r, &v, f->span, 2) && v.wire == 2)
        *value = v.span;
    *key = ca_tf_text(r, k.span);
    return *key != NULL;
}

/* The one that the user names, or serving_default, or the only one. found->name NULL: the graph has none. */
static CarinaStatus choose_signature(const Meta *m, Signature *found)
{
    CaTf *r = m->r;
    const char *want = r->options->signature ? r->options->signature : "serving_default";
    char all[LIST_ROOM] = "";
    Signature s, last = {NULL, {0, 0}};
    CaTfField f;
    int n = 0;
    *found = last;
    for (CaTfSpan rest = m->span; ca_tf_next(r, &f, &rest);) {
        if (f.number != 5 || !entry(r, &f, &s.name, &s.span) || !is_for_users(s.name))
            continue;
        list(all, s.name);
        last = s;
        n++;
        if (strcmp(s.name, want) == 0)
            *found = s;
    }
    CA_TRY(r->b.status);
    if (!found->name && n == 1 && !r->options->signature)
        *found = last;
    if (found->name || (n == 0 && !r->options->signature))
        return CARINA_OK;
    return ca_err(r->b.err, CARINA_ERR_NOT_FOUND,
                  "%s: has no signature '%s'; name one of those it has: %s", r->b.path,
                  want, n ? all : "none");
}

static int by_name(const void *a, const void *b)
{
    const CaTfEnd *x = a, *y = b;
    const size_t n = strlen(x->name), m = strlen(y->name);
    const size_t p = strcspn(x->name, "0123456789"), q = strcspn(y->name, "0123456789");
    /* output_2 before output_10 */
    if (p == q && strncmp(x->name, y->name, p) == 0 && n != m)
        return n < m ? -1 : 1;
    return strcmp(x->name, y->name);
}

static CarinaStatus read_end(const Meta *m, CaTfEnd *end, CaTfSpan info)
{
    CaTf *r = m->r;
    CaTfField f;
    const char *tensor = NULL;
    for (CaTfSpan rest = info; ca_tf_next(r, &f, &rest);) {
        if (f.number == 1 && f.wire == 2)
            tensor = ca_tf_text(r, f.span);
        else if (f.number == 2)
            end->type = ca_tf_type(f.value);
        else if (f.number == 3 && f.wire == 2) {
            end->shape = ca_tf_shape_of(r, f.span);
            end->has_shape = true;
        }
    }
    CA_TRY(r->b.status);
    if (!tensor)
        return ca_err(
            r->b.err, CARINA_ERR_UNSUPPORTED,
            "%s: '%s' of the signature is no tensor; Carina reads dense tensors "
            "only",
            r->b.path, end->name);
    ca_tf_find_edge(r, &end->edge, tensor);
    if (!end->edge.node)
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: '%s' of the signature is '%s', which is no node of the graph; "
                      "the file is damaged",
                      r->b.path, end->name, tensor);
    return CARINA_OK;
}

/* The inputs (field 1) or outputs (2), in the order of their names: a map has none of its own. */
static CarinaStatus read_ends(const Meta *m, const Signature *s, uint64_t field)
{
    CaTf *r = m->r;
    CaTfField f;
    CaTfSpan info;
    size_t n = 0, i = 0;
    for (CaTfSpan rest = s->span; ca_tf_next(r, &f, &rest);)
        n += f.number == field;
    CaTfEnd *ends = ca_arena_array(r->b.work, n + 1, sizeof *ends);
    if (!ends)
        return no_memory(r);
    for (CaTfSpan rest = s->span; i < n && ca_tf_next(r, &f, &rest);)
        if (f.number == field && entry(r, &f, &ends[i].name, &info))
            CA_TRY(read_end(m, &ends[i++], info));
    CA_TRY(r->b.status);
    n = i;
    if (n > 0)
        qsort(ends, n, sizeof *ends, by_name);
    for (i = 0; i < n; i++)
        CA_TRY(field == 1 ? ca_tf_add_input(r, &ends[i]) : ca_tf_add_output(r, &ends[i]));
    return CARINA_OK;
}

/* --- One meta graph. */

static CarinaStatus read_fields(Meta *m)
{
    CaTf *r = m->r;
    CaTfField f, name;
    bool has_graph = false;
    m->restore = NULL;
    m->info = (CaTfSpan){0, 0};
    for (CaTfSpan rest = m->span; ca_tf_next(r, &f, &rest);) {
        if (f.wire != 2)
            continue;
        if (f.number == 1)
            m->info = f.span;
        if (f.number == 2) {
            m->graph = f.span;
            has_graph = true;
        }
        if (f.number == 3 && ca_tf_field(r, &name, f.span, 3) && name.wire == 2)
            m->restore = ca_tf_text(r, name.span);
    }
    CA_TRY(r->b.status);
    return has_graph
               ? CARINA_OK
               : ca_err(r->b.err, CARINA_ERR_FORMAT,
                        "%s: no graph inside; the file is damaged or was cut", r->b.path);
}

static void name_producer(Meta *m, CaGraph *g, const Signature *s)
{
    CaTfField f;
    const char *version = NULL;
    ca_graph_set_info(g, "producer", "TensorFlow");
    for (CaTfSpan rest = m->info; ca_tf_next(m->r, &f, &rest);)
        if (f.number == 5 && f.wire == 2)
            version = ca_tf_text(m->r, f.span);
    if (version && version[0])
        ca_graph_set_info(g, "producer_version", version);
    if (s->name)
        ca_graph_set_info(g, "signature", s->name);
}

/* prefix NULL: the graph must do without variables. */
static CarinaStatus read_meta_graph(CaGraph **out, Meta *m, const char *prefix)
{
    CaTf *r = m->r;
    CaTfVariables *variables = NULL;
    Signature s;
    CA_TRY(read_fields(m));
    CA_TRY(ca_tf_parse_graph(r, m->graph));
    CA_TRY(choose_signature(m, &s));
    if (s.name) {
        CA_TRY(read_ends(m, &s, 1));
        CA_TRY(read_ends(m, &s, 2));
    } else if (!r->options->outputs) {
        CA_TRY(ca_tf_guess_trained(r));
    }
    CarinaStatus status =
        prefix ? ca_tf_variables_open(&variables, r, prefix) : CARINA_OK;
    if (status == CARINA_OK && variables)
        status = ca_tf_variables_bind(variables, m->restore);
    if (status == CARINA_OK)
        status = ca_tf_inline(r);
    if (status == CARINA_OK)
        status = ca_tf_prune(r);
    if (status == CARINA_OK)
        status = ca_tf_finish(out, r);
    if (status == CARINA_OK)
        name_producer(m, *out, &s);
    ca_tf_variables_free(&variables);
    return status;
}

/* --- SavedModel. */

static bool in_folder(char *out, size_t room, const char *folder, const char *name)
{
    const size_t n = strlen(folder);
    const char *slash = n && folder[n - 1] == '/' ? "" : "/";
    const int m = snprintf(out, room, "%s%s%s", folder, slash, name);
    return m > 0 && (size_t)m < room && ca_path_exists(out);
}

/* Is it field 1 a number, then field 2 a message that begins with a MetaInfoDef? ONNX may begin 08 01 12 too, with a
 * producer's name there. */
static bool is_saved_model(const CaSource *s)
{
    const unsigned char *data = s->file->data;
    size_t at = 3;
    if (!ca_source_has(s, 0, "\x08\x01\x12", 3))
        return false;
    while (at < s->file->size && at < 13 && data[at] & 0x80)
        at++;
    return ca_source_has(s, at + 1, "\x0a", 1);
}

static bool begins(const CaSource *s, const char *word)
{
    size_t n = 0;
    const char *text = ca_source_text(s, &n);
    return n > strlen(word) && memcmp(text, word, strlen(word)) == 0;
}

static bool match_saved_model(const CaSource *s)
{
    char path[PATH_ROOM];
    if (!s->file)
        return in_folder(path, sizeof path, s->path, "saved_model.pb") ||
               in_folder(path, sizeof path, s->path, "saved_model.pbtxt");
    return is_saved_model(s) || begins(s, "saved_model_schema_version") ||
           begins(s, "meta_graphs");
}

static bool has_tag(CaTf *r, CaTfSpan info, const char *tag, size_t n)
{
    CaTfField f;
    const char *data = r->file->data;
    for (CaTfSpan rest = info; ca_tf_next(r, &f, &rest);)
        if (f.number == 4 && f.wire == 2 && f.span.end - f.span.at == n &&
            memcmp(data + f.span.at, tag, n) == 0)
            return true;
    return false;
}

/* All of the wanted tags, and as many: "serve" is not "serve,gpu". all gets the meta graph's own. */
static bool has_tags(CaTf *r, CaTfSpan meta, const char *want, char all[LIST_ROOM])
{
    CaTfField info, f;
    const char *item;
    char own[LIST_ROOM] = "";
    size_t n;
    int count = 0, wanted = 0;
    bool all_there = true;
    if (!ca_tf_field(r, &info, meta, 1) || info.wire != 2)
        info.span = (CaTfSpan){0, 0};
    for (CaTfSpan rest = info.span; ca_tf_next(r, &f, &rest);)
        if (f.number == 4 && f.wire == 2) {
            const char *tag = ca_tf_text(r, f.span);
            const size_t used = strlen(own);
            if (tag && used + strlen(tag) + 2 < sizeof own)
                (void)snprintf(own + used, sizeof own - used, "%s%s", count ? "," : "",
                               tag);
            count++;
        }
    for (const char *at = want; (at = ca_text_item(at, ',', &item, &n)); wanted++)
        all_there = all_there && has_tag(r, info.span, item, n);
    list(all, own[0] ? own : "''");
    return all_there && wanted == count;
}

static CarinaStatus choose_meta_graph(Meta *m)
{
    CaTf *r = m->r;
    const char *want = r->options->tags ? r->options->tags : "serve";
    char all[LIST_ROOM] = "";
    CaTfSpan only = {0, 0};
    CaTfField f;
    int n = 0;
    for (CaTfSpan rest = {0, r->file->size}; ca_tf_next(r, &f, &rest);) {
        if (f.number != 2 || f.wire != 2)
            continue;
        n++;
        only = f.span;
        if (has_tags(r, f.span, want, all)) {
            m->span = f.span;
            return r->b.status;
        }
    }
    CA_TRY(r->b.status);
    m->span = only;
    if (n == 1 && !r->options->tags)
        return CARINA_OK;
    return ca_err(
        r->b.err, CARINA_ERR_NOT_FOUND,
        "%s: has no meta graph with the tags '%s'; name those of one it has: %s",
        r->b.path, want, n ? all : "none");
}

/* The variables lie in the folder variables, unless the user says otherwise; a model may have none. */
static CarinaStatus saved_prefix(const char **prefix, CaTf *r)
{
    const char *slash = strrchr(r->b.path, '/');
    const int n = slash ? (int)(slash - r->b.path) + 1 : 0;
    if (r->options->weights)
        return ca_tf_checkpoint_prefix(prefix, r->b.work, r->options->weights, r->b.err);
    *prefix = ca_arena_printf(r->b.work, "%.*svariables/variables", n, r->b.path);
    if (!*prefix)
        return no_memory(r);
    if (!ca_tf_bundle_exists(*prefix))
        *prefix = NULL;
    return CARINA_OK;
}

static CarinaStatus read_saved_model_file(CaGraph **out, CaSource *s, const char *path,
                                          CaBuffer *file)
{
    Meta m = {.r = NULL};
    const char *prefix = NULL;
    CA_TRY(ca_tf_begin(&m.r, path, file, CA_TF_SAVED_MODEL, s->options, s->err));
    m.r->b.customs = s->customs;
    CarinaStatus status = choose_meta_graph(&m);
    if (status == CARINA_OK)
        status = saved_prefix(&prefix, m.r);
    if (status == CARINA_OK)
        status = read_meta_graph(out, &m, prefix);
    ca_tf_free(&m.r);
    (void)snprintf(s->format, sizeof s->format, "TensorFlow SavedModel");
    return status;
}

/* The model's name: that of its folder. */
static void name_after_folder(CaGraph *g, const char *path)
{
    size_t end = strlen(path);
    const char *slash = strrchr(path, '/');
    if (slash && strncmp(slash, "/saved_model.pb", 15) == 0)
        end = (size_t)(slash - path);
    while (end > 0 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    if (end == begin || (end - begin <= 2 && path[begin] == '.'))
        return;
    char *name = ca_arena_copy_n(ca_graph_arena(g), path + begin, end - begin);
    if (name)
        g->name = name;
}

static CarinaStatus read_saved_model(CaGraph **out, CaSource *s)
{
    char path[PATH_ROOM];
    CaBuffer *file = NULL;
    CarinaStatus status;
    if (s->file) {
        status = read_saved_model_file(out, s, s->path, s->file);
    } else {
        if (!in_folder(path, sizeof path, s->path, "saved_model.pb"))
            (void)in_folder(path, sizeof path, s->path, "saved_model.pbtxt");
        CA_TRY(ca_file_map(&file, path, s->err));
        status = read_saved_model_file(out, s, path, file);
        ca_buffer_unref(&file);
    }
    if (status == CARINA_OK)
        name_after_folder(*out, s->path);
    return status;
}

/* --- A .meta file. */

/* The payload of the field at *at, which must be field `number` of length-delimited kind; false where it is not. */
static bool message_at(const CaSource *s, size_t *at, unsigned number, size_t *size)
{
    const unsigned char *data = s->file->data;
    uint64_t length = 0;
    if (*at >= s->file->size || data[(*at)++] != (number << 3 | 2))
        return false;
    for (unsigned shift = 0; shift < 63 && *at < s->file->size; shift += 7) {
        const unsigned char byte = data[(*at)++];
        length |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *size = (size_t)length;
            return length <= s->file->size - *at;
        }
    }
    return false;
}

/* MetaInfoDef, then a GraphDef that begins with a node: 12 {0A {0A name ...}}. In a GraphDef, where field 2 is the
 * library of functions, another message stands in the name's place. */
static bool match_meta(const CaSource *s)
{
    size_t at = 0, size = 0;
    if (!s->file)
        return false;
    if (begins(s, "meta_info_def") || begins(s, "graph_def"))
        return true;
    if (!message_at(s, &at, 1, &size))
        return false;
    at += size;
    return message_at(s, &at, 2, &size) && message_at(s, &at, 1, &size) &&
           message_at(s, &at, 1, &size) && size > 0 &&
           ((const unsigned char *)s->file->data)[at] > ' ';
}

/* PREFIX.meta and options->weights; without the latter the checkpoint is the one beside it, if it is there. */
static CarinaStatus read_meta_file(CaGraph **out, CaSource *s, const char *path,
                                   CaBuffer *file, const char *checkpoint)
{
    Meta m = {.r = NULL};
    const char *prefix = NULL;
    CarinaStatus status = CARINA_OK;
    CA_TRY(ca_tf_begin(&m.r, path, file, CA_TF_META_GRAPH, s->options, s->err));
    m.r->b.customs = s->customs;
    m.span = (CaTfSpan){0, m.r->file->size};
    if (checkpoint)
        status = ca_tf_checkpoint_prefix(&prefix, m.r->b.work, checkpoint, s->err);
    else if (ca_tf_checkpoint_prefix(&prefix, m.r->b.work, path, NULL) != CARINA_OK)
        prefix = NULL;
    if (status == CARINA_OK)
        status = read_meta_graph(out, &m, prefix);
    ca_tf_free(&m.r);
    (void)snprintf(s->format, sizeof s->format, "TensorFlow meta graph");
    return status;
}

static CarinaStatus read_meta(CaGraph **out, CaSource *s)
{
    return read_meta_file(out, s, s->path, s->file, s->options->weights);
}

/* --- A checkpoint, by any of its files or its folder: the graph is in PREFIX.meta, or nowhere. */

static bool match_checkpoint(const CaSource *s)
{
    char path[PATH_ROOM];
    if (!s->file)
        return in_folder(path, sizeof path, s->path, "checkpoint");
    return ca_tf_is_table(s->file) || begins(s, "model_checkpoint_path:");
}

/* The file `checkpoint` stands for its folder. */
static const char *folder_of(CaArena *arena, const CaSource *s)
{
    const char *slash = strrchr(s->path, '/');
    if (!s->file || ca_tf_is_table(s->file))
        return s->path;
    return slash ? ca_arena_copy_n(arena, s->path, (size_t)(slash - s->path) + 1) : "./";
}

static CarinaStatus read_checkpoint(CaGraph **out, CaSource *s)
{
    CaArena *arena = ca_arena_create((size_t)1 << 20);
    CaBuffer *file = NULL;
    const char *prefix = NULL, *path = arena ? folder_of(arena, s) : NULL, *meta = NULL;
    CarinaStatus status =
        path ? ca_tf_checkpoint_prefix(&prefix, arena, path, s->err)
             : ca_err(s->err, CARINA_ERR_MEMORY, "%s: out of memory", s->path);
    if (status == CARINA_OK)
        meta = ca_arena_printf(arena, "%s.meta", prefix);
    if (status == CARINA_OK && (!meta || !ca_path_exists(meta)))
        status = ca_err(s->err, CARINA_ERR_UNSUPPORTED,
                        "%s: a checkpoint holds values, and no graph: give it beside its "
                        "graph, --input_model graph.pb --input_checkpoint %s, or export "
                        "the model with tf.saved_model.save",
                        s->path, prefix ? prefix : "");
    if (status == CARINA_OK)
        status = ca_file_map(&file, meta, s->err);
    if (status == CARINA_OK)
        status = read_meta_file(out, s, meta, file, prefix);
    ca_buffer_unref(&file);
    ca_arena_free(&arena);
    return status;
}

/* --- All of them. */

typedef struct Kind {
    bool (*match)(const CaSource *s);
    CarinaStatus (*read)(CaGraph **out, CaSource *s);
} Kind;

static const Kind kinds[] = {
    {match_saved_model, read_saved_model},
    {match_meta, read_meta},
    {match_checkpoint, read_checkpoint},
};

static const Kind *find_kind(const CaSource *s)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].match(s))
            return &kinds[i];
    return NULL;
}

bool ca_tf_is_container(const CaSource *s) { return find_kind(s) != NULL; }

CarinaStatus ca_tf_read_container(CaGraph **out, CaSource *s)
{
    *out = NULL;
    return find_kind(s)->read(out, s);
}
