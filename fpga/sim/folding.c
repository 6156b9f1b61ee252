/* SPDX-License-Identifier: MIT */
/*
 * VGG-Small (CIFAR-10) and LFC (MNIST) with random weights, one image, one pass, memory of 20
 * clocks' latency: the cycles of the engine beside those of the model in model.c, every stage
 * beside the reference. Built by folding.sh with the Verilated engine; with -DMODEL_ONLY for the
 * model alone, at any folding: folding PE SIMD WINDOW WEIGHTS INPUT MASKS ROWS DRAWS BORDER.
 */
#include "fpga/model.h"
#include "folding.h"
#include "reference/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATENCY 20 /* of the memory in folding.cpp */

typedef struct layer {
    uint32_t side, in_channels, kernel, out_channels, pool;
} layer;

static const layer vgg_small[] = {
    {32, 3, 3, 128, 1},  {32, 128, 3, 128, 2}, {16, 128, 3, 256, 1}, {16, 256, 3, 256, 2},
    {8, 256, 3, 512, 1}, {8, 512, 3, 512, 2},  {4, 512, 4, 10, 1},
};
static const layer lfc[] = {
    {28, 1, 28, 1024, 1},
    {1, 1024, 1, 1024, 1},
    {1, 1024, 1, 1024, 1},
    {1, 1024, 1, 10, 1},
};
enum { MAX_LAYERS = 7 };

/* The arena, and where the parts of each layer lie in it, in 64-bit words. */
typedef struct arena {
    uint64_t *words;
    size_t n, capacity;
    uint64_t random;
} arena;

static uint32_t place(arena *a, size_t n)
{
    const size_t at = a->n;
    a->n += n;
    while (a->n > a->capacity) {
        a->capacity = a->capacity ? a->capacity * 2 : 1 << 16;
        a->words = realloc(a->words, a->capacity * 8);
        if (!a->words)
            exit(1);
    }
    memset(a->words + at, 0, n * 8);
    return (uint32_t)at;
}

static uint64_t next_random(arena *a)
{
    a->random ^= a->random << 13;
    a->random ^= a->random >> 7;
    a->random ^= a->random << 17;
    return a->random;
}

static bb_stage_descriptor describe(const layer *l, bool first, bool last)
{
    const bool dense = l->kernel == l->side;
    const uint32_t sum = dense ? 1 : l->side, out = sum / l->pool;
    bb_stage_descriptor d = {
        .sum = first ? BB_SUM_BYTES : BB_SUM_BITS,
        .emit = last ? BB_EMIT_REAL : BB_EMIT_BITS,
        .in_type = first ? BB_TYPE_BYTES : BB_TYPE_BITS,
        .in_channels = l->in_channels,
        .in_h = l->side,
        .in_w = l->side,
        .in_words = first ? 0 : (l->in_channels + 63) / 64,
        .kernel_h = l->kernel,
        .kernel_w = l->kernel,
        .step_h = 1,
        .step_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
        .groups = 1,
        .pad_top = dense ? 0 : l->kernel / 2,
        .pad_left = dense ? 0 : l->kernel / 2,
        .sum_h = sum,
        .sum_w = sum,
        .out_channels = l->out_channels,
        .pool_h = l->pool,
        .pool_w = l->pool,
        .pool_step_h = l->pool,
        .pool_step_w = l->pool,
        .out_h = out,
        .out_w = out,
        .out_words = last ? 0 : (l->out_channels + 63) / 64,
        .n_draws = 1,
        .n_row_classes = 1,
        .n_column_classes = 1,
    };
    d.in_stride =
        first ? (l->side * l->side * l->in_channels + 7) / 8 : l->side * l->side * d.in_words;
    d.out_stride = last ? (l->out_channels + 1) / 2 : out * out * d.out_words;
    return d;
}

/* Random weights as kernels/shared.h has them. All channels here are multiples of 64, or bytes. */
static void *make_weights(arena *a, const bb_stage_descriptor *d)
{
    const bool bytes = d->sum == BB_SUM_BYTES;
    const size_t n = (size_t)d->out_channels * d->kernel_h * d->kernel_w *
                     (bytes ? d->in_channels : d->in_words);
    int8_t *signs = calloc(n, bytes ? 1 : 8);
    if (!signs)
        exit(1);
    for (size_t i = 0; i < n; i++)
        if (bytes)
            signs[i] = next_random(a) >> 40 & 1 ? 1 : -1;
        else
            ((uint64_t *)signs)[i] = next_random(a);
    return signs;
}

static bb_bank_entry *make_bank(arena *a, const bb_stage_descriptor *d)
{
    const uint32_t spread = d->sum == BB_SUM_BYTES ? 2000 : 32;
    const float one = 1;
    bb_bank_entry *bank = calloc(d->out_channels, sizeof(*bank));
    if (!bank)
        exit(1);
    for (uint32_t c = 0; c < d->out_channels; c++)
        if (d->emit == BB_EMIT_REAL)
            memcpy(&bank[c].a, &one, sizeof(one)); /* the head's affine: the sum itself */
        else
            bank[c] = (bb_bank_entry){(uint32_t)(next_random(a) >> 32) % spread - spread / 2,
                                      (uint32_t)(next_random(a) >> 32) & BB_FLIP};
    return bank;
}

/* Fills the call of one layer and its operands; 0, or why the engine refuses it. */
static uint32_t lay_out(arena *a, const bb_fpga_engine *e, bb_stage *stage, bb_fpga_call *call,
                        uint32_t input, uint32_t list)
{
    bb_stage_descriptor d = stage->descriptor;
    if (d.emit == BB_EMIT_REAL)
        d.emit = BB_FPGA_EMIT_SUMS;
    const uint32_t refusal = bb_fpga_refusal(e, &d);
    if (refusal)
        return refusal;
    bb_fpga_fill_call(call, e, &d);
    stage->weights = make_weights(a, &d);
    stage->bank = make_bank(a, &stage->descriptor);
    call->n_entries = 1;
    call->list = list;
    call->input = input;
    call->weights = place(a, bb_fpga_weight_words(&d));
    bb_fpga_pack_weights(a->words + call->weights, stage);
    call->bank = place(a, d.out_channels);
    memcpy(a->words + call->bank, stage->bank, d.out_channels * sizeof(bb_bank_entry));
    call->output = place(a, d.out_stride);
    return 0;
}

#ifndef MODEL_ONLY
/* Stages whose output is not the reference's. */
static uint32_t count_wrong(const arena *a, const bb_stage *stages, const bb_fpga_call *calls,
                            uint32_t n)
{
    uint32_t n_wrong = 0;
    const uint32_t entry[] = {0, BB_NONE, 0};
    const bb_stage_work work = {.list = entry, .n_entries = 1, .n_outputs = 1};
    for (uint32_t i = 0; i < n; i++) {
        const bb_stage_descriptor *d = &stages[i].descriptor;
        const uint64_t *found = a->words + calls[i].output;
        uint64_t *expected = calloc(d->out_stride, 8);
        if (!expected)
            exit(1);
        bb_reference_stage(&stages[i], &work, a->words + calls[i].input, NULL, expected);
        bool same = true;
        for (uint32_t k = 0; d->emit == BB_EMIT_REAL && k < d->out_channels; k++)
            same = same && ((const float *)expected)[k] == (float)((const int32_t *)found)[k];
        if (d->emit != BB_EMIT_REAL)
            same = memcmp(found, expected, d->out_stride * 8) == 0;
        n_wrong += !same;
        free(expected);
    }
    return n_wrong;
}
#endif

/* Prints: network, PE, SIMD, cycles simulated or -, by the model, of these computing, loading
 * weights, bytes read, operations. */
static int run_network(const char *name, const layer *layers, uint32_t n, const bb_fpga_engine *e)
{
    arena a = {.random = 2026};
    bb_stage stages[MAX_LAYERS] = {0};
    bb_fpga_call calls[MAX_LAYERS];
    double operations = 0;
    const uint32_t entry[] = {0, BB_NONE, 0}; /* input 0, no mask, output 0 */
    const uint32_t list = place(&a, 2);
    memcpy(a.words + list, entry, sizeof(entry));
    uint32_t input = 0;
    for (uint32_t i = 0; i < n; i++) {
        const bb_stage_descriptor d = describe(&layers[i], i == 0, i + 1 == n);
        stages[i].descriptor = d;
        if (i == 0) {
            input = place(&a, d.in_stride);
            for (uint32_t k = 0; k < d.in_stride; k++)
                a.words[input + k] = next_random(&a);
        }
        const uint32_t refusal = lay_out(&a, e, &stages[i], &calls[i], input, list);
        if (refusal) {
            printf("%s at PE %u, SIMD %u: layer %u: %s\n", name, e->pe, e->simd, i,
                   bb_fpga_error_text(refusal));
            return 1;
        }
        input = calls[i].output;
        operations +=
            2.0 * d.sum_h * d.sum_w * d.out_channels * d.kernel_h * d.kernel_w * d.in_channels;
    }
    a.n = (a.n + 511) / 512 * 512;
    const uint32_t at = place(&a, n * sizeof(*calls) / 8);
    memcpy(a.words + at, calls, n * sizeof(*calls));
    bb_fpga_cost cost;
    bb_fpga_cycles(e, a.words, at, n, LATENCY, &cost);
    int status = 0;
    char simulated[32] = "-";
#ifndef MODEL_ONLY
    uint64_t cycles = 0;
    const uint32_t error = folding_run(a.words, a.n, at, n, &cycles);
    const uint32_t n_wrong = error ? n : count_wrong(&a, stages, calls, n);
    if (n_wrong || cycles != cost.cycles) {
        printf("%s: %s, %u stages differ from the reference, %llu cycles, %llu by the model\n",
               name, error ? bb_fpga_error_text(error) : "no error", n_wrong,
               (unsigned long long)cycles, (unsigned long long)cost.cycles);
        status = 1;
    }
    snprintf(simulated, sizeof(simulated), "%llu", (unsigned long long)cycles);
#endif
    printf("%s %u %u %s %llu %llu %llu %llu %.0f\n", name, e->pe, e->simd, simulated,
           (unsigned long long)cost.cycles, (unsigned long long)cost.compute,
           (unsigned long long)cost.weights, (unsigned long long)cost.bytes_read, operations);
    for (uint32_t i = 0; i < n; i++) {
        free(stages[i].weights);
        free(stages[i].bank);
    }
    free(a.words);
    return status;
}

int folding_main(int argc, char **argv)
{
    uint32_t values[9];
    bb_fpga_engine e;
#ifdef MODEL_ONLY
    if (argc != 10) {
        fprintf(stderr, "usage: folding PE SIMD WINDOW WEIGHTS INPUT MASKS ROWS DRAWS BORDER\n");
        return 2;
    }
    for (int i = 0; i < 9; i++)
        values[i] = (uint32_t)strtoul(argv[i + 1], NULL, 0);
#else
    (void)argc;
    (void)argv;
    folding_parameters(values);
#endif
    memcpy(&e, values, sizeof(e));
    return run_network("VGG-Small", vgg_small, 7, &e) | run_network("LFC", lfc, 4, &e);
}

#ifdef MODEL_ONLY
int main(int argc, char **argv)
{
    return folding_main(argc, argv);
}
#endif
