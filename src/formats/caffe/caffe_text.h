/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf's text form, read along the descriptors that protobuf-c makes.
 */
#ifndef CA_FORMATS_CAFFE_TEXT_H
#define CA_FORMATS_CAFFE_TEXT_H

#include "base/memory.h"

#include <protobuf-c/protobuf-c.h>

/* A message inside another that has no field for it: between its braces. */
typedef struct CaCaffeSpan {
    const ProtobufCMessage *owner;
    const char *from, *to;
    const struct CaCaffeSpan *next;
} CaCaffeSpan;

/* A message of that kind in the arena. Fields without a descriptor are skipped, except inside a message that has
 * one and whose name ends in _param: there each word may change what the layer computes. *unknown: the messages that were
 * skipped, as they stand in the file, the last first. */
CarinaStatus ca_caffe_text(ProtobufCMessage **out, const CaCaffeSpan **unknown,
                           CaArena *arena, const ProtobufCMessageDescriptor *kind,
                           const char *path, const CaBuffer *file, CarinaError *err);

#endif
