/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extensions of a context.
 */
#ifndef CA_ENGINE_EXTENSIONS_H
#define CA_ENGINE_EXTENSIONS_H

#include "base/context.h"
#include "graph/custom.h"

/* [any thread] Those that are loaded now; live as long as the context. ctx NULL: none. */
const CaExtension *ca_extensions(CarinaContext *ctx);

#endif
