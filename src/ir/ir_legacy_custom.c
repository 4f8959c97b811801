/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: layers of types that an extension has, or that another model stands for. Attributes are those of
 * <data>; blobs follow the inputs, each as a list of numbers, since such files do not keep their shapes.
 */
#include "formats/custom_call.h"
#include "ir/ir_legacy.h"

static CaCustomValue value(void *arg, const char *name, CarinaAttrKind wanted)
{
    const char *text = ca_legacy_text(arg, name);
    (void)wanted;
    return text ? (CaCustomValue){.kind = CA_CUSTOM_TEXT, .text = text}
                : (CaCustomValue){0};
}

void ca_legacy_custom(CaLegacyCall *c)
{
    const xmlNode *blobs = ca_xml_child(c->l->xml, "blobs");
    int n = c->n_in;
    for (const xmlNode *x = ca_xml_child(blobs, NULL); x; x = ca_xml_next(x, NULL))
        n++;
    CaValue **in = ca_arena_array(c->b.work, (size_t)n + 1, sizeof(CaValue *));
    if (!in) {
        ca_build_fail(&c->b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (int i = 0; i < c->n_in; i++)
        in[i] = c->in[i];
    int at = c->n_in;
    for (const xmlNode *x = ca_xml_child(blobs, NULL); x && at < n;
         x = ca_xml_next(x, NULL)) {
        const int64_t count = ca_legacy_blob_count(c, (const char *)x->name);
        const CarinaShape shape = ca_shape(1, &count);
        if (count < 0)
            ca_build_fail(&c->b, CARINA_ERR_FORMAT, "its blob <%.40s> has no size",
                          (const char *)x->name);
        in[at] = count < 0 ? NULL : ca_legacy_blob(c, (const char *)x->name, &shape);
        if (!in[at++])
            return;
    }
    CaCustomCall call = {.format = CARINA_FORMAT_IR,
                         .type = c->l->type,
                         .in = in,
                         .n_in = n,
                         .n_weights = n - c->n_in,
                         .n_out = c->n_out,
                         .attr = value,
                         .arg = c};
    ca_custom_call(&c->b, &call);
    for (int i = 0; i < call.n_made && i < c->n_out; i++)
        c->out[i] = call.out[i];
}
