/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: recurrent layers along steps of which not all count.
 *
 * A state that is kept where a step does not count depends only on the steps that do, in their order. So these move
 * to the front of the sequence,
 *
 *      mask        0  1  1  0  1        front    x1 x2 x4  .  .       length 3
 *      counted up  0  1  2  2  3        outputs  y0 y1 y2
 *
 * an operator that knows lengths does them, and step t takes the output number counted(t) - 1; a walk from the end
 * takes that of the next step that counts, number counted(t) - mask(t).
 */
#include "formats/keras/keras_rnn.h"

static CaValue *as_number(CaKerasCall *c, CaValue *mask)
{
    return ca_build_convert(c->b, mask, CARINA_I64);
}

static CaValue *counted_up(CaKerasCall *c, CaValue *mask)
{
    CaValue *v = ca_build_2(c->b, "CumSum", as_number(c, mask), ca_build_scalar(c->b, 1));
    ca_build_set_text(c->b, v, "exclusive", "false");
    ca_build_set_text(c->b, v, "reverse", "false");
    return v;
}

CaValue *ca_keras_lengths(CaKerasCall *c, CaValue *mask)
{
    CaValue *v =
        ca_build_2(c->b, "ReduceSum", as_number(c, mask), ca_build_iota(c->b, 1, 1));
    ca_build_set_text(c->b, v, "keep_dims", "false");
    return v;
}

/* Steps that do not count go behind the others, so that each has a place of its own. */
CaValue *ca_keras_to_front(CaKerasCall *c, CaValue *x, CaValue *mask)
{
    CaValue *rest = ca_build_1(c->b, "LogicalNot", mask), *one = ca_build_scalar(c->b, 1);
    CaValue *length = ca_build_2(c->b, "Unsqueeze", ca_keras_lengths(c, mask),
                                 ca_build_iota(c->b, 1, 1));
    CaValue *behind = ca_build_2(c->b, "Add", counted_up(c, rest), length);
    CaValue *place =
        ca_build_2(c->b, "Subtract",
                   ca_build_3(c->b, "Select", mask, counted_up(c, mask), behind), one);
    CaValue *shape = ca_build_1(c->b, "ShapeOf", x);
    ca_build_set_text(c->b, shape, "output_type", "i64");
    place = ca_build_2(c->b, "Broadcast",
                       ca_build_2(c->b, "Unsqueeze", place, ca_build_iota(c->b, 2, 1)),
                       shape);
    ca_build_set_text(c->b, place, "mode", "numpy");
    CaValue *const in[] = {x, place, x, one};
    return ca_build_make(c->b, "ScatterElementsUpdate", in, 4, 1);
}

CaValue *ca_keras_from_front(CaKerasCall *c, CaValue *y, CaKerasCounted counted,
                             bool is_reverse)
{
    CaValue *zero = ca_build_scalar(c->b, 0), *one = ca_build_scalar(c->b, 1);
    CaValue *number = ca_build_2(c->b, "Subtract", counted_up(c, counted.mask),
                                 is_reverse ? as_number(c, counted.mask) : one);
    CaValue *length = ca_build_2(c->b, "Unsqueeze", ca_keras_lengths(c, counted.mask),
                                 ca_build_iota(c->b, 1, 1));
    CaValue *has = is_reverse ? ca_build_2(c->b, "Less", number, length)
                              : ca_build_2(c->b, "GreaterEqual", number, zero);
    number = ca_build_3(c->b, "Select", has, number, zero);
    CaValue *v = ca_build_3(c->b, "Gather", y, number, one);
    ca_build_set_int(c->b, v, "batch_dims", 1);
    return ca_keras_where(c, counted.zeros ? counted.mask : has, 1, v,
                          ca_build_number(c->b, v, 0));
}
