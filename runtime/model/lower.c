/* SPDX-License-Identifier: MIT */
/* The operations that count, their draws as sites, and the table of operators. */
#include "model/lower.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *type;
    bb_lower_function *lower;
} table[] = {
    {"Conv", bb_lower_convolution},   {"Gemm", bb_lower_product},
    {"MatMul", bb_lower_product},     {"Mul", bb_lower_arithmetic},
    {"Add", bb_lower_arithmetic},     {"Sum", bb_lower_arithmetic},
    {"Sub", bb_lower_arithmetic},     {"Div", bb_lower_arithmetic},
    {"Neg", bb_lower_negative},       {"BatchNormalization", bb_lower_normalization},
    {"Clip", bb_lower_clip},          {"Relu", bb_lower_clip},
    {"Sign", bb_lower_sign},          {"BipolarQuant", bb_lower_bipolar},
    {"MaxPool", bb_lower_pool},       {"AveragePool", bb_lower_pool},
    {"GlobalMaxPool", bb_lower_pool}, {"GlobalAveragePool", bb_lower_pool},
    {"ReduceMean", bb_lower_pool},    {"Reshape", bb_lower_layout},
    {"Flatten", bb_lower_layout},     {"Squeeze", bb_lower_layout},
    {"Unsqueeze", bb_lower_layout},   {"Pad", bb_lower_pad},
    {"Dropout", bb_lower_dropout},    {"Where", bb_lower_where},
};

static const struct {
    const char *type, *advice;
} refusals[] = {
    {"ConvTranspose", "not supported; only Conv is"},
    {"PRelu", "not supported before or behind a binary layer; use a sign or Hardtanh"},
    {"LeakyRelu", "not supported before or behind a binary layer; use a sign or Hardtanh"},
    {"Slice", "parts of a map are not supported; only their shape is"},
    {"Softmax", "supported as the last node only; the runtime works on logits"},
    {"LogSoftmax", "supported as the last node only; the runtime works on logits"},
    {"ArgMax", "export a model that returns the logits"},
    {"Transpose", "activations keep the order N, C, H, W; only weights are transposed"},
    {"Cast", "activations stay float32"},
    {"CastLike", "activations stay float32"},
    {"Quant", "only BipolarQuant is supported of the QONNX operators"},
    {"Multinomial", "draw with torch.rand(...) < p"},
};

static bb_status refuse(bb_import *import, const bb_operation *operation)
{
    for (size_t i = 0; i < BB_COUNT_OF(refusals); i++)
        if (bb_import_is(operation, refusals[i].type))
            return bb_import_fail(import, operation, BB_UNSUPPORTED, "%s", refusals[i].advice);
    return bb_import_fail(import, operation, BB_UNSUPPORTED,
                          "this operator is not supported; replace it, or move it out of the "
                          "exported model");
}

/* Down to the operation that was not understood first. */
static bb_status refuse_unknown(bb_import *import, const bb_value *value)
{
    const bb_operation *operation = &import->operations[value->operation];
    for (uint32_t i = 0; i < operation->n_inputs; i++) {
        const bb_value *in = bb_import_input(import, operation, i);
        if (in && in->kind == BB_VALUE_UNKNOWN && in->operation != BB_NO_INDEX) {
            operation = &import->operations[in->operation];
            i = BB_NO_INDEX; /* earlier in the file each time, so this ends */
        }
    }
    for (uint32_t i = 0; i < operation->n_inputs; i++) {
        const bb_value *in = bb_import_input(import, operation, i);
        if (in && bb_is_random(import, in))
            return bb_import_fail(import, operation, BB_UNSUPPORTED,
                                  "this use of the draw '%.200s' is not supported; write "
                                  "where(u < p, constant, constant) * x",
                                  in->name);
    }
    return refuse(import, operation);
}

static bb_status refuse_two(bb_import *import, const bb_operation *operation)
{
    return bb_import_fail(import, operation, BB_UNSUPPORTED,
                          "takes two activations; only Add, Sum and Concat may join branches");
}

/* The station that makes `value`, and which input leads back to the input of the model. */
static bb_status find_station(bb_import *import, const bb_value *value, bb_station *at)
{
    if (value->kind == BB_VALUE_UNKNOWN)
        return refuse_unknown(import, value);
    if (!bb_is_activation(import, value))
        return bb_import_fail(import, NULL, BB_UNSUPPORTED,
                              "the output does not depend on the input");
    *at = (bb_station){.operation = &import->operations[value->operation], .out = value};
    if (value->kind == BB_VALUE_CHOICE) {
        at->in = &import->values[import->values[value->condition.base].same_as];
        return BB_OK;
    }
    for (uint32_t i = 0; i < at->operation->n_inputs; i++) {
        const bb_value *in = bb_import_input(import, at->operation, i);
        if (!in || !bb_is_activation(import, in))
            continue;
        if (at->in && bb_lower_joins(import, at->operation))
            continue;
        if (at->in)
            return refuse_two(import, at->operation);
        at->in = in;
        at->which = i;
    }
    return BB_OK;
}

static uint32_t index_of(const bb_import *import, const bb_value *value)
{
    return (uint32_t)(value - import->values);
}

/* What makes each value that is needed, marked by the operation that makes it. */
static void need(const bb_import *import, const bb_value *value, const bb_value **needed)
{
    if (value != &import->values[import->input])
        needed[value->operation] = value;
}

/* From the output back to the input; `*out` in the order of the file, which is a forward one. */
static bb_status find_stations(bb_import *import, bb_station **out, uint32_t *n)
{
    bb_status status;
    const uint32_t n_operations = import->n_operations;
    bb_station *stations =
        bb_arena_allocate(&import->arena, (size_t)n_operations + 1, sizeof(*stations), &status);
    const bb_value **needed =
        stations ? bb_arena_allocate(&import->arena, n_operations, sizeof(bb_value *), &status)
                 : NULL;
    if (!needed)
        return status;
    const bb_value *output = &import->values[import->values[import->output].same_as];
    uint32_t at = n_operations + 1;
    if (output->kind == BB_VALUE_UNKNOWN || !bb_is_activation(import, output))
        return find_station(import, output, stations);
    need(import, output, needed);
    for (uint32_t i = n_operations; i-- > 0;) {
        if (!needed[i])
            continue;
        bb_station *station = &stations[--at];
        status = find_station(import, needed[i], station);
        if (status != BB_OK)
            return status;
        if (!bb_lower_joins(import, station->operation) || needed[i]->kind == BB_VALUE_CHOICE) {
            need(import, station->in, needed);
            continue;
        }
        for (uint32_t k = 0; k < station->operation->n_inputs; k++) {
            const bb_value *in = bb_import_input(import, station->operation, k);
            if (in && bb_is_activation(import, in))
                need(import, in, needed);
        }
    }
    *out = stations + at;
    *n = n_operations + 1 - at;
    return BB_OK;
}

static int compare_draws(const void *a, const void *b)
{
    const bb_draw *x = a, *y = b;
    return x->value < y->value ? -1 : x->value > y->value;
}

/* Sites in the order of their nodes. `value` holds the operation while they are sorted. */
static bb_status find_sites(bb_lowering *lowering, const bb_station *path, uint32_t n)
{
    bb_import *import = lowering->import;
    bb_status status;
    uint32_t n_draws = 0, n_sites = 0;
    for (uint32_t i = 0; i < n; i++)
        n_draws += path[i].operation->n_inputs + 1;
    bb_draw *draws = bb_arena_allocate(&import->arena, n_draws, sizeof(*draws), &status);
    if (!draws)
        return status;
    uint32_t *value_of =
        bb_arena_allocate(&import->arena, import->n_operations, sizeof(*value_of), &status);
    if (!value_of)
        return status;
    n_draws = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t found = path[i].out->draw;
        for (uint32_t k = 0; k <= path[i].operation->n_inputs; k++) {
            if (found != BB_NO_INDEX) {
                draws[n_draws].value = import->values[found].operation;
                value_of[draws[n_draws++].value] = found;
            }
            const bb_value *in = bb_import_input(import, path[i].operation, k);
            found = in && in->kind == BB_VALUE_CHOICE && bb_is_random(import, in)
                        ? in->condition.base
                        : BB_NO_INDEX;
        }
    }
    qsort(draws, n_draws, sizeof(*draws), compare_draws);
    for (uint32_t i = 0; i < n_draws; i++)
        if (i == 0 || draws[i].value != draws[i - 1].value)
            draws[n_sites++].value = draws[i].value;
    for (uint32_t i = 0; i < n_sites; i++) {
        const bb_operation *operation = &import->operations[draws[i].value];
        if (!bb_graph_add_site(lowering->graph, BB_SITE_DROP, operation->name))
            return BB_MEMORY;
        draws[i].value = value_of[draws[i].value];
    }
    lowering->draws = draws;
    return BB_OK;
}

static bb_status lower_input(bb_lowering *lowering)
{
    const bb_value *value = &lowering->import->values[lowering->import->input];
    const int64_t *extent = value->dims.extent;
    bb_shape shape = {(uint32_t)extent[1], 1, 1};
    if (value->dims.rank == 3)
        shape = (bb_shape){1, (uint32_t)extent[1], (uint32_t)extent[2]};
    else if (value->dims.rank == 4)
        shape = (bb_shape){(uint32_t)extent[1], (uint32_t)extent[2], (uint32_t)extent[3]};
    bb_node *node = bb_graph_add(lowering->graph, BB_NODE_INPUT, value->name, "Input");
    if (!node)
        return BB_MEMORY;
    node->shape = shape;
    lowering->at = (bb_lowered){.shape = shape, .factor = 1};
    lowering->values[lowering->import->input] = lowering->at;
    return BB_OK;
}

static bb_status lower_station(bb_lowering *lowering, const bb_station *at)
{
    bb_import *import = lowering->import;
    bb_lower_function *lower = NULL;
    for (size_t i = 0; i < BB_COUNT_OF(table); i++)
        if (bb_import_is(at->operation, table[i].type))
            lower = table[i].lower;
    if (at->out->kind == BB_VALUE_CHOICE)
        lower = bb_lower_choice;
    else if (bb_lower_joins(import, at->operation))
        lower = bb_lower_join;
    lowering->at = lowering->values[index_of(import, at->in)];
    if (!lower)
        return refuse(import, at->operation);
    const bool padding = lower == bb_lower_pad;
    if (lowering->at.padded && !padding && lower != bb_lower_convolution)
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "follows a Pad; only a Conv may, which takes the padding over");
    const bool passes = padding || lower == bb_lower_convolution || lower == bb_lower_product ||
                        lower == bb_lower_arithmetic || lower == bb_lower_layout ||
                        lower == bb_lower_dropout || lower == bb_lower_where;
    if (lowering->at.masked && !passes)
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "follows a mask; the mask has to stand directly before a "
                              "convolution or dense layer");
    const bb_status status = lower(lowering, at);
    lowering->values[index_of(import, at->out)] = lowering->at;
    return status;
}

static bb_status lower_stations(bb_lowering *lowering, const bb_station *path, uint32_t n)
{
    bb_import *import = lowering->import;
    while (n && (bb_import_is(path[n - 1].operation, "Softmax") ||
                 bb_import_is(path[n - 1].operation, "LogSoftmax")))
        bb_import_recognise(import, path[--n].operation,
                            "left out: the runtime works on the logits before it");
    bb_status status = lower_input(lowering);
    for (uint32_t i = 0; status == BB_OK && i < n; i++)
        status = lower_station(lowering, &path[i]);
    if (status == BB_OK && (lowering->at.padded || lowering->at.masked))
        status = bb_import_fail(import, path[n - 1].operation, BB_UNSUPPORTED,
                                "a Pad or a mask as the last step; a layer has to follow");
    if (status == BB_OK && lowering->at.shape.height * lowering->at.shape.width != 1)
        status = bb_import_fail(import, NULL, BB_UNSUPPORTED,
                                "the output is a map of %u x %u x %u; one vector of logits is "
                                "expected",
                                lowering->at.shape.channels, lowering->at.shape.height,
                                lowering->at.shape.width);
    return status;
}

static void describe_sites(bb_lowering *lowering)
{
    const bb_graph *graph = lowering->graph;
    for (uint32_t i = 0; i < graph->n_sites; i++) {
        const bb_site *site = &graph->sites[i];
        const bb_operation *operation =
            &lowering->import
                 ->operations[lowering->import->values[lowering->draws[i].value].operation];
        if (site->kind == BB_SITE_MASK)
            bb_import_recognise(lowering->import, operation,
                                "site %u, one bit for each of %u elements, p = %g", i,
                                site->n_elements, (double)site->p);
        else
            bb_import_recognise(lowering->import, operation, "site %u, one draw, p = %g", i,
                                (double)site->p);
    }
    if (graph->n_sites == 0) {
        bb_import_recognise(lowering->import, NULL, "no stochastic node: every pass is the same");
        bb_note(lowering->import->context,
                "%s: no stochastic node; the model scores deterministically",
                lowering->import->path);
    }
}

bb_status bb_lower(bb_import *import, bb_graph *graph)
{
    bb_lowering lowering = {.import = import, .graph = graph};
    bb_station *path = NULL;
    uint32_t n = 0;
    bb_status status;
    lowering.values =
        bb_arena_allocate(&import->arena, import->n_values, sizeof(*lowering.values), &status);
    if (!lowering.values)
        return status;
    status = find_stations(import, &path, &n);
    if (status == BB_OK)
        status = find_sites(&lowering, path, n);
    if (status == BB_OK)
        status = lower_stations(&lowering, path, n);
    if (status == BB_OK)
        status = bb_lower_tidy(&lowering);
    if (status == BB_OK)
        describe_sites(&lowering);
    return status;
}
