/* SPDX-License-Identifier: MIT */
/*
 * The first images on an open board: board TTY BAUD MODEL IMAGES [COUNT [T]]. Every stage that
 * bb_small takes runs on the board, over COUNT images times T passes of random draws, and beside
 * the reference; the first difference ends the program with its stage, image, pixel and channel.
 * Other stages run on the host, and are named.
 */
#include "serial.h"

#include "reference/reference.h"
#include <bitbayes/data.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct passes {
    uint32_t count, samples; /* entry i: image i / samples */
    uint32_t n;
    uint64_t random;
} passes;

static void *get_memory(size_t bytes)
{
    void *memory = calloc(bytes + 8, 1);
    if (!memory) {
        fprintf(stderr, "board: no memory\n");
        exit(1);
    }
    return memory;
}

static uint64_t next_random(passes *p)
{
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return p->random >> 16;
}

/* Each entry: its input, a mask row of its own where the stage has masks, one draw of the bank. */
static bb_stage_work make_work(passes *p, const bb_stage_descriptor *d, bool over_images)
{
    const uint32_t words = BB_ENTRY_WORDS(d);
    const size_t row = (size_t)d->in_words * (d->mask_per_element ? d->in_h * d->in_w : 1);
    uint32_t *list = get_memory((size_t)p->n * words * sizeof(*list));
    uint64_t *masks = get_memory(d->masked ? p->n * row * sizeof(*masks) : 0);
    const uint32_t rest = d->in_channels % 64;
    for (size_t i = 0; d->masked && i < p->n * row; i++) {
        masks[i] = next_random(p) | next_random(p) << 32;
        if (i % d->in_words + 1 == d->in_words && rest)
            masks[i] &= ((uint64_t)1 << rest) - 1;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t *entry = list + (size_t)i * words;
        entry[BB_ENTRY_INPUT] = over_images ? i / p->samples : i;
        entry[BB_ENTRY_MASK] = d->masked ? i : BB_NONE;
        for (uint32_t draw = 0; draw < d->n_draws; draw++)
            entry[BB_ENTRY_OUTPUT + draw] = BB_NONE;
        entry[BB_ENTRY_OUTPUT + next_random(p) % d->n_draws] = i;
    }
    return (bb_stage_work){
        .list = list, .n_entries = p->n, .n_outputs = p->n, .masks = masks, .n_masks = p->n};
}

static float as_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* y = float(sum) * gain + offset over the list's draws: the host's part of a head. */
static void finish_sums(const bb_stage *stage, const bb_stage_work *work, const uint64_t *sums,
                        uint64_t *output)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    for (uint32_t i = 0; i < work->n_entries; i++) {
        const uint32_t *slots = work->list + (size_t)i * BB_ENTRY_WORDS(d) + BB_ENTRY_OUTPUT;
        const int32_t *from = (const int32_t *)(sums + (size_t)i * d->out_stride);
        float *to = (float *)(output + (size_t)i * d->out_stride);
        uint32_t draw = 0;
        while (slots[draw] == BB_NONE)
            draw++;
        for (size_t k = 0; k < (size_t)d->out_h * d->out_w * d->out_channels; k++) {
            const bb_bank_entry e = stage->bank[draw * d->out_channels + k % d->out_channels];
            const float scaled = (float)from[k] * as_float(e.a);
            to[k] = scaled + as_float(e.b);
        }
    }
}

/* The stage on the board; false: the line failed. */
static bool run_head(const bb_small_port *port, const bb_stage_descriptor *d, const bb_stage *stage,
                     const bb_stage_work *work, const uint64_t *input, uint64_t *output)
{
    uint64_t *sums = get_memory((size_t)work->n_entries * d->out_stride * 8);
    uint32_t *list = get_memory((size_t)work->n_entries * BB_ENTRY_WORDS(d) * sizeof(*list));
    for (uint32_t i = 0; i < work->n_entries; i++) {
        const uint32_t *from = work->list + (size_t)i * BB_ENTRY_WORDS(&stage->descriptor);
        memcpy(list + (size_t)i * BB_ENTRY_WORDS(d), from, 2 * sizeof(*list));
        list[(size_t)i * BB_ENTRY_WORDS(d) + BB_ENTRY_OUTPUT] = i;
    }
    bb_stage_work single = *work;
    single.list = list;
    const bool good = bb_small_stage(port, d, stage, &single, input, sums);
    finish_sums(stage, work, sums, output);
    free(list);
    free(sums);
    return good;
}

static bool same(const bb_stage *stage, uint32_t n, const uint64_t *found, const uint64_t *expected)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const bool bits = d->emit == BB_EMIT_BITS;
    for (size_t i = 0; i < (size_t)n * d->out_stride; i++) {
        if (found[i] == expected[i])
            continue;
        const size_t word = i % d->out_stride;
        const uint64_t differing = found[i] ^ expected[i];
        const size_t value = bits ? (word % d->out_words) * 64 + (size_t)__builtin_ctzll(differing)
                                  : word * 2 + !(uint32_t)differing;
        printf("stage %s, pass %zu, pixel %zu, channel %zu: board %016llx, reference %016llx\n",
               stage->name, i / d->out_stride, bits ? word / d->out_words : value / d->out_channels,
               bits ? value : value % d->out_channels, (unsigned long long)found[i],
               (unsigned long long)expected[i]);
        return false;
    }
    return true;
}

/* Output of the stage, checked; NULL: it differs or the line failed. */
static uint64_t *run_stage(passes *p, const bb_small_port *port, const bb_stage *stage,
                           const uint64_t *input)
{
    bb_stage_descriptor d = stage->descriptor;
    bb_stage_work work = make_work(p, &stage->descriptor, stage->input == BB_NO_INDEX);
    const size_t bytes = (size_t)p->n * d.out_stride * 8;
    uint64_t *expected = get_memory(bytes), *found = get_memory(bytes);
    bb_reference_stage(stage, &work, input, NULL, expected);
    if (d.emit == BB_EMIT_REAL) {
        d.emit = BB_FPGA_EMIT_SUMS;
        d.n_draws = 1;
    }
    const uint32_t refusal = bb_fpga_refusal(&bb_small_engine, &d);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    bool good = true;
    if (refusal)
        memcpy(found, expected, bytes);
    else if (d.emit == BB_FPGA_EMIT_SUMS)
        good = run_head(port, &d, stage, &work, input, found);
    else
        good = bb_small_stage(port, &d, stage, &work, input, found);
    clock_gettime(CLOCK_MONOTONIC, &end);
    good = good && same(stage, p->n, found, expected);
    if (good)
        printf("%s: %u passes %s%s", stage->name, p->n,
               refusal ? "on the host: " : "on the board: equal", bb_fpga_error_text(refusal));
    if (good && !refusal)
        printf(", %.1f s",
               (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9);
    printf("\n");
    fflush(stdout);
    free((void *)work.list);
    free((void *)work.masks);
    free(expected);
    if (good)
        return found;
    free(found);
    return NULL;
}

/* The class of each image: the largest mean logit. */
static void print_classes(const passes *p, const bb_stage *head, const uint64_t *output)
{
    const uint32_t n_classes = head->descriptor.out_channels;
    printf("classes of %u images over %u passes:", p->count, p->samples);
    for (uint32_t image = 0; image < p->count; image++) {
        uint32_t best = 0;
        float best_sum = 0;
        for (uint32_t c = 0; c < n_classes; c++) {
            float sum = 0;
            for (uint32_t t = 0; t < p->samples; t++)
                sum += ((const float *)(output + (size_t)(image * p->samples + t) *
                                                     head->descriptor.out_stride))[c];
            if (c == 0 || sum > best_sum) {
                best = c;
                best_sum = sum;
            }
        }
        printf(" %u", best);
    }
    printf("\n");
}

static bool run_plan(passes *p, const bb_small_port *port, const bb_plan *plan,
                     const uint64_t *images)
{
    uint64_t **outputs = get_memory(plan->n_stages * sizeof(*outputs));
    bool good = !plan->input_is_real;
    if (!good)
        printf("the first stage takes float images: not for a board\n");
    for (uint32_t s = 0; good && s < plan->n_stages; s++) {
        if (plan->stages[s].descriptor.second) {
            printf("stage %s reads two maps: not for this program\n", plan->stages[s].name);
            good = false;
            break;
        }
        const uint32_t from = plan->stages[s].input;
        outputs[s] =
            run_stage(p, port, &plan->stages[s], from == BB_NO_INDEX ? images : outputs[from]);
        good = outputs[s] != NULL;
    }
    if (good)
        print_classes(p, &plan->stages[plan->n_stages - 1], outputs[plan->n_stages - 1]);
    for (uint32_t s = 0; s < plan->n_stages; s++)
        free(outputs[s]);
    free(outputs);
    return good;
}

/* COUNT images as the plan's input slots. */
static uint64_t *read_images(const bb_plan *plan, bb_dataset *data, uint32_t count)
{
    if (bb_dataset_input_size(data) > (size_t)plan->input_stride * 8)
        return NULL;
    uint64_t *slots = get_memory((size_t)count * plan->input_stride * 8);
    for (uint32_t i = 0; i < count; i++)
        if (bb_dataset_read(data, i, 1, slots + (size_t)i * plan->input_stride)) {
            free(slots);
            return NULL;
        }
    return slots;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: board TTY BAUD MODEL IMAGES [COUNT [T]]\n");
        return 2;
    }
    passes p = {.count = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 0) : 10,
                .samples = argc > 6 ? (uint32_t)strtoul(argv[6], NULL, 0) : 20,
                .random = 2026};
    p.n = p.count * p.samples;
    bb_context *context = NULL;
    bb_graph *graph = NULL;
    bb_plan *plan = NULL;
    bb_dataset *data = NULL;
    uint64_t *images = NULL;
    bb_small_port port;
    uint32_t shape[3];
    bool good = bb_context_create(&context, NULL) == BB_OK &&
                bb_graph_load(&graph, context, argv[3]) == BB_OK &&
                bb_plan_fold(&plan, context, graph, NULL) == BB_OK;
    if (good) {
        bb_plan_input_shape(plan, shape);
        good = bb_dataset_open(&data, context, argv[4], shape) == BB_OK &&
               (images = read_images(plan, data, p.count)) != NULL;
    }
    if (!good)
        fprintf(stderr, "board: %s\n", context ? bb_context_error(context) : "no memory");
    good = good && bb_serial_open(&port, argv[1], (unsigned)strtoul(argv[2], NULL, 0));
    if (good) {
        good = run_plan(&p, &port, plan, images);
        bb_serial_close(&port);
    }
    free(images);
    bb_dataset_free(data);
    bb_plan_free(plan);
    bb_graph_free(graph);
    bb_context_free(context);
    return !good;
}
