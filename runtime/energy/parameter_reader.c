/* SPDX-License-Identifier: MIT */
/*
 * Parameter files, one value per line:
 *   [section]
 *   key = value ; low L high H ; src TEXT ; conf C ; note TEXT    # remark
 * A file is applied whole or not at all.
 */
#include "energy/energy.h"

#include <ctype.h>
#include <string.h>

#define FILE_LIMIT ((size_t)1 << 20)

typedef struct reader {
    bb_energy_parameters *parameters;
    bb_context *context;
    const char *name;
    const char *section; /* "" before the first one */
    uint32_t line;
    char where[160]; /* "file:line", for messages */
    bb_entry entries[BB_N_KEYS];
    bool seen[BB_N_KEYS];
    bb_baseline baselines[BB_MAX_BASELINES];
    uint32_t n_baselines;
} reader;

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        text[--length] = 0;
    return text;
}

/* Cut `text` at the first `mark`; NULL if there is none, else what follows. */
static char *cut(char *text, char mark)
{
    char *found = strchr(text, mark);
    if (!found)
        return NULL;
    *found = 0;
    return found + 1;
}

static bool is_section(const char *name)
{
    if (!strcmp(name, "baseline"))
        return true;
    for (uint32_t i = 0; i < BB_N_KEYS; i++)
        if (!strcmp(bb_key_definitions[i].section, name))
            return true;
    return false;
}

static bb_status read_section(reader *self, char *text)
{
    const size_t length = strlen(text);
    if (text[length - 1] != ']')
        return bb_fail(self->context, BB_INPUT, "%s: '%.60s': expected [section]", self->where,
                       text);
    text[length - 1] = 0;
    self->section = trim(text + 1);
    if (!is_section(self->section))
        return bb_fail(self->context, BB_INPUT, "%s: section '%.60s' is unknown", self->where,
                       self->section);
    return BB_OK;
}

/* A key that begins as `key` does and goes on with a unit. */
static const char *key_with_unit(const char *key)
{
    const size_t length = strlen(key);
    for (uint32_t i = 0; length && i < BB_N_KEYS; i++) {
        const char *known = bb_key_definitions[i].key;
        if (!strncmp(known, key, length) && known[length] == '_')
            return known;
    }
    return NULL;
}

static bb_status fail_key(const reader *self, const char *key)
{
    const char *meant = key_with_unit(key);
    if (meant)
        return bb_fail(self->context, BB_INPUT, "%s: key '%.60s' lacks its unit; expected '%s'",
                       self->where, key, meant);
    return bb_fail(self->context, BB_INPUT, "%s: key '%.60s' is unknown", self->where, key);
}

/* "low L high H" */
static bb_status read_range(const reader *self, const char *key, char *text, bb_range *range)
{
    char *words[4] = {0};
    size_t n = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        if (n < 4)
            words[n] = word;
        n++;
    }
    if (n != 4 || strcmp(words[0], "low") != 0 || strcmp(words[2], "high") != 0 ||
        !bb_energy_number_parse(words[1], &range->low) ||
        !bb_energy_number_parse(words[3], &range->high))
        return bb_fail(self->context, BB_INPUT, "%s: %s: expected 'low NUMBER high NUMBER'",
                       self->where, key);
    return BB_OK;
}

typedef struct fields {
    bool range;
    const char *source, *confidence, *note;
} fields;

static bool is_confidence(const char *text)
{
    static const char *const known[] = {"H", "M", "L", "M-L", "-"};
    for (size_t i = 0; i < BB_COUNT_OF(known); i++)
        if (!strcmp(text, known[i]))
            return true;
    return false;
}

static bb_status read_text_field(const reader *self, const char *key, char *field, fields *out)
{
    const size_t length = strcspn(field, " \t");
    char *value = field[length] ? trim(field + length) : field + length;
    field[length] = 0;
    const char **target = !strcmp(field, "src")    ? &out->source
                          : !strcmp(field, "conf") ? &out->confidence
                          : !strcmp(field, "note") ? &out->note
                                                   : NULL;
    if (!target)
        return bb_fail(self->context, BB_INPUT,
                       "%s: %s: '%.60s' after ';': expected low, src, conf or note", self->where,
                       key, field);
    if (*target || !*value)
        return bb_fail(self->context, BB_INPUT, "%s: %s: '%s' %s", self->where, key, field,
                       *target ? "stands twice" : "has no text");
    *target = value;
    if (target == &out->confidence && !is_confidence(value))
        return bb_fail(self->context, BB_INPUT,
                       "%s: %s: confidence '%.60s': expected H, M, L or M-L", self->where, key,
                       value);
    return BB_OK;
}

static bb_status read_fields(const reader *self, const char *key, char *text, bb_entry *entry)
{
    fields found = {0};
    while (text) {
        char *next = cut(text, ';');
        char *field = trim(text);
        bb_status status;
        if (!strncmp(field, "low ", 4)) {
            status = found.range
                         ? bb_fail(self->context, BB_INPUT, "%s: %s: two ranges", self->where, key)
                         : read_range(self, key, field, &entry->value);
            found.range = true;
        } else {
            status = read_text_field(self, key, field, &found);
        }
        if (status != BB_OK)
            return status;
        text = next;
    }
    entry->source = found.source;
    entry->confidence = found.confidence;
    entry->note = found.note;
    entry->origin = self->name;
    entry->line = self->line;
    return BB_OK;
}

static bb_status check_range(const reader *self, const bb_key_definition *definition,
                             const bb_range *value)
{
    const bool word = definition->kind == BB_KEY_WORD;
    if (word && (value->low != value->nominal || value->high != value->nominal))
        return bb_fail(self->context, BB_INPUT, "%s: %s: a word has no range", self->where,
                       definition->key);
    if (word)
        return BB_OK;
    if (value->low < definition->least || value->high > definition->most)
        return bb_fail(self->context, BB_INPUT, "%s: %s: the range leaves %g .. %g", self->where,
                       definition->key, definition->least, definition->most);
    /* A choice may be 0 for "derived", outside its range. */
    const bool cost = definition->kind == BB_KEY_COST;
    if (value->low > value->high ||
        (cost && (value->low > value->nominal || value->nominal > value->high)))
        return bb_fail(self->context, BB_INPUT,
                       "%s: %s: low %g, value %g, high %g: expected low <= value <= high",
                       self->where, definition->key, value->low, value->nominal, value->high);
    if (definition->whole &&
        (value->low != (double)(int64_t)value->low || value->high != (double)(int64_t)value->high))
        return bb_fail(self->context, BB_INPUT, "%s: %s: the range is not of whole numbers",
                       self->where, definition->key);
    return BB_OK;
}

static bb_status read_parameter(reader *self, const char *key_text, char *value, char *rest)
{
    const uint32_t key = bb_energy_parameter_find(key_text);
    if (key == BB_NO_INDEX)
        return fail_key(self, key_text);
    const bb_key_definition *definition = &bb_key_definitions[key];
    if (*self->section && strcmp(self->section, definition->section) != 0)
        return bb_fail(self->context, BB_INPUT, "%s: key '%s' belongs to [%s], found in [%s]",
                       self->where, key_text, definition->section, self->section);
    if (self->seen[key])
        return bb_fail(self->context, BB_INPUT, "%s: key '%s' stands twice; first in line %u",
                       self->where, key_text, self->entries[key].line);
    bb_entry entry;
    bb_status status =
        bb_energy_value_parse(self->context, BB_INPUT, self->where, (bb_key)key, value, &entry);
    if (status == BB_OK)
        status = read_fields(self, definition->key, rest, &entry);
    if (status == BB_OK)
        status = check_range(self, definition, &entry.value);
    if (status != BB_OK)
        return status;
    self->entries[key] = entry;
    self->seen[key] = true;
    return BB_OK;
}

/* Same name: replaced, unless this very file named it before. */
static bb_status place_baseline(reader *self, const char *name, bb_baseline **out)
{
    for (uint32_t i = 0; i < self->n_baselines; i++) {
        if (strcmp(self->baselines[i].name, name) != 0)
            continue;
        *out = &self->baselines[i];
        if ((*out)->entry.origin == self->name)
            return bb_fail(self->context, BB_INPUT, "%s: baseline '%.60s' stands twice",
                           self->where, name);
        return BB_OK;
    }
    if (self->n_baselines == BB_MAX_BASELINES)
        return bb_fail(self->context, BB_INPUT, "%s: more than %d baselines", self->where,
                       BB_MAX_BASELINES);
    *out = &self->baselines[self->n_baselines++];
    return BB_OK;
}

static bb_status read_baseline(reader *self, char *key, const char *value, char *rest)
{
    const size_t length = strlen(key);
    if (length < 3 || strcmp(key + length - 2, "_J") != 0)
        return bb_fail(self->context, BB_INPUT,
                       "%s: baseline '%.60s' lacks its unit; expected NAME_J", self->where, key);
    bb_entry entry = {.given = true};
    double joules;
    if (!bb_energy_number_parse(value, &joules) || joules <= 0.0)
        return bb_fail(self->context, BB_INPUT, "%s: %.60s: '%.60s' is not a positive number",
                       self->where, key, value);
    entry.value = (bb_range){joules, joules, joules};
    bb_status status = read_fields(self, key, rest, &entry);
    if (status == BB_OK && !entry.source)
        status = bb_fail(self->context, BB_INPUT, "%s: %.60s: a baseline needs '; src TEXT'",
                         self->where, key);
    key[length - 2] = 0;
    bb_baseline *place = NULL;
    if (status == BB_OK)
        status = place_baseline(self, key, &place);
    if (status == BB_OK)
        *place = (bb_baseline){.name = key, .entry = entry};
    return status;
}

static bb_status read_line(reader *self, char *line)
{
    cut(line, '#');
    char *text = trim(line);
    if (!*text)
        return BB_OK;
    if (*text == '[')
        return read_section(self, text);
    char *rest = cut(text, ';');
    char *value = cut(text, '=');
    if (!value)
        return bb_fail(self->context, BB_INPUT, "%s: '%.60s': expected key = value", self->where,
                       text);
    char *key = trim(text);
    value = trim(value);
    if (!strcmp(self->section, "baseline"))
        return read_baseline(self, key, value, rest);
    return read_parameter(self, key, value, rest);
}

static bb_status read_lines(reader *self, char *text, size_t length)
{
    char *const end = text + length;
    while (text < end) {
        char *newline = memchr(text, '\n', (size_t)(end - text));
        char *const next = newline ? newline + 1 : end;
        if (newline)
            *newline = 0;
        self->line++;
        snprintf(self->where, sizeof(self->where), "%.120s:%u", self->name, self->line);
        const bb_status status = read_line(self, text);
        if (status != BB_OK)
            return status;
        text = next;
    }
    return BB_OK;
}

static void apply(const reader *self)
{
    bb_energy_parameters *parameters = self->parameters;
    for (uint32_t key = 0; key < BB_N_KEYS; key++) {
        if (!self->seen[key])
            continue;
        parameters->entries[key] = self->entries[key];
        parameters->changed[key] = true;
    }
    memcpy(parameters->baselines, self->baselines, sizeof(parameters->baselines));
    parameters->n_baselines = self->n_baselines;
}

bb_status bb_energy_parameters_parse(bb_energy_parameters *parameters, const void *bytes,
                                     size_t length, const char *name)
{
    bb_context *context = parameters->context;
    if (length > FILE_LIMIT)
        return bb_fail(context, BB_INPUT, "%s: %zu bytes, the limit is %zu", name, length,
                       FILE_LIMIT);
    if (length && memchr(bytes, 0, length))
        return bb_fail(context, BB_INPUT, "%s: a zero byte; expected text", name);
    char *text = bb_energy_parameters_keep(parameters, bytes, length);
    const char *kept_name = text ? bb_energy_parameters_keep(parameters, name, strlen(name)) : NULL;
    reader *self = kept_name ? bb_allocate(context, 1, sizeof(*self)) : NULL;
    if (!self)
        return BB_MEMORY;
    *self =
        (reader){.parameters = parameters, .context = context, .name = kept_name, .section = ""};
    memcpy(self->baselines, parameters->baselines, sizeof(self->baselines));
    self->n_baselines = parameters->n_baselines;
    const bb_status status = read_lines(self, text, length);
    if (status == BB_OK)
        apply(self);
    bb_release(context, self);
    return status;
}

bb_status bb_energy_parameters_read(bb_energy_parameters *parameters, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    bb_status status = bb_file_read(parameters->context, path, FILE_LIMIT, &bytes, &length);
    if (status != BB_OK)
        return status;
    status = bb_energy_parameters_parse(parameters, bytes, length, path);
    bb_release(parameters->context, bytes);
    return status;
}
