/* SPDX-License-Identifier: MIT */
/* Reads check sets. */
#include "check_set.h"

#include "data/layout.h"

#include <inttypes.h>
#include <string.h>

char *check_set_path(bb_context *context, const char *model, const char *file)
{
    const char *const slash = strrchr(model, '/');
    const char *const dot = strrchr(slash ? slash : model, '.');
    const size_t length = dot ? (size_t)(dot - model) : strlen(model);
    return bb_format(context, "%.*s.check/%s", (int)length, model, file);
}

bb_status check_set_inputs(check_set *set, bb_context *context, const bb_graph *graph,
                           const char *path, uint64_t limit)
{
    uint32_t shape[3];
    bb_graph_input_shape(graph, shape);
    set->context = context;
    bb_status status = bb_dataset_open(&set->data, context, path, shape);
    if (status != BB_OK)
        return status;
    const uint64_t count = bb_dataset_count(set->data);
    set->n = (uint32_t)(limit && limit < count ? limit : count);
    set->inputs = bb_allocate(context, set->n, bb_dataset_input_size(set->data));
    return set->inputs ? bb_dataset_read(set->data, 0, set->n, set->inputs) : BB_MEMORY;
}

/* Whether the array is [inputs or more][samples][inner]; sets `samples` if it is still open. */
static bb_status check_layout(check_set *set, const bb_source *source, const bb_layout *layout,
                              uint64_t inner, const char *what, bool right_type)
{
    char text[BB_SHAPE_TEXT_SIZE];
    const uint64_t *const shape = layout->shape;
    const bool fits = layout->n_axes == 3 && shape[0] == bb_dataset_count(set->data) &&
                      shape[1] >= 1 && shape[1] <= BB_MAX_SAMPLES && shape[2] == inner;
    if (!fits || (set->samples && shape[1] != set->samples))
        return bb_fail(
            set->context, BB_INPUT, "%s: %s of shape %s, expected [%" PRIu64 ", %s, %" PRIu64 "]",
            source->name, what, bb_shape_text(text, shape, layout->n_axes),
            bb_dataset_count(set->data), set->samples ? "the samples of the draws" : "T", inner);
    if (!right_type)
        return bb_fail(set->context, BB_INPUT, "%s: %s of type %c%u, expected %s", source->name,
                       what, layout->element.kind, layout->element.size,
                       strcmp(what, "draws") == 0 ? "unsigned bytes" : "float32 or float64");
    set->samples = (uint32_t)shape[1];
    return BB_OK;
}

/* The first n inputs' part of an array, as it lies in the file. */
static bb_status read_part(check_set *set, const char *path, uint64_t inner, const char *what,
                           uint8_t **bytes, bb_layout *layout)
{
    bb_source source;
    bb_status status = bb_source_open(&source, set->context, path);
    if (status != BB_OK)
        return status;
    const char kind = strcmp(what, "draws") == 0 ? 'u' : 'f';
    status = bb_npy_read(layout, &source);
    if (status == BB_OK)
        status = check_layout(set, &source, layout, inner, what,
                              layout->element.kind == kind &&
                                  (kind == 'f' || layout->element.size == 1));
    const size_t n = (size_t)set->n * set->samples * inner * layout->element.size;
    if (status == BB_OK) {
        *bytes = bb_allocate(set->context, n, 1);
        status = *bytes ? bb_source_read(&source, layout->offset, *bytes, n) : BB_MEMORY;
    }
    bb_source_close(&source);
    return status;
}

static bb_status read_expected(check_set *set, const bb_plan *plan, const char *path)
{
    uint8_t *bytes = NULL;
    bb_layout layout;
    const uint32_t classes = bb_plan_class_count(plan);
    bb_status status = read_part(set, path, classes, "logits", &bytes, &layout);
    const size_t n = (size_t)set->n * set->samples * classes;
    if (status == BB_OK) {
        set->expected = bb_allocate(set->context, n, sizeof(*set->expected));
        status = set->expected ? BB_OK : BB_MEMORY;
    }
    if (status == BB_OK && bb_element_floats(set->expected, bytes, n, layout.element) != n)
        status = bb_fail(set->context, BB_INPUT, "%s: a logit is not finite", path);
    bb_release(set->context, bytes);
    return status;
}

bb_status check_set_recorded(check_set *set, const bb_plan *plan, const char *draws,
                             const char *expected)
{
    bb_status status = BB_OK;
    bb_layout layout;
    if (draws)
        status = read_part(set, draws, bb_plan_row_size(plan), "draws", &set->rows, &layout);
    if (status == BB_OK && expected)
        status = read_expected(set, plan, expected);
    return status;
}

void check_set_free(check_set *set)
{
    if (!set->context)
        return;
    bb_dataset_free(set->data);
    bb_release(set->context, set->inputs);
    bb_release(set->context, set->rows);
    bb_release(set->context, set->expected);
    *set = (check_set){0};
}
