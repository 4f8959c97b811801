/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: inputs with their preparation (mean values, mean images, scales), and constants.
 */
#include "ir/ir_legacy.h"

#include <string.h>

/* The type in which the file says its first output comes: that of the port, else of the layer. */
static CarinaType stored_type(CaLegacyCall *c)
{
    const char *precision =
        c->n_out ? ca_xml_attr(c->l->out_ports[0], "precision") : NULL;
    const CarinaType type =
        precision ? ca_legacy_precision(c, precision) : CARINA_UNKNOWN;
    return type != CARINA_UNKNOWN ? type : c->precision;
}

/* --- <pre-process>: x - mean, then / scale, put behind an input. */

typedef struct Prepare {
    CaLegacyCall *c;
    CarinaShape shape; /* of the input */
    CarinaType type;   /* of mean images */
    int64_t channels;
} Prepare;

static const xmlNode *channel_of(const xmlNode *pre, int64_t channel)
{
    int64_t id = 0;
    for (const xmlNode *x = ca_xml_child(pre, "channel"); x;
         x = ca_xml_next(x, "channel"))
        if (ca_ir_number(x, "id", &id) && id == channel)
            return x;
    return NULL;
}

/* The numbers of <mean value=> or <scale value=>; false where no channel has one. */
static bool channel_numbers(const Prepare *p, const xmlNode *pre, const char *what,
                            double absent, double *v)
{
    bool any = false;
    for (int64_t i = 0; i < p->channels; i++) {
        const xmlNode *x = ca_xml_child(channel_of(pre, i), what);
        const char *text = x ? ca_xml_attr(x, "value") : NULL;
        v[i] = absent;
        if (!text)
            continue;
        any = true;
        if (!ca_text_real(&v[i], text, strlen(text)))
            ca_build_fail(
                &p->c->b, CARINA_ERR_FORMAT,
                "channel %lld of <pre-process> has the %s \"%.40s\", not a number",
                (long long)i, what, text);
    }
    return any;
}

/* One plane of a mean image into image. */
static void mean_plane(const Prepare *p, const xmlNode *mean, int64_t channel,
                       double *image)
{
    const CarinaShape plane = ca_shape(2, p->shape.dims + 2);
    const int64_t n = ca_shape_product(&plane, 0, 2);
    CarinaTensor *t = NULL;
    CarinaError e = {0};
    int64_t offset = 0, size = 0;
    if (!ca_ir_number(mean, "offset", &offset) || !ca_ir_number(mean, "size", &size))
        ca_build_fail(&p->c->b, CARINA_ERR_FORMAT,
                      "channel %lld of the mean image has no number for its offset or "
                      "size",
                      (long long)channel);
    else if (ca_legacy_tensor(&t, p->c->r, p->type, &plane, offset, size, &e) !=
             CARINA_OK)
        ca_build_fail(&p->c->b, e.code, "channel %lld of the mean image: %.200s",
                      (long long)channel, e.text);
    for (int64_t i = 0; t && i < n; i++)
        image[channel * n + i] = ca_get_real(t->type, t->data, i);
    carina_tensor_free(&t);
}

static CaValue *subtract_image(const Prepare *p, const xmlNode *pre, CaValue *x)
{
    int64_t n = 0;
    if (p->shape.rank != 4 || !ca_shape_count(&p->shape, &n)) {
        ca_build_fail(&p->c->b, CARINA_ERR_SHAPE,
                      "it has a mean image, but %d dimensions, not 4", p->shape.rank);
        return NULL;
    }
    const CarinaShape shape =
        ca_shape(4, (int64_t[]){1, p->channels, p->shape.dims[2], p->shape.dims[3]});
    double *image =
        ca_arena_array(p->c->b.work, (size_t)(n / p->shape.dims[0]), sizeof *image);
    if (!image)
        ca_build_fail(&p->c->b, CARINA_ERR_MEMORY, "out of memory");
    for (int64_t i = 0; p->c->b.status == CARINA_OK && i < p->channels; i++) {
        const xmlNode *mean = ca_xml_child(channel_of(pre, i), "mean");
        if (mean)
            mean_plane(p, mean, i, image);
    }
    return p->c->b.status == CARINA_OK
               ? ca_build_2(&p->c->b, "Subtract", x,
                            ca_build_reals(&p->c->b, &shape, image))
               : NULL;
}

static CaValue *prepared(const Prepare *p, const xmlNode *pre, CaValue *x)
{
    CaBuild *b = &p->c->b;
    double *v = ca_arena_array(b->work, (size_t)p->channels, sizeof *v);
    const xmlNode *first = ca_xml_child(channel_of(pre, 0), "mean");
    const CarinaShape shape = ca_build_along(1, p->shape.rank, p->channels);
    if (!v) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    x = ca_build_convert(b, x, CARINA_F32);
    if (first && ca_xml_attr(first, "offset"))
        x = subtract_image(p, pre, x);
    else if (channel_numbers(p, pre, "mean", 0, v))
        x = ca_build_2(b, "Subtract", x, ca_build_reals(b, &shape, v));
    if (channel_numbers(p, pre, "scale", 1, v)) {
        for (int64_t i = 0; i < p->channels; i++)
            if (v[i] == 0)
                ca_build_fail(b, CARINA_ERR_FORMAT,
                              "channel %lld of <pre-process> has the scale 0",
                              (long long)i);
        x = ca_build_2(b, "Divide", x, ca_build_reals(b, &shape, v));
    }
    return x;
}

/* Is the <pre-process> for this layer? Without a name it is for the first input. */
static const xmlNode *find_preparation(const CaLegacyCall *c)
{
    const xmlNode *net = c->l->xml->parent ? c->l->xml->parent->parent : NULL;
    const bool is_first = c->b.graph->n_inputs == 1;
    for (const xmlNode *x = ca_xml_child(net, "pre-process"); x;
         x = ca_xml_next(x, "pre-process")) {
        const char *name = ca_xml_attr(x, "reference-layer-name");
        if (name && name[0] ? strcmp(name, c->b.name) == 0 : is_first)
            return x;
    }
    return NULL;
}

/* --- Layers that are the graph's own. */

static void input(CaLegacyCall *c)
{
    CaValue *v = NULL;
    const CarinaShape shape = ca_legacy_stated(c, 0);
    const CarinaType type = ca_legacy_work_type(stored_type(c));
    if (c->b.status == CARINA_OK)
        ca_build_ok(
            &c->b, ca_graph_parameter(&v, c->b.graph, c->b.name, type, &shape, c->b.err));
    if (c->b.status != CARINA_OK)
        return;
    ca_value_set_name(c->b.graph, v, c->b.name);
    c->first_id = INT32_MAX; /* the Parameter has the layer's name, not what follows it */
    const xmlNode *pre = find_preparation(c);
    Prepare p = {c, shape, CARINA_F32, shape.rank > 1 ? shape.dims[1] : 0};
    if (pre) {
        const char *precision = ca_xml_attr(pre, "mean-precision");
        const CarinaType given =
            precision ? ca_legacy_precision(c, precision) : CARINA_UNKNOWN;
        p.type = given != CARINA_UNKNOWN ? given : CARINA_F32;
        if (p.channels < 1 || p.channels > 1 << 16)
            ca_build_fail(&c->b, CARINA_ERR_SHAPE,
                          "it has a <pre-process>, but no channels");
        else
            v = prepared(&p, pre, v);
    }
    c->out[0] =
        type == CARINA_U8 || type == CARINA_I8 || type == CARINA_I16 || type == CARINA_U16
            ? ca_build_convert(&c->b, v, CARINA_F32)
            : v;
}

static void constant(CaLegacyCall *c)
{
    const CarinaShape shape = ca_legacy_stated(c, 0);
    c->precision = stored_type(c);
    if (ca_legacy_blob_count(c, "custom") < 0)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT, "it has no <blobs> with <custom>");
    CarinaTensor *t = ca_legacy_blob_tensor(c, "custom", &shape);
    c->out[0] = ca_legacy_constant(c, c->b.name, t);
}

const CaLegacyOp ca_legacy_ports[] = {{"Input", input, 0, 0},
                                      {"Const", constant, 0, 0},
                                      {NULL, NULL, 0, 0}};
