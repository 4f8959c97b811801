/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a picture: JPEG, PNG, BMP or PPM; what is read can be resized and cut.
 */
#include "fuzz.h"

#include <carina/tensor.h>

static void require_image(const CarinaTensor *t, int64_t channels)
{
    fuzz_require(t->type == CARINA_U8 && t->shape.rank == 3, "u8 [H, W, C]", "");
    const int64_t h = t->shape.dims[0], w = t->shape.dims[1], c = t->shape.dims[2];
    fuzz_require(h > 0 && w > 0 && c == channels, "a size and that many channels", "");
    fuzz_require(t->size == (size_t)(h * w * c), "as many bytes as elements", "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CarinaTensor *image = NULL, *small = NULL, *middle = NULL;
    CarinaError err = {0};
    const char *path = fuzz_file(data, size);
    const CarinaStatus status = carina_tensor_read_image(&image, path, 3, &err);
    fuzz_require((status == CARINA_OK) == (image != NULL), "an image or an error", "");
    if (image) {
        require_image(image, 3);
        fuzz_require(carina_tensor_resize_image(
                         &small, image, 5, 7, CARINA_RESIZE_ANTIALIAS, &err) == CARINA_OK,
                     "it can be resized", err.text);
        require_image(small, 3);
        fuzz_require(carina_tensor_crop_image(&middle, small, 3, 3, &err) == CARINA_OK,
                     "its middle can be cut", err.text);
        require_image(middle, 3);
    } else
        fuzz_require_sentence(status, &err);
    carina_tensor_free(&image);
    carina_tensor_free(&small);
    carina_tensor_free(&middle);
    return 0;
}
