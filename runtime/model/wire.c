/* SPDX-License-Identifier: MIT */
/* The three guards in front of protobuf-c, and the arena behind it. */
#include "model/wire.h"

#include <stdalign.h>

/* Messages that are followed into. A field that is not in the list below is skipped whole. */
enum {
    LEAF,
    MODEL,
    GRAPH,
    NODE,
    ATTRIBUTE,
    TENSOR,
    SPARSE_TENSOR,
    ENTRY,
    VALUE_INFO,
    TYPE,
    TYPE_TENSOR,
    SHAPE,
    DIMENSION,
    FUNCTION
};

static const struct {
    uint8_t message, field, child;
} fields[] = {
    {MODEL, 7, GRAPH},         {MODEL, 8, ENTRY},        {MODEL, 14, ENTRY},
    {MODEL, 25, FUNCTION},     {GRAPH, 1, NODE},         {GRAPH, 5, TENSOR},
    {GRAPH, 11, VALUE_INFO},   {GRAPH, 12, VALUE_INFO},  {GRAPH, 13, VALUE_INFO},
    {NODE, 5, ATTRIBUTE},      {ATTRIBUTE, 5, TENSOR},   {ATTRIBUTE, 6, GRAPH},
    {ATTRIBUTE, 10, TENSOR},   {ATTRIBUTE, 11, GRAPH},   {ATTRIBUTE, 14, TYPE},
    {ATTRIBUTE, 15, TYPE},     {TENSOR, 13, ENTRY},      {GRAPH, 15, SPARSE_TENSOR},
    {SPARSE_TENSOR, 1, TENSOR}, {SPARSE_TENSOR, 2, TENSOR}, {VALUE_INFO, 2, TYPE},
    {TYPE, 1, TYPE_TENSOR},    {TYPE, 4, TYPE},          {TYPE, 9, TYPE},
    {TYPE_TENSOR, 2, SHAPE},   {SHAPE, 1, DIMENSION},    {FUNCTION, 7, NODE},
};

static uint8_t child_of(uint8_t message, uint64_t field)
{
    for (size_t i = 0; i < BB_COUNT_OF(fields); i++)
        if (fields[i].message == message && fields[i].field == field)
            return fields[i].child;
    return LEAF;
}

typedef struct scanner {
    const uint8_t *bytes;
    size_t position;
    struct {
        size_t end;
        uint8_t message;
    } level[BB_WIRE_MAX_DEPTH];
    size_t depth;
} scanner;

static bool read_varint(scanner *scan, size_t end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 70 && scan->position < end; shift += 7) {
        const uint8_t byte = scan->bytes[scan->position++];
        if (shift < 64)
            *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* One field: skipped, or entered by a push. NULL or the reason why not. */
static const char *scan_field(scanner *scan)
{
    const size_t end = scan->level[scan->depth - 1].end;
    const uint8_t message = scan->level[scan->depth - 1].message;
    uint64_t key, length;
    if (!read_varint(scan, end, &key))
        return "a field's key is cut off";
    switch (key & 7) {
    case 0:
        return read_varint(scan, end, &length) ? NULL : "a number is cut off";
    case 1:
        length = 8;
        break;
    case 2:
        if (!read_varint(scan, end, &length))
            return "a length is cut off";
        break;
    case 5:
        length = 4;
        break;
    default:
        return "unknown wire type";
    }
    if (length > end - scan->position)
        return "a field runs past the end of its message; the file is truncated or damaged";
    const uint8_t child = (key & 7) == 2 ? child_of(message, key >> 3) : LEAF;
    if (child == LEAF) {
        scan->position += (size_t)length;
        return NULL;
    }
    if (scan->depth == BB_WIRE_MAX_DEPTH)
        return "messages are nested deeper than 16 levels; sub-graphs are not supported";
    scan->level[scan->depth].end = scan->position + (size_t)length;
    scan->level[scan->depth++].message = child;
    return NULL;
}

/* Measure the nesting without recursion: 3,000 levels overflow the stack of the generated reader. */
static bb_status scan_nesting(bb_context *context, const uint8_t *bytes, size_t length,
                              const char *path)
{
    scanner scan = {.bytes = bytes, .level = {{length, MODEL}}, .depth = 1};
    while (scan.depth) {
        if (scan.position == scan.level[scan.depth - 1].end) {
            scan.depth--;
            continue;
        }
        const size_t start = scan.position;
        const char *reason = scan_field(&scan);
        if (reason)
            return bb_fail(context, BB_INPUT, "%s: byte %zu: not an ONNX model: %s", path, start,
                           reason);
    }
    return BB_OK;
}

struct bb_wire_block {
    bb_wire_block *previous, *next;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

static void *arena_allocate(void *data, size_t size)
{
    bb_wire *wire = data;
    size_t bytes;
    if (size > wire->limit - wire->live) {
        wire->over_limit = true;
        return NULL;
    }
    if (!bb_add_size(&bytes, size, sizeof(bb_wire_block)))
        return NULL;
    bb_wire_block *block = bb_resize(wire->context, NULL, bytes, 1);
    if (!block) {
        wire->out_of_memory = true;
        return NULL;
    }
    *block = (bb_wire_block){.next = wire->blocks, .size = size};
    if (wire->blocks)
        wire->blocks->previous = block;
    wire->blocks = block;
    wire->live += size;
    return block->bytes;
}

static void arena_release(void *data, void *bytes)
{
    bb_wire *wire = data;
    if (!bytes)
        return;
    bb_wire_block *block =
        (bb_wire_block *)(void *)((unsigned char *)bytes - offsetof(bb_wire_block, bytes));
    if (block->next)
        block->next->previous = block->previous;
    if (block->previous)
        block->previous->next = block->next;
    else
        wire->blocks = block->next;
    wire->live -= block->size;
    bb_release(wire->context, block);
}

bb_status bb_wire_unpack(bb_wire *wire, bb_context *context, const void *bytes, size_t length,
                         const char *path, const BbOnnx__Model **out)
{
    *out = NULL;
    *wire = (bb_wire){.context = context, .limit = 4 * length + (1 << 20)};
    if (length > BB_WIRE_MAX_LENGTH)
        return bb_fail(context, BB_INPUT, "%s: %zu bytes; an ONNX file has at most 2 GiB", path,
                       length);
    const bb_status status = scan_nesting(context, bytes, length, path);
    if (status != BB_OK)
        return status;
    ProtobufCAllocator allocator = {arena_allocate, arena_release, wire};
    *out = bb_onnx__model__unpack(&allocator, length, bytes);
    if (*out)
        return BB_OK;
    if (wire->out_of_memory)
        return BB_MEMORY;
    if (wire->over_limit)
        return bb_fail(context, BB_INPUT,
                       "%s: reading %zu bytes would take more than %zu bytes of memory; refused",
                       path, length, wire->limit);
    return bb_fail(context, BB_INPUT, "%s: not an ONNX model: malformed protobuf", path);
}

void bb_wire_free(bb_wire *wire)
{
    while (wire->blocks)
        arena_release(wire, wire->blocks->bytes);
}
