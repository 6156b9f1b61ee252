/* SPDX-License-Identifier: MIT */
/* Graph to plan: one stage per segment, with its weights packed and its bank folded. */
#include "plan/pack.h"
#include "plan/segment.h"

#include <math.h>

/* Where the value of a node lies, by type of element; a value may be there as bits and as real. */
typedef struct place {
    bool known[BB_TYPE_REAL + 1];
    uint32_t stage[BB_TYPE_REAL + 1]; /* BB_NO_INDEX: the network's input */
} place;

typedef struct folding {
    bb_context *context;
    const bb_graph *graph;
    bb_plan *plan;
    const bb_preprocess *preprocess;
    bb_cutter cutter;
    place *places; /* [nodes] */
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
    if (core && core->kind == BB_NODE_CONCAT)
        return in_type == BB_TYPE_BITS ? BB_SUM_JOIN_BITS : BB_SUM_JOIN_REAL;
    if (core && core->kind == BB_NODE_MAX_POOL)
        return BB_SUM_MAX_REAL;
    if (!core || core->kind == BB_NODE_AVERAGE_POOL)
        return in_type == BB_TYPE_BITS ? BB_SUM_POOL_BITS : BB_SUM_POOL_REAL;
    if (in_type == BB_TYPE_BITS)
        return core->linear.signs ? BB_SUM_BITS : BB_SUM_BITS_REAL;
    if (in_type == BB_TYPE_REAL)
        return BB_SUM_REAL;
    return same_for_all_channels(f->preprocess) ? BB_SUM_BYTES : BB_SUM_BYTES_SCALED;
}

/* Whether bytes go into the first stages as they are: they must be binary layers. */
static bool first_stages_take_bytes(const folding *f)
{
    bool binary = f->plan->input_type == BB_INPUT_BYTES;
    for (uint32_t i = 1; i < f->graph->n_nodes; i++) {
        const bb_node *node = &f->graph->nodes[i];
        if (node->input == 0 || (bb_node_joins(node) && node->second == 0))
            binary = binary && node->kind == BB_NODE_LINEAR && node->linear.signs;
    }
    return binary;
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

/* Where the input map lies within the slots of the tensor `stage->input`. */
static void set_input_slot(const folding *f, bb_stage *stage)
{
    bb_stage_descriptor *d = &stage->descriptor;
    if (stage->input == BB_NO_INDEX) {
        d->in_stride = f->plan->input_stride;
        return;
    }
    const bb_stage_descriptor *from = &f->plan->stages[stage->input].descriptor;
    d->in_stride = from->out_stride;
    d->in_offset = d->in_type == BB_TYPE_BITS ? from->bits_offset : 0;
}

/* The second operand: a residual, or the rest of a join. */
static void set_second(const folding *f, const bb_segment *segment, bb_stage *stage)
{
    bb_stage_descriptor *d = &stage->descriptor;
    stage->second = BB_NO_INDEX;
    if (segment->second == BB_NO_INDEX)
        return;
    const bb_shape *shape = &f->graph->nodes[segment->second].shape;
    const uint32_t type = d->sum == BB_SUM_JOIN_BITS ? BB_TYPE_BITS : BB_TYPE_REAL;
    stage->second = f->places[segment->second].stage[type];
    d->second = 1;
    d->second_channels = shape->channels;
    d->second_words = type == BB_TYPE_BITS ? (shape->channels + 63) / 64 : 0;
    d->second_stride = f->plan->input_stride;
    if (stage->second == BB_NO_INDEX)
        return;
    const bb_stage_descriptor *from = &f->plan->stages[stage->second].descriptor;
    d->second_stride = from->out_stride;
    d->second_offset = type == BB_TYPE_BITS ? from->bits_offset : 0;
}

/* Words of an output slot: of real values, of bits, or of both. */
static bool set_output(const bb_segment *segment, bb_stage_descriptor *d)
{
    uint32_t bits = 0, reals = 0;
    d->emit = !segment->bits ? BB_EMIT_REAL : segment->real ? BB_EMIT_BOTH : BB_EMIT_BITS;
    d->out_words = segment->bits ? (d->out_channels + 63) / 64 : 0;
    if ((segment->bits && !slot_words(&bits, BB_TYPE_BITS, &segment->out)) ||
        (segment->real && !slot_words(&reals, BB_TYPE_REAL, &segment->out)) ||
        reals + bits >= BB_NONE / 8)
        return false;
    d->bits_offset = segment->bits ? reals : 0;
    d->out_stride = reals + bits;
    return true;
}

static bb_status set_descriptor(const folding *f, const bb_segment *segment, bb_stage *stage,
                                uint32_t in_type)
{
    static const bb_window point = {
        .kernel_h = 1, .kernel_w = 1, .step_h = 1, .step_w = 1, .dilation_h = 1, .dilation_w = 1};
    bb_stage_descriptor *d = &stage->descriptor;
    const bb_node *core = segment->core;
    const bool linear = core && core->kind == BB_NODE_LINEAR;
    *d = (bb_stage_descriptor){
        .sum = sum_kind(f, segment, in_type),
        .in_type = in_type,
        .in_channels = segment->in.channels,
        .in_h = segment->in.height,
        .in_w = segment->in.width,
        .groups = linear ? core->linear.groups : 1,
        .sum_h = segment->sum.height,
        .sum_w = segment->sum.width,
        .out_channels = segment->sum.channels,
        .out_h = segment->out.height,
        .out_w = segment->out.width,
        .n_row_classes = 1,
        .n_column_classes = 1,
    };
    set_window(d, linear                                 ? &core->linear.window
                  : core && core->kind != BB_NODE_CONCAT ? &core->pool
                                                         : &point);
    set_pool(d, segment->max_pool ? &segment->max_pool->pool : &point);
    d->in_words = in_type == BB_TYPE_BITS ? (d->in_channels + 63) / 64 : 0;
    const double taps = (double)d->kernel_h * d->kernel_w;
    const double largest = taps * d->in_channels * (in_type == BB_TYPE_BYTES ? 255 : 1);
    set_input_slot(f, stage);
    set_second(f, segment, stage);
    if (!set_output(segment, d) || largest >= INT32_MAX)
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
    chain->zero_is_positive = !segment->sign || segment->sign->sign.zero_is_positive;
}

/* The chain between the real value and the sign, where both leave. */
static bb_chain second_chain(const bb_segment *segment)
{
    bb_chain chain = {.scale = 1, .mask_factor = 1};
    for (; chain.n_steps < segment->n_bit_steps; chain.n_steps++)
        chain.steps[chain.n_steps] = segment->bit_steps[chain.n_steps];
    chain.first_behind_pool = chain.n_steps;
    chain.zero_is_positive = segment->sign->sign.zero_is_positive;
    return chain;
}

static void fill_bits(const bb_segment *segment, const bb_stage *stage, bb_chain *chain,
                      size_t n_affine, bb_bank_entry *bank)
{
    if (segment->real)
        bb_chain_second(chain, stage, bank + n_affine);
    else
        bb_chain_thresholds(chain, stage, bank);
}

static bb_status fill_bank(const folding *f, const bb_segment *segment, bb_stage *stage,
                           bb_chain *chain)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t classes = (size_t)d->n_row_classes * d->n_column_classes;
    const size_t n_affine = classes * d->n_draws * d->out_channels;
    stage->n_bank_entries = n_affine + (d->emit == BB_EMIT_BOTH ? d->out_channels : 0);
    stage->bank = bb_allocate(f->context, stage->n_bank_entries, sizeof(*stage->bank));
    if (!stage->bank)
        return BB_MEMORY;
    if (segment->real)
        bb_chain_affine(chain, stage, stage->bank);
    if (!segment->bits)
        return BB_OK;
    if (segment->real)
        *chain = second_chain(segment);
    fill_bits(segment, stage, chain, n_affine, stage->bank);
    if (!segment->sign || !segment->sign->sign.onnx_sign)
        return BB_OK;
    stage->tie_bank =
        bb_copy_bytes(f->context, stage->bank, stage->n_bank_entries, sizeof(*stage->bank));
    if (!stage->tie_bank)
        return BB_MEMORY;
    chain->zero_is_positive = !chain->zero_is_positive;
    fill_bits(segment, stage, chain, n_affine, stage->tie_bank);
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

/* The type in which a segment reads a value: bits where there are any. */
static uint32_t type_of(const place *at)
{
    return at->known[BB_TYPE_BITS]    ? BB_TYPE_BITS
           : at->known[BB_TYPE_BYTES] ? BB_TYPE_BYTES
                                      : BB_TYPE_REAL;
}

static void set_place(folding *f, const bb_node *node, uint32_t type, uint32_t stage)
{
    if (!node)
        return;
    place *at = &f->places[node - f->graph->nodes];
    at->known[type] = true;
    at->stage[type] = stage;
}

static bb_status add_stage(folding *f, const bb_segment *segment, uint32_t in_type)
{
    const uint32_t index = f->plan->n_stages++;
    bb_stage *stage = &f->plan->stages[index];
    stage->input = f->places[segment->input].stage[in_type];
    const bb_status status = fold_stage(f, segment, stage, in_type);
    set_place(f, segment->real, BB_TYPE_REAL, index);
    set_place(f, segment->bits, BB_TYPE_BITS, index);
    return status;
}

static bb_status need_real(folding *f, uint32_t node)
{
    if (f->places[node].known[BB_TYPE_REAL])
        return BB_OK;
    const bb_segment convert = bb_segment_convert(f->graph, node);
    return add_stage(f, &convert, BB_TYPE_BITS);
}

/* Two maps are joined as bits if both are there as bits; a residual is real. */
static bb_status add_segment(folding *f, const bb_segment *segment)
{
    const place *at = &f->places[segment->input];
    uint32_t in_type = type_of(at);
    const bool joins = segment->core && segment->core->kind == BB_NODE_CONCAT;
    const bool real =
        joins && (in_type != BB_TYPE_BITS || !f->places[segment->second].known[BB_TYPE_BITS]);
    bb_status status = BB_OK;
    if (real) {
        status = need_real(f, segment->input);
        in_type = BB_TYPE_REAL;
    }
    if (status == BB_OK && (real || segment->add))
        status = need_real(f, segment->second);
    return status == BB_OK ? add_stage(f, segment, in_type) : status;
}

static bb_status cut_and_fold(folding *f)
{
    const bb_graph *graph = f->graph;
    bb_plan *plan = f->plan;
    bb_status status = bb_cutter_create(&f->cutter, f->context, graph);
    if (status != BB_OK)
        return status;
    /* each node is in one segment, and at most once made real before another */
    plan->stages = bb_allocate(f->context, 2 * (size_t)graph->n_nodes, sizeof(*plan->stages));
    f->places = bb_allocate(f->context, graph->n_nodes, sizeof(*f->places));
    if (!plan->stages || !f->places)
        return BB_MEMORY;
    set_place(f, &graph->nodes[0], plan->input_is_real ? BB_TYPE_REAL : BB_TYPE_BYTES, BB_NO_INDEX);
    for (uint32_t i = 1; status == BB_OK && i < graph->n_nodes; i++) {
        if (f->cutter.taken[i] || graph->nodes[i].kind == BB_NODE_MASK)
            continue;
        bb_segment segment;
        status = bb_segment_cut(&segment, &f->cutter, i);
        if (status == BB_OK)
            status = add_segment(f, &segment);
    }
    return status;
}

static bb_status fold_stages(folding *f)
{
    const bb_graph *graph = f->graph;
    const bb_node *last = &graph->nodes[graph->n_nodes - 1];
    bb_status status = cut_and_fold(f);
    if (status == BB_OK && !f->plan->n_stages)
        status = bb_fail(f->context, BB_UNSUPPORTED, "%s: the model computes nothing", graph->path);
    else if (status == BB_OK && !f->places[graph->n_nodes - 1].known[BB_TYPE_REAL])
        status = refuse(f, last, "the model ends in a sign; logits must be real values");
    else if (status == BB_OK && (last->shape.height != 1 || last->shape.width != 1))
        status = refuse(f, last, "the output is a map; one value per class is expected");
    bb_cutter_free(&f->cutter);
    bb_release(f->context, f->places);
    return status;
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
    plan->input_is_real = !first_stages_take_bytes(f);
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
