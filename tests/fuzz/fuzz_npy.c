/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a NumPy file: what is read is written and read again the same.
 */
#include "fuzz.h"

#include <carina/tensor.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void round_trip(const CarinaTensor *t)
{
    char path[] = "/tmp/carina_fuzz_npy_XXXXXX";
    CarinaTensor *back = NULL;
    CarinaError err = {0};
    const int fd = mkstemp(path);
    fuzz_require(fd >= 0, "mkstemp", path);
    close(fd);
    const bool good = carina_tensor_write_npy(t, path, &err) == CARINA_OK &&
                      carina_tensor_read_npy(&back, path, &err) == CARINA_OK;
    (void)unlink(path);
    fuzz_require(good, "what was read is written and read", err.text);
    fuzz_require(back->type == t->type && back->size == t->size &&
                     back->shape.rank == t->shape.rank,
                 "type, size and rank stay", "");
    for (int i = 0; i < t->shape.rank; i++)
        fuzz_require(back->shape.dims[i] == t->shape.dims[i], "dimensions stay", "");
    fuzz_require(!t->size || memcmp(back->data, t->data, t->size) == 0, "bytes stay", "");
    carina_tensor_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CarinaTensor *t = NULL;
    CarinaError err = {0};
    const CarinaStatus status = carina_tensor_read_npy(&t, fuzz_file(data, size), &err);
    fuzz_require((status == CARINA_OK) == (t != NULL), "a tensor or an error", "");
    if (t)
        round_trip(t);
    else
        fuzz_require_sentence(status, &err);
    carina_tensor_free(&t);
    return 0;
}
