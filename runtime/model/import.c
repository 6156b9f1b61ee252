/* SPDX-License-Identifier: MIT */
/* Order of the import, its checks of the model as a whole, and its messages. */
#include "model/import.h"

#include <string.h>

bb_status bb_import_fail(bb_import *import, const bb_operation *operation, bb_status status,
                         const char *format, ...)
{
    char reason[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    if (!operation)
        return bb_fail(import->context, status, "%s: %s", import->path, reason);
    return bb_fail(import->context, status, "%s: node '%.200s' (%.80s): %s", import->path,
                   operation->name, operation->type, reason);
}

void bb_import_recognise(bb_import *import, const bb_operation *operation, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20)
            *c = '?';
    if (operation)
        bb_text_append(&import->recognised, "%.200s (%.80s): ", operation->name, operation->type);
    bb_text_append(&import->recognised, "%s\n", line);
}

static bb_status check_opset(bb_import *import)
{
    const BbOnnx__Model *model = import->model;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const char *domain = model->opset_import[i]->domain;
        if (!domain || !*domain || strcmp(domain, "ai.onnx") == 0)
            import->opset = model->opset_import[i]->version;
    }
    if (import->opset >= 9 && import->opset <= 22)
        return BB_OK;
    return bb_import_fail(import, NULL, BB_UNSUPPORTED,
                          "operator set %lld; 9 to 22 are read: export again with opset_version=15",
                          (long long)import->opset);
}

bb_status bb_import_model(bb_import *import, bb_graph *graph)
{
    if (!import->model->graph || import->model->graph->n_node == 0)
        return bb_import_fail(import, NULL, BB_INPUT, "not an ONNX model: no nodes in it");
    bb_status status = check_opset(import);
    if (status == BB_OK)
        status = bb_import_values(import);
    if (status == BB_OK)
        status = bb_interpret(import);
    if (status == BB_OK)
        status = bb_lower(import, graph);
    if (status == BB_OK)
        status = bb_import_metadata(import, graph);
    return status;
}

void bb_import_free(bb_import *import)
{
    bb_text_free(&import->recognised);
    bb_arena_free(&import->arena);
}
