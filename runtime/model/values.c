/* SPDX-License-Identifier: MIT */
/* Names of the file to values and operations; what the output depends on; the one input. */
#include "model/import.h"

#include <string.h>

/* Open addressing over the names of the values. */
typedef struct name_table {
    uint32_t *slots; /* values, BB_NO_INDEX empty */
    size_t n_slots;  /* a power of two */
} name_table;

static uint32_t *find_slot(const bb_import *import, const name_table *names, const char *name)
{
    size_t i = bb_hash(name, strlen(name)) & (names->n_slots - 1);
    while (names->slots[i] != BB_NO_INDEX &&
           strcmp(import->values[names->slots[i]].name, name) != 0)
        i = (i + 1) & (names->n_slots - 1);
    return &names->slots[i];
}

static bb_value *add_value(bb_import *import, bb_value_kind kind, const char *name)
{
    bb_value *value = &import->values[import->n_values];
    *value = (bb_value){.name = name,
                        .kind = kind,
                        .operation = BB_NO_INDEX,
                        .same_as = import->n_values,
                        .draw = BB_NO_INDEX};
    import->n_values++;
    return value;
}

uint32_t bb_import_hidden_value(bb_import *import, bb_value_kind kind, uint32_t operation)
{
    add_value(import, kind, import->operations[operation].name)->operation = operation;
    return import->n_values - 1;
}

static bool is_text(const char *text)
{
    return text && *text;
}

static bb_status allocate_values(bb_import *import, name_table *names)
{
    const BbOnnx__Graph *graph = import->model->graph;
    size_t n = graph->n_initializer + graph->n_input + graph->n_node; /* hidden ones included */
    for (size_t i = 0; i < graph->n_node; i++)
        n += graph->node[i]->n_output;
    if (n > UINT32_MAX / 4)
        return bb_import_fail(import, NULL, BB_UNSUPPORTED, "%zu values in the graph", n);
    bb_status status;
    import->values = bb_arena_allocate(&import->arena, n, sizeof(*import->values), &status);
    if (!import->values)
        return status;
    for (names->n_slots = 16; names->n_slots < 2 * n;)
        names->n_slots *= 2;
    names->slots =
        bb_arena_allocate(&import->arena, names->n_slots, sizeof(*names->slots), &status);
    if (!names->slots)
        return status;
    memset(names->slots, 0xff, names->n_slots * sizeof(*names->slots));
    return BB_OK;
}

static bb_status add_leaves(bb_import *import, name_table *names)
{
    const BbOnnx__Graph *graph = import->model->graph;
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const BbOnnx__Tensor *tensor = graph->initializer[i];
        if (!is_text(tensor->name))
            return bb_import_fail(import, NULL, BB_INPUT, "initializer %zu has no name", i);
        uint32_t *slot = find_slot(import, names, tensor->name);
        if (*slot != BB_NO_INDEX)
            return bb_import_fail(import, NULL, BB_INPUT, "'%.200s' is defined twice",
                                  tensor->name);
        *slot = import->n_values;
        add_value(import, BB_VALUE_CONSTANT, tensor->name)->initializer = tensor;
    }
    for (size_t i = 0; i < graph->n_input; i++) {
        if (!is_text(graph->input[i]->name))
            return bb_import_fail(import, NULL, BB_INPUT, "graph input %zu has no name", i);
        uint32_t *slot = find_slot(import, names, graph->input[i]->name);
        if (*slot != BB_NO_INDEX)
            continue; /* an initializer, listed as older exporters do */
        *slot = import->n_values;
        add_value(import, BB_VALUE_ACTIVATION, graph->input[i]->name);
    }
    return BB_OK;
}

static bb_status add_outputs(bb_import *import, name_table *names, uint32_t index)
{
    bb_operation *operation = &import->operations[index];
    const BbOnnx__Node *node = operation->node;
    for (size_t i = 0; i < node->n_output; i++) {
        uint32_t *slot = NULL;
        if (is_text(node->output[i])) {
            slot = find_slot(import, names, node->output[i]);
            if (*slot != BB_NO_INDEX)
                return bb_import_fail(import, operation, BB_INPUT, "'%.200s' is defined twice",
                                      node->output[i]);
            *slot = import->n_values;
        }
        if (i == 0)
            operation->output = import->n_values;
        add_value(import, BB_VALUE_UNKNOWN, slot ? node->output[i] : "")->operation = index;
    }
    return BB_OK;
}

static const char *text_of(const char *text)
{
    return text ? text : "";
}

static bb_status add_operation(bb_import *import, name_table *names, uint32_t index)
{
    bb_operation *operation = &import->operations[index];
    const BbOnnx__Node *node = import->model->graph->node[index];
    const char *first = node->n_output ? text_of(node->output[0]) : "";
    *operation = (bb_operation){.node = node,
                                .name = is_text(node->name) ? node->name : first,
                                .type = text_of(node->op_type),
                                .domain = text_of(node->domain),
                                .n_inputs = (uint32_t)node->n_input,
                                .output = BB_NO_INDEX};
    if (node->n_input > UINT16_MAX || node->n_output > UINT16_MAX)
        return bb_import_fail(import, operation, BB_UNSUPPORTED, "%zu inputs and %zu outputs",
                              node->n_input, node->n_output);
    return add_outputs(import, names, index);
}

/* After all names are known, so that a wrong order can be told from a missing value. */
static bb_status connect_inputs(bb_import *import, const name_table *names, uint32_t index)
{
    bb_operation *operation = &import->operations[index];
    bb_status status;
    operation->inputs = bb_arena_allocate(&import->arena, operation->n_inputs,
                                          sizeof(*operation->inputs), &status);
    if (!operation->inputs)
        return status;
    for (uint32_t i = 0; i < operation->n_inputs; i++) {
        const char *name = operation->node->input[i];
        operation->inputs[i] = is_text(name) ? *find_slot(import, names, name) : BB_NO_INDEX;
        if (!is_text(name))
            continue;
        const uint32_t value = operation->inputs[i];
        if (value == BB_NO_INDEX)
            return bb_import_fail(import, operation, BB_INPUT,
                                  "input '%.200s' is made by no node of the graph", name);
        const uint32_t maker = import->values[value].operation;
        if (maker != BB_NO_INDEX && maker >= index)
            return bb_import_fail(import, operation, BB_INPUT,
                                  "input '%.200s' is made by a later node; nodes have to be in "
                                  "topological order",
                                  name);
    }
    return BB_OK;
}

/* Which operations the output depends on, and that there is one input among them. */
static bb_status mark_live(bb_import *import)
{
    bb_status status;
    bool *needed = bb_arena_allocate(&import->arena, import->n_values, sizeof(*needed), &status);
    if (!needed)
        return status;
    needed[import->output] = true;
    for (uint32_t i = import->n_operations; i-- > 0;) {
        bb_operation *operation = &import->operations[i];
        for (size_t k = 0; k < operation->node->n_output; k++)
            operation->live |= needed[operation->output + k];
        for (uint32_t k = 0; operation->live && k < operation->n_inputs; k++)
            if (operation->inputs[k] != BB_NO_INDEX)
                needed[operation->inputs[k]] = true;
    }
    import->input = BB_NO_INDEX;
    for (uint32_t i = 0; i < import->n_values; i++) {
        const bb_value *value = &import->values[i];
        if (!needed[i] || value->kind != BB_VALUE_ACTIVATION)
            continue;
        if (import->input != BB_NO_INDEX)
            return bb_import_fail(import, NULL, BB_UNSUPPORTED,
                                  "two inputs, '%.100s' and '%.100s'; a model with one input is "
                                  "supported",
                                  import->values[import->input].name, value->name);
        import->input = i;
    }
    if (import->input == BB_NO_INDEX)
        return bb_import_fail(import, NULL, BB_INPUT, "the output depends on no input");
    return BB_OK;
}

static bb_status find_output(bb_import *import, const name_table *names)
{
    const BbOnnx__Graph *graph = import->model->graph;
    if (graph->n_output != 1)
        return bb_import_fail(import, NULL, graph->n_output ? BB_UNSUPPORTED : BB_INPUT,
                              "%zu outputs; one is supported: export a model that returns the "
                              "logits and nothing else",
                              graph->n_output);
    const char *name = text_of(graph->output[0]->name);
    import->output = *name ? *find_slot(import, names, name) : BB_NO_INDEX;
    if (import->output == BB_NO_INDEX)
        return bb_import_fail(import, NULL, BB_INPUT, "the output '%.200s' is made by no node",
                              name);
    return BB_OK;
}

static const BbOnnx__ValueInfo *input_information(const bb_import *import)
{
    const BbOnnx__Graph *graph = import->model->graph;
    for (size_t i = 0; i < graph->n_input; i++)
        if (strcmp(graph->input[i]->name, import->values[import->input].name) == 0)
            return graph->input[i];
    return NULL;
}

/* Extents of the input: batch first, whatever the file says about it; all others fixed. */
static bb_status read_input_shape(bb_import *import)
{
    bb_value *value = &import->values[import->input];
    const BbOnnx__ValueInfo *information = input_information(import);
    const BbOnnx__TensorType *type =
        information && information->type ? information->type->tensor_type : NULL;
    if (!type || !type->shape)
        return bb_import_fail(import, NULL, BB_INPUT, "input '%.200s' has no shape", value->name);
    if (type->elem_type != 1)
        return bb_import_fail(import, NULL, BB_UNSUPPORTED,
                              "input '%.200s' has element type %d; float32 (1) is supported: "
                              "convert before the export",
                              value->name, type->elem_type);
    const size_t rank = type->shape->n_dim;
    if (rank < 2 || rank > 4)
        return bb_import_fail(import, NULL, BB_UNSUPPORTED,
                              "input '%.200s' has %zu dimensions; [N, features] or "
                              "[N, channels, height, width] is supported",
                              value->name, rank);
    value->dims = (bb_dims){.rank = (uint32_t)rank, .extent = {BB_BATCH}};
    const int64_t batch = type->shape->dim[0]->dim_value;
    import->batch = batch > 0 ? batch : 0;
    int64_t elements = 1;
    for (size_t i = 1; i < rank; i++) {
        const int64_t extent = type->shape->dim[i]->dim_value;
        if (extent <= 0)
            return bb_import_fail(import, NULL, BB_UNSUPPORTED,
                                  "dimension %zu of input '%.200s' is not fixed; only the batch "
                                  "may be: export without dynamic_axes for it",
                                  i, value->name);
        if (extent > BB_MAX_ELEMENTS / elements)
            return bb_import_fail(import, NULL, BB_UNSUPPORTED,
                                  "input '%.200s' has more than %lld elements", value->name,
                                  (long long)BB_MAX_ELEMENTS);
        value->dims.extent[i] = extent;
        elements *= extent;
    }
    return BB_OK;
}

bb_status bb_import_values(bb_import *import)
{
    const BbOnnx__Graph *graph = import->model->graph;
    name_table names = {0};
    bb_status status = allocate_values(import, &names);
    if (status == BB_OK)
        status = add_leaves(import, &names);
    if (status != BB_OK)
        return status;
    import->operations =
        bb_arena_allocate(&import->arena, graph->n_node, sizeof(*import->operations), &status);
    if (!import->operations)
        return status;
    import->n_operations = (uint32_t)graph->n_node;
    for (uint32_t i = 0; status == BB_OK && i < import->n_operations; i++)
        status = add_operation(import, &names, i);
    for (uint32_t i = 0; status == BB_OK && i < import->n_operations; i++)
        status = connect_inputs(import, &names, i);
    if (status == BB_OK)
        status = find_output(import, &names);
    if (status == BB_OK)
        status = mark_live(import);
    return status == BB_OK ? read_input_shape(import) : status;
}

bool bb_import_is(const bb_operation *operation, const char *type)
{
    return strcmp(operation->type, type) == 0;
}

bb_value *bb_import_input(const bb_import *import, const bb_operation *operation, uint32_t index)
{
    if (index >= operation->n_inputs || operation->inputs[index] == BB_NO_INDEX)
        return NULL;
    return &import->values[import->values[operation->inputs[index]].same_as];
}

void bb_import_set_constant(bb_value *value, const bb_tensor *tensor)
{
    value->kind = BB_VALUE_CONSTANT;
    value->tensor = tensor;
    value->element = tensor->element;
    value->dims = tensor->dims;
}

bb_status bb_import_need(bb_import *import, const bb_operation *operation, bb_value *value)
{
    if (value->kind != BB_VALUE_CONSTANT || value->tensor)
        return BB_OK;
    const bb_tensor *tensor;
    const bb_status status = bb_tensor_read(import, operation, value->initializer, &tensor);
    if (status == BB_OK)
        bb_import_set_constant(value, tensor);
    return status;
}

bb_status bb_import_constant(bb_import *import, const bb_operation *operation, uint32_t index,
                             const char *what, const bb_tensor **out)
{
    bb_value *value = bb_import_input(import, operation, index);
    *out = NULL;
    if (!value)
        return BB_OK;
    if (value->kind != BB_VALUE_CONSTANT)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "%s ('%.200s') is computed while the model runs; a constant is "
                              "expected",
                              what, value->name);
    const bb_status status = bb_import_need(import, operation, value);
    *out = value->tensor;
    return status;
}
