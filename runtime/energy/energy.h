/* SPDX-License-Identifier: MIT */
/*
 * Inside the energy model: parameter values as a plain array, layers as plain structs, and one pure
 * function from (layers, values, options) to joules, seconds and square metres. Ranges and
 * sensitivities are that function called again with other values.
 */
#ifndef BITBAYES_ENERGY_INTERNAL_H
#define BITBAYES_ENERGY_INTERNAL_H

#include "base/base.h"
#include <bitbayes/energy.h>

/* ---- parameters ---------------------------------------------------------------------------- */

typedef enum bb_key {
#define BB_NUMBER(id, ...) BB_KEY_##id,
#define BB_WORD(id, ...) BB_KEY_##id,
#include "energy/parameters.inc"
#undef BB_NUMBER
#undef BB_WORD
    BB_N_KEYS
} bb_key;

/* In the order of the words in parameters.inc. */
enum { BB_CELL_2T2M, BB_CELL_DIGITAL };
enum { BB_SENSE_ADC, BB_SENSE_SA_WHEN_SINGLE };
enum { BB_RNG_STT, BB_RNG_SMTJ, BB_RNG_SOT, BB_RNG_LFSR };
enum { BB_RNG_RESET_ALWAYS, BB_RNG_RESET_CONDITIONAL };
enum { BB_RNG_BUFFERED, BB_RNG_SERIAL };
enum { BB_GATE_NONE, BB_GATE_ROWS };

typedef enum bb_key_kind { BB_KEY_COST, BB_KEY_CHOICE, BB_KEY_WORD } bb_key_kind;

typedef struct bb_key_definition {
    const char *section, *key, *what, *words;
    bb_key_kind kind;
    bool falls, whole;
    double least, most;
} bb_key_definition;

extern const bb_key_definition bb_key_definitions[BB_N_KEYS];

typedef struct bb_entry {
    bb_range value;
    const char *source, *confidence, *note,
        *origin; /* in a block of the parameters; NULL: absent */
    uint32_t line;
    bool given;
} bb_entry;

#define BB_MAX_BASELINES 64

typedef struct bb_baseline {
    const char *name; /* without the unit */
    bb_entry entry;
} bb_baseline;

struct bb_energy_parameters {
    bb_context *context;
    const char *preset;
    bb_entry entries[BB_N_KEYS], preset_entries[BB_N_KEYS];
    bool changed[BB_N_KEYS];
    bb_baseline baselines[BB_MAX_BASELINES];
    uint32_t n_baselines;
    char **blocks; /* texts that entries point into */
    uint32_t n_blocks;
};

/* Keep a copy of `length` bytes and a zero as long as the parameters live. */
char *bb_energy_parameters_keep(bb_energy_parameters *parameters, const void *bytes, size_t length);

/* Check and store one value's text in `entry`: a number or one of the key's words. `where` and the
 * key stand in the message. */
bb_status bb_energy_value_parse(bb_context *context, bb_status failure, const char *where,
                                bb_key key, const char *text, bb_entry *entry);

/* A number and nothing else. */
bool bb_energy_number_parse(const char *text, double *out);

/* One word of a list separated by blanks; NULL behind the last. Static storage per word list. */
const char *bb_energy_word_get(bb_key key, double index);

typedef struct bb_values {
    double at[BB_N_KEYS];
} bb_values;

typedef enum bb_corner { BB_CORNER_LOW, BB_CORNER_NOMINAL, BB_CORNER_HIGH } bb_corner;

/* LOW: every cost at the end that needs less; CHOICEs stay. */
bb_values bb_values_at(const bb_energy_parameters *parameters, bb_corner corner);

/* ---- networks ------------------------------------------------------------------------------ */

typedef enum bb_layer_kind {
    BB_LAYER_CROSSBAR, /* binary weights */
    BB_LAYER_FLOAT,    /* real weights or real input: float32 multiply-adds beside the crossbars */
    BB_LAYER_POOL      /* sums of a pool, no weights */
} bb_layer_kind;

typedef enum bb_energy_site_kind {
    BB_DRAW_DROP,       /* one bit */
    BB_DRAW_MEMBER,     /* one of n_draws, equally likely */
    BB_DRAW_MASK,       /* n_elements bits per pass */
    BB_DRAW_MASK_ALWAYS /* n_elements bits per pass, no two uses alike: nothing can be shared */
} bb_energy_site_kind;

typedef struct bb_energy_site {
    bb_energy_site_kind kind;
    double p;
    uint32_t n_draws;
    uint64_t n_elements; /* bits per pass of a mask */
    uint64_t modules;    /* stochastic units in hardware; 0: shares the one unit of the model */
} bb_energy_site;

#define BB_MAX_LAYER_SITES 5

typedef struct bb_energy_layer {
    char *name;
    bb_layer_kind kind;
    uint32_t input;    /* layer, or BB_NO_INDEX: the network's input */
    uint32_t shortcut; /* layer whose output is added or joined, or BB_NO_INDEX */
    uint32_t in_channels, in_h, in_w, groups;
    uint32_t kernel_h, kernel_w, out_channels, out_h, out_w; /* out before pooling */
    uint64_t window_taps; /* kernel offsets inside the map, over all output pixels */
    uint32_t input_bits;  /* 1, 8, or 32 for real */
    uint32_t mask_site;   /* or BB_NO_INDEX */
    uint32_t n_bank_sites;
    uint32_t bank_sites[BB_MAX_LAYER_SITES];
} bb_energy_layer;

struct bb_energy_network {
    bb_context *context;
    char *name;
    uint64_t hash; /* of the layers and sites */
    bb_energy_layer *layers;
    uint32_t n_layers;
    bb_energy_site *sites;
    uint32_t n_sites;
};

bb_status bb_energy_network_new(bb_energy_network **out, bb_context *context, const char *name);

/* Room for one more; zeroed but for links, which name nothing. NULL: out of memory. */
bb_energy_layer *bb_energy_network_add_layer(bb_energy_network *network, const char *name);
bb_energy_site *bb_energy_network_add_site(bb_energy_network *network);
void bb_energy_network_finish(bb_energy_network *network); /* sets the hash */

/* Along one axis: kernel offsets that lie inside the map, over all outputs. */
uint64_t bb_energy_axis_taps(uint32_t in, uint32_t out, uint32_t kernel, uint32_t step,
                             uint32_t dilation, uint32_t pad);

/* A copy of the network whose sites are those of the method; OWN keeps them. */
bb_status bb_energy_method_apply(bb_energy_network **out, const bb_energy_network *network,
                                 const bb_energy_options *options);

/* p for added sites: as asked, else of the first drop or mask site, else 0.1. */
double bb_energy_drop_probability(const bb_energy_network *network,
                                  const bb_energy_options *options);

/* ---- counts -------------------------------------------------------------------------------- */

/* How a layer lies on crossbars. */
typedef struct bb_layout {
    uint64_t row_tiles, column_tiles;
    uint64_t rho;      /* reads of the row tile that needs most: they follow each other */
    uint64_t partials; /* partial sums per output: reads of all row tiles */
    uint64_t copies;
} bb_layout;

bb_layout bb_energy_layout(const bb_energy_layer *layer, const bb_values *values,
                           const bb_energy_options *options);

void bb_energy_count_layer(bb_energy_counts *out, const bb_energy_network *network, uint32_t index,
                           const bb_values *values, const bb_energy_options *options);

/* Expected distinct evaluations of a layer's sum and of its output, and of the leaves, when T
 * passes share prefixes. sums, outputs: [n_layers]. */
bb_status bb_energy_expect(const bb_energy_network *network, uint32_t passes, double *sums,
                           double *outputs, double *leaves);

/* Expected distinct outcomes among T of draws of `sites` taken together. */
double bb_energy_distinct(const bb_energy_site *const *sites, uint32_t n_sites, uint32_t passes);

/* ---- costs --------------------------------------------------------------------------------- */

uint32_t bb_energy_adc_bits(const bb_values *values);
uint32_t bb_energy_lossless_bits(const bb_values *values);
uint32_t bb_energy_acc_width(const bb_values *values, uint64_t fan_in);
double bb_energy_cell_J(const bb_values *values);
double bb_energy_adc_J(const bb_values *values, uint32_t bits);
double bb_energy_adc_s(const bb_values *values, uint32_t bits);
double bb_energy_adc_m2(const bb_values *values, uint32_t bits);
double bb_energy_random_bit_J(const bb_values *values, double p);
double bb_energy_random_bit_s(const bb_values *values);
double bb_energy_digital_factor(double node_nm); /* relative to 28 nm */
double bb_energy_column_current_A(const bb_values *values);
double bb_energy_probability_shift(const bb_values *values, double p);
double bb_energy_popcount_noise(const bb_values *values);

/* One layer under one set of values. */
typedef struct bb_layer_cost {
    double sum_J[BB_N_ENERGY_COMPONENTS];    /* per evaluation of the sum */
    double output_J[BB_N_ENERGY_COMPONENTS]; /* per evaluation of the output */
    double pass_J[BB_N_ENERGY_COMPONENTS];   /* per pass, whether shared or not: random bits */
    double s, m2;
} bb_layer_cost;

/* Leakage is that of the whole chip, bb_energy_leak_W() over all counts, and added by the caller.
 */
void bb_energy_cost_layer(bb_layer_cost *out, const bb_energy_network *network, uint32_t index,
                          const bb_energy_counts *counts, const bb_values *values);
double bb_energy_leak_W(const bb_energy_counts *total, const bb_values *values);

/* ---- the whole ----------------------------------------------------------------------------- */

typedef struct bb_energy_problem {
    bb_context *context;
    const bb_energy_network *network; /* sites of the method applied */
    const bb_energy_options *options;
    const double *sums, *outputs; /* evaluations per image when shared */
    double leaves;
    bb_energy_counts *counts; /* [n_layers] scratch */
    bb_layer_cost *costs;     /* [n_layers] scratch */
} bb_energy_problem;

typedef struct bb_energy_totals {
    bb_energy_counts counts;
    double pass_J[BB_N_ENERGY_COMPONENTS], image_J[BB_N_ENERGY_COMPONENTS],
        shared_J[BB_N_ENERGY_COMPONENTS];
    double pass_total_J, image_total_J, shared_total_J;
    double pass_s, slowest_s, shared_s, m2, weight_write_J;
} bb_energy_totals;

/* Fills counts and costs of the problem, leakage included, and the totals. */
void bb_energy_evaluate(const bb_energy_problem *problem, const bb_values *values,
                        bb_energy_totals *out);

bb_status bb_energy_sensitivity_table(bb_energy_report *report, const bb_energy_problem *problem,
                                      const bb_energy_parameters *parameters);
bb_status bb_energy_change_table(bb_energy_report *report, const bb_energy_problem *problem,
                                 const bb_energy_parameters *parameters);
bb_status bb_energy_warn(bb_energy_report *report, const bb_energy_parameters *parameters);
void bb_energy_assess_risks(bb_energy_report *report, const bb_energy_parameters *parameters,
                            double drop_probability);

#endif
