/* SPDX-License-Identifier: MIT */
/* Computed, not simulated: cycles of VGG-Small (CIFAR-10) and LFC (MNIST) by the model in model.c,
 * one image, one pass, memory of 20 clocks' latency. Weights are read again for every image here; with
 * n images in a work list that part is shared by them. */
#include "fpga/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct layer {
    uint32_t side, in_channels, kernel, out_channels, pool;
} layer;

static const layer vgg_small[] = {
    {32, 3, 3, 128, 1},   {32, 128, 3, 128, 2}, {16, 128, 3, 256, 1}, {16, 256, 3, 256, 2},
    {8, 256, 3, 512, 1},  {8, 512, 3, 512, 2},  {4, 512, 4, 10, 1},
};
static const layer lfc[] = {
    {28, 1, 28, 1024, 1}, {1, 1024, 1, 1024, 1}, {1, 1024, 1, 1024, 1}, {1, 1024, 1, 10, 1},
};

static bb_stage_descriptor describe(const layer *l, bool first, bool last)
{
    const bool dense = l->kernel == l->side;
    const uint32_t sum = dense ? 1 : l->side, out = sum / l->pool;
    bb_stage_descriptor d = {
        .sum = first ? BB_SUM_BYTES : BB_SUM_BITS, .emit = last ? BB_FPGA_EMIT_SUMS : BB_EMIT_BITS,
        .in_type = first ? BB_TYPE_BYTES : BB_TYPE_BITS, .in_channels = l->in_channels,
        .in_h = l->side, .in_w = l->side, .in_words = first ? 0 : (l->in_channels + 63) / 64,
        .kernel_h = l->kernel, .kernel_w = l->kernel, .step_h = 1, .step_w = 1, .dilation_h = 1,
        .dilation_w = 1, .groups = 1, .pad_top = dense ? 0 : l->kernel / 2,
        .pad_left = dense ? 0 : l->kernel / 2, .sum_h = sum, .sum_w = sum,
        .out_channels = l->out_channels, .pool_h = l->pool, .pool_w = l->pool,
        .pool_step_h = l->pool, .pool_step_w = l->pool, .out_h = out, .out_w = out,
        .out_words = last ? 0 : (l->out_channels + 63) / 64, .n_draws = 1, .n_row_classes = 1,
        .n_column_classes = 1,
    };
    d.in_stride = first ? (l->side * l->side * l->in_channels + 7) / 8
                        : l->side * l->side * d.in_words;
    d.out_stride = last ? (l->out_channels + 1) / 2 : out * out * d.out_words;
    return d;
}

static int print_network(const char *name, const layer *layers, uint32_t n, const bb_fpga_engine *e)
{
    uint64_t arena[64 * 8 + 8] = {0};
    const uint32_t list_at = 64 * 8; /* one entry: input 0, no mask, output 0 */
    const uint32_t entry[] = {0, BB_NONE, 0};
    memcpy(arena + list_at, entry, sizeof(entry));
    for (uint32_t i = 0; i < n; i++) {
        const bb_stage_descriptor d = describe(&layers[i], i == 0, i + 1 == n);
        const uint32_t refusal = bb_fpga_refusal(e, &d);
        bb_fpga_call call;
        if (refusal) {
            printf("%s at PE %u, SIMD %u: layer %u: %s\n", name, e->pe, e->simd, i,
                   bb_fpga_error_text(refusal));
            return 1;
        }
        bb_fpga_fill_call(&call, e, &d);
        call.n_entries = 1;
        call.list = list_at;
        memcpy(arena + i * sizeof(call) / 8, &call, sizeof(call));
    }
    bb_fpga_cost cost;
    bb_fpga_cycles(e, arena, 0, n, 20, &cost);
    printf("| %s | %u | %u | %llu | %llu | %llu | %.1f | %.1f |\n", name, e->pe, e->simd,
           (unsigned long long)cost.cycles, (unsigned long long)cost.compute,
           (unsigned long long)cost.weights, (double)cost.bytes_read / 1024, 1e8 / (double)cost.cycles);
    return 0;
}

int main(void)
{
    static const uint32_t folds[][2] = {{4, 32}, {8, 64}, {16, 64}, {32, 64}};
    int status = 0;
    printf("| network | PE | SIMD | cycles | of these computing | loading weights | KiB read "
           "| images/s at 100 MHz |\n"
           "| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < sizeof(folds) / sizeof(folds[0]); i++) {
        const uint32_t pe = folds[i][0], simd = folds[i][1];
        const bb_fpga_engine e = {pe, simd, 512, 64 / pe * 9 * 512 / simd, 8192, 256, 32, 4, 128};
        status |= print_network("VGG-Small", vgg_small, 7, &e);
        status |= print_network("LFC", lfc, 4, &e);
    }
    return status;
}
