/* SPDX-License-Identifier: MIT */
/* What a plan tells about itself. */
#include "plan/plan.h"

void bb_plan_free(bb_plan *plan)
{
    if (!plan)
        return;
    bb_context *context = plan->context;
    for (uint32_t s = 0; s < plan->n_stages; s++) {
        bb_stage *stage = &plan->stages[s];
        bb_release(context, stage->name);
        bb_release(context, stage->weights);
        bb_release(context, stage->channel_scale);
        bb_release(context, stage->bank);
        bb_release(context, stage->tie_bank);
        bb_release(context, stage->border);
    }
    for (uint32_t i = 0; i < plan->n_sites; i++)
        bb_release(context, plan->sites[i].name);
    bb_release(context, plan->stages);
    bb_release(context, plan->sites);
    bb_release(context, plan->input_scale);
    bb_release(context, plan);
}

uint32_t bb_plan_stage_count(const bb_plan *plan)
{
    return plan->n_stages;
}

uint32_t bb_plan_site_count(const bb_plan *plan)
{
    return plan->n_sites;
}

uint32_t bb_plan_class_count(const bb_plan *plan)
{
    return plan->n_classes;
}

bb_input_type bb_plan_input_type(const bb_plan *plan)
{
    return plan->input_type;
}

void bb_plan_input_shape(const bb_plan *plan, uint32_t shape[3])
{
    shape[0] = plan->input_shape.channels;
    shape[1] = plan->input_shape.height;
    shape[2] = plan->input_shape.width;
}

uint64_t bb_plan_hash(const bb_plan *plan)
{
    return plan->hash;
}

/* Taps inside the map, summed over the positions of one axis. */
static uint64_t valid_on_axis(uint32_t positions, uint32_t step, uint32_t dilation, uint32_t pad,
                              uint32_t kernel, uint32_t size)
{
    uint64_t valid = 0;
    for (uint32_t p = 0; p < positions; p++)
        for (uint32_t k = 0; k < kernel; k++) {
            const int64_t i = (int64_t)p * step + (int64_t)k * dilation - pad;
            valid += i >= 0 && i < size;
        }
    return valid;
}

static void count_operations(const bb_stage_descriptor *d, bb_stage_info *out)
{
    const uint64_t taps = (uint64_t)d->kernel_h * d->kernel_w;
    const uint64_t channels = bb_sum_has_weights(d->sum) ? d->in_channels / d->groups : 1;
    const uint64_t per_tap = 2 * channels * d->out_channels;
    out->fan_in = (uint32_t)(taps * channels);
    out->operations = per_tap * taps * d->sum_h * d->sum_w;
    out->valid_operations =
        per_tap *
        valid_on_axis(d->sum_h, d->step_h, d->dilation_h, d->pad_top, d->kernel_h, d->in_h) *
        valid_on_axis(d->sum_w, d->step_w, d->dilation_w, d->pad_left, d->kernel_w, d->in_w);
}

void bb_plan_stage(const bb_plan *plan, uint32_t index, bb_stage_info *out)
{
    static const char *const sums[] = {
        [BB_SUM_BITS] = "bits",
        [BB_SUM_BYTES] = "bytes",
        [BB_SUM_BYTES_SCALED] = "bytes scaled",
        [BB_SUM_BITS_REAL] = "bits x float",
        [BB_SUM_REAL] = "float",
        [BB_SUM_POOL_BITS] = "pool bits",
        [BB_SUM_POOL_REAL] = "pool float",
        [BB_SUM_MAX_REAL] = "max float",
        [BB_SUM_JOIN_BITS] = "join bits",
        [BB_SUM_JOIN_REAL] = "join float",
    };
    static const char *const emits[] = {
        [BB_EMIT_BITS] = "bits", [BB_EMIT_REAL] = "real", [BB_EMIT_BOTH] = "real, bits"};
    const bb_stage *stage = &plan->stages[index];
    const bb_stage_descriptor *d = &stage->descriptor;
    *out = (bb_stage_info){
        .name = stage->name,
        .sum = sums[d->sum],
        .emit = emits[d->emit],
        .in_shape = {d->in_channels, d->in_h, d->in_w},
        .kernel = {d->kernel_h, d->kernel_w},
        .step = {d->step_h, d->step_w},
        .pool = {d->pool_h, d->pool_w},
        .out_shape = {d->out_channels, d->out_h, d->out_w},
        .n_draws = d->n_draws,
        .n_border_classes = d->n_row_classes * d->n_column_classes,
        .n_sites = stage->n_sites,
        .sites = stage->sites,
        .masked = d->masked != 0,
        .input = stage->input,
        .second = d->second ? stage->second : BB_NO_INDEX,
        .has_second = d->second != 0,
        .groups = d->groups,
        .dilation = {d->dilation_h, d->dilation_w},
        .weight_bytes = stage->weight_bytes,
        .bank_bytes = stage->n_bank_entries * sizeof(*stage->bank),
        .slot_bytes = (uint64_t)d->out_stride * 8,
    };
    count_operations(d, out);
}

void bb_plan_site(const bb_plan *plan, uint32_t index, bb_site_info *out)
{
    static const char *const kinds[] = {
        [BB_SITE_DROP] = "drop", [BB_SITE_MEMBER] = "member", [BB_SITE_MASK] = "mask"};
    const bb_site *site = &plan->sites[index];
    *out = (bb_site_info){.name = site->name,
                          .kind = kinds[site->kind],
                          .p = (double)site->p,
                          .n_draws = site->n_draws,
                          .n_elements = site->n_elements,
                          .first_stage = BB_NO_INDEX};
    for (uint32_t s = 0; s < plan->n_stages && out->first_stage == BB_NO_INDEX; s++)
        for (uint32_t i = 0; i < plan->stages[s].n_sites; i++)
            if (plan->stages[s].sites[i] == index)
                out->first_stage = s;
}

size_t bb_plan_row_bytes(const bb_plan *plan, size_t *site_offset)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < plan->n_sites; i++) {
        if (site_offset)
            site_offset[i] = bytes;
        bytes +=
            plan->sites[i].kind == BB_SITE_MASK ? bb_divide_up(plan->sites[i].n_elements, 8) : 1;
    }
    return bytes;
}

bool bb_plan_reads(const bb_plan *plan, uint32_t s, uint32_t t)
{
    const bb_stage *stage = &plan->stages[s];
    return stage->input == t || (stage->descriptor.second && stage->second == t);
}

uint32_t bb_plan_last_use(const bb_plan *plan, uint32_t s)
{
    uint32_t last = s;
    for (uint32_t t = s + 1; t < plan->n_stages; t++)
        if (bb_plan_reads(plan, t, s))
            last = t;
    return last;
}
