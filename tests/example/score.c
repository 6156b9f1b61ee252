/* SPDX-License-Identifier: MIT */
/*
 * A small client of the library: class and uncertainty of each image of a data set.
 *
 *     cc score.c $(pkg-config --cflags --libs bitbayes) -o score
 *     ./score model.onnx images.npy [DEVICE]
 */
#include <bitbayes/data.h>
#include <bitbayes/engine.h>
#include <bitbayes/statistics.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct scorer {
    bb_context *context;
    bb_graph *graph;
    bb_plan *plan;
    bb_engine *engine;
    bb_dataset *data;
    bb_sampling sampling;
} scorer;

static bb_status prepare(scorer *s, const char *model, const char *images, const char *device)
{
    uint32_t shape[3];
    bb_status status = bb_context_create(&s->context, NULL);
    if (status == BB_OK)
        status = bb_graph_load(&s->graph, s->context, model);
    if (status != BB_OK)
        return status;
    bb_graph_input_shape(s->graph, shape);
    status = bb_dataset_open(&s->data, s->context, images, shape);
    if (status != BB_OK)
        return status;
    const bb_fold_options fold = {
        .input_type = bb_dataset_type(s->data) == BB_DATA_U8 ? BB_INPUT_BYTES : BB_INPUT_FLOATS,
    };
    status = bb_plan_fold(&s->plan, s->context, s->graph, &fold);
    const bb_engine_options options = {.device = device}; /* NULL: the first OpenCL device */
    if (status == BB_OK)
        status = bb_engine_create(&s->engine, s->context, s->plan, &options);
    s->sampling = bb_sampling_default(); /* 20 passes, seed 0 */
    return status;
}

/* One input at a time, for brevity; real clients hand bb_engine_batch() inputs over. */
static bb_status score_input(scorer *s, uint64_t index, void *input, double *mean)
{
    const uint32_t classes = bb_plan_class_count(s->plan);
    bb_status status = bb_dataset_read(s->data, index, 1, input);
    if (status == BB_OK)
        status = bb_engine_run(s->engine, input, index, 1, &s->sampling);
    if (status != BB_OK)
        return status;
    bb_leaves leaves;
    bb_engine_leaves(s->engine, 0, &leaves);
    double *scratch = malloc(bb_predict_scratch(leaves.n_leaves, classes) * sizeof(*scratch));
    bb_prediction p;
    status = scratch
                 ? bb_predict(&p, mean, s->context, &leaves, classes, index, BB_NO_LABEL, scratch)
                 : BB_MEMORY;
    free(scratch);
    if (status == BB_OK)
        printf("%" PRIu64 "\t%s\t%.4f\t%.4f nats\n", index,
               bb_graph_class_name(s->graph, p.top_class), p.probability, p.predictive_entropy);
    return status;
}

static bb_status score_all(scorer *s)
{
    void *input = malloc(bb_dataset_input_size(s->data));
    double *mean = malloc(bb_plan_class_count(s->plan) * sizeof(*mean));
    bb_status status = input && mean ? BB_OK : BB_MEMORY;
    for (uint64_t i = 0; status == BB_OK && i < bb_dataset_count(s->data); i++)
        status = score_input(s, i, input, mean);
    free(input);
    free(mean);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: score MODEL IMAGES [DEVICE]\n");
        return 2;
    }
    scorer s = {0};
    bb_status status = prepare(&s, argv[1], argv[2], argc > 3 ? argv[3] : NULL);
    if (status == BB_OK)
        status = score_all(&s);
    if (status != BB_OK)
        fprintf(stderr, "score: %s\n", s.context ? bb_context_error(s.context) : "out of memory");
    bb_engine_free(s.engine);
    bb_plan_free(s.plan);
    bb_dataset_free(s.data);
    bb_graph_free(s.graph);
    bb_context_free(s.context);
    return bb_status_exit_code(status);
}
