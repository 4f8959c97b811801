/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions that are known before anything runs: constants, what the user froze, defaults, and the learning phase
 * of Keras, which is false where a model is only used.
 */
#include "formats/tensorflow/tf_container.h"

#include <string.h>

enum { MAX_HOPS = 256 };

static bool is_one_of(const char *op, const char *list)
{
    return ca_text_in_list(list, op);
}

static bool is_word(const char *text, size_t n, const char *list)
{
    char word[8];
    if (n >= sizeof word)
        return false;
    memcpy(word, text, n);
    word[n] = 0;
    return ca_text_in_list(list, word);
}

/* Has node n the name [name, +size), or the input of the signature that it is? */
static bool is_named(const CaTf *r, const CaTfNode *n, const char *name, size_t size)
{
    if (strlen(n->name) == size && memcmp(name, n->name, size) == 0)
        return true;
    for (int32_t i = 0; i < r->n_inputs; i++)
        if (r->inputs[i].edge.node == n && strlen(r->inputs[i].name) == size &&
            memcmp(name, r->inputs[i].name, size) == 0)
            return true;
    return false;
}

/* "a->true,b:0->0": does the user freeze node n to a boolean? */
static bool frozen(const CaTf *r, const CaTfNode *n, bool *value)
{
    const char *item;
    size_t size;
    for (const char *at = r->options ? r->options->freeze : NULL;
         (at = ca_text_item(at, ',', &item, &size)) != NULL;) {
        const char *arrow = item;
        while (arrow + 1 < item + size && (arrow[0] != '-' || arrow[1] != '>'))
            arrow++;
        size_t length = (size_t)(arrow - item);
        if (length > 2 && memcmp(item + length - 2, ":0", 2) == 0)
            length -= 2;
        if (arrow + 2 >= item + size || !is_named(r, n, item, length))
            continue;
        const size_t rest = size - (size_t)(arrow + 2 - item);
        *value = is_word(arrow + 2, rest, "1,true,True,TRUE");
        return *value || is_word(arrow + 2, rest, "0,false,False,FALSE");
    }
    return false;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool constant(CaTf *r, const CaTfNode *n, bool *value)
{
    CaTfSpan span;
    CarinaTensor *t = NULL;
    if (ca_tf_attr_type(r, n, "dtype") != 10 ||
        !ca_tf_attr_tensor(r, n, "value", &span) ||
        ca_tf_tensor(&t, r, n->name, span) != CARINA_OK)
        return false;
    const bool good = ca_tensor_count(t) == 1 && t->type == CARINA_BOOL;
    if (good)
        *value = ca_get_int(t->type, t->data, 0) != 0;
    carina_tensor_free(&t);
    return good;
}

static bool known(CaTf *r, const CaTfEdge *edge, bool *value, int *hops)
{
    const CaTfNode *n = edge->node;
    bool a = false, b = false;
    if (!n || ++*hops > MAX_HOPS)
        return false;
    if (is_one_of(n->op, "Placeholder,PlaceholderV2,PlaceholderWithDefault") &&
        frozen(r, n, value))
        return true;
    if (is_one_of(n->op, "Placeholder,PlaceholderV2,PlaceholderWithDefault") &&
        ends_with(n->name, "keras_learning_phase")) {
        *value = false;
        return true;
    }
    if (strcmp(n->op, "Const") == 0)
        return constant(r, n, value);
    if (strcmp(n->op, "IdentityN") == 0)
        return edge->port < n->n_in && known(r, &n->in[edge->port], value, hops);
    if (n->n_in == 1 &&
        is_one_of(n->op, "Identity,StopGradient,Snapshot,PlaceholderWithDefault"))
        return known(r, &n->in[0], value, hops);
    if (n->n_in == 1 && strcmp(n->op, "LogicalNot") == 0 &&
        known(r, &n->in[0], &a, hops)) {
        *value = !a;
        return true;
    }
    if (n->n_in != 2 || !is_one_of(n->op, "LogicalAnd,LogicalOr"))
        return false;
    const bool is_and = strcmp(n->op, "LogicalAnd") == 0,
               has_a = known(r, &n->in[0], &a, hops),
               has_b = known(r, &n->in[1], &b, hops);
    /* One side may decide alone: false of And, true of Or. */
    *value = is_and ? (!has_a || a) && (!has_b || b) : (has_a && a) || (has_b && b);
    return (has_a && has_b) || (has_a && a != is_and) || (has_b && b != is_and);
}

bool ca_tf_known_condition(CaTf *r, const CaTfEdge *edge, bool *value)
{
    int hops = 0;
    return known(r, edge, value, &hops);
}
