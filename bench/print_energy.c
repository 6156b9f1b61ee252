/* SPDX-License-Identifier: MIT */
/* The energy of models as a table of its own: chip, device, ratio. */
#include "bench.h"
#include "markdown.h"

#include <string.h>

static void ratio_cell(table *cells, bb_range ratio)
{
    if (ratio.high > 0)
        table_cell(cells, "%.3g .. %.3g .. %.3g", ratio.low, ratio.nominal, ratio.high);
    else
        table_cell(cells, "-");
}

static void device_cell(table *cells, const bb_energy_comparison *energy)
{
    char net[32], gross[32];
    switch (energy->device.status) {
    case BB_METER_MEASURED:
        table_cell(cells, "%s %s, %s gross", format_si(net, energy->device_net_J, "J"),
                   energy->device.idle_subtracted ? "above idle" : "with idle power included",
                   format_si(gross, energy->device_gross_J, "J"));
        return;
    case BB_METER_UNRELIABLE:
        table_cell(cells, "unreliable");
        return;
    default:
        table_cell(cells, "not measured");
    }
}

static void add_row(table *cells, const bench_row *row)
{
    char text[64];
    table_cell(cells, "%s", row->name);
    table_cell(cells, "%s", row->device->info->id);
    table_cell(cells, "%s", format_range(text, row->energy.chip_J, "J"));
    table_cell(cells, "%s", format_range(text, row->energy.chip_shared_J, "J"));
    device_cell(cells, &row->energy);
    ratio_cell(cells, row->energy.ratio);
    ratio_cell(cells, row->energy.shared_ratio);
}

/* Each reason once. */
static void print_reasons(FILE *stream, const bench_run *run)
{
    const char *last = "";
    for (uint32_t r = 0; r < run->n_rows; r++) {
        const bench_row *row = run->rows[r];
        const bb_measurement *m = &row->energy.device;
        if (!row->energy.caveat || m->status == BB_METER_MEASURED || strcmp(m->reason, last) == 0)
            continue;
        fprintf(stream, "\nenergy of %s on %s: %s: %s%s%s\n", row->name, row->device->info->id,
                m->status == BB_METER_UNRELIABLE ? "unreliable" : "not measured", m->reason,
                m->remedy[0] ? "; " : "", m->remedy);
        last = m->reason;
    }
}

void bench_print_energy(FILE *stream, const bench_run *run)
{
    static const char *const heads[] = {
        "energy per input", "device",        "chip, every pass in full", "chip, prefixes shared",
        "device",           "device / chip", "device / chip, shared"};
    table cells = {.alignment = "llrrrrr"};
    const char *caveat = NULL;
    for (uint32_t r = 0; r < run->n_rows && !caveat; r++)
        caveat = run->rows[r]->energy.caveat;
    if (!caveat)
        return;
    for (size_t i = 0; i < BB_COUNT_OF(heads); i++)
        table_cell(&cells, "%s", heads[i]);
    for (uint32_t r = 0; r < run->n_rows; r++)
        if (run->rows[r]->energy.caveat)
            add_row(&cells, run->rows[r]);
    fputc('\n', stream);
    markdown_print(&cells, stream);
    print_reasons(stream, run);
    fprintf(stream, "\n%s\n", caveat);
}
