/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is no graph: each small file of refused/ (made by refused/make.py), and the assets of others, are answered with
 * what they are and what makes a model of them.
 */
#include "test.h"

#include "base/file.h"
#include "engine/read.h"
#include "graph/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_ROOM = 1024 };

static const char *say(char said[PATH_ROOM], const char *folder, const char *name)
{
    static const CarinaReadOptions none = {.struct_size = sizeof none};
    CarinaError err = {CARINA_OK, ""};
    CaGraph *g = NULL;
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CaSource s = {.path = path, .options = &none, .err = &err};
    const CarinaStatus status = ca_read(&g, &s);
    ca_graph_free(&g);
    if (status == CARINA_OK)
        snprintf(said, PATH_ROOM, "%s: was read", name);
    else if (strncmp(err.text, folder, strlen(folder)) == 0)
        snprintf(said, PATH_ROOM, "%s", err.text + strlen(folder) + 1);
    else
        snprintf(said, PATH_ROOM, "%s", err.text);
    return said;
}

/* {file, what is said, without the folder} */
static const char *const sentences[][2] = {
#include "refused_sentences.def"
};

TEST(refused_files_are_answered_with_what_they_are)
{
    char said[PATH_ROOM];
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
        CHECK_STR(say(said, FORMATS_DIR "/refused", sentences[i][0]), sentences[i][1]);
}

/* {asset, what the sentence says of it} */
static const char *const assets[][2] = {
    {"paddle/samplenet.pdiparams", ": holds weights of PaddlePaddle (.pdiparams); "},
    {"paddle/samplenet.pdmodel", ": is a program of PaddlePaddle (.pdmodel); "},
    {"pytorch/mobilenetv1_0.25_imagenet_model_best.pth.tar",
     ": is a pickle of PyTorch: "},
    {"pytorch/pnet.pt", ": is a pickle of PyTorch: "},
    {"pytorch/pneumoniamnist_cnn.pth", ": is an archive of PyTorch: "},
    {"pytorch/resnet20-12fca82f.th", ": is a pickle of PyTorch: "},
    {"pytorch/samplenet.pth", ": is a pickle of PyTorch: "},
    {"pytorch/version-RFB-320.pth", ": is a pickle of PyTorch: "},
    {"safetensors/mnist_tinygrad_mlp.safetensors",
     ": is safetensors: weights without a "},
};

TEST(refused_assets_are_answered_with_what_they_are)
{
    const char *set = getenv("CARINA_ASSETS");
    char folder[PATH_ROOM], path[2 * PATH_ROOM], said[PATH_ROOM];
    snprintf(folder, sizeof folder, "%s/models", set ? set : ASSETS_DIR);
    for (size_t i = 0; i < sizeof assets / sizeof assets[0]; i++) {
        CaBuffer *file = NULL;
        snprintf(path, sizeof path, "%s/%s", folder, assets[i][0]);
        if (ca_file_map(&file, path, NULL) != CARINA_OK)
            continue; /* not everybody has them */
        ca_buffer_unref(&file);
        CHECK(strstr(say(said, folder, assets[i][0]), assets[i][1]));
    }
}

/* The models of the other tests are none of these. */
TEST(refused_signs_are_not_those_of_models)
{
    static const char *const models[] = {
        "onnx/samplenet.onnx",
        "onnx/squeezenet1.1_fp16.onnx",
        "mxnet/det1-symbol.json",
        "mxnet/det1-0001.params",
        "caffe/mtcnn/det1.caffemodel",
        "caffe/rfb320/RFB-320.caffemodel",
        "openvino/SampLeNet_IRv10_FP32/SampLeNet.xml",
    };
    const char *set = getenv("CARINA_ASSETS");
    char folder[PATH_ROOM], path[2 * PATH_ROOM], said[PATH_ROOM], want[PATH_ROOM];
    snprintf(folder, sizeof folder, "%s/models", set ? set : ASSETS_DIR);
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        CaBuffer *file = NULL;
        snprintf(path, sizeof path, "%s/%s", folder, models[i]);
        if (ca_file_map(&file, path, NULL) != CARINA_OK)
            continue;
        ca_buffer_unref(&file);
        snprintf(want, sizeof want, "%s: was read", models[i]);
        CHECK_STR(say(said, folder, models[i]), want);
    }
}

/* A cut at every length, and every bit of the first bytes turned: answered or read, and nothing worse. */
TEST(refused_files_survive_damage)
{
    static const CarinaReadOptions none = {.struct_size = sizeof none};
    char path[PATH_ROOM];
    extern const CaReader ca_reader_refused, ca_reader_refused_last;
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        CaBuffer *file = NULL;
        snprintf(path, sizeof path, FORMATS_DIR "/refused/%s", sentences[i][0]);
        if (ca_file_map(&file, path, NULL) != CARINA_OK)
            continue; /* a folder */
        for (size_t cut = 0; cut <= 2 * file->size && cut < 1000; cut++) {
            CaBuffer *now = ca_buffer_create(file->size);
            memcpy(now->data, file->data, file->size);
            if (cut % 2)
                now->size = cut / 2;
            else if (cut / 2 < now->size)
                ((unsigned char *)now->data)[cut / 2] ^=
                    (unsigned char)(1u << (cut / 2 % 8));
            CaSource s = {.path = path, .file = now, .options = &none};
            CaGraph *g = NULL;
            if (ca_reader_refused.match(&s))
                CHECK(ca_reader_refused.read(&g, &s) != CARINA_OK && !g);
            if (ca_reader_refused_last.match(&s))
                CHECK(ca_reader_refused_last.read(&g, &s) != CARINA_OK && !g);
            ca_buffer_unref(&now);
        }
        ca_buffer_unref(&file);
    }
}
