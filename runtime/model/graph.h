/* SPDX-License-Identifier: MIT */
/*
 * The checked model between import and fold: a short list of nodes in topological order, every
 * shape known, constants as float32, random nodes gathered in sites. A node may be read by several
 * others, and every one but the last is read. Whatever spelling the exporter chose is gone here;
 * names stay, for messages.
 */
#ifndef BITBAYES_GRAPH_H
#define BITBAYES_GRAPH_H

#include "base/base.h"
#include <bitbayes/model.h>

typedef struct bb_shape {
    uint32_t channels, height, width; /* a vector is channels x 1 x 1 */
} bb_shape;

/* Where random bits enter: one Random* node of the model, numbered in node order. */
typedef enum bb_site_kind {
    BB_SITE_DROP,   /* one draw, index 0 kept or 1 dropped, dropped with probability p */
    BB_SITE_MEMBER, /* one draw, index 0 .. n_draws-1, all equally likely */
    BB_SITE_MASK    /* one bit per element: 1 kept, 0 dropped with probability p */
} bb_site_kind;

typedef struct bb_site {
    bb_site_kind kind;
    char *name;          /* of the Random* node */
    float p;             /* drop probability, as float32 stands in the model; 0 for MEMBER */
    uint32_t n_draws;    /* DROP 2, MEMBER M (2..256), MASK 0 */
    uint32_t n_elements; /* MASK: channels, or channels x height x width (order c, y, x); else 0 */
} bb_site;

typedef struct bb_window {
    uint32_t kernel_h, kernel_w, step_h, step_w, dilation_h, dilation_w;
    uint32_t pad_top, pad_left, pad_bottom, pad_right;
} bb_window;

typedef enum bb_node_kind {
    BB_NODE_INPUT,
    BB_NODE_LINEAR, /* convolution or dense: sum of products over a window */
    BB_NODE_STEP,   /* one elementwise operation with constants per channel */
    BB_NODE_SIGN,   /* real -> +-1 */
    BB_NODE_MAX_POOL,
    BB_NODE_AVERAGE_POOL, /* sum over the window divided by kernel_h * kernel_w (padded taps count
                             0) */
    BB_NODE_MASK,         /* x * mask with mask 0 or 1 from a site */
    BB_NODE_ADD,          /* input + second, of one shape */
    BB_NODE_CONCAT        /* the channels of input, behind them those of second */
} bb_node_kind;

/* y = f(x), each operation rounded to float32. a, b: one value per draw and channel. */
typedef enum bb_step_kind {
    BB_STEP_MULTIPLY,      /* x * a */
    BB_STEP_DIVIDE,        /* x / a */
    BB_STEP_ADD,           /* x + a */
    BB_STEP_SUBTRACT,      /* x - a */
    BB_STEP_SUBTRACT_FROM, /* a - x */
    BB_STEP_NORMALIZE,     /* x * a + b, two roundings: BatchNormalization with stored statistics,
                              a = gamma / sqrt(variance + epsilon), b = beta - mean * a, in double,
                              rounded once */
    BB_STEP_CLIP           /* min(max(x, a), b) */
} bb_step_kind;

/* Binary: products of `signs` (+1/-1), the sum times magnitude. Else float weights.
 * Both [out][kernel_h][kernel_w][in / groups], channels innermost. */
typedef struct bb_linear {
    bb_window window;
    uint32_t groups;
    int8_t *signs;     /* NULL for float weights */
    float *magnitude;  /* binary: [out], > 0 */
    float *weights;    /* float weights, else NULL */
    float mask_factor; /* 1/(1-p) behind a masked sum (1 if none): multiplies magnitude, or the sum
                          of float weights; counts as 1 when deterministic */
} bb_linear;

typedef struct bb_step {
    bb_step_kind kind;
    uint32_t site;    /* BB_NO_INDEX: constants do not depend on a draw */
    uint32_t n_draws; /* 1 without a site */
    float *a, *b;     /* [n_draws][channels of the shape]; b NULL where unused */
} bb_step;

typedef struct bb_node {
    bb_node_kind kind;
    char *name, *operator_name; /* of the ONNX node that it came from, for messages and info */
    uint32_t input;             /* index of an earlier node; unused for INPUT */
    uint32_t second;            /* ADD, CONCAT: another one, or the same; else BB_NO_INDEX */
    bb_shape shape;             /* of the output */
    union {
        bb_linear linear;
        bb_step step;
        bb_window pool;
        struct {
            bool zero_is_positive;
            bool onnx_sign;
        } sign; /* x >= 0 or x > 0; onnx_sign: Sign(0) is 0 there */
        struct {
            uint32_t site;
        } mask;
    };
} bb_node;

struct bb_graph {
    bb_context *context;
    char *path;     /* for messages */
    uint64_t hash;  /* of the bytes of the file that was read first (kept in .bbm) */
    bb_node *nodes; /* node 0 is the INPUT, the last one makes the logits */
    uint32_t n_nodes;
    bb_site *sites;
    uint32_t n_sites;
    bb_preprocess preprocess; /* from metadata; arrays owned by the graph */
    char **classes;           /* n_classes names, or NULL */
    uint32_t n_classes;       /* channels of the last node */
    char *recognised;         /* lines for `info`: what was recognised, rewritten, counted */
};

/* A graph with nothing in it, and with room for more; used by readers and by models built in C. */
bb_status bb_graph_new(bb_graph **out, bb_context *context, const char *path);
bb_node *bb_graph_add(bb_graph *graph, bb_node_kind kind, const char *name,
                      const char *operator_name);
bb_site *bb_graph_add_site(bb_graph *graph, bb_site_kind kind, const char *name);

/* Whether the node has two inputs. */
bool bb_node_joins(const bb_node *node);

/* Frees what a node owns, not the node itself. */
void bb_node_clear(bb_context *context, bb_node *node);

/* Copies mean and std, n each. A new graph has scale 1, mean 0, std 1. */
bb_status bb_graph_set_preprocess(bb_graph *graph, float scale, uint32_t n, const float *mean,
                                  const float *std);

/* Every invariant that readers promise and fold relies on; BB_INPUT or BB_UNSUPPORTED names the
 * node. Fills in missing class names. Called at the end of both readers; models built in C call it
 * themselves. */
bb_status bb_graph_check(bb_graph *graph);

/* Output height and width of a window over a map; false if it does not fit. */
bool bb_window_output(const bb_window *window, const bb_shape *in, bb_shape *out);

/* Elements of the weights of a LINEAR node. */
size_t bb_linear_weight_count(const bb_linear *linear, uint32_t in_channels, uint32_t out_channels);

#endif
