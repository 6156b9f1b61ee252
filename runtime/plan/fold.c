/* SPDX-License-Identifier: MIT */
/* Graph to plan: one stage per segment, with its weights packed and its bank folded. */
#include "plan/pack.h"
#include "plan/segment.h"

#include <math.h>

typedef struct folding {
    bb_context *context;
    const bb_graph *graph;
    bb_plan *plan;
    const bb_preprocess *preprocess;
} folding;

static bb_status refuse(const folding *f, const bb_node *node, const char *reason)
{
    return bb_fail(f->context, BB_UNSUPPORTED, "%s: node '%s' (%s): %s", f->graph->path, node->name,
                   node->operator_name, reason);
}

static bool same_for_all_channels(const bb_preprocess *p)
{
    for (uint32_t i = 1; i < p->n; i++)
        if (p->mean[i] != p->mean[0] || p->std[i] != p->std[0])
            return false;
    return true;
}

static uint32_t sum_kind(const folding *f, const bb_segment *segment, uint32_t in_type)
{
    const bb_node *core = segment->core;
    if (!core || core->kind == BB_NODE_AVERAGE_POOL)
        return in_type == BB_TYPE_BITS ? BB_SUM_POOL_BITS : BB_SUM_POOL_REAL;
    if (in_type == BB_TYPE_BITS)
        return core->linear.signs ? BB_SUM_BITS : BB_SUM_BITS_REAL;
    if (in_type == BB_TYPE_REAL)
        return BB_SUM_REAL;
    return same_for_all_channels(f->preprocess) ? BB_SUM_BYTES : BB_SUM_BYTES_SCALED;
}

/* Whether bytes go into the first stage as they are: it must be binary. */
static bool first_stage_takes_bytes(const folding *f)
{
    const bb_node *first = f->graph->n_nodes > 1 ? &f->graph->nodes[1] : NULL;
    return f->plan->input_type == BB_INPUT_BYTES && first && first->kind == BB_NODE_LINEAR &&
           first->linear.signs;
}

static void set_window(bb_stage_descriptor *d, const bb_window *window)
{
    d->kernel_h = window->kernel_h;
    d->kernel_w = window->kernel_w;
    d->step_h = window->step_h;
    d->step_w = window->step_w;
    d->dilation_h = window->dilation_h;
    d->dilation_w = window->dilation_w;
    d->pad_top = window->pad_top;
    d->pad_left = window->pad_left;
}

static void set_pool(bb_stage_descriptor *d, const bb_window *window)
{
    d->pool_h = window->kernel_h;
    d->pool_w = window->kernel_w;
    d->pool_step_h = window->step_h;
    d->pool_step_w = window->step_w;
    d->pool_top = window->pad_top;
    d->pool_left = window->pad_left;
}

static bool slot_words(uint32_t *out, uint32_t type, const bb_shape *shape)
{
    const size_t pixel_bytes = type == BB_TYPE_BITS   ? bb_divide_up(shape->channels, 64) * 8
                               : type == BB_TYPE_REAL ? (size_t)shape->channels * 4
                                                      : shape->channels;
    size_t bytes;
    if (!bb_multiply_size(&bytes, pixel_bytes, shape->height) ||
        !bb_multiply_size(&bytes, bytes, shape->width))
        return false;
    const size_t words = bb_divide_up(bytes, 8);
    *out = (uint32_t)words;
    return words < BB_NONE / 8;
}

static bb_status set_descriptor(const folding *f, const bb_segment *segment, bb_stage *stage,
                                uint32_t in_type)
{
    static const bb_window point = {
        .kernel_h = 1, .kernel_w = 1, .step_h = 1, .step_w = 1, .dilation_h = 1, .dilation_w = 1};
    bb_stage_descriptor *d = &stage->descriptor;
    const bb_node *core = segment->core;
    *d = (bb_stage_descriptor){
        .sum = sum_kind(f, segment, in_type),
        .emit = segment->sign ? BB_EMIT_BITS : BB_EMIT_REAL,
        .in_type = in_type,
        .in_channels = segment->in.channels,
        .in_h = segment->in.height,
        .in_w = segment->in.width,
        .groups = 1,
        .sum_h = segment->sum.height,
        .sum_w = segment->sum.width,
        .out_channels = segment->sum.channels,
        .out_h = segment->out.height,
        .out_w = segment->out.width,
        .n_row_classes = 1,
        .n_column_classes = 1,
    };
    set_window(d, !core                          ? &point
                  : core->kind == BB_NODE_LINEAR ? &core->linear.window
                                                 : &core->pool);
    set_pool(d, segment->max_pool ? &segment->max_pool->pool : &point);
    const uint32_t out_type = segment->sign ? BB_TYPE_BITS : BB_TYPE_REAL;
    d->in_words = in_type == BB_TYPE_BITS ? (d->in_channels + 63) / 64 : 0;
    d->out_words = segment->sign ? (d->out_channels + 63) / 64 : 0;
    if (core && core->kind == BB_NODE_LINEAR && core->linear.groups != 1)
        return refuse(f, core, "groups are not supported yet");
    const double taps = (double)d->kernel_h * d->kernel_w;
    const double largest = taps * d->in_channels * (in_type == BB_TYPE_BYTES ? 255 : 1);
    if (!slot_words(&d->in_stride, in_type, &segment->in) ||
        !slot_words(&d->out_stride, out_type, &segment->out) || largest >= INT32_MAX)
        return refuse(f, segment->last, "the layer is too large: sums and slots must fit 31 bits");
    return BB_OK;
}

static bb_status set_sites(const folding *f, const bb_segment *segment, bb_stage *stage)
{
    uint32_t n_draws = 1;
    stage->mask_site = BB_NO_INDEX;
    if (segment->mask) {
        const bb_site *site = &f->graph->sites[segment->mask->mask.site];
        stage->mask_site = segment->mask->mask.site;
        stage->sites[stage->n_sites++] = stage->mask_site;
        stage->descriptor.masked = 1;
        stage->descriptor.mask_per_element = site->n_elements != segment->in.channels;
    }
    for (uint32_t i = 0; i < segment->n_steps; i++) {
        const bb_step *step = segment->steps[i];
        bool known = step->site == BB_NO_INDEX;
        for (uint32_t k = 0; k < stage->n_bank_sites && !known; k++)
            known = stage->bank_site[k] == step->site;
        if (known)
            continue;
        if (stage->n_bank_sites == BB_MAX_STAGE_SITES ||
            n_draws * step->n_draws > BB_MAX_STAGE_DRAWS / 2)
            return refuse(f, segment->last, "too many combinations of draws before one sign");
        stage->bank_site[stage->n_bank_sites] = step->site;
        stage->bank_weight[stage->n_bank_sites++] = n_draws;
        stage->sites[stage->n_sites++] = step->site;
        n_draws *= step->n_draws;
    }
    stage->deterministic = segment->mask ? n_draws : 0;
    stage->descriptor.n_draws = segment->mask ? 2 * n_draws : n_draws;
    return BB_OK;
}

/* The chain of a segment. `steps_room` holds the division of an average pool. */
static void set_chain(const bb_segment *segment, bb_chain *chain, const bb_step *average)
{
    *chain = (bb_chain){.scale = 1, .mask_factor = 1};
    if (segment->core && segment->core->kind == BB_NODE_LINEAR) {
        chain->magnitude = segment->core->linear.magnitude;
        chain->mask_factor = segment->core->linear.mask_factor;
    }
    const bool averaged = segment->core && segment->core->kind == BB_NODE_AVERAGE_POOL;
    if (averaged)
        chain->steps[chain->n_steps++] = average;
    for (uint32_t i = 0; i < segment->n_steps && chain->n_steps < BB_MAX_STEPS; i++)
        chain->steps[chain->n_steps++] = segment->steps[i];
    chain->first_behind_pool = segment->first_behind_pool + averaged;
    chain->zero_is_positive = segment->sign && segment->sign->sign.zero_is_positive;
}

static bb_status fill_bank(const folding *f, const bb_segment *segment, bb_stage *stage,
                           bb_chain *chain)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t classes = (size_t)d->n_row_classes * d->n_column_classes;
    stage->n_bank_entries = classes * d->n_draws * d->out_channels;
    stage->bank = bb_allocate(f->context, stage->n_bank_entries, sizeof(*stage->bank));
    if (!stage->bank)
        return BB_MEMORY;
    if (!segment->sign) {
        bb_chain_affine(chain, stage, stage->bank);
        return BB_OK;
    }
    bb_chain_thresholds(chain, stage, stage->bank);
    if (!segment->sign->sign.onnx_sign)
        return BB_OK;
    stage->tie_bank = bb_allocate(f->context, stage->n_bank_entries, sizeof(*stage->bank));
    if (!stage->tie_bank)
        return BB_MEMORY;
    chain->zero_is_positive = !chain->zero_is_positive;
    bb_chain_thresholds(chain, stage, stage->tie_bank);
    return BB_OK;
}

static bb_status fold_bank(const folding *f, const bb_segment *segment, bb_stage *stage)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    float *taps = bb_allocate(f->context, d->out_channels, sizeof(*taps));
    if (!taps)
        return BB_MEMORY;
    for (uint32_t i = 0; i < d->out_channels; i++)
        taps[i] = (float)(d->kernel_h * d->kernel_w);
    const bb_step average = {.kind = BB_STEP_DIVIDE, .site = BB_NO_INDEX, .n_draws = 1, .a = taps};
    bb_chain chain;
    set_chain(segment, &chain, &average);
    float *offset = NULL;
    bb_status status =
        bb_pack_border(f->plan, stage, segment->core, f->preprocess, &chain.scale, &offset);
    chain.offset = offset;
    if (status == BB_OK)
        status = fill_bank(f, segment, stage, &chain);
    bb_release(f->context, offset);
    bb_release(f->context, taps);
    return status;
}

static bb_status fold_stage(const folding *f, const bb_segment *segment, bb_stage *stage,
                            uint32_t in_type)
{
    const bb_node *named = segment->core ? segment->core : segment->last;
    stage->name = bb_copy_text(f->context, named->name);
    if (!stage->name)
        return BB_MEMORY;
    stage->node = (uint32_t)(named - f->graph->nodes);
    bb_status status = set_descriptor(f, segment, stage, in_type);
    if (status == BB_OK)
        status = set_sites(f, segment, stage);
    if (status == BB_OK && segment->core && segment->core->kind == BB_NODE_LINEAR)
        status = bb_pack_weights(f->context, stage, &segment->core->linear);
    return status == BB_OK ? fold_bank(f, segment, stage) : status;
}

static bb_status fold_stages(const folding *f)
{
    bb_plan *plan = f->plan;
    plan->stages = bb_allocate(f->context, f->graph->n_nodes, sizeof(*plan->stages));
    if (!plan->stages)
        return BB_MEMORY;
    uint32_t in_type = plan->input_is_real ? BB_TYPE_REAL : BB_TYPE_BYTES;
    for (uint32_t next = 1; next < f->graph->n_nodes;) {
        bb_segment segment;
        bb_status status =
            bb_segment_cut(&segment, f->graph, f->context, in_type == BB_TYPE_BITS, &next);
        if (status != BB_OK)
            return status;
        bb_stage *stage = &plan->stages[plan->n_stages];
        stage->input = plan->n_stages ? plan->n_stages - 1 : BB_NO_INDEX;
        plan->n_stages++;
        status = fold_stage(f, &segment, stage, in_type);
        if (status != BB_OK)
            return status;
        in_type = segment.sign ? BB_TYPE_BITS : BB_TYPE_REAL;
    }
    if (!plan->n_stages)
        return bb_fail(f->context, BB_UNSUPPORTED, "%s: the model computes nothing",
                       f->graph->path);
    const bb_node *last = &f->graph->nodes[f->graph->n_nodes - 1];
    if (in_type != BB_TYPE_REAL)
        return refuse(f, last, "the model ends in a sign; logits must be real values");
    if (last->shape.height != 1 || last->shape.width != 1)
        return refuse(f, last, "the output is a map; one value per class is expected");
    return BB_OK;
}

/* Per channel, so that nothing behind needs to know whether there was one value or many. */
static bb_status set_input(folding *f)
{
    bb_plan *plan = f->plan;
    const bb_preprocess *p = f->preprocess;
    const uint32_t channels = plan->input_shape.channels;
    if (p->n != 1 && p->n != channels)
        return bb_fail(f->context, BB_ARGUMENT,
                       "%s: %u values of mean and std, the model has %u channels", f->graph->path,
                       p->n, channels);
    plan->input_scale = bb_allocate(f->context, 3 * (size_t)channels, sizeof(float));
    if (!plan->input_scale)
        return BB_MEMORY;
    plan->input_mean = plan->input_scale + channels;
    plan->input_std = plan->input_mean + channels;
    for (uint32_t c = 0; c < channels; c++) {
        plan->input_scale[c] = p->scale;
        plan->input_mean[c] = p->mean[p->n == 1 ? 0 : c];
        plan->input_std[c] = p->std[p->n == 1 ? 0 : c];
        if (!(plan->input_std[c] > 0) || !isfinite(plan->input_std[c]) ||
            !isfinite(plan->input_mean[c]) || !isfinite(p->scale))
            return bb_fail(
                f->context, BB_ARGUMENT,
                "%s: preprocessing of channel %u: scale %g, mean %g, std %g; finite numbers "
                "and a positive std are expected",
                f->graph->path, c, (double)p->scale, (double)plan->input_mean[c],
                (double)plan->input_std[c]);
    }
    plan->input_is_real = !first_stage_takes_bytes(f);
    if (!slot_words(&plan->input_stride, plan->input_is_real ? BB_TYPE_REAL : BB_TYPE_BYTES,
                    &plan->input_shape))
        return bb_fail(f->context, BB_UNSUPPORTED, "%s: the input is too large", f->graph->path);
    return BB_OK;
}

static bb_status copy_sites(const folding *f)
{
    bb_plan *plan = f->plan;
    plan->sites = bb_allocate(f->context, f->graph->n_sites, sizeof(*plan->sites));
    if (!plan->sites)
        return BB_MEMORY;
    for (uint32_t i = 0; i < f->graph->n_sites; i++) {
        plan->sites[i] = f->graph->sites[i];
        plan->sites[i].name = bb_copy_text(f->context, f->graph->sites[i].name);
        plan->n_sites = i + 1;
        if (!plan->sites[i].name)
            return BB_MEMORY;
    }
    return BB_OK;
}

bb_status bb_plan_fold(bb_plan **out, bb_context *context, const bb_graph *graph,
                       const bb_fold_options *options)
{
    *out = NULL;
    bb_plan *plan = bb_allocate(context, 1, sizeof(*plan));
    if (!plan)
        return BB_MEMORY;
    plan->context = context;
    plan->input_type = options ? options->input_type : BB_INPUT_BYTES;
    plan->input_shape = graph->nodes[0].shape;
    plan->n_classes = graph->n_classes;
    folding f = {.context = context,
                 .graph = graph,
                 .plan = plan,
                 .preprocess =
                     options && options->preprocess ? options->preprocess : &graph->preprocess};
    bb_status status = set_input(&f);
    if (status == BB_OK)
        status = copy_sites(&f);
    if (status == BB_OK)
        status = fold_stages(&f);
    if (status != BB_OK) {
        bb_plan_free(plan);
        return status;
    }
    plan->hash = bb_pack_hash(plan);
    *out = plan;
    return BB_OK;
}
