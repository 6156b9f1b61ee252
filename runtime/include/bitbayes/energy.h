/* SPDX-License-Identifier: MIT */
/** @file energy.h  What a spintronic compute-in-memory chip would spend on the same network: counts
 * from the network, costs from a table of parameters with their sources, and a report with a low, a
 * nominal and a high value. */
#ifndef BITBAYES_ENERGY_H
#define BITBAYES_ENERGY_H

#include <bitbayes/plan.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A value and the band it may lie in; low <= nominal <= high. */
typedef struct bb_range {
    double low, nominal, high;
} bb_range;

/* ---- parameters ---------------------------------------------------------------------------- */

/** The costs: one value with range, source and confidence per key. */
typedef struct bb_energy_parameters bb_energy_parameters;

/** Name of a preset, NULL behind the last one. The first one is the default. Static. */
const char *bb_energy_preset_name(uint32_t index);

/** Text of a preset's file, NULL for an unknown name. Static. */
const char *bb_energy_preset_text(const char *name, size_t *length);

/**
 * Parameters as a preset has them.
 *
 * @param preset  NULL means the default.
 * @return BB_OK; BB_ARGUMENT for an unknown preset (the text lists them); BB_MEMORY
 */
bb_status bb_energy_parameters_create(bb_energy_parameters **out, bb_context *context,
                                      const char *preset);
void bb_energy_parameters_free(bb_energy_parameters *parameters); /**< takes NULL */

/**
 * Override single keys by a file. A line is
 * `key = value [; low L high H] [; src TEXT] [; conf H|M|L] [; note TEXT]`; a line without low and
 * high states a value without a spread. Sections `[name]` may stand before their keys; in
 * `[baseline]` any `name_J = value` declares a published energy per image.
 *
 * @return BB_OK
 *         BB_INPUT  unreadable, or a bad line; the text says file, line, what was found and
 * expected. The parameters are unchanged then. BB_MEMORY
 */
bb_status bb_energy_parameters_read(bb_energy_parameters *parameters, const char *path);

/** The same from memory; `name` stands in messages. Keeps no pointer to either. */
bb_status bb_energy_parameters_parse(bb_energy_parameters *parameters, const void *bytes,
                                     size_t length, const char *name);

/** Override one key: "rows_on_count=64". BB_OK, BB_ARGUMENT, BB_MEMORY. */
bb_status bb_energy_parameters_set(bb_energy_parameters *parameters, const char *assignment);

/** One parameter. Texts are borrowed. */
typedef struct bb_energy_parameter_info {
    const char *key; /**< ends with its unit */
    const char *section;
    const char *what; /**< what it is, one sentence */
    const char *kind;  /**< "cost": its range enters low and high; "choice": the designer's */
    bb_range value;    /**< index of the word where `word` is set */
    const char *word;  /**< the chosen word where the value is one, else NULL */
    const char *words; /**< all words, separated by blanks; else NULL */
    const char *source, *confidence, *note; /**< "" where absent */
    const char *origin;                     /**< preset, file, or "command line" */
    uint32_t line;                          /**< in that file; 0: none */
    bool changed;                           /**< not as the preset has it */
    bb_range preset;                        /**< as the preset has it */
} bb_energy_parameter_info;

uint32_t bb_energy_parameter_count(void);
void bb_energy_parameter_get(const bb_energy_parameters *parameters, uint32_t index,
                             bb_energy_parameter_info *out);

/** Index of a key, UINT32_MAX if there is none. */
uint32_t bb_energy_parameter_find(const char *key);

const char *bb_energy_parameters_preset(const bb_energy_parameters *parameters);

/** XXH3 over all keys and values: tells two parameter sets apart. */
uint64_t bb_energy_parameters_hash(const bb_energy_parameters *parameters);

/* ---- networks ------------------------------------------------------------------------------ */

/** Layers with shapes and sites, no weights. Immutable. */
typedef struct bb_energy_network bb_energy_network;

bb_status bb_energy_network_from_plan(bb_energy_network **out, bb_context *context,
                                      const bb_plan *plan, const char *name);

/** Name of a built-in network, NULL behind the last one. Static. */
const char *bb_energy_network_name(uint32_t index);

/** A built-in network, without sites. BB_ARGUMENT for an unknown name (the text lists them). */
bb_status bb_energy_network_builtin(bb_energy_network **out, bb_context *context, const char *name);
void bb_energy_network_free(bb_energy_network *network); /**< takes NULL */

uint32_t bb_energy_network_layer_count(const bb_energy_network *network);

/* ---- estimates ----------------------------------------------------------------------------- */

/** X(name, word on the command line, text) */
#define BB_ENERGY_METHOD_LIST(X)                                                                   \
    X(OWN, "own", "the sites of the model itself")                                                 \
    X(NONE, "none", "no random bits")                                                              \
    X(SCALE, "scale", "Scale-Dropout: one bit per layer and pass, a scale per output")             \
    X(SCALE_SHARED, "scale-shared", "Scale-Dropout: one bit per pass for all layers")              \
    X(SPATIAL, "spatial", "MC-SpatialDropout: one bit per input channel and pass")                 \
    X(SPINDROP, "spindrop", "SpinDrop: one bit per word line and output position")                 \
    X(SPINDROP_HELD, "spindrop-held", "SpinDrop: one bit per word line, held for the pass")        \
    X(ENSEMBLE, "ensemble", "tiny deep ensemble: one member index per pass, read by all layers")

typedef enum bb_energy_method {
#define BB_ENERGY_METHOD_ENUM(name, word, text) BB_ENERGY_METHOD_##name,
    BB_ENERGY_METHOD_LIST(BB_ENERGY_METHOD_ENUM)
#undef BB_ENERGY_METHOD_ENUM
        BB_N_ENERGY_METHODS
} bb_energy_method;

#define BB_ENERGY_MAPPING_LIST(X)                                                                  \
    X(UNROLLED, "unrolled", "one column per filter, kernel_h x kernel_w x channels rows")          \
    X(KERNEL_SPLIT, "kernel-split", "one crossbar of channels x filters per kernel offset")        \
    X(DUPLICATED, "duplicated", "unrolled, with copies that work on different output positions")

typedef enum bb_energy_mapping {
#define BB_ENERGY_MAPPING_ENUM(name, word, text) BB_ENERGY_MAPPING_##name,
    BB_ENERGY_MAPPING_LIST(BB_ENERGY_MAPPING_ENUM)
#undef BB_ENERGY_MAPPING_ENUM
        BB_N_ENERGY_MAPPINGS
} bb_energy_mapping;

/** How a layer with byte input and binary weights is run. */
#define BB_ENERGY_FIRST_LAYER_LIST(X)                                                              \
    X(BIT_SERIAL, "bit-serial", "one read per bit of the pixel, shift and add")                    \
    X(DIGITAL, "digital", "adders beside the crossbars")                                           \
    X(BINARY, "binary", "counted as if pixels were one bit (comparison with publications)")

typedef enum bb_energy_first_layer {
#define BB_ENERGY_FIRST_LAYER_ENUM(name, word, text) BB_ENERGY_FIRST_LAYER_##name,
    BB_ENERGY_FIRST_LAYER_LIST(BB_ENERGY_FIRST_LAYER_ENUM)
#undef BB_ENERGY_FIRST_LAYER_ENUM
        BB_N_ENERGY_FIRST_LAYERS
} bb_energy_first_layer;

const char *bb_energy_method_word(bb_energy_method method);
const char *bb_energy_mapping_word(bb_energy_mapping mapping);
const char *bb_energy_first_layer_word(bb_energy_first_layer first_layer);

/** Word to value; false for an unknown word. */
bool bb_energy_method_find(const char *word, bb_energy_method *out);
bool bb_energy_mapping_find(const char *word, bb_energy_mapping *out);
bool bb_energy_first_layer_find(const char *word, bb_energy_first_layer *out);

typedef struct bb_energy_options {
    bb_energy_method method;           /**< default OWN */
    bb_energy_mapping mapping;         /**< default UNROLLED */
    bb_energy_first_layer first_layer; /**< default BIT_SERIAL */
    uint32_t passes;                   /**< T, 1 .. 65536, default 20 */
    uint64_t images;                   /**< of the data set, default 1 */
    uint32_t copies;                   /**< of DUPLICATED, 1 .. 4096, default 4 */
    uint32_t members;                  /**< of ENSEMBLE, 2 .. 256, default 4 */
    double drop_probability; /**< in [0, 1]; for the sites that `method` adds. Negative (default):
                                that of the model's first drop or mask site, 0.1 if it has none */
    /** [layers] evaluations per image that a run really needed (engine counts / inputs), instead of
     * the expectation; NULL (default): expected. */
    const double *evaluations;
    double leaves; /**< distinct leaves per image of that run; read with `evaluations` */
} bb_energy_options;

bb_energy_options bb_energy_options_default(void);

/** X(name, word, text) */
#define BB_ENERGY_COMPONENT_LIST(X)                                                                \
    X(CELL, "cell", "MTJ cells while read")                                                        \
    X(WORDLINE, "wordline", "word lines")                                                          \
    X(SENSE, "sense", "conversion of column currents")                                             \
    X(ACCUMULATE, "accumulate", "sums of partial results")                                         \
    X(DIGITAL, "digital", "layers and pools outside crossbars")                                    \
    X(NORM, "norm", "threshold or affine map per output")                                          \
    X(SCALE, "scale", "scale memory and multiplication")                                           \
    X(BUFFER, "buffer", "activation buffers")                                                      \
    X(RNG, "rng", "stochastic units")                                                              \
    X(CLOCK, "clock", "clock tree")                                                                \
    X(READOUT, "readout", "sum of the passes' outputs")                                            \
    X(LAYOUT, "layout", "allowance for wires after layout")                                        \
    X(LEAKAGE, "leakage", "leakage while the layer runs")

typedef enum bb_energy_component {
#define BB_ENERGY_COMPONENT_ENUM(name, word, text) BB_ENERGY_##name,
    BB_ENERGY_COMPONENT_LIST(BB_ENERGY_COMPONENT_ENUM)
#undef BB_ENERGY_COMPONENT_ENUM
        BB_N_ENERGY_COMPONENTS
} bb_energy_component;

const char *bb_energy_component_word(bb_energy_component component);
const char *bb_energy_component_text(bb_energy_component component);

/** How often, exact; for one pass of one image. */
typedef struct bb_energy_counts {
    uint64_t positions;    /**< output pixels before pooling */
    uint64_t fan_in;       /**< rows of one filter, padded taps included */
    uint64_t outputs;      /**< output channels */
    uint64_t evaluations;  /**< stage evaluations: 1 */
    uint64_t valid_taps;   /**< taps inside the map x input channels, over all outputs */
    uint64_t cells_driven; /**< valid taps x input bits, of crossbar layers */
    uint64_t read_steps;   /**< reads one after the other; row and column tiles work side by side */
    uint64_t reads;        /**< reads of row groups, all row tiles */
    uint64_t conversions;
    uint64_t accumulations;      /**< additions of partial sums and shifted bits */
    uint64_t digital_operations; /**< multiply-adds outside crossbars */
    uint64_t normalizations;
    uint64_t shortcuts;        /**< additions of a shortcut */
    uint64_t scale_operations; /**< multiplications by a scale */
    uint64_t scale_bits;       /**< read from scale memory */
    uint64_t buffer_read_bits, buffer_write_bits;
    uint64_t random_bits;
    uint64_t modules;           /**< stochastic units that this layer needs for itself */
    uint64_t weights;           /**< binary weights stored in crossbars, one copy */
    uint64_t tiles;             /**< crossbar arrays, copies included */
    uint64_t scale_memory_bits; /**< stored, not read */
} bb_energy_counts;

typedef struct bb_energy_layer_report {
    const char *name;
    const char *kind;        /**< "crossbar", "digital", "float", "pool" */
    bb_energy_counts counts; /**< one pass */
    double sums, outputs; /**< evaluations of sum and output per image when prefixes are shared */
    bb_range pass_J[BB_N_ENERGY_COMPONENTS];   /**< one pass */
    bb_range image_J[BB_N_ENERGY_COMPONENTS];  /**< all passes in full */
    bb_range shared_J[BB_N_ENERGY_COMPONENTS]; /**< all passes, prefixes shared */
    bb_range pass_total_J, image_total_J, shared_total_J;
    bb_range pass_s;
    bb_range area_m2;
} bb_energy_layer_report;

/** Energy per image when one parameter alone moves. */
typedef struct bb_energy_sensitivity {
    const char *key;
    const char *kind;                 /**< "cost" or "choice" */
    const char *low_word, *high_word; /**< for words; else NULL */
    double low_value, high_value;
    double low_J, high_J; /**< per image at these values, everything else nominal */
    double swing_J;       /**< |high_J - low_J| */
} bb_energy_sensitivity;

/** What one changed parameter alone did. */
typedef struct bb_energy_change {
    const char *key, *from_word, *to_word; /**< words or NULL */
    double from, to;
    const char *origin;
    uint32_t line;
    double before_J,
        after_J; /**< nominal per image: preset, and preset with only this key changed */
} bb_energy_change;

/** Risks as counts; no accuracy follows from them yet. */
typedef struct bb_energy_risks {
    uint32_t adc_bits, lossless_bits;
    bool lossless;
    bb_range column_current_A; /**< rows_on cells, share p_match of them in the P state */
    double column_current_max_A;
    bb_range
        read_disturbs_per_image; /**< expected flips: cells driven x T x probability per read */
    bb_range probability_shift;  /**< |dp| of one stochastic unit by its voltage mismatch */
    double drop_probability;     /**< p where that shift was taken */
    bb_range popcount_noise;     /**< standard deviation of one read's count, in counts */
} bb_energy_risks;

typedef struct bb_energy_report {
    const char *network, *preset;
    uint64_t network_hash, parameters_hash;
    bb_energy_options options; /**< as used, without `evaluations` */
    bool counted;              /**< shared accounting: from a real run, not expected */
    bb_energy_layer_report *layers;
    uint32_t n_layers;
    bb_energy_counts counts; /**< sums over the layers; modules: of the whole model */
    double leaves;           /**< distinct leaves per image */
    bb_range image_J[BB_N_ENERGY_COMPONENTS], shared_J[BB_N_ENERGY_COMPONENTS];
    bb_range pass_total_J, image_total_J,
        shared_total_J;         /**< per image; times options.images: data set */
    bb_range pass_s, image_s;   /**< passes one after the other, layers one after the other */
    bb_range pipelined_image_s; /**< layers work on different passes */
    bb_range shared_image_s;
    bb_range area_m2;
    bb_range weight_write_J;              /**< once, when the model is loaded */
    double calibration;                   /**< free factor; 1 unless somebody changed it */
    bb_energy_sensitivity *sensitivities; /**< largest swing first */
    uint32_t n_sensitivities;
    bb_energy_change *changes;
    uint32_t n_changes;
    bb_energy_risks risks;
    char **warnings;
    uint32_t n_warnings;
    bb_context *context;
} bb_energy_report;

/**
 * Estimate. The network and the parameters must outlive the report.
 *
 * @param options  NULL means defaults.
 * @return BB_OK; BB_ARGUMENT, an option out of range; BB_MEMORY
 */
bb_status bb_energy_estimate(bb_energy_report **out, bb_context *context,
                             const bb_energy_network *network,
                             const bb_energy_parameters *parameters,
                             const bb_energy_options *options);
void bb_energy_report_free(bb_energy_report *report); /**< takes NULL */

/* ---- explanations -------------------------------------------------------------------------- */

/** What `energy explain` shows: a component, or another part of the model. All static. */
typedef struct bb_energy_topic {
    const char *name;
    const char *what;
    const char *formula; /**< lines separated by '\n' */
    const char *keys;    /**< parameters it reads, separated by blanks */
} bb_energy_topic;

uint32_t bb_energy_topic_count(void);
const bb_energy_topic *bb_energy_topic_get(uint32_t index);
const bb_energy_topic *bb_energy_topic_find(const char *name); /**< NULL if there is none */

/* ---- ratios of the papers ------------------------------------------------------------------ */

typedef struct bb_energy_module_ratio {
    const char *layer; /**< NULL: all of the last column's scope */
    bool convolution;
    uint64_t spindrop, spatial; /**< modules */
    double ratio;               /**< spindrop / spatial */
} bb_energy_module_ratio;

/** One method on the same network with the same T. */
typedef struct bb_energy_method_result {
    bb_energy_method method;
    uint64_t modules, random_bits; /**< of the model; bits per pass */
    bb_range random_J;             /**< random bits, per image */
    bb_range dropout_J;            /**< random bits, scale memory and its multipliers, per image */
    bb_range image_J;              /**< everything, per image, every pass in full */
} bb_energy_method_result;

typedef struct bb_energy_baseline_ratio {
    const char *name, *source, *confidence, *note;
    double baseline_J;
    bb_range ratio[BB_N_ENERGY_METHODS]; /**< baseline / estimate; OWN unused */
} bb_energy_baseline_ratio;

typedef struct bb_energy_ratios {
    bb_energy_module_ratio
        *modules; /**< per crossbar layer, then all convolutions, then the whole network */
    uint32_t n_modules;
    bb_energy_method_result methods[BB_N_ENERGY_METHODS]; /**< OWN unused */
    bb_energy_baseline_ratio *baselines;
    uint32_t n_baselines;
    bb_energy_options options;
    bb_context *context;
} bb_energy_ratios;

/** `options->method` is ignored. BB_OK, BB_ARGUMENT, BB_MEMORY. */
bb_status bb_energy_ratios_create(bb_energy_ratios **out, bb_context *context,
                                  const bb_energy_network *network,
                                  const bb_energy_parameters *parameters,
                                  const bb_energy_options *options);
void bb_energy_ratios_free(bb_energy_ratios *ratios); /**< takes NULL */

/** a / b corner by corner, sorted: costs of both move together. All 0 where a b is 0. */
bb_range bb_range_ratio(bb_range a, bb_range b);

#ifdef __cplusplus
}
#endif
#endif
