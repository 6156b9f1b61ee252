/* SPDX-License-Identifier: MIT */
/* `energy explain`: formulas, values, sources. */
#include "energy.h"

#include <string.h>

static void print_topics(FILE *stream)
{
    table cells = {.alignment = "ll"};
    table_cell(&cells, "topic");
    table_cell(&cells, "%s", "");
    for (uint32_t i = 0; i < bb_energy_topic_count(); i++) {
        table_cell(&cells, "%s", bb_energy_topic_get(i)->name);
        table_cell(&cells, "%s", bb_energy_topic_get(i)->what);
    }
    table_print(&cells, stream, 0);
    fputs(
        "\n`bitbayes energy explain TOPIC` tells formula, values and sources; a key of a parameter "
        "works too.\n",
        stream);
}

static void print_value(FILE *stream, const bb_energy_parameter_info *info)
{
    if (info->word)
        fprintf(stream, "  %s = %s    (one of: %s)\n", info->key, info->word, info->words);
    else if (info->value.low == info->value.high)
        fprintf(stream, "  %s = %.4g    (no range)\n", info->key, info->value.nominal);
    else
        fprintf(stream, "  %s = %.4g    (low %.4g, high %.4g)\n", info->key, info->value.nominal,
                info->value.low, info->value.high);
}

static void print_parameter(FILE *stream, const bb_energy_parameters *parameters, uint32_t index)
{
    bb_energy_parameter_info info;
    bb_energy_parameter_get(parameters, index, &info);
    print_value(stream, &info);
    fprintf(stream, "    what        %s\n", info.what);
    fprintf(stream, "    source      %s\n", *info.source ? info.source : "none given");
    fprintf(stream, "    confidence  %s\n", *info.confidence ? info.confidence : "none given");
    if (*info.note)
        fprintf(stream, "    note        %s\n", info.note);
    fprintf(stream, "    set by      %s", info.origin);
    if (info.line)
        fprintf(stream, ", line %u", info.line);
    if (info.changed && !info.word)
        fprintf(stream, "; the preset has %.4g", info.preset.nominal);
    fputc('\n', stream);
}

static void print_topic(FILE *stream, const bb_energy_parameters *parameters,
                        const bb_energy_topic *topic)
{
    fprintf(stream, "%s: %s\n\n", topic->name, topic->what);
    for (const char *line = topic->formula; *line;) {
        const int length = (int)strcspn(line, "\n");
        fprintf(stream, "  %.*s\n", length, line);
        line += length + (line[length] == '\n');
    }
    for (const char *key = topic->keys; *key;) {
        char name[64];
        const size_t length = strcspn(key, " ");
        snprintf(name, sizeof(name), "%.*s", (int)length, key);
        fputc('\n', stream);
        print_parameter(stream, parameters, bb_energy_parameter_find(name));
        key += length + (key[length] == ' ');
    }
}

bb_status energy_print_explanation(FILE *stream, bb_context *context,
                                   const bb_energy_parameters *parameters, const char *name)
{
    if (!name) {
        print_topics(stream);
        return BB_OK;
    }
    const bb_energy_topic *topic = bb_energy_topic_find(name);
    const uint32_t key = bb_energy_parameter_find(name);
    if (topic)
        print_topic(stream, parameters, topic);
    else if (key != BB_NO_INDEX)
        print_parameter(stream, parameters, key);
    else
        return bb_fail(
            context, BB_ARGUMENT,
            "energy explain: '%s' is no topic and no key; `bitbayes energy explain` lists "
            "the topics",
            name);
    return BB_OK;
}
