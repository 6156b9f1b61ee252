/* SPDX-License-Identifier: MIT */
/* Model files, told apart by content. */
#include "model/bbm.h"
#include "model/import.h"

#include <string.h>

static bb_status parse_onnx(bb_graph *graph, const void *bytes, size_t length, const char *folder)
{
    bb_context *context = graph->context;
    bb_wire wire;
    const size_t budget = ((size_t)64 << 20) + 64 * length;
    bb_import import = {
        .context = context,
        .path = graph->path,
        .folder = folder,
        .arena = {.context = context, .path = graph->path, .left = budget},
        .recognised = {.context = context},
    };
    bb_status status =
        bb_wire_unpack(&wire, context, bytes, length, graph->path, &import.model);
    if (status == BB_OK)
        status = bb_import_model(&import, graph);
    if (status == BB_OK && import.recognised.failed)
        status = BB_MEMORY;
    if (status == BB_OK && import.recognised.bytes) {
        bb_release(context, graph->recognised);
        graph->recognised = import.recognised.bytes;
        import.recognised = (bb_text){.context = context};
    }
    graph->hash = bb_hash(bytes, length);
    bb_import_free(&import);
    bb_wire_free(&wire);
    return status;
}

bb_status bb_graph_parse(bb_graph **out, bb_context *context, const void *bytes, size_t length,
                         const char *name, const char *folder)
{
    bb_graph *graph;
    bb_status status = bb_graph_new(&graph, context, name);
    *out = NULL;
    if (status != BB_OK)
        return status;
    if (bb_bbm_recognise(bytes, length))
        status = bb_bbm_read(graph, bytes, length);
    else
        status = parse_onnx(graph, bytes, length, folder);
    if (status == BB_OK)
        status = bb_graph_check(graph);
    if (status == BB_OK)
        *out = graph;
    else
        bb_graph_free(graph);
    return status;
}

bb_status bb_graph_load(bb_graph **out, bb_context *context, const char *path)
{
    uint8_t *bytes;
    size_t length;
    *out = NULL;
    bb_status status = bb_file_read(context, path, BB_WIRE_MAX_LENGTH, &bytes, &length);
    if (status != BB_OK)
        return status;
    const char *slash = strrchr(path, '/');
    char *folder = slash ? bb_format(context, "%.*s", (int)(slash - path + 1), path)
                         : bb_copy_text(context, ".");
    status = folder ? bb_graph_parse(out, context, bytes, length, path, folder) : BB_MEMORY;
    bb_release(context, folder);
    bb_release(context, bytes);
    return status;
}
