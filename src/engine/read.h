/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All readers behind one door: which format a file is in is told by its content.
 */
#ifndef CA_ENGINE_READ_H
#define CA_ENGINE_READ_H

#include "formats/reader.h"

/* Reads source's path into a sorted and inferred graph, and fills in the rest of source but its options. */
CarinaStatus ca_read(CaGraph **out, CaSource *source);
const CaReader *ca_reader_at(int i); /* in the order of asking; NULL past the last */

#endif
