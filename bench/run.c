/* SPDX-License-Identifier: MIT */
/* The run: its devices with their limits, its rows, and the loop that takes samples. */
#include "bench.h"

#if BB_WITH_OPENCL
#include "opencl/roofline.h"
#endif

#include <bitbayes/limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIN_SAMPLES 7
#define MAX_TAKEN 100000
#define FIRST_LIMITS 5      /* of each kind, when a device is opened */
#define SHORTEST_LIMIT 5e-4 /* seconds of a launch, else as long as what it stands beside */
#define LONGEST_LIMIT 5e-2
#define STREAM_EVERY 16   /* samples; a stream launch takes long */
#define NOISY_SPREAD 0.10 /* half the interval, as a share of the median */

const char *row_status_word(row_status status)
{
    static const char *const words[] = {
#define ROW_STATUS_WORD(name, word, fails) word,
        ROW_STATUS_LIST(ROW_STATUS_WORD)
#undef ROW_STATUS_WORD
    };
    return words[status];
}

static bool fails_run(row_status status)
{
    static const bool fails[] = {
#define ROW_STATUS_FAILS(name, word, fails) fails,
        ROW_STATUS_LIST(ROW_STATUS_FAILS)
#undef ROW_STATUS_FAILS
    };
    return fails[status];
}

bb_device_options bench_backend_options(const bench_options *options)
{
    return (bb_device_options){.variants = options->variants,
                               .popcount = options->popcount,
                               .cache_folder = options->cache,
                               .tune = options->tune};
}

static bb_status take(bb_status status, samples *set, double value)
{
    if (status != BB_OK)
        return status;
    return samples_add(set, value) ? BB_OK : BB_MEMORY;
}

/* ---- limits beside the rows ---- */

#if BB_WITH_OPENCL
static bb_status take_limit(bench_device *device, double seconds, double *rate)
{
    const uint32_t path = bb_roofline_path_count(device->roofline) - 1;
    const double wanted = seconds < SHORTEST_LIMIT  ? SHORTEST_LIMIT
                          : seconds > LONGEST_LIMIT ? LONGEST_LIMIT
                                                    : seconds;
    const bb_status status = bb_roofline_popcount(device->roofline, path, wanted, rate);
    return take(status, &device->limit, *rate);
}

static bb_status take_launch(bench_device *device)
{
    double value = 0;
    const bb_status status = bb_roofline_launch(device->roofline, &value);
    return take(status, &device->launch, value);
}

static bb_status take_stream(bench_device *device)
{
    double value = 0;
    const bb_status status = bb_roofline_stream(device->roofline, &value);
    return take(status, &device->stream, value);
}

static bb_status open_device(bench_run *run, bench_device *device)
{
    const bb_device_options options = bench_backend_options(run->options);
    bb_status status = bb_opencl_open(&device->opened, run->context, device->info->id, &options);
    if (status == BB_OK)
        status = bb_roofline_create(&device->roofline, device->opened);
    for (int i = 0; i < FIRST_LIMITS && status == BB_OK; i++) {
        double rate;
        status = take_limit(device, 1e-3, &rate);
        if (status == BB_OK)
            status = take_stream(device);
        if (status == BB_OK)
            status = take_launch(device);
    }
    return status;
}

static void close_device(bench_device *device)
{
    bb_roofline_free(device->roofline);
    if (device->opened)
        device->opened->operations->free(device->opened);
}
#else
static bb_status take_limit(bench_device *device, double seconds, double *rate)
{
    (void)device;
    (void)seconds;
    *rate = 0;
    return BB_OK;
}

static bb_status take_launch(bench_device *device)
{
    (void)device;
    return BB_OK;
}

static bb_status take_stream(bench_device *device)
{
    return take_launch(device);
}

static bb_status open_device(bench_run *run, bench_device *device)
{
    return bb_fail(run->context, BB_NO_DEVICE, "device %s: built without OpenCL", device->info->id);
}

static void close_device(bench_device *device)
{
    (void)device;
}
#endif

/* ---- opening and closing ---- */

static bb_status add_device(bench_run *run, const char *text)
{
    uint32_t index;
    if (run->n_devices == MAX_DEVICES)
        return bb_fail(run->context, BB_ARGUMENT, "bench: more than %d devices", MAX_DEVICES);
    const bb_status status = bb_device_find(run->list, run->context, text, &index);
    if (status != BB_OK)
        return status;
    bench_device *device = &run->devices[run->n_devices++];
    device->info = bb_device_list_get(run->list, index);
    return strcmp(device->info->id, "ref") == 0 ? BB_OK : open_device(run, device);
}

bb_status run_open(bench_run *run, invocation *call, const bench_options *options, const char *what)
{
    *run = (bench_run){.call = call, .options = options, .context = call->context, .what = what};
    bb_status status = bb_device_list_create(&run->list, run->context);
    if (status == BB_OK && !options->devices)
        return add_device(run, NULL);
    for (const char *at = options->devices; at && status == BB_OK;) {
        const size_t length = strcspn(at, ",");
        char *text = bb_format(run->context, "%.*s", (int)length, at);
        status = text ? add_device(run, text) : BB_MEMORY;
        bb_release(run->context, text);
        at = at[length] ? at + length + 1 : NULL;
    }
    return status;
}

static void free_row(bb_context *context, bench_row *row)
{
    samples_free(&row->time);
    samples_free(&row->wall);
    samples_free(&row->limit);
    samples_free(&row->bound);
    samples_free(&row->transfer);
    samples_free(&row->list);
    samples_free(&row->compute);
    bb_release(context, row);
}

void run_close(bench_run *run)
{
    for (uint32_t i = 0; i < run->n_rows; i++)
        free_row(run->context, run->rows[i]);
    bb_release(run->context, run->rows);
    for (uint32_t i = 0; i < run->n_devices; i++) {
        close_device(&run->devices[i]);
        samples_free(&run->devices[i].limit);
        samples_free(&run->devices[i].stream);
        samples_free(&run->devices[i].launch);
    }
    bb_device_list_free(run->list);
}

/* ---- rows ---- */

bench_row *run_add_row(bench_run *run, row_kind kind, bench_device *device, const char *format, ...)
{
    bench_row **rows = bb_resize(run->context, run->rows, (size_t)run->n_rows + 1, sizeof(*rows));
    if (!rows)
        return NULL;
    run->rows = rows;
    bench_row *row = bb_allocate(run->context, 1, sizeof(*row));
    if (!row)
        return NULL;
    rows[run->n_rows++] = row;
    *row = (bench_row){.kind = kind, .device = device, .unit = "s", .stopped = ""};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(row->name, sizeof(row->name), format, arguments);
    va_end(arguments);
    return row;
}

bb_status row_settle(bench_run *run, bench_row *row, bb_status status)
{
    const row_status settled = status == BB_CHECK                            ? ROW_WRONG
                               : status == BB_DEVICE                         ? ROW_FAILED
                               : status == BB_OK || status == BB_INTERRUPTED ? ROW_OK
                                                                             : ROW_REFUSED;
    if (settled == ROW_OK)
        return status;
    row->status = settled;
    snprintf(row->reason, sizeof(row->reason), "%s", bb_context_error(run->context));
    row->reason[strcspn(row->reason, "\n")] = '\0'; /* of a build log: the first line */
    return BB_OK;
}

/* ---- samples ---- */

/* Half the interval of what the row is about: its share of the limit, else its time. */
static double spread_of(const bench_row *row)
{
    samples work = {0};
    interval i;
    if (row->limit.n && samples_multiply(&work, &row->time, &row->limit))
        i = samples_interval(&work);
    else
        i = samples_interval(&row->time);
    samples_free(&work);
    return interval_spread(&i);
}

static bb_status take_one(bench_device *device, bench_row *row, take_sample *function,
                          void *payload)
{
    double rate = 0, value = 0;
    bb_status status = BB_OK;
    if (device->roofline && row->kind != ROW_LIMIT) {
        const double last = row->time.n ? row->time.values[row->time.n - 1] : 0;
        status = take_limit(device, last, &rate);
        status = take(status, &row->limit, rate);
        if (status == BB_OK)
            status = take_launch(device);
        if (status == BB_OK && row->time.n % STREAM_EVERY == STREAM_EVERY - 1)
            status = take_stream(device);
    }
    if (status == BB_OK)
        status = function(row, payload, &value);
    return take(status, &row->time, value);
}

static bool precise(const bench_run *run, const bench_row *row)
{
    return row->time.n >= MIN_SAMPLES && spread_of(row) <= run->options->precision / 100;
}

/* A launch that lost its core to other work shows no limit: what counts is the best of the run. */
static double best_limit(const bench_device *device)
{
    double best = 0;
    for (size_t i = 0; i < device->limit.n; i++)
        best = device->limit.values[i] > best ? device->limit.values[i] : best;
    return best;
}

/* What the samples say about themselves. */
static bb_status judge(bench_run *run, bench_row *row)
{
    bench_figures f;
    if (!row_figures(&f, row))
        return bb_fail(run->context, BB_MEMORY, "bench: out of memory");
    if (row->kind == ROW_LIMIT)
        return BB_OK;
    if (row->binary && f.valid_share.low > 1 &&
        row->valid_operations / f.time.median > best_limit(row->device)) {
        row->status = ROW_BROKEN;
        snprintf(
            row->reason, sizeof(row->reason),
            "valid taps alone run at %.0f %% of the register limit (95 %% interval %.0f..%.0f)",
            100 * f.valid_share.median, 100 * f.valid_share.low, 100 * f.valid_share.high);
        return BB_OK;
    }
    const double spread = spread_of(row);
    if (spread > NOISY_SPREAD || (row->binary && f.valid_share.median > 1)) {
        row->status = ROW_NOISY;
        snprintf(row->reason, sizeof(row->reason),
                 "spread %.0f %%: other work on the machine, or a changing clock; try an idle "
                 "machine or "
                 "a longer --time",
                 100 * spread);
    }
    return BB_OK;
}

bb_status run_sample(bench_run *run, bench_device *device, bench_row *row, take_sample *function,
                     void *payload)
{
    double first = 0;
    const double start = bb_seconds();
    bb_status status = function(row, payload, &first); /* compiles what compiles on first use */
    row->warm_up = bb_seconds() - start;
    row->wall.n = row->bound.n = row->list.n = row->compute.n = 0;
    row->transfer.n = row->kind == ROW_MODEL ? 0 : row->transfer.n; /* kernels: copied once */
    const double end = bb_seconds() + run->options->seconds;
    row->stopped = "precision";
    while (status == BB_OK && row->time.n < MAX_TAKEN && !precise(run, row)) {
        if (interrupted()) {
            row->stopped = "interrupt";
            return bb_fail(run->context, BB_INTERRUPTED, "bench: interrupted");
        }
        if (bb_seconds() > end && row->time.n >= 2) {
            row->stopped = "time-out";
            break;
        }
        status = take_one(device, row, function, payload);
    }
    return status == BB_OK ? judge(run, row) : status;
}

bool row_figures(bench_figures *out, const bench_row *row)
{
    samples work = {0}, over = {0};
    *out =
        (bench_figures){.time = samples_interval(&row->time), .wall = samples_interval(&row->wall)};
    if (!samples_multiply(&work, &row->time, &row->limit) ||
        !samples_divide(&over, &row->time, &row->bound)) {
        samples_free(&work);
        return false;
    }
    const interval w = samples_interval(&work);
    if (work.n && w.low > 0) {
        out->share = (interval){row->operations / w.median, row->operations / w.high,
                                row->operations / w.low};
        out->valid_share =
            (interval){row->valid_operations / w.median, row->valid_operations / w.high,
                       row->valid_operations / w.low};
    }
    out->over_bound = samples_interval(&over);
    out->bound = samples_interval(&row->bound).median;
    out->transfer = samples_interval(&row->transfer).median;
    out->list = samples_interval(&row->list).median;
    out->compute = samples_interval(&row->compute).median;
    out->launches = 2 * row->n_stages * samples_interval(&row->device->launch).median;
    samples_free(&work);
    samples_free(&over);
    const double seconds = out->time.median;
    if (seconds <= 0 || row->kind == ROW_LIMIT)
        return true;
    out->rate = row->operations / seconds;
    out->inputs_rate = row->inputs / seconds;
    out->ratio_to_reference = row->reference / seconds;
    const double stream = samples_interval(&row->device->stream).median;
    out->bandwidth_share = stream > 0 ? row->bytes / seconds / stream : 0;
    return true;
}

/* ---- the end of a run ---- */

/* For `bitbayes devices`. A forced popcount path is not what the device would use. */
static void keep_limits(const bench_run *run, const bench_device *device)
{
    if (!device->roofline || run->options->popcount)
        return;
    bb_device_limits limits = {.operations_rate = samples_interval(&device->limit).median,
                               .bytes_rate = samples_interval(&device->stream).median,
                               .launch_seconds = samples_interval(&device->launch).median};
    const time_t now = time(NULL);
    struct tm utc;
    strftime(limits.date, sizeof(limits.date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
#if BB_WITH_OPENCL
    snprintf(limits.popcount, sizeof(limits.popcount), "%s",
             bb_roofline_path_name(device->roofline, bb_roofline_path_count(device->roofline) - 1));
#endif
    if (bb_device_limits_store(&limits, run->context, device->info, run->options->cache) != BB_OK)
        say("note: the limits are not kept for `bitbayes devices`: %s",
            bb_context_error(run->context));
}

static bb_status print(FILE *stream, void *payload)
{
    return bench_print(stream, payload);
}

bb_status run_finish(bench_run *run)
{
    progress_end(&run->line);
    for (uint32_t i = 0; i < run->n_devices; i++)
        keep_limits(run, &run->devices[i]);
    const bb_status status = invocation_print(run->call, &run->options->common, print, run);
    if (status != BB_OK)
        return status;
    uint32_t n_failed = 0, n_noisy = 0;
    const bench_row *first = NULL;
    for (uint32_t i = 0; i < run->n_rows; i++) {
        const bench_row *row = run->rows[i];
        first = !first && fails_run(row->status) ? row : first;
        n_failed += fails_run(row->status);
        n_noisy += row->status == ROW_NOISY;
    }
    if (n_noisy)
        say("%u of %u rows are noisy: other work on the machine, or a changing clock; try an idle "
            "machine or a longer --time",
            n_noisy, run->n_rows);
    if (!first)
        return BB_OK;
    return bb_fail(run->context, BB_CHECK, "bench: %u of %u rows failed; the first: %s: %s: %s",
                   n_failed, run->n_rows, first->name, row_status_word(first->status),
                   first->reason);
}

bb_status parse_numbers(bb_context *context, const char *option, const char *text, uint64_t low,
                        uint64_t high, uint64_t out[MAX_NUMBERS], uint32_t *n)
{
    *n = 0;
    for (const char *at = text; at;) {
        const size_t length = strcspn(at, ",");
        char number[24];
        snprintf(number, sizeof(number), "%.*s", (int)length, at);
        if (*n == MAX_NUMBERS || length >= sizeof(number) || !option_count(number, &out[*n]) ||
            out[*n] < low || out[*n] > high)
            return bb_fail(
                context, BB_ARGUMENT,
                "bench: --%s: expected up to %d whole numbers from %llu to %llu, found '%s'",
                option, MAX_NUMBERS, (unsigned long long)low, (unsigned long long)high, text);
        ++*n;
        at = at[length] ? at + length + 1 : NULL;
    }
    return BB_OK;
}
