/* SPDX-License-Identifier: MIT */
/* The parameters: what is known of each key, presets, single values. The reader of files is beside.
 */
#include "energy/energy.h"
#include "energy/presets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COST BB_KEY_COST
#define CHOICE BB_KEY_CHOICE
const bb_key_definition bb_key_definitions[BB_N_KEYS] = {
#define BB_NUMBER(id, section, key, kind, falls, least, most, whole, what)                         \
    {section, key, what, NULL, kind, falls, whole, least, most},
#define BB_WORD(id, section, key, words, what)                                                     \
    {section, key, what, words, BB_KEY_WORD, false, true, 0, 0},
#include "energy/parameters.inc"
#undef BB_NUMBER
#undef BB_WORD
};
#undef COST
#undef CHOICE

/* Copies of single words of the lists above, so that they can be handed out. */
static const char *const words_of_lists[] = {
    "2t2m", "digital", "adc",         "sa_when_single", "stt",    "smtj", "sot",
    "lfsr", "always",  "conditional", "buffered",       "serial", "none", "gated"};

const char *bb_energy_word_get(bb_key key, double index)
{
    const char *word = bb_key_definitions[key].words;
    for (int skip = (int)index; word && skip > 0; skip--) {
        word = strchr(word, ' ');
        word = word ? word + 1 : NULL;
    }
    if (!word)
        return NULL;
    const size_t length = strcspn(word, " ");
    for (size_t i = 0; i < BB_COUNT_OF(words_of_lists); i++)
        if (strlen(words_of_lists[i]) == length && !strncmp(words_of_lists[i], word, length))
            return words_of_lists[i];
    return NULL;
}

const char *bb_energy_preset_name(uint32_t index)
{
    return index < bb_n_energy_presets ? bb_energy_presets[index].name : NULL;
}

const char *bb_energy_preset_text(const char *name, size_t *length)
{
    for (size_t i = 0; i < bb_n_energy_presets; i++) {
        if (strcmp(bb_energy_presets[i].name, name) != 0)
            continue;
        *length = bb_energy_presets[i].length;
        return (const char *)bb_energy_presets[i].bytes;
    }
    *length = 0;
    return NULL;
}

char *bb_energy_parameters_keep(bb_energy_parameters *parameters, const void *bytes, size_t length)
{
    char **grown = bb_resize(parameters->context, parameters->blocks, parameters->n_blocks + 1u,
                             sizeof(*grown));
    if (!grown)
        return NULL;
    parameters->blocks = grown;
    char *copy = bb_allocate(parameters->context, length + 1, 1);
    if (!copy)
        return NULL;
    if (length)
        memcpy(copy, bytes, length);
    parameters->blocks[parameters->n_blocks++] = copy;
    return copy;
}

static bb_status fail_preset(bb_context *context, const char *preset)
{
    bb_text names = {.context = context};
    for (size_t i = 0; i < bb_n_energy_presets; i++)
        bb_text_append(&names, "%s%s", i ? ", " : "", bb_energy_presets[i].name);
    const bb_status status =
        names.failed ? BB_MEMORY
                     : bb_fail(context, BB_ARGUMENT, "preset '%s' is unknown; there are: %s",
                               preset, names.bytes);
    bb_text_free(&names);
    return status;
}

static bb_status read_preset(bb_energy_parameters *parameters, const char *name)
{
    size_t length = 0;
    const char *text = bb_energy_preset_text(name, &length);
    return bb_energy_parameters_parse(parameters, text, length, name);
}

/* The first preset holds every key; the others change some. */
static bb_status fill(bb_energy_parameters *parameters, const char *preset)
{
    bb_status status = read_preset(parameters, bb_energy_presets[0].name);
    if (status == BB_OK && strcmp(preset, bb_energy_presets[0].name) != 0)
        status = read_preset(parameters, preset);
    for (uint32_t key = 0; status == BB_OK && key < BB_N_KEYS; key++) {
        if (!parameters->entries[key].given)
            status = bb_fail(parameters->context, BB_INPUT, "preset '%s': key '%s' is missing",
                             bb_energy_presets[0].name, bb_key_definitions[key].key);
        parameters->preset_entries[key] = parameters->entries[key];
        parameters->changed[key] = false;
    }
    return status;
}

bb_status bb_energy_parameters_create(bb_energy_parameters **out, bb_context *context,
                                      const char *preset)
{
    *out = NULL;
    const char *name = preset ? preset : bb_energy_presets[0].name;
    size_t length;
    if (!bb_energy_preset_text(name, &length))
        return fail_preset(context, name);
    bb_energy_parameters *parameters = bb_allocate(context, 1, sizeof(*parameters));
    if (!parameters)
        return BB_MEMORY;
    parameters->context = context;
    for (size_t i = 0; i < bb_n_energy_presets; i++)
        if (!strcmp(bb_energy_presets[i].name, name))
            parameters->preset = bb_energy_presets[i].name;
    const bb_status status = fill(parameters, name);
    if (status == BB_OK)
        *out = parameters;
    else
        bb_energy_parameters_free(parameters);
    return status;
}

void bb_energy_parameters_free(bb_energy_parameters *parameters)
{
    if (!parameters)
        return;
    for (uint32_t i = 0; i < parameters->n_blocks; i++)
        bb_release(parameters->context, parameters->blocks[i]);
    bb_release(parameters->context, parameters->blocks);
    bb_release(parameters->context, parameters);
}

bool bb_energy_number_parse(const char *text, double *out)
{
    if (!*text || strspn(text, "+-.0123456789eE") != strlen(text))
        return false;
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end && isfinite(*out);
}

static bool find_word(const char *words, const char *text, double *index)
{
    const size_t length = strlen(text);
    double at = 0.0;
    for (const char *word = words; word; at += 1.0) {
        const size_t n = strcspn(word, " ");
        if (n == length && !strncmp(word, text, n)) {
            *index = at;
            return true;
        }
        word = word[n] ? word + n + 1 : NULL;
    }
    return false;
}

bb_status bb_energy_value_parse(bb_context *context, bb_status failure, const char *where,
                                bb_key key, const char *text, bb_entry *entry)
{
    const bb_key_definition *definition = &bb_key_definitions[key];
    double value;
    if (definition->kind == BB_KEY_WORD) {
        if (!find_word(definition->words, text, &value))
            return bb_fail(context, failure, "%s: %s: '%s' is not one of: %s", where,
                           definition->key, text, definition->words);
    } else {
        if (!bb_energy_number_parse(text, &value))
            return bb_fail(context, failure,
                           "%s: %s: '%s' is not a number; the unit stands in the key", where,
                           definition->key, text);
        if (value < definition->least || value > definition->most)
            return bb_fail(context, failure, "%s: %s: %g lies outside %g .. %g", where,
                           definition->key, value, definition->least, definition->most);
        if (definition->whole && value != floor(value))
            return bb_fail(context, failure, "%s: %s: %g is not a whole number", where,
                           definition->key, value);
    }
    *entry = (bb_entry){.value = {value, value, value}, .given = true};
    return BB_OK;
}

bb_status bb_energy_parameters_set(bb_energy_parameters *parameters, const char *assignment)
{
    bb_context *context = parameters->context;
    const char *equals = strchr(assignment, '=');
    if (!equals)
        return bb_fail(context, BB_ARGUMENT, "'%s': expected key=value", assignment);
    char key_text[64];
    const size_t length = (size_t)(equals - assignment);
    if (length >= sizeof(key_text))
        return bb_fail(context, BB_ARGUMENT, "'%s': the key is too long", assignment);
    memcpy(key_text, assignment, length);
    key_text[length] = 0;
    const uint32_t key = bb_energy_parameter_find(key_text);
    if (key == BB_NO_INDEX)
        return bb_fail(context, BB_ARGUMENT, "'%s': key '%s' is unknown; the unit is part of a key",
                       assignment, key_text);
    bb_entry entry;
    const bb_status status = bb_energy_value_parse(context, BB_ARGUMENT, "command line",
                                                   (bb_key)key, equals + 1, &entry);
    if (status != BB_OK)
        return status;
    entry.origin = "command line";
    parameters->entries[key] = entry;
    parameters->changed[key] = true;
    return BB_OK;
}

uint32_t bb_energy_parameter_count(void)
{
    return BB_N_KEYS;
}

uint32_t bb_energy_parameter_find(const char *key)
{
    for (uint32_t i = 0; i < BB_N_KEYS; i++)
        if (!strcmp(bb_key_definitions[i].key, key))
            return i;
    return BB_NO_INDEX;
}

static const char *text_or_none(const char *text)
{
    return text ? text : "";
}

void bb_energy_parameter_get(const bb_energy_parameters *parameters, uint32_t index,
                             bb_energy_parameter_info *out)
{
    const bb_key_definition *definition = &bb_key_definitions[index];
    const bb_entry *entry = &parameters->entries[index];
    *out = (bb_energy_parameter_info){
        .key = definition->key,
        .section = definition->section,
        .what = definition->what,
        .kind = definition->kind == BB_KEY_COST ? "cost" : "choice",
        .value = entry->value,
        .word = bb_energy_word_get((bb_key)index, entry->value.nominal),
        .words = definition->words,
        .source = text_or_none(entry->source),
        .confidence = text_or_none(entry->confidence),
        .note = text_or_none(entry->note),
        .origin = text_or_none(entry->origin),
        .line = entry->line,
        .changed = parameters->changed[index],
        .preset = parameters->preset_entries[index].value,
    };
}

const char *bb_energy_parameters_preset(const bb_energy_parameters *parameters)
{
    return parameters->preset;
}

uint64_t bb_energy_parameters_hash(const bb_energy_parameters *parameters)
{
    double values[BB_N_KEYS][3];
    for (uint32_t key = 0; key < BB_N_KEYS; key++) {
        const bb_range *value = &parameters->entries[key].value;
        values[key][0] = value->low;
        values[key][1] = value->nominal;
        values[key][2] = value->high;
    }
    return bb_hash(values, sizeof(values));
}

bb_values bb_values_at(const bb_energy_parameters *parameters, bb_corner corner)
{
    bb_values values;
    for (uint32_t key = 0; key < BB_N_KEYS; key++) {
        const bb_range *range = &parameters->entries[key].value;
        const bool moves =
            bb_key_definitions[key].kind == BB_KEY_COST && corner != BB_CORNER_NOMINAL;
        const bool low = (corner == BB_CORNER_LOW) != bb_key_definitions[key].falls;
        values.at[key] = !moves ? range->nominal : low ? range->low : range->high;
    }
    return values;
}
