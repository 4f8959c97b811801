/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of the public headers.
 */
#ifndef CARINA_CARINA_H
#define CARINA_CARINA_H

#include <carina/base.h>
#include <carina/engine.h>
#include <carina/extension.h>
#include <carina/model.h>
#include <carina/plugin.h>
#include <carina/tensor.h>

#endif
