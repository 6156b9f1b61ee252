/* SPDX-License-Identifier: MIT */
/*
 * ONNX bytes to messages, behind guards: the nesting is measured before the generated reader sees
 * the bytes, and what that reader may allocate is capped. Messages live in one arena.
 */
#ifndef BITBAYES_WIRE_H
#define BITBAYES_WIRE_H

#include "base/base.h"
#include "onnx.pb-c.h"

#define BB_WIRE_MAX_LENGTH ((size_t)2 << 30) /* protobuf's own limit */
#define BB_WIRE_MAX_DEPTH 16

typedef struct bb_wire_block bb_wire_block;

typedef struct bb_wire {
    bb_context *context;
    bb_wire_block *blocks;
    size_t live, limit; /* bytes */
    bool over_limit, out_of_memory;
} bb_wire;

/* `*out` is borrowed from `wire`, which is to be freed in every case. BB_INPUT names the byte. */
bb_status bb_wire_unpack(bb_wire *wire, bb_context *context, const void *bytes, size_t length,
                         const char *path, const BbOnnx__Model **out);
void bb_wire_free(bb_wire *wire);

#endif
