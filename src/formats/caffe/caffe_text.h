/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf's text form, read along the descriptors that protobuf-c makes.
 */
#ifndef CA_FORMATS_CAFFE_TEXT_H
#define CA_FORMATS_CAFFE_TEXT_H

#include "base/memory.h"

#include <protobuf-c/protobuf-c.h>

/* A message of that kind in the arena. Fields without a descriptor are skipped, except inside a message that has
 * one and whose name ends in _param: there each word may change what the layer computes. */
CarinaStatus ca_caffe_text(ProtobufCMessage **out, CaArena *arena,
                           const ProtobufCMessageDescriptor *kind, const char *path,
                           const CaBuffer *file, CarinaError *err);

#endif
