/* SPDX-License-Identifier: MIT */
/* Draws that meet the path: one per input as a bank of two, many as a mask. */
#include "model/lower.h"

#include <math.h>

/* What a draw is made for: one decision, one per channel, or one per element. */
typedef enum draw_shape { ONE, CHANNELS, ELEMENTS, OTHER } draw_shape;

static draw_shape shape_of(const bb_lowering *lowering, const bb_dims *draw, const bb_dims *x)
{
    if (draw->rank > x->rank)
        return OTHER;
    const uint32_t skip = x->rank - draw->rank;
    bool one = true, whole = true, channels = true;
    for (uint32_t i = 1; i < x->rank; i++) {
        const int64_t extent = i < skip ? 1 : draw->extent[i - skip];
        one &= extent == 1;
        whole &= extent == x->extent[i];
        channels &= extent == (i == 1 ? x->extent[1] : 1);
    }
    if (skip == 0 && draw->extent[0] != BB_BATCH && draw->extent[0] != 1)
        return OTHER;
    if (one)
        return ONE;
    const bool as_it_lies = x->extent[1] == lowering->at.shape.channels;
    return channels && as_it_lies ? CHANNELS : whole ? ELEMENTS : OTHER;
}

static bool is_shared(const bb_import *import, const bb_dims *draw, const bb_dims *x)
{
    if (draw->rank == x->rank && (draw->extent[0] == BB_BATCH || import->batch == 1))
        return false;
    return true;
}

/* The site of a draw; a draw that is used twice has to mean the same both times. */
static bb_status use_site(bb_lowering *lowering, const bb_station *at, uint32_t draw,
                          const bb_site *wanted, bool inverted, uint32_t *index)
{
    bb_graph *graph = lowering->graph;
    *index = 0;
    while (lowering->draws[*index].value != draw)
        (*index)++;
    bb_site *site = &graph->sites[*index];
    bb_draw *state = &lowering->draws[*index];
    if (!state->assigned) {
        char *name = site->name;
        *site = *wanted;
        site->name = name;
        state->assigned = true;
        state->inverted = inverted;
        return BB_OK;
    }
    if (site->kind != wanted->kind || site->p != wanted->p || state->inverted != inverted ||
        site->n_elements != wanted->n_elements)
        return bb_import_fail(lowering->import, at->operation, BB_UNSUPPORTED,
                              "uses the draw of '%.200s' in another way than before", site->name);
    return BB_OK;
}

/* Signs, possibly pooled, masked or scaled: what a mask can stand behind. */
static bool is_binary(const bb_graph *graph, uint32_t index)
{
    for (; index > 0; index = graph->nodes[index].input) {
        const bb_node *node = &graph->nodes[index];
        if (node->kind == BB_NODE_SIGN)
            return true;
        if (node->kind != BB_NODE_MAX_POOL && node->kind != BB_NODE_MASK && !bb_step_is_scale(node))
            return false;
    }
    return false;
}

static bb_status add_mask(bb_lowering *lowering, const bb_station *at, uint32_t draw,
                          draw_shape shape, float p, bool inverted, float factor)
{
    if (!is_binary(lowering->graph, lowering->at.node))
        return bb_import_fail(lowering->import, at->operation, BB_UNSUPPORTED,
                              "a mask on real values; put it directly behind a sign, or behind "
                              "the sign and its pool");
    const bb_shape *map = &lowering->at.shape;
    const uint32_t pixels = shape == ELEMENTS ? map->height * map->width : 1;
    const bb_site wanted = {
        .kind = BB_SITE_MASK, .p = p, .n_elements = map->channels * pixels};
    uint32_t site;
    const bb_status status = use_site(lowering, at, draw, &wanted, inverted, &site);
    if (status != BB_OK)
        return status;
    bb_node *node = bb_lower_node(lowering, at, BB_NODE_MASK);
    if (!node)
        return BB_MEMORY;
    node->mask.site = site;
    lowering->at.masked = true;
    lowering->at.factor *= factor;
    return BB_OK;
}

/* A mask is 0 or k; which of the two the draw below p gives decides what p means. */
static bb_status lower_mask(bb_lowering *lowering, const bb_station *at, bb_step_kind kind,
                            const bb_value *choice, draw_shape shape, float p)
{
    double below, above;
    const bool uniform = bb_tensor_uniform(choice->if_true, &below) &&
                         bb_tensor_uniform(choice->if_false, &above);
    if (kind != BB_STEP_MULTIPLY || !uniform || (below != 0) == (above != 0) ||
        !(below + above > 0) || !isfinite((float)(below + above)))
        return bb_import_fail(lowering->import, at->operation, BB_UNSUPPORTED,
                              "a draw per element other than a mask of 0 and k > 0 that "
                              "multiplies");
    const bool inverted = below != 0;
    return add_mask(lowering, at, choice->condition.base, shape,
                    inverted ? (float)(1 - (double)p) : p, inverted, (float)(below + above));
}

bb_status bb_lower_random(bb_lowering *lowering, const bb_station *at, bb_step_kind kind,
                          const bb_value *choice)
{
    bb_import *import = lowering->import;
    const bb_condition *condition = &choice->condition;
    double bound = 0;
    if (condition->comparison == BB_EQUAL || !bb_tensor_uniform(condition->bound, &bound) ||
        !(bound >= 0 && bound <= 1))
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "a draw has to be compared with one probability between 0 and 1");
    const float p = (float)bound;
    const draw_shape shape = shape_of(lowering, &condition->dims, &at->in->dims);
    char text[BB_DIMS_TEXT];
    if (shape == OTHER)
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "a draw of shape %s; one per input, per channel or per element is "
                              "supported",
                              bb_dims_text(&condition->dims, text));
    if (is_shared(import, &condition->dims, &at->in->dims))
        bb_note(import->context,
                "%s: node '%s': a draw of shape %s is shared by a batch in the file; here every "
                "input draws for itself",
                import->path, import->values[condition->base].name,
                bb_dims_text(&condition->dims, text));
    if (shape != ONE)
        return lower_mask(lowering, at, kind, choice, shape, p);
    /* Where(u < keep, scale, 1): a drop changes nothing, so the branch that does is the kept one */
    const double neutral = kind == BB_STEP_ADD || kind == BB_STEP_SUBTRACT ? 0 : 1;
    double number;
    const bool keeps = bb_tensor_uniform(choice->if_false, &number) && number == neutral &&
                       !(bb_tensor_uniform(choice->if_true, &number) && number == neutral);
    const bb_tensor *kept = keeps ? choice->if_true : choice->if_false;
    const bb_tensor *dropped = keeps ? choice->if_false : choice->if_true;
    const bb_site wanted = {.kind = BB_SITE_DROP, .p = keeps ? 1 - p : p, .n_draws = 2};
    uint32_t site;
    bb_status status = use_site(lowering, at, condition->base, &wanted, keeps, &site);
    if (status != BB_OK)
        return status;
    bb_step *step = bb_lower_new_step(lowering, at, kind, 2, false, &status);
    if (!step)
        return status;
    step->site = site;
    const uint32_t channels = lowering->at.shape.channels;
    status = bb_lower_channels(lowering, at, kept, "the kept constant", step->a);
    if (status == BB_OK)
        status = bb_lower_channels(lowering, at, dropped, "the dropped constant", step->a + channels);
    for (uint32_t i = 0; status == BB_OK && kind == BB_STEP_DIVIDE && i < 2 * channels; i++)
        if (step->a[i] == 0)
            status = bb_import_fail(import, at->operation, BB_INPUT, "divides by zero");
    return status;
}

/* where(drop, 0, x), which is how masked_fill is exported. */
bb_status bb_lower_where(bb_lowering *lowering, const bb_station *at)
{
    bb_import *import = lowering->import;
    const bb_value *condition = bb_import_input(import, at->operation, 0);
    const bb_tensor *filled = NULL;
    double number = 1, yes, no;
    bb_status status = BB_OK;
    const bool random = condition && condition->kind == BB_VALUE_CHOICE && at->which > 0 &&
                        bb_tensor_uniform(condition->if_true, &yes) &&
                        bb_tensor_uniform(condition->if_false, &no);
    if (random)
        status = bb_import_constant(import, at->operation, 3 - at->which, "the filling", &filled);
    if (status != BB_OK)
        return status;
    if (!filled || !bb_tensor_uniform(filled, &number) || number != 0 ||
        !bb_dims_equal(&at->in->dims, &at->out->dims))
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "chooses between an activation and something other than 0; write "
                              "x * where(drop, 1, scale)");
    bb_value choice = *condition;
    const bool keeps_true = at->which == 1;
    status = bb_scalar(import, BB_ELEMENT_FLOAT, (yes != 0) == keeps_true, &choice.if_true);
    if (status == BB_OK)
        status = bb_scalar(import, BB_ELEMENT_FLOAT, (no != 0) == keeps_true, &choice.if_false);
    return status == BB_OK ? bb_lower_random(lowering, at, BB_STEP_MULTIPLY, &choice) : status;
}

bb_status bb_lower_dropout(bb_lowering *lowering, const bb_station *at)
{
    bb_import *import = lowering->import;
    const bb_tensor *tensor;
    const bb_status status = bb_import_constant(import, at->operation, 1, "the ratio", &tensor);
    if (status != BB_OK)
        return status;
    const float ratio = tensor ? (float)tensor->values[0] : 0.5f;
    if (!(ratio > 0 && ratio < 1))
        return bb_import_fail(import, at->operation, BB_INPUT, "a ratio of %g", (double)ratio);
    const draw_shape shape = shape_of(lowering, &at->in->dims, &at->in->dims);
    return add_mask(lowering, at, at->out->draw, shape == ONE ? CHANNELS : shape, ratio, false,
                    1 / (1 - ratio));
}
