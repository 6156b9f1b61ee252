/* SPDX-License-Identifier: MIT */
/* What moves the result: one parameter at a time, and the parameters that somebody changed. */
#include "energy/energy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double nominal_J(const bb_energy_problem *problem, const bb_values *values)
{
    bb_energy_totals totals;
    bb_energy_evaluate(problem, values, &totals);
    return totals.image_total_J;
}

static double moved_J(const bb_energy_problem *problem, const bb_values *nominal, uint32_t key,
                      double value)
{
    bb_values values = *nominal;
    values.at[key] = value;
    return nominal_J(problem, &values);
}

static int by_swing(const void *a, const void *b)
{
    const bb_energy_sensitivity *x = a, *y = b;
    return (x->swing_J < y->swing_J) - (x->swing_J > y->swing_J);
}

static uint32_t count_words(const char *words)
{
    uint32_t n = words ? 1 : 0;
    for (; words && *words; words++)
        n += *words == ' ';
    return n;
}

static void add_row(bb_energy_report *report, const bb_energy_problem *problem,
                    const bb_values *nominal, uint32_t key, double low, double high)
{
    bb_energy_sensitivity row = {
        .key = bb_key_definitions[key].key,
        .kind = bb_key_definitions[key].kind == BB_KEY_COST ? "cost" : "choice",
        .low_word = bb_energy_word_get((bb_key)key, low),
        .high_word = bb_energy_word_get((bb_key)key, high),
        .low_value = low,
        .high_value = high,
        .low_J = moved_J(problem, nominal, key, low),
        .high_J = moved_J(problem, nominal, key, high),
    };
    row.swing_J = fabs(row.high_J - row.low_J);
    if (row.swing_J > 0.0)
        report->sensitivities[report->n_sensitivities++] = row;
}

bb_status bb_energy_sensitivity_table(bb_energy_report *report, const bb_energy_problem *problem,
                                      const bb_energy_parameters *parameters)
{
    uint32_t n_most = 0;
    for (uint32_t key = 0; key < BB_N_KEYS; key++)
        n_most += 1 + count_words(bb_key_definitions[key].words);
    report->sensitivities = bb_allocate(report->context, n_most, sizeof(*report->sensitivities));
    if (!report->sensitivities)
        return BB_MEMORY;
    const bb_values nominal = bb_values_at(parameters, BB_CORNER_NOMINAL);
    for (uint32_t key = 0; key < BB_N_KEYS; key++) {
        const bb_range *range = &parameters->entries[key].value;
        const uint32_t n_words = count_words(bb_key_definitions[key].words);
        if (!n_words && range->low < range->high)
            add_row(report, problem, &nominal, key, range->low, range->high);
        for (uint32_t word = 0; word < n_words; word++)
            if ((double)word != range->nominal)
                add_row(report, problem, &nominal, key, range->nominal, (double)word);
    }
    qsort(report->sensitivities, report->n_sensitivities, sizeof(*report->sensitivities), by_swing);
    return BB_OK;
}

bb_status bb_energy_change_table(bb_energy_report *report, const bb_energy_problem *problem,
                                 const bb_energy_parameters *parameters)
{
    report->changes = bb_allocate(report->context, BB_N_KEYS, sizeof(*report->changes));
    if (!report->changes)
        return BB_MEMORY;
    bb_values preset;
    for (uint32_t key = 0; key < BB_N_KEYS; key++)
        preset.at[key] = parameters->preset_entries[key].value.nominal;
    const double before_J = nominal_J(problem, &preset);
    for (uint32_t key = 0; key < BB_N_KEYS; key++) {
        if (!parameters->changed[key])
            continue;
        const bb_entry *entry = &parameters->entries[key];
        report->changes[report->n_changes++] = (bb_energy_change){
            .key = bb_key_definitions[key].key,
            .from_word = bb_energy_word_get((bb_key)key, preset.at[key]),
            .to_word = bb_energy_word_get((bb_key)key, entry->value.nominal),
            .from = preset.at[key],
            .to = entry->value.nominal,
            .origin = entry->origin,
            .line = entry->line,
            .before_J = before_J,
            .after_J = moved_J(problem, &preset, key, entry->value.nominal),
        };
    }
    return BB_OK;
}
