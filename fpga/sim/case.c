/* SPDX-License-Identifier: MIT */
/* Random runs of the engine; stages and work come from tests/check/stages.c. */
#include "case.h"

#include "check/stages.h"
#include "board/driver.h"
#include "fpga/model.h"
#include "reference/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct one_call {
    bb_stage stage;
    check_work work;
    bool sums;
    uint32_t n_inputs;
} one_call;

/* Lays things out behind each other in both arenas. */
typedef struct arena {
    fpga_case *run;
    size_t at, capacity;
} arena;

static uint32_t place(arena *a, const void *words, size_t bytes)
{
    const size_t n = (bytes + 7) / 8, at = a->at;
    a->at += n;
    if (a->at > a->capacity) {
        a->capacity = a->at * 2;
        a->run->arena = realloc(a->run->arena, a->capacity * 8);
        if (!a->run->arena)
            abort();
    }
    memset(a->run->arena + at, 0, n * 8);
    if (words && bytes)
        memcpy(a->run->arena + at, words, bytes);
    return (uint32_t)at;
}

static uint32_t between(check_random *random, uint32_t low, uint32_t high)
{
    return low + check_below(random, high - low + 1);
}

static check_shape draw_shape(check_random *random, uint32_t size)
{
    static const uint32_t kernels[] = {3, 3, 3, 3, 1, 1, 2, 5};
    const uint32_t largest = size ? 16 : 6;
    check_shape s = {.text = "random", .step = 1, .dilation = 1, .pool = 1, .pool_step = 1};
    s.height = between(random, 1, largest);
    s.width = between(random, 1, largest);
    if (check_below(random, 6) == 0) {
        s.dense = true;
        s.height = between(random, 1, size ? 7 : 3);
        s.width = between(random, 1, size ? 7 : 3);
        return s;
    }
    s.kernel_h = kernels[check_below(random, 8)];
    s.kernel_w = check_below(random, 8) ? s.kernel_h : kernels[check_below(random, 8)];
    const uint32_t kernel = s.kernel_h > s.kernel_w ? s.kernel_h : s.kernel_w;
    s.pad = check_below(random, kernel / 2 + 1);
    if (check_below(random, 3) && kernel > 1)
        s.pad = kernel / 2;
    s.step = check_below(random, 4) ? 1 : 2;
    s.height = s.height + 2 * s.pad < kernel ? kernel : s.height;
    s.width = s.width + 2 * s.pad < kernel ? kernel : s.width;
    const uint32_t smaller = s.height < s.width ? s.height : s.width;
    const uint32_t sum_side = (smaller + 2 * s.pad - kernel) / s.step + 1;
    if (sum_side >= 2 && check_below(random, 2)) {
        s.pool = sum_side >= 3 && check_below(random, 3) == 0 ? 3 : 2;
        s.pool_step = between(random, 1, s.pool);
        s.pool_pad = check_below(random, 4) == 0 ? 1 : 0;
    }
    return s;
}

static void draw_stage(one_call *c, check_random *random, const fpga_parameters *engine,
                       uint32_t size)
{
    const check_shape shape = draw_shape(random, size);
    const bool bytes = check_below(random, 4) == 0;
    c->sums = check_below(random, 6) == 0;
    const uint32_t in_channels =
        bytes ? between(random, 1, 4) : between(random, 1, size ? 140 : 70);
    const uint32_t out_channels = between(random, 1, size ? 150 : 70);
    const uint32_t n_draws = c->sums ? 1 : between(random, 1, engine->draws);
    const uint32_t mask = bytes || check_below(random, 2) ? 0 : between(random, 1, 2);
    const bool classes = shape.pad && !c->sums && check_below(random, 3) == 0;
    check_stage_make(&c->stage, random, bytes ? BB_SUM_BYTES : BB_SUM_BITS,
                     c->sums ? BB_EMIT_REAL : BB_EMIT_BITS, &shape, in_channels, out_channels,
                     n_draws, &(check_parts){.mask = mask, .classes = classes}, 0);
    if (bytes)
        for (size_t i = 0; i < c->stage.n_bank_entries; i++) { /* thresholds over the whole range */
            const uint32_t fan_in = c->stage.descriptor.kernel_h * c->stage.descriptor.kernel_w;
            if (!c->sums && check_below(random, 4))
                c->stage.bank[i].a = check_below(random, fan_in * 300 + 1) - fan_in * 150;
        }
}

static bb_stage_descriptor for_engine(const one_call *c)
{
    bb_stage_descriptor d = c->stage.descriptor;
    if (c->sums)
        d.emit = BB_FPGA_EMIT_SUMS;
    return d;
}

/* Descriptors that are refused, from one that is not. */
static void spoil(bb_fpga_call *call, uint32_t error)
{
    bb_stage_descriptor *d = &call->stage;
    switch (error) {
    case BB_FPGA_ERROR_MAGIC:
        call->magic ^= 4;
        break;
    case BB_FPGA_ERROR_SUM:
        d->sum = BB_SUM_REAL;
        break;
    case BB_FPGA_ERROR_EMIT:
        d->emit = BB_EMIT_REAL;
        break;
    case BB_FPGA_ERROR_SECOND:
        d->second = 1;
        break;
    case BB_FPGA_ERROR_GROUPS:
        d->groups = 2;
        break;
    case BB_FPGA_ERROR_DILATION:
        d->dilation_w = 2;
        break;
    case BB_FPGA_ERROR_DRAWS:
        d->n_draws = 300;
        break;
    case BB_FPGA_ERROR_TYPE:
        d->in_type = BB_TYPE_REAL;
        break;
    case BB_FPGA_ERROR_MASK:
        d->sum = BB_SUM_BYTES;
        d->in_type = BB_TYPE_BYTES;
        d->masked = 1;
        break;
    case BB_FPGA_ERROR_POOL:
        d->emit = BB_FPGA_EMIT_SUMS;
        d->n_draws = 1;
        d->pool_h = 2;
        break;
    case BB_FPGA_ERROR_WINDOW:
        call->chunks = 60000;
        break;
    case BB_FPGA_ERROR_ROWS:
        call->n_rows = 9999;
        break;
    case BB_FPGA_ERROR_BORDER:
        d->emit = BB_EMIT_BITS;
        d->n_row_classes = 2;
        d->sum_h = 500;
        break;
    default:
        break;
    }
}

/* Whether a call that is to end with this error must be found, not spoiled. */
static bool is_capacity(uint32_t error)
{
    return error == BB_FPGA_ERROR_WEIGHTS || error == BB_FPGA_ERROR_INPUT ||
           error == BB_FPGA_ERROR_MASKS;
}

/* i32 sums where the engine writes them: the reference with gain 1 and offset 0. */
static void expect_sums(const one_call *c, const uint64_t *inputs, uint64_t *output)
{
    bb_stage plain = c->stage;
    const bb_stage_descriptor *d = &plain.descriptor;
    bb_bank_entry *bank = malloc(plain.n_bank_entries * sizeof(*bank));
    uint64_t *reals = calloc((size_t)c->work.work.n_outputs * d->out_stride, 8);
    if (!bank || !reals)
        abort();
    for (size_t i = 0; i < plain.n_bank_entries; i++)
        bank[i] = (bb_bank_entry){0x3f800000u, 0};
    plain.bank = bank;
    bb_reference_stage(&plain, &c->work.work, inputs, NULL, reals);
    for (uint32_t i = 0; i < c->work.work.n_entries; i++) {
        const uint32_t slot = c->work.list[i * 3 + BB_ENTRY_OUTPUT];
        if (slot == BB_NONE)
            continue;
        const float *from = (const float *)(reals + (size_t)slot * d->out_stride);
        int32_t *to = (int32_t *)(output + (size_t)slot * d->out_stride);
        for (size_t k = 0; k < (size_t)d->out_h * d->out_w * d->out_channels; k++)
            to[k] = (int32_t)from[k];
    }
    free(bank);
    free(reals);
}

static size_t output_bits(const one_call *c)
{
    const bb_stage_descriptor *d = &c->stage.descriptor;
    size_t n = 0;
    for (uint32_t i = 0; i < c->work.work.n_entries; i++)
        for (uint32_t draw = 0; draw < d->n_draws; draw++)
            n += c->work.list[i * BB_ENTRY_WORDS(d) + BB_ENTRY_OUTPUT + draw] != BB_NONE;
    return n * d->out_h * d->out_w * d->out_channels;
}

static void lay_out(arena *a, bb_fpga_call *call, const one_call *c, check_random *random)
{
    const bb_stage_descriptor *d = &c->stage.descriptor;
    const size_t n_weights = bb_fpga_weight_words(d);
    call->weights = place(a, NULL, n_weights * 8);
    bb_fpga_pack_weights(a->run->arena + call->weights, &c->stage);
    call->bank = place(a, c->stage.bank, c->stage.n_bank_entries * sizeof(*c->stage.bank));
    if (c->stage.border) {
        call->border = place(a, NULL, (d->sum_h + d->sum_w) * sizeof(uint32_t));
        bb_fpga_pack_border((uint32_t *)(a->run->arena + call->border), &c->stage);
    }
    call->n_entries = c->work.work.n_entries;
    call->list = place(a, c->work.list, (size_t)call->n_entries * BB_ENTRY_WORDS(d) * 4);
    if (c->work.masks)
        call->masks = place(a, c->work.masks, (size_t)c->work.work.n_masks * call->mask_words * 8);
    call->input = place(a, NULL, (size_t)c->n_inputs * d->in_stride * 8);
    check_inputs_fill(random, d, a->run->arena + call->input, c->n_inputs);
    call->output = place(a, NULL, (size_t)c->work.work.n_outputs * d->out_stride * 8);
    for (size_t i = call->output; i < a->at; i++)
        a->run->arena[i] = check_next(random);
}

static void expect(fpga_case *run, const bb_fpga_call *call, const one_call *c)
{
    const uint64_t *inputs = run->arena + call->input;
    if (c->sums)
        expect_sums(c, inputs, run->expected + call->output);
    else
        bb_reference_stage(&c->stage, &c->work.work, inputs, NULL, run->expected + call->output);
    run->n_bits += output_bits(c);
}

static void describe(char *text, size_t size, const bb_fpga_call *call, const one_call *c)
{
    const bb_stage_descriptor *d = &c->stage.descriptor;
    snprintf(
        text, size,
        "%s %ux%ux%u kernel %ux%u step %u pad %u pool %u/%u-%u to %ux%ux%u, %u draws, mask %u, "
        "classes %ux%u, %u entries%s",
        d->sum == BB_SUM_BYTES ? "bytes" : "bits", d->in_h, d->in_w, d->in_channels, d->kernel_h,
        d->kernel_w, d->step_h, d->pad_top, d->pool_h, d->pool_step_h, d->pool_top, d->out_h,
        d->out_w, d->out_channels, d->n_draws, d->masked + d->mask_per_element, d->n_row_classes,
        d->n_column_classes, call->n_entries, c->sums ? ", sums" : "");
}

void fpga_case_make(fpga_case *out, const fpga_parameters *parameters, uint64_t seed, uint32_t size,
                    uint32_t kind, uint32_t latency)
{
    bb_fpga_engine engine;
    memcpy(&engine, parameters, sizeof(engine));
    check_random random = {seed};
    one_call made[FPGA_CASE_CALLS];
    *out = (fpga_case){0};
    arena a = {.run = out};
    place(&a, NULL, between(&random, 1, 600) * 8);
    out->n_calls = 1 + check_below(&random, size ? 2 : FPGA_CASE_CALLS);
    out->calls = place(&a, NULL, out->n_calls * sizeof(bb_fpga_call));
    for (uint32_t i = 0; i < out->n_calls; i++) {
        bb_fpga_call call;
        bb_stage_descriptor d;
        one_call *c = &made[i];
        const bool last = i + 1 == out->n_calls;
        const uint32_t sought = last && is_capacity(kind) ? kind : 0;
        uint32_t refused;
        for (uint32_t n_tries = 0;; n_tries++) {
            memset(c, 0, sizeof(*c));
            draw_stage(c, &random, parameters, size);
            d = for_engine(c);
            refused = bb_fpga_refusal(&engine, &d);
            if (refused == sought || (!refused && n_tries > 3000))
                break;
            check_stage_free(&c->stage);
        }
        c->n_inputs = between(&random, 1, 3);
        check_work_make(&c->work, &random, &c->stage, between(&random, 1, 3), c->n_inputs, 0);
        for (uint32_t k = 0; refused == BB_FPGA_ERROR_MASKS && k < c->work.work.n_entries; k++)
            c->work.list[k * BB_ENTRY_WORDS(&d) + BB_ENTRY_MASK] = 0; /* at once, not later */
        bb_fpga_fill_call(&call, &engine, &d);
        lay_out(&a, &call, c, &random);
        if (last && kind && !is_capacity(kind)) {
            spoil(&call, kind);
            refused = kind;
        }
        out->error = refused;
        memcpy(out->arena + out->calls + i * sizeof(call) / 8, &call, sizeof(call));
        describe(out->text[i], sizeof(out->text[i]), &call, c);
    }
    out->n_words = a.at;
    out->error_call = out->error ? out->n_calls - 1 : out->n_calls;
    out->expected = malloc(out->n_words * 8);
    if (!out->expected)
        abort();
    memcpy(out->expected, out->arena, out->n_words * 8);
    for (uint32_t i = 0; i < out->n_calls; i++) {
        bb_fpga_call call;
        memcpy(&call, out->arena + out->calls + i * sizeof(call) / 8, sizeof(call));
        if (i < out->error_call)
            expect(out, &call, &made[i]);
        check_stage_free(&made[i].stage);
        check_work_free(&made[i].work);
    }
    if (!out->error)
        out->cycles = bb_fpga_cycles(&engine, out->arena, out->calls, out->n_calls, latency, NULL);
}

void fpga_case_free(fpga_case *run)
{
    free(run->arena);
    free(run->expected);
    *run = (fpga_case){0};
}

const char *fpga_case_compare(const fpga_case *run, const uint64_t *actual)
{
    static char text[300];
    for (size_t i = 0; i < run->n_words; i++) {
        if (run->expected[i] == actual[i])
            continue;
        uint32_t owner = 0;
        bb_fpga_call call;
        for (uint32_t k = 0; k < run->n_calls; k++) {
            memcpy(&call, run->arena + run->calls + k * sizeof(call) / 8, sizeof(call));
            if (i >= call.output)
                owner = k;
        }
        memcpy(&call, run->arena + run->calls + owner * sizeof(call) / 8, sizeof(call));
        snprintf(text, sizeof(text),
                 "word %zu: found %016llx, expected %016llx (call %u, output word %lld, %s)", i,
                 (unsigned long long)actual[i], (unsigned long long)run->expected[i], owner,
                 (long long)i - call.output, run->text[owner]);
        return text;
    }
    return "";
}

const char *fpga_case_error(uint32_t code)
{
    return bb_fpga_error_text(code);
}
