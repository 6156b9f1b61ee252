/* SPDX-License-Identifier: MIT */
/* What the project set out to reach, and what the files of a run say about it. */
#ifndef BITBAYES_BENCH_TARGETS_H
#define BITBAYES_BENCH_TARGETS_H

#include "document.h"

/* X(name, step of bench/measure.sh, file in its folder) */
#define TARGET_FILE_LIST(X)                                                                        \
    X(KERNELS, "kernels", "kernels.json")                                                          \
    X(NARROW, "narrow", "narrow.json")                                                             \
    X(VGG, "vgg-small", "vgg-small.json")                                                          \
    X(RESNET, "resnet18-cifar", "resnet18-cifar.json")                                             \
    X(SMALL, "mnist-conv-scale", "mnist-conv-scale.json")                                          \
    X(PEERS, "peers", "peers.json")                                                                \
    X(MEMORY_ONE, "memory", "memory/one/summary.json")                                             \
    X(MEMORY_LIMITED, "memory", "memory/limited/summary.json")                                     \
    X(MEMORY_FREE, "memory", "memory/free/summary.json")                                           \
    X(MEMORY_COLD, "memory", "memory/cold/summary.json")                                           \
    X(MNIST, "mnist", "mnist/intervals1/summary.json")                                             \
    X(MNIST_SECOND, "mnist", "mnist/intervals2/summary.json")                                      \
    X(MNIST_THIRD, "mnist", "mnist/intervals3/summary.json")                                       \
    X(MNIST_BARE, "mnist", "mnist/bare/summary.json")

typedef enum target_file {
#define TARGET_FILE_ENUM(name, step, file) FILE_##name,
    TARGET_FILE_LIST(TARGET_FILE_ENUM)
#undef TARGET_FILE_ENUM
        N_TARGET_FILES
} target_file;

typedef enum target_verdict { TARGET_NOT_MEASURED, TARGET_MET, TARGET_MISSED } target_verdict;

/* What was found about one target. */
typedef struct finding {
    target_verdict verdict;
    char text[512]; /* the figures, or why there are none */
} finding;

typedef struct target_files {
    bb_context *context;
    const char *folder;
    cJSON *documents[N_TARGET_FILES]; /* NULL: absent, and the reason */
    char reasons[N_TARGET_FILES][256];
} target_files;

typedef struct target {
    const char *what, *at_least;
    void (*judge)(finding *out, const target_files *files);
} target;

extern const target targets[];
extern const size_t n_targets;

#endif
