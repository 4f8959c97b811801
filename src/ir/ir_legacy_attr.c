/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: attributes in their spellings, blobs in the weights file, ports.
 */
#include "ir/ir_legacy.h"

#include <math.h>
#include <string.h>

/* --- Attributes. */

const char *ca_legacy_text(const CaLegacyCall *c, const char *names)
{
    const char *item = NULL;
    size_t n = 0;
    for (const char *p = names; c->data && (p = ca_text_item(p, '|', &item, &n));)
        for (const xmlAttr *a = c->data->properties; a; a = a->next) {
            const char *name = (const char *)a->name;
            if (strlen(name) != n || strncmp(name, item, n) != 0)
                continue;
            const char *text = ca_xml_attr(c->data, name);
            if (text && text[0])
                return text;
        }
    return NULL;
}

static int first_length(const char *names) { return (int)strcspn(names, "|"); }

static void no_number(CaLegacyCall *c, const char *names, const char *text)
{
    ca_build_fail(&c->b, CARINA_ERR_FORMAT, "attribute %.*s is \"%.60s\", not a number",
                  first_length(names), names, text);
}

/* "3" or "3.0"; MO wrote both. */
static bool whole_number(int64_t *v, const char *text, size_t n)
{
    double real = 0;
    if (ca_text_int(v, text, n))
        return true;
    if (!ca_text_real(&real, text, n) || !(fabs(real) <= 0x1p52) || floor(real) != real)
        return false;
    *v = (int64_t)real;
    return true;
}

int64_t ca_legacy_int(CaLegacyCall *c, const char *names, int64_t lowest, int64_t absent)
{
    const char *text = ca_legacy_text(c, names);
    int64_t v = absent;
    if (!text)
        return absent;
    if (!whole_number(&v, text, strlen(text)))
        no_number(c, names, text);
    else if (v < lowest || v > INT32_MAX)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                      "attribute %.*s is %lld, must be %lld to %d", first_length(names),
                      names, (long long)v, (long long)lowest, INT32_MAX);
    return c->b.status == CARINA_OK ? v : absent;
}

int64_t ca_legacy_need_int(CaLegacyCall *c, const char *names, int64_t lowest)
{
    if (!ca_legacy_text(c, names))
        ca_build_fail(&c->b, CARINA_ERR_FORMAT, "attribute %.*s is missing",
                      first_length(names), names);
    return ca_legacy_int(c, names, lowest, lowest);
}

double ca_legacy_real(CaLegacyCall *c, const char *names, double absent)
{
    const char *text = ca_legacy_text(c, names);
    double v = absent;
    if (text && !ca_text_real(&v, text, strlen(text)))
        no_number(c, names, text);
    return v;
}

bool ca_legacy_flag(CaLegacyCall *c, const char *names, bool absent)
{
    const char *text = ca_legacy_text(c, names);
    if (!text)
        return absent;
    if (ca_text_equal_nocase(text, "true"))
        return true;
    if (ca_text_equal_nocase(text, "false"))
        return false;
    return ca_legacy_real(c, names, absent) != 0;
}

int ca_legacy_ints(CaLegacyCall *c, const char *names, int64_t *v, int max)
{
    const char *text = ca_legacy_text(c, names), *item = NULL;
    size_t length = 0;
    int n = 0;
    if (!text)
        return -1;
    for (const char *p = text; (p = ca_text_item(p, ',', &item, &length));) {
        if (n == max) {
            ca_build_fail(&c->b, CARINA_ERR_LIMIT,
                          "attribute %.*s has more than %d numbers", first_length(names),
                          names, max);
            return n;
        }
        if (!whole_number(&v[n++], item, length)) {
            no_number(c, names, text);
            return n;
        }
    }
    return n;
}

void ca_legacy_copy(CaLegacyCall *c, CaValue *v, const char *names)
{
    const char *item = NULL;
    size_t n = 0;
    for (const char *p = names; (p = ca_text_item(p, ',', &item, &n));) {
        const char *name = ca_arena_copy_n(c->b.work, item, n);
        const char *text = name ? ca_legacy_text(c, name) : NULL;
        if (text)
            ca_build_set_text(&c->b, v, name, text);
    }
}

void ca_legacy_set_flag(CaLegacyCall *c, CaValue *v, const char *attr, bool flag)
{
    ca_build_set_text(&c->b, v, attr, flag ? "true" : "false");
}

/* --- Ports. */

CarinaType ca_legacy_precision(CaLegacyCall *c, const char *name)
{
    if (ca_text_equal_nocase(name, "Q78"))
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED,
                      "precision Q78 (fixed point of 16 bits), which Carina does not "
                      "read; convert the model to FP16 or FP32");
    const CarinaType type = ca_type_find(name);
    if (type == CARINA_UNKNOWN && !ca_text_equal_nocase(name, "MIXED") &&
        !ca_text_equal_nocase(name, "UNSPECIFIED"))
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED,
                      "precision %.40s, which Carina does not know; FP32, FP16, I32 and "
                      "the like are read",
                      name);
    return type;
}

CarinaType ca_legacy_work_type(CarinaType type)
{
    return type == CARINA_F16 || type == CARINA_UNKNOWN ? CARINA_F32 : type;
}

CarinaShape ca_legacy_stated(CaLegacyCall *c, int port)
{
    CarinaShape s = ca_shape(0, NULL);
    const xmlNode *p = port < c->l->n_out ? c->l->out_ports[port] : NULL;
    for (const xmlNode *d = ca_xml_child(p, "dim"); d; d = ca_xml_next(d, "dim")) {
        const char *text = ca_xml_text(d);
        int64_t v = 0;
        if (s.rank == CARINA_MAX_RANK) {
            ca_build_fail(&c->b, CARINA_ERR_LIMIT,
                          "output port %lld has more than %d dimensions",
                          (long long)c->l->out_ids[port], CARINA_MAX_RANK);
            break;
        }
        if (!ca_text_int(&v, text, strlen(text)) || v < 1 || v > INT32_MAX) {
            ca_build_fail(&c->b, CARINA_ERR_SHAPE,
                          "output port %lld has a dimension \"%.40s\", not a number of 1 "
                          "or more",
                          (long long)c->l->out_ids[port], text);
            break;
        }
        s.dims[s.rank++] = v;
    }
    return s;
}

CaValue *ca_legacy_whole(CaLegacyCall *c, CaValue *v)
{
    const CarinaType type = ca_build_type(&c->b, v);
    return type == CARINA_I32 || type == CARINA_I64
               ? v
               : ca_build_convert(&c->b, v, CARINA_I64);
}

CaValue *ca_legacy_truth(CaLegacyCall *c, CaValue *v)
{
    return ca_build_convert(&c->b, v, CARINA_BOOL);
}

/* --- Blobs. */

static const xmlNode *find_blob(const CaLegacyCall *c, const char *name)
{
    const xmlNode *x = ca_xml_child(ca_xml_child(c->l->xml, "blobs"), name);
    return x ? x : ca_xml_child(c->l->xml, name);
}

static CarinaType blob_type(CaLegacyCall *c, const xmlNode *blob)
{
    const char *precision = ca_xml_attr(blob, "precision");
    const CarinaType type =
        precision ? ca_legacy_precision(c, precision) : CARINA_UNKNOWN;
    return type != CARINA_UNKNOWN           ? type
           : c->precision != CARINA_UNKNOWN ? c->precision
                                            : CARINA_F32;
}

int64_t ca_legacy_blob_count(CaLegacyCall *c, const char *name)
{
    const xmlNode *blob = find_blob(c, name);
    int64_t size = 0;
    if (!blob || !ca_ir_number(blob, "size", &size) || size < 0)
        return -1;
    return size / ((carina_type_bits(blob_type(c, blob)) + 7) / 8);
}

CarinaStatus ca_legacy_tensor(CarinaTensor **out, const CaLegacy *r, CarinaType type,
                              const CarinaShape *shape, int64_t offset, int64_t size,
                              CarinaError *err)
{
    const size_t align = (size_t)(carina_type_bits(type) + 7) / 8;
    const size_t room = r->weights ? r->weights->size : 0;
    char text[CA_SHAPE_TEXT];
    int64_t n = 0;
    size_t need = 0;
    *out = NULL;
    if (!ca_shape_count(shape, &n) || !ca_type_size(type, n, &need) ||
        size != (int64_t)need)
        return ca_err(err, CARINA_ERR_FORMAT, "%lld bytes, but %s of %s takes %zu",
                      (long long)size, ca_shape_text(text, sizeof text, shape),
                      carina_type_name(type), need);
    if (!r->weights)
        return ca_err(err, CARINA_ERR_FILE,
                      "%lld bytes in a weights file, and there is none; put the .bin "
                      "beside the .xml",
                      (long long)size);
    if (offset < 0 || (uint64_t)offset > room || need > room - (size_t)offset)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%lld bytes at %lld of the weights file, which has %zu; the file "
                      "was cut or belongs to another model",
                      (long long)size, (long long)offset, room);
    if (need && (((uintptr_t)r->weights->data + (size_t)offset) % align == 0 ||
                 ca_tensor_may_lie_anywhere(type, need)))
        return ca_tensor_of_buffer(out, type, shape, r->weights, (size_t)offset, err);
    CA_TRY(carina_tensor_create(out, type, shape, err));
    if (need)
        memcpy((*out)->data, (const char *)r->weights->data + offset, need);
    return CARINA_OK;
}

CarinaTensor *ca_legacy_blob_tensor(CaLegacyCall *c, const char *name,
                                    const CarinaShape *shape)
{
    const xmlNode *blob = find_blob(c, name);
    CarinaTensor *t = NULL;
    CarinaError e = {0};
    int64_t offset = 0, size = 0;
    if (!blob || c->b.status != CARINA_OK)
        return NULL;
    const CarinaType type = blob_type(c, blob);
    if (!ca_ir_number(blob, "offset", &offset) || !ca_ir_number(blob, "size", &size)) {
        ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                      "blob '%s' has no number for its offset or size", name);
        return NULL;
    }
    if (c->b.status == CARINA_OK &&
        ca_legacy_tensor(&t, c->r, type, shape, offset, size, &e) != CARINA_OK)
        ca_build_fail(&c->b, e.code, "blob '%s': %.230s", name, e.text);
    return t;
}

CaValue *ca_legacy_constant(CaLegacyCall *c, const char *name, CarinaTensor *t)
{
    const bool is_half = t && t->type == CARINA_F16;
    if (!t)
        return NULL;
    CaValue *v = ca_build_tensor(
        &c->b, ca_arena_printf(c->b.work, "%s%s", name, is_half ? "_compressed" : ""), t);
    if (!is_half || !v)
        return v;
    v = ca_build_convert(&c->b, v, CARINA_F32);
    if (v) {
        ca_node_set_info(c->b.graph, v->node, "rt_info.decompression", "version=\"0\"");
        ca_build_ok(&c->b, ca_node_rename(c->b.graph, v->node, name, c->b.err));
    }
    return v;
}

CaValue *ca_legacy_blob(CaLegacyCall *c, const char *name, const CarinaShape *shape)
{
    const char *full = ca_arena_printf(c->b.work, "%s/%s", c->b.name, name);
    if (!full)
        ca_build_fail(&c->b, CARINA_ERR_MEMORY, "out of memory");
    CarinaTensor *t = ca_legacy_blob_tensor(c, name, shape);
    CaValue *v = ca_legacy_constant(c, full, t);
    /* What is computed with it is of floating type. */
    return v && !ca_type_is_real(ca_build_type(&c->b, v)) && v->type != CARINA_U1
               ? ca_build_convert(&c->b, v, CARINA_F32)
               : v;
}

CaValue *ca_legacy_blob_or_input(CaLegacyCall *c, const char *name, int i,
                                 const CarinaShape *shape)
{
    int64_t n = 0, have = 0;
    if (find_blob(c, name))
        return ca_legacy_blob(c, name, shape);
    if (i >= c->n_in)
        return NULL;
    const CarinaShape s = ca_build_shape(&c->b, c->in[i]);
    char text[CA_SHAPE_TEXT];
    if (!ca_shape_count(shape, &n) || !ca_shape_count(&s, &have) || n != have) {
        ca_build_fail(&c->b, CARINA_ERR_SHAPE,
                      "input %d has %lld elements, but %s needs %s", i, (long long)have,
                      name, ca_shape_text(text, sizeof text, shape));
        return NULL;
    }
    return ca_shape_equal(&s, shape)
               ? c->in[i]
               : ca_build_reshape(&c->b, c->in[i], shape->dims, shape->rank);
}
