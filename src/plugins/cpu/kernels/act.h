/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be fused to the end of a kernel: one function of one number, applied while the
 * result is in registers. The list is closed: act_tmpl.h computes each, kcheck_act proves each.
 */
#ifndef CA_CPU_ACT_H
#define CA_CPU_ACT_H

typedef enum CaActKind {
    CA_ACT_NONE,
    CA_ACT_RELU,      /* max(x, 0) */
    CA_ACT_CLAMP,     /* min(max(x, a), b) */
    CA_ACT_LEAKY,     /* x where x >= 0, a * x elsewhere */
    CA_ACT_SIGMOID,   /* 1 / (1 + exp(-x)) */
    CA_ACT_TANH,      /* tanh(x) */
    CA_ACT_GELU_ERF,  /* x / 2 * erfc(-x / sqrt 2) */
    CA_ACT_GELU_TANH, /* x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) */
    CA_ACT_SWISH,     /* x / (1 + exp(-a * x)) */
    CA_ACT_HSWISH,    /* x * min(max(x + 3, 0), 6) / 6 */
    CA_ACT_HSIGMOID,  /* min(max(a * x + b, 0), 1) */
    CA_ACT_ELU,       /* x where x >= 0, a * (exp(x) - 1) elsewhere */
    CA_ACT_MISH,      /* x * tanh(log(1 + exp(x))) */
    CA_ACT_SOFTPLUS,  /* log(1 + exp(x)) */
    CA_ACT_EXP,       /* exp(x) */
    CA_N_ACTS
} CaActKind;

/* Zeroed means none. NaN passes through every kind. */
typedef struct CaAct {
    CaActKind kind;
    float a, b; /* as said beside the kind */
} CaAct;

#endif
