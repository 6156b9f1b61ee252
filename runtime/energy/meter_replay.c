/* SPDX-License-Identifier: MIT */
/*
 * A recorded trace instead of hardware. Lines:
 *   domain NAME RANGE_UJ     one per counter, before the first reading; range 0: never wraps
 *   SECONDS UJ [UJ ...]      the counters from that time on
 *   SECONDS fail REASON      reading fails from that time on
 * Time passes as the meter waits, and a little with each reading.
 */
#include "energy/meter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define READING_S 2e-5
#define FILE_LIMIT ((size_t)16 << 20)

typedef struct row {
    double time_s;
    const char *failure; /* NULL: counters */
    uint64_t uJ[BB_MAX_METER_DOMAINS];
} row;

typedef struct replay {
    char *text;
    row *rows;
    size_t n_rows, capacity, at;
    double time_s;
} replay;

static bb_status fail_line(bb_meter *meter, size_t line, const char *what)
{
    return bb_fail(meter->context, BB_INPUT, "replay trace, line %zu: %s", line, what);
}

static bb_status add_domain(bb_meter *meter, char *rest, size_t line)
{
    const replay *self = meter->state;
    char *save = NULL;
    const char *name = strtok_r(rest, " \t", &save), *range = strtok_r(NULL, " \t", &save);
    if (!name || !range || self->n_rows || meter->n_domains == BB_MAX_METER_DOMAINS)
        return fail_line(meter, line, "expected 'domain NAME RANGE_UJ' before the first reading");
    bb_meter_domain *domain = &meter->domains[meter->n_domains++];
    snprintf(domain->name, sizeof(domain->name), "%.23s", name);
    domain->range_uJ = strtoull(range, NULL, 10);
    return BB_OK;
}

static bb_status add_row(bb_meter *meter, const char *first, char *rest, size_t line)
{
    replay *self = meter->state;
    if (self->n_rows == self->capacity) {
        const size_t capacity = self->capacity ? 2 * self->capacity : 64;
        row *grown = bb_resize(meter->context, self->rows, capacity, sizeof(*grown));
        if (!grown)
            return BB_MEMORY;
        self->rows = grown;
        self->capacity = capacity;
    }
    row *rows = self->rows, *added = &rows[self->n_rows];
    *added = (row){.time_s = strtod(first, NULL)};
    if (self->n_rows && added->time_s < rows[self->n_rows - 1].time_s)
        return fail_line(meter, line, "time goes back");
    self->n_rows++;
    if (!strncmp(rest, "fail", 4)) {
        added->failure = rest + 4 + strspn(rest + 4, " \t");
        return BB_OK;
    }
    char *save = NULL;
    for (uint32_t i = 0; i < meter->n_domains; i++) {
        const char *text = strtok_r(i ? NULL : rest, " \t", &save);
        if (!text)
            return fail_line(meter, line, "expected one number per domain");
        added->uJ[i] = strtoull(text, NULL, 10);
    }
    return BB_OK;
}

static bb_status parse(bb_meter *meter, char *text)
{
    bb_status status = BB_OK;
    char *save = NULL;
    size_t line = 0;
    for (char *at = strtok_r(text, "\n", &save); status == BB_OK && at;
         at = strtok_r(NULL, "\n", &save)) {
        line++;
        char *rest = at + strcspn(at, " \t");
        if (*rest)
            *rest++ = 0;
        if (!*at || *at == '#')
            continue;
        status =
            !strcmp(at, "domain") ? add_domain(meter, rest, line) : add_row(meter, at, rest, line);
    }
    const replay *self = meter->state;
    if (status == BB_OK && (!meter->n_domains || !self->n_rows))
        status = bb_fail(meter->context, BB_INPUT,
                         "replay trace: expected domains and readings, found %u and %zu",
                         meter->n_domains, self->n_rows);
    if (status == BB_OK)
        ((replay *)meter->state)->time_s = self->rows[0].time_s;
    return status;
}

static bb_status open_file(bb_meter *meter, const char *argument, const char *pci)
{
    (void)pci;
    if (!argument || !*argument)
        return bb_fail(meter->context, BB_ARGUMENT, "meter replay: expected replay:FILE");
    replay *self = bb_allocate(meter->context, 1, sizeof(*self));
    if (!self)
        return BB_MEMORY;
    meter->state = self;
    uint8_t *bytes;
    size_t length;
    const bb_status status = bb_file_read(meter->context, argument, FILE_LIMIT, &bytes, &length);
    if (status != BB_OK)
        return status;
    self->text = (char *)bytes;
    return parse(meter, self->text);
}

static void advance(bb_meter *meter, double seconds)
{
    replay *self = meter->state;
    self->time_s += seconds;
    while (self->at + 1 < self->n_rows && self->rows[self->at + 1].time_s <= self->time_s)
        self->at++;
}

void bb_meter_replay_advance(bb_meter *meter, double seconds)
{
    if (meter->operations == &bb_meter_replay && meter->state)
        advance(meter, seconds);
}

static bool read_replay(bb_meter *meter, uint64_t *uJ)
{
    const replay *self = meter->state;
    advance(meter, READING_S);
    const row *current = &self->rows[self->at];
    if (current->failure) {
        bb_meter_excuse(meter, "as the trace has it", "%.200s", current->failure);
        return false;
    }
    memcpy(uJ, current->uJ, meter->n_domains * sizeof(*uJ));
    return true;
}

static double now(bb_meter *meter)
{
    return ((const replay *)meter->state)->time_s;
}

static void close_replay(bb_meter *meter)
{
    replay *self = meter->state;
    if (self) {
        bb_release(meter->context, self->rows);
        bb_release(meter->context, self->text);
    }
    bb_release(meter->context, self);
    meter->state = NULL;
}

const bb_meter_operations bb_meter_replay = {
    .name = "replay",
    .what = "a recorded trace, replay:FILE (for tests)",
    .open = open_file,
    .read = read_replay,
    .now = now,
    .wait = advance,
    .close = close_replay,
};
