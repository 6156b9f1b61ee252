/* SPDX-License-Identifier: MIT */
/* Risks as counts, and the warnings that follow from them and from the choice of values. */
#include "energy/energy.h"

#include <stdarg.h>
#include <string.h>

static bb_range over_corners(const bb_energy_parameters *parameters,
                             double (*function)(const bb_values *))
{
    const bb_values low = bb_values_at(parameters, BB_CORNER_LOW);
    const bb_values nominal = bb_values_at(parameters, BB_CORNER_NOMINAL);
    const bb_values high = bb_values_at(parameters, BB_CORNER_HIGH);
    return (bb_range){function(&low), function(&nominal), function(&high)};
}

static double read_disturb(const bb_values *values)
{
    return values->at[BB_KEY_READ_DISTURB];
}

void bb_energy_assess_risks(bb_energy_report *report, const bb_energy_parameters *parameters,
                            double drop_probability)
{
    const bb_values nominal = bb_values_at(parameters, BB_CORNER_NOMINAL);
    const bb_values low = bb_values_at(parameters, BB_CORNER_LOW);
    const bb_values high = bb_values_at(parameters, BB_CORNER_HIGH);
    bb_energy_risks *risks = &report->risks;
    risks->adc_bits = bb_energy_adc_bits(&nominal);
    risks->lossless_bits = bb_energy_lossless_bits(&nominal);
    risks->lossless = risks->adc_bits >= risks->lossless_bits;
    risks->column_current_A = over_corners(parameters, bb_energy_column_current_A);
    risks->column_current_max_A = nominal.at[BB_KEY_COLUMN_CURRENT_MAX];
    const double reads = (double)report->counts.cells_driven * (double)report->options.passes;
    const bb_range disturb = over_corners(parameters, read_disturb);
    risks->read_disturbs_per_image =
        (bb_range){reads * disturb.low, reads * disturb.nominal, reads * disturb.high};
    risks->drop_probability = drop_probability;
    risks->probability_shift = (bb_range){bb_energy_probability_shift(&low, drop_probability),
                                          bb_energy_probability_shift(&nominal, drop_probability),
                                          bb_energy_probability_shift(&high, drop_probability)};
    risks->popcount_noise = over_corners(parameters, bb_energy_popcount_noise);
}

static bb_status warn(bb_energy_report *report, const char *format, ...) BB_PRINTF(2, 3);

static bb_status warn(bb_energy_report *report, const char *format, ...)
{
    char line[320];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    char **grown =
        bb_resize(report->context, report->warnings, report->n_warnings + 1u, sizeof(*grown));
    if (!grown)
        return BB_MEMORY;
    report->warnings = grown;
    grown[report->n_warnings] = bb_copy_text(report->context, line);
    if (!grown[report->n_warnings])
        return BB_MEMORY;
    report->n_warnings++;
    return BB_OK;
}

static bb_status warn_crossbar(bb_energy_report *report, const bb_values *values)
{
    const bb_energy_risks *risks = &report->risks;
    if ((int)values->at[BB_KEY_CELL_KIND] == BB_CELL_DIGITAL)
        return BB_OK;
    bb_status status = BB_OK;
    if (risks->column_current_A.nominal > risks->column_current_max_A)
        status =
            warn(report,
                 "column current: %.3g mA with %g rows read at once, above %.3g mA; read fewer "
                 "rows (rows_on_count)",
                 risks->column_current_A.nominal * 1e3, values->at[BB_KEY_ROWS_ON],
                 risks->column_current_max_A * 1e3);
    if (status == BB_OK && !risks->lossless)
        status =
            warn(report,
                 "lossy conversion: %u bits for %g rows, %u needed; the energy is that of a less "
                 "exact network",
                 risks->adc_bits, values->at[BB_KEY_ROWS_ON], risks->lossless_bits);
    return status;
}

static bb_status warn_outside(bb_energy_report *report)
{
    uint32_t n_outside = 0;
    for (uint32_t i = 0; i < report->n_layers; i++)
        n_outside += report->layers[i].counts.digital_operations != 0;
    if (!n_outside)
        return BB_OK;
    return warn(report,
                "%u of %u layers run beside the crossbars: their energy is counted, their time and "
                "area are not",
                n_outside, report->n_layers);
}

bb_status bb_energy_warn(bb_energy_report *report, const bb_energy_parameters *parameters)
{
    const bb_values values = bb_values_at(parameters, BB_CORNER_NOMINAL);
    const double node = values.at[BB_KEY_NODE];
    bb_status status = warn_crossbar(report, &values);
    if (status == BB_OK && (node < 22.0 || node > 65.0))
        status = warn(report,
                      "extrapolated node: %g nm; scaling factors are known from 22 to 65 nm", node);
    if (status == BB_OK)
        status = warn_outside(report);
    if (status == BB_OK && report->calibration != 1.0)
        status = warn(report, "calibration: every joule is multiplied by %.3g, chosen by the user",
                      report->calibration);
    return status;
}
