/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the options of a command line to those of the library's readers, in the spellings of the Model Optimizer:
 * --input=a[1,224,224,3],b:0,c->3 and --input_shape=[1,224,224,3],[2].
 */
#include "reading.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool next_item(const char **text, char **name, char **stuff)
{
    const char *at = *text + strspn(*text, ", ");
    const size_t n = strcspn(at, "[(,");
    *name = *stuff = NULL;
    if (!*at)
        return false;
    *name = text_of("%.*s", (int)n, at);
    at += n;
    if (*at == '[' || *at == '(') {
        const size_t m = strcspn(at, "])");
        *stuff = text_of("%.*s%s", (int)m, at, *at == '[' ? "]" : ")");
        at += m + (at[m] != 0);
    }
    *text = at + strcspn(at, ","); /* leaves out {type} and ->value */
    return true;
}

char *plain_name(const char *name)
{
    size_t n = strcspn(name, "{");
    const size_t digits = strspn(name, "0123456789");
    if (digits > 0 && name[digits] == ':')
        return text_of("%.*s", (int)(n - digits - 1), name + digits + 1);
    const char *colon = memchr(name, ':', n);
    if (colon && colon[1] &&
        strspn(colon + 1, "0123456789") == n - (size_t)(colon + 1 - name))
        n = (size_t)(colon - name);
    return text_of("%.*s", (int)n, name);
}

/* --- A folder stands for the one model in it: IR first, then the others. */

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool holds(const char *folder, const char *name)
{
    struct stat st;
    char *path = text_of("%s/%s", folder, name);
    const bool is_there = stat(path, &st) == 0;
    free(path);
    return is_there;
}

/* Hugging Face's and Core ML's: the library says what makes a model of them. */
static bool is_refused_folder(const char *path)
{
    return holds(path, "model.safetensors") || holds(path, "pytorch_model.bin") ||
           holds(path, "Manifest.json");
}

/* Folders that are one model. */
static bool is_model_folder(const char *path)
{
    return is_folder(path) &&
           (holds(path, "saved_model.pb") || holds(path, "saved_model.pbtxt") ||
            holds(path, "checkpoint") || is_refused_folder(path));
}

/* PREFIX of a checkpoint is no file itself; its index is. To be freed; NULL: path is no prefix. */
static char *index_of(const char *path)
{
    struct stat st;
    char *index = text_of("%s.index", path);
    if (stat(path, &st) != 0 && stat(index, &st) == 0)
        return index;
    free(index);
    return NULL;
}

static bool find_model(List *files, const char *path)
{
    static const char all[] =
        "xml,onnx,pb,tflite,h5,keras,prototxt,caffemodel,params,json,meta";
    static const char *const kinds[] = {"xml",    "onnx",  "pb",       "tflite",
                                        "h5",     "keras", "prototxt", "caffemodel",
                                        "params", "json",  "meta"};
    const List words = {1, &path};
    char *index = index_of(path);
    if (index || is_model_folder(path)) {
        list_add(files, index ? index : path);
        return true;
    }
    if (!is_folder(path))
        return sources_expand(files, &words, "xml");
    if (!sources_expand(files, &words, all))
        return false;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int i = 0; i < files->n; i++)
            if (has_extension(files->v[i], kinds[k])) {
                const char *found = files->v[i];
                files->v[i] = files->v[0];
                files->v[0] = found;
                return true;
            }
    return false;
}

/* --- Sizes. */

static double size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (double)st.st_size : 0;
}

/* Of the files STEM + END, where END is a pattern. */
static double sizes_of(const char *stem, int n, const char *end)
{
    glob_t g = {0};
    double sum = 0;
    char *pattern = text_of("%.*s%s", n, stem, end);
    if (glob(pattern, 0, NULL, &g) == 0)
        for (size_t i = 0; i < g.gl_pathc; i++)
            sum += size_of(g.gl_pathv[i]);
    globfree(&g);
    free(pattern);
    return sum;
}

/* A checkpoint's prefix, of any of its files. */
static int prefix_of(const char *path)
{
    const int n = (int)strlen(path);
    if (has_extension(path, "meta"))
        return n - 5;
    return has_extension(path, "index") ? n - 6 : n;
}

/* Of a checkpoint by its prefix or one of its files, of a SavedModel's folder, or of one file. */
static double all_sizes(const char *path)
{
    const int n = (int)strlen(path), prefix = prefix_of(path);
    if (is_folder(path))
        return sizes_of(path, n, "/saved_model.pb*") + sizes_of(path, n, "/variables/*");
    if (size_of(path) > 0 && prefix == n)
        return size_of(path);
    return sizes_of(path, prefix, ".index") + sizes_of(path, prefix, ".data-*");
}

double model_mb(const char *path, const Reading *reading)
{
    const char *second = reading->checkpoint ? reading->checkpoint : reading->weights;
    double sum = all_sizes(path);
    if (prefix_of(path) < (int)strlen(path) || size_of(path) == 0)
        sum += sizes_of(path, prefix_of(path), ".meta"); /* it holds the graph */
    if (second && strcmp(second, path) != 0)
        sum += all_sizes(second);
    return sum / 1e6;
}

/* --- Ends. */

typedef struct Ends {
    CarinaReadInput *inputs;
    int n;
    char *outputs, *freeze;
} Ends;

static void free_ends(Ends *e)
{
    for (int i = 0; i < e->n; i++) {
        char *name;
        memcpy(&name, &e->inputs[i].name, sizeof name);
        free(name);
    }
    free(e->inputs);
    free(e->outputs);
    free(e->freeze);
}

static void append(char **list, const char *item, int n)
{
    char *longer =
        text_of("%s%s%.*s", *list ? *list : "", *list && **list ? "," : "", n, item);
    free(*list);
    *list = longer;
}

/* Where the value of "name->value" begins in an item of --input; NULL: none. */
static const char *arrow_in(const char *item, const char *end)
{
    for (; item + 1 < end; item++)
        if (item[0] == '-' && item[1] == '>')
            return item;
    return NULL;
}

static bool add_shape(CarinaReadInput *in, const char *text)
{
    const char *at = text;
    if (parse_shape(&in->shape, &at))
        return true;
    complain("'%s' is no shape; write it like [1,224,224,3]", text);
    return false;
}

/* One item of --input: what is to be frozen is no input, unless it stands there without a value too. */
static bool add_input(Ends *e, const char *from, const char *to, char *name,
                      const char *stuff)
{
    const char *arrow = arrow_in(from, to);
    const size_t n = strcspn(name, "{");
    const char *dash = strstr(name, "->");
    if (arrow) {
        if (dash)
            name[dash - name] = 0;
        char *plain = plain_name(name);
        append(&e->freeze, plain, (int)strlen(plain));
        char *longer = text_of("%s->%.*s", e->freeze, (int)(to - arrow - 2), arrow + 2);
        free(e->freeze);
        free(plain);
        e->freeze = longer;
        return true;
    }
    CarinaReadInput *in = &e->inputs[e->n];
    in->name = text_of("%.*s", (int)n, name);
    in->shape.rank = CARINA_DYNAMIC;
    e->n++;
    return !stuff || add_shape(in, stuff);
}

static bool add_inputs(Ends *e, const char *list)
{
    char *name, *stuff;
    bool good = true;
    for (const char *at = list; good;) {
        const char *from = at;
        if (!next_item(&at, &name, &stuff))
            break;
        good = add_input(e, from, at, name, stuff);
        free(name);
        free(stuff);
    }
    return good;
}

/* The shapes of --input_shape belong to the inputs named, or to the model's in its order. */
static bool add_shapes(Ends *e, const char *list)
{
    char *name, *stuff;
    bool good = true;
    int n = 0;
    const bool named = e->n > 0;
    for (const char *at = list; good && next_item(&at, &name, &stuff); n++) {
        if (named && n >= e->n) {
            complain("--input-shape has more shapes than --input has names (%d)", e->n);
            good = false;
        } else {
            good = add_shape(&e->inputs[n], stuff ? stuff : name);
            e->n = n >= e->n ? n + 1 : e->n;
        }
        free(name);
        free(stuff);
    }
    return good;
}

static int count_items(const char *list)
{
    int n = 1;
    for (; list && *list; list++)
        n += *list == ',';
    return n;
}

static bool read_ends(Ends *e, const Reading *r)
{
    const int room = count_items(r->input) + count_items(r->input_shape);
    char *name, *stuff;
    e->inputs = allocate((size_t)room, sizeof *e->inputs);
    if (r->freeze)
        append(&e->freeze, r->freeze, (int)strlen(r->freeze));
    for (const char *at = r->output ? r->output : ""; next_item(&at, &name, &stuff);) {
        append(&e->outputs, name, (int)strcspn(name, "{"));
        free(name);
        free(stuff);
    }
    return add_inputs(e, r->input ? r->input : "") &&
           add_shapes(e, r->input_shape ? r->input_shape : "");
}

/* --- --framework. */

static bool agrees(const char *framework, const char *format)
{
    static const char *const names[][2] = {
        {"tf", "TensorFlow"},  {"caffe", "Caffe"}, {"mxnet", "MXNet"},
        {"onnx", "ONNX"},      {"keras", "Keras"}, {"tflite", "TensorFlow Lite"},
        {"ir", "OpenVINO IR"}, {"tf", "Keras"},
    };
    const bool is_lite = strncmp(format, "TensorFlow Lite", 15) == 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], framework) == 0 &&
            strncmp(format, names[i][1], strlen(names[i][1])) == 0 &&
            is_lite == (strcmp(framework, "tflite") == 0))
            return true;
    return false;
}

static bool check_framework(const char *framework, const char *path, const char *format)
{
    if (!framework || agrees(framework, format))
        return true;
    complain("%s: is %s, not what --framework %s says; leave --framework out", path,
             format, framework);
    return false;
}

bool reads_ends(const CarinaModel *model)
{
    const char *format = carina_model_format(model);
    return strncmp(format, "TensorFlow", 10) == 0 && !strstr(format, "Lite");
}

/* What only TensorFlow's files have. */
static bool check_freeze(const Ends *e, const char *path, const CarinaModel *model)
{
    if (!e->freeze || reads_ends(model))
        return true;
    complain(
        "%s: is %s, in which no input can be frozen (%s); only TensorFlow graphs have "
        "placeholders that may be",
        path, carina_model_format(model), e->freeze);
    return false;
}

/* --- What is not Carina's own. */

bool load_extensions(CarinaContext *ctx, const Custom *custom)
{
    CarinaError err = {0};
    for (int i = 0; i < custom->extensions.n; i++)
        if (carina_extension_load(ctx, custom->extensions.v[i], &err) != CARINA_OK) {
            complain("%s", err.text);
            return false;
        }
    return true;
}

/* TYPE=FILE each; to be freed, with the types. */
static bool split_layers(CarinaReadLayer **out, const List *words)
{
    CarinaReadLayer *layers = allocate((size_t)words->n + 1, sizeof *layers);
    *out = layers;
    for (int i = 0; i < words->n; i++) {
        const char *equals = strchr(words->v[i], '=');
        if (!equals || equals == words->v[i] || !equals[1]) {
            complain("--layer %s: is not CLASS=FILE, as in --layer Scale=scale.onnx",
                     words->v[i]);
            return false;
        }
        layers[i].type = text_of("%.*s", (int)(equals - words->v[i]), words->v[i]);
        layers[i].path = equals + 1;
    }
    return true;
}

static void free_layers(CarinaReadLayer *layers)
{
    for (int i = 0; layers && layers[i].type; i++) {
        char *type;
        memcpy(&type, &layers[i].type, sizeof type);
        free(type);
    }
    free(layers);
}

bool read_model(CarinaModel **out, CarinaContext *ctx, const char *path,
                const Reading *reading)
{
    List files = {0};
    CarinaError err = {0};
    Ends ends = {0};
    CarinaReadLayer *layers = NULL;
    bool good = find_model(&files, path) && read_ends(&ends, reading) &&
                split_layers(&layers, &reading->custom.layers);
    const CarinaReadOptions options = {
        .struct_size = sizeof options,
        .weights = reading->checkpoint ? reading->checkpoint : reading->weights,
        .prefix = reading->prefix,
        .n_inputs = ends.n,
        .inputs = ends.inputs,
        .outputs = ends.outputs,
        .freeze = ends.freeze,
        .tags = reading->tags,
        .signature = reading->signature,
        .n_layers = reading->custom.layers.n,
        .layers = layers,
    };
    if (good && carina_model_read(out, ctx, files.v[0], &options, &err) != CARINA_OK) {
        complain("%s", err.text);
        good = false;
    }
    good = good &&
           check_framework(reading->framework, files.v[0], carina_model_format(*out)) &&
           check_freeze(&ends, files.v[0], *out);
    free_ends(&ends);
    free_layers(layers);
    free(files.v);
    return good;
}
