/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How IR files spell attributes, shapes and types.
 */
#include "ir/ir_attr.h"

#include "graph/shape.h"

#include <stdio.h>
#include <string.h>

/* %g drops trailing zeros, so the first precision that reads back is as short as it gets but for the steps. */
void ca_element_text(CaText *t, CarinaType type, const void *element)
{
    static const int digits[] = {6, 7, 8, 9, 15, 16, 17};
    const double v = ca_get_real(type, element, 0);
    const size_t size = (size_t)carina_type_bits(type) / 8;
    char text[40] = "0";
    for (size_t i = 0; i < sizeof digits / sizeof *digits; i++) {
        CaText try = {.limit = sizeof text};
        double real = 0, back = 0;
        ca_text_add(&try, "%.*g", digits[i], v);
        if (try.data && !try.failed)
            snprintf(text, sizeof text, "%s", try.data);
        const bool is_number = ca_text_real(&real, text, strlen(text));
        ca_text_free(&try);
        ca_put_real(type, &back, 0, real);
        if (is_number && memcmp(&back, element, size) == 0)
            break;
    }
    ca_text_add(t, "%s", text);
}

void ca_real_text(CaText *t, double v) { ca_element_text(t, CARINA_F64, &v); }

void ca_dims_text(CaText *t, const CarinaShape *shape, const char *separator)
{
    if (shape->rank < 0)
        ca_text_add(t, "...");
    for (int i = 0; i < shape->rank; i++) {
        if (i)
            ca_text_add(t, "%s", separator);
        if (shape->dims[i] < 0)
            ca_text_add(t, "?");
        else
            ca_text_add(t, "%lld", (long long)shape->dims[i]);
    }
}

static bool has_dots(const char *text, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (text[i] == '.' && text[i + 1] == '.')
            return true;
    return false;
}

static bool parse_dim(int64_t *dim, const char *text, size_t n)
{
    if ((n == 1 && text[0] == '?') || has_dots(text, n)) {
        *dim = CARINA_DYNAMIC;
        return true;
    }
    return ca_text_int(dim, text, n) && *dim >= CARINA_DYNAMIC;
}

bool ca_dims_parse(CarinaShape *shape, const char *text, size_t n)
{
    const char *end = text + n;
    while (text < end && (*text == ' ' || *text == '\t'))
        text++;
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *shape = ca_shape_unknown();
    if (end - text == 3 && memcmp(text, "...", 3) == 0)
        return true;
    *shape = ca_shape(0, NULL);
    while (text < end) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma ? comma : end;
        const char *from = text;
        while (from < stop && *from == ' ')
            from++;
        const char *to = stop;
        while (to > from && to[-1] == ' ')
            to--;
        if (shape->rank == CARINA_MAX_RANK ||
            !parse_dim(&shape->dims[shape->rank], from, (size_t)(to - from)))
            return false;
        shape->rank++;
        text = comma ? comma + 1 : end;
        if (comma && text == end)
            return false;
    }
    return true;
}

const char *ca_precision_name(CarinaType type)
{
    static const char *const names[CARINA_N_TYPES] = {
        [CARINA_UNKNOWN] = "UNSPECIFIED",
        [CARINA_F32] = "FP32",
        [CARINA_F16] = "FP16",
        [CARINA_BF16] = "BF16",
        [CARINA_F64] = "FP64",
        [CARINA_I8] = "I8",
        [CARINA_U8] = "U8",
        [CARINA_I16] = "I16",
        [CARINA_U16] = "U16",
        [CARINA_I32] = "I32",
        [CARINA_U32] = "U32",
        [CARINA_I64] = "I64",
        [CARINA_U64] = "U64",
        [CARINA_BOOL] = "BOOL",
        [CARINA_U1] = "BIN",
        [CARINA_I4] = "I4",
        [CARINA_U4] = "U4",
    };
    return names[(unsigned)type < CARINA_N_TYPES ? type : CARINA_UNKNOWN];
}

static void add_upper(CaText *t, const char *s)
{
    for (; *s; s++)
        ca_text_add(t, "%c", *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);
}

/* Our tables are lower case; these are what OpenVINO spells otherwise. */
static void add_enum(CaText *t, const CaNode *node, const char *attr, const char *name)
{
    static const char code_type[] = "caffe.priorboxparameter.";
    const bool upper =
        (ca_node_is(node, "MVN") && strcmp(attr, "eps_mode") == 0) ||
        (ca_node_is(node, "Gelu") && strcmp(attr, "approximation_mode") == 0);
    if (upper) {
        add_upper(t, name);
    } else if (strncmp(name, code_type, sizeof code_type - 1) == 0) {
        ca_text_add(t, "caffe.PriorBoxParameter.");
        add_upper(t, name + sizeof code_type - 1);
    } else {
        ca_text_add(t, "%s", name);
    }
}

static void add_ints(CaText *t, const CarinaInts *list)
{
    for (int32_t i = 0; i < list->n; i++)
        ca_text_add(t, "%s%lld", i ? ", " : "", (long long)list->v[i]);
}

static void add_floats(CaText *t, const CarinaFloats *list)
{
    for (int32_t i = 0; i < list->n; i++) {
        if (i)
            ca_text_add(t, ", ");
        ca_real_text(t, list->v[i]);
    }
}

void ca_attr_text(CaText *t, const CaNode *node, const CarinaAttr *attr)
{
    const void *at = (const char *)node->attrs + attr->offset;
    switch (attr->kind) {
    case CARINA_ATTR_INT: ca_text_add(t, "%lld", (long long)*(const int64_t *)at); break;
    case CARINA_ATTR_FLOAT: ca_real_text(t, *(const double *)at); break;
    case CARINA_ATTR_BOOL:
        ca_text_add(t, "%s", *(const bool *)at ? "true" : "false");
        break;
    case CARINA_ATTR_ENUM:
        add_enum(t, node, attr->name, attr->names[*(const int32_t *)at]);
        break;
    case CARINA_ATTR_STRING: {
        const char *const text = *(const char *const *)at;
        ca_text_add(t, "%s", text ? text : "");
        break;
    }
    case CARINA_ATTR_INTS: add_ints(t, at); break;
    case CARINA_ATTR_FLOATS: add_floats(t, at); break;
    case CARINA_ATTR_TYPE:
        ca_text_add(t, "%s", carina_type_name(*(const CarinaType *)at));
        break;
    case CARINA_ATTR_SHAPE: ca_dims_text(t, at, ","); break;
    case CARINA_ATTR_END: break;
    }
}
