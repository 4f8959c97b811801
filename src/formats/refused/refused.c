/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that people have and that hold no graph, or one that is not read: what they are and how to get a model.
 */
#include "formats/reader.h"

typedef struct Refusal {
    size_t at;
    const char *bytes;
    size_t n;
    const char *sentence;
} Refusal;

static const Refusal refusals[] = {
    {0, "PK\x03\x04", 4,
     "is a zip archive (PyTorch .pt?), which this version does not read; export it with torch.onnx.export(model, example, \"model.onnx\")"},
    {0, "\x80\x02", 2,
     "is a Python pickle (PyTorch weights?), which holds no graph and is never executed; export the model with torch.onnx.export(model, example, \"model.onnx\")"},
    {4, "TFL3", 4,
     "is a TensorFlow Lite model, which this version does not read; convert it with tf2onnx --tflite"},
};

static const Refusal *find(const CaSource *s)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (ca_source_has(s, refusals[i].at, refusals[i].bytes, refusals[i].n))
            return &refusals[i];
    return NULL;
}

static bool match(const CaSource *s) { return find(s) != NULL; }

static CarinaStatus read(CaGraph **out, CaSource *s)
{
    *out = NULL;
    return ca_err(s->err, CARINA_ERR_FORMAT, "%s: %s", s->path, find(s)->sentence);
}

const CaReader ca_reader_refused = {"refused", match, read};
