/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IR's row among the readers: an .xml and the .bin beside it.
 */
#include "base/file.h"
#include "formats/reader.h"
#include "graph/op.h"
#include "ir/ir.h"

#include <stdio.h>
#include <string.h>

static bool match(const CaSource *s)
{
    size_t n = 0;
    const char *p = ca_source_text(s, &n);
    return n >= 4 && (memcmp(p, "<?xm", 4) == 0 || memcmp(p, "<net", 4) == 0);
}

static CarinaStatus read_source(CaGraph **out, CaSource *s)
{
    char beside[4096];
    CaBuffer *bin = NULL;
    int version = 0;
    const char *weights = s->options->weights;
    ca_path_beside(beside, sizeof beside, s->path, ".bin");
    if (weights || ca_path_exists(beside))
        CA_TRY(ca_file_map(&bin, weights ? weights : beside, s->err));
    const CarinaStatus status =
        ca_ir_read_with(out, s->path, s->file, bin, s->customs, &version, s->err);
    ca_buffer_unref(&bin);
    (void)snprintf(s->format, sizeof s->format, "OpenVINO IR v%d", version);
    return status;
}

static const char *operator_name(int i)
{
    const CaOp *op = NULL;
    for (int k = 0; i >= 0 && (op = ca_op_at(k)); k++)
        i -= !(op->flags & CA_OP_OWN);
    return op ? op->name : NULL;
}

const CaReader ca_reader_ir = {"OpenVINO IR", match, read_source, operator_name};
