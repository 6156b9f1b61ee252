/* SPDX-License-Identifier: MIT */
/* `bitbayes devices`: what there is to run on. */
#include "commands.h"
#include "fields.h"
#include "invocation.h"

#include <bitbayes/limits.h>
#include <string.h>

typedef struct device_options {
    common_options common;
} device_options;

static const option_row rows[] = {
    COMMON_OPTION_ROWS(device_options),
    {0},
};

const command_description devices_description = {
    .name = "devices",
    .operands = "",
    .summary = "list the devices, their limits and the popcount path of each",
    .details =
        "Lists every OpenCL device, and last the plain C reference. A device is named by its "
        "id (P:D, platforms sorted by name, so that it is stable), by a part of its name, or "
        "by its type (cpu, gpu, accelerator, custom).",
    .example = "bitbayes devices --json",
    .options = rows,
};

/* What `bitbayes bench` measured last. */
static void print_limits(FILE *stream, bb_context *context, const bb_device_info *device)
{
    bb_device_limits limits;
    bool found;
    if (bb_device_limits_load(&limits, &found, context, device, NULL) == BB_OK && found)
        fprintf(stream,
                "        measured: %.3g binary Top/s in registers (%s), %.3g GB/s, empty launch %.3g us "
                "(%s)\n",
                1e-12 * limits.operations_rate, limits.popcount, 1e-9 * limits.bytes_rate,
                1e6 * limits.launch_seconds, limits.date);
    else
        fprintf(stream, "        measured: nothing yet (`bitbayes bench limits`)\n");
}

static void print_device(FILE *stream, bb_context *context, const bb_device_info *device)
{
    char global[32], largest[32], local[32];
    fprintf(stream, "  %-5s %s\n", device->id, device->name);
    fprintf(stream, "        %s%s, %s, driver %s\n", device->type,
            device->available ? "" : " (not available)",
            *device->version ? device->version : "no OpenCL C", device->driver);
    fprintf(stream,
            "        %u compute units, %s memory, buffers up to %s, %s local, work-groups up to "
            "%llu\n",
            device->compute_units, format_bytes(global, device->global_bytes),
            format_bytes(largest, device->largest_buffer_bytes),
            format_bytes(local, device->local_bytes), (unsigned long long)device->max_work_group);
    if (device->image_only) {
        fprintf(stream, "        no compiler: takes its own kernels, or an offline binary (--image FILE)\n");
        return;
    }
    fprintf(stream, "        popcount: %s (%s)\n", device->popcount, device->popcount_why);
    print_limits(stream, context, device);
}

static void print_tree(FILE *stream, bb_context *context, const bb_device_list *list)
{
    const char *platform = "";
    for (uint32_t i = 0; i < bb_device_list_count(list); i++) {
        const bb_device_info *const device = bb_device_list_get(list, i);
        if (strcmp(device->id, "ref") == 0) {
            fprintf(stream, "plain C\n  ref   %s\n", device->name);
            continue;
        }
        if (strcmp(platform, device->platform) != 0)
            fprintf(stream, "%s\n", device->platform);
        platform = device->platform;
        print_device(stream, context, device);
    }
}

static void add_limits(bb_json *json, bb_context *context, const bb_device_info *device)
{
    bb_device_limits limits;
    bool found;
    bb_json_key(json, "measured");
    if (bb_device_limits_load(&limits, &found, context, device, NULL) != BB_OK || !found) {
        bb_json_null(json);
        return;
    }
    bb_json_begin_object(json);
    field_string(json, "date", limits.date);
    field_string(json, "popcount", limits.popcount);
    field_number(json, "limit_operations_per_s", limits.operations_rate);
    field_number(json, "stream_bytes_per_s", limits.bytes_rate);
    field_number(json, "empty_launch_s", limits.launch_seconds);
    bb_json_end(json);
}

static void add_device(bb_json *json, bb_context *context, const bb_device_info *device)
{
    bb_json_begin_object(json);
    field_string(json, "id", device->id);
    field_string(json, "name", device->name);
    field_string(json, "platform", device->platform);
    field_string(json, "driver", device->driver);
    field_string(json, "type", device->type);
    field_string(json, "opencl_c_version", device->version);
    field_bool(json, "available", device->available);
    field_bool(json, "image_only", device->image_only);
    field_count(json, "compute_units", device->compute_units);
    field_count(json, "global_bytes", device->global_bytes);
    field_count(json, "largest_buffer_bytes", device->largest_buffer_bytes);
    field_count(json, "local_bytes", device->local_bytes);
    field_count(json, "max_work_group", device->max_work_group);
    field_string(json, "popcount", device->popcount);
    field_string(json, "popcount_why", device->popcount_why);
    add_limits(json, context, device);
    bb_json_end(json);
}

static bb_status print_json(FILE *stream, bb_context *context, const bb_device_list *list)
{
    bb_text text;
    bb_json json;
    json_begin(&json, &text, context);
    field_array(&json, "devices");
    for (uint32_t i = 0; i < bb_device_list_count(list); i++)
        add_device(&json, context, bb_device_list_get(list, i));
    bb_json_end(&json);
    return json_finish(&json, stream);
}

typedef struct printing {
    bb_context *context;
    const bb_device_list *list;
    bool json;
} printing;

static bb_status print(FILE *stream, void *payload)
{
    const printing *const p = payload;
    if (p->json)
        return print_json(stream, p->context, p->list);
    print_tree(stream, p->context, p->list);
    return BB_OK;
}

int command_devices(int argc, char **argv)
{
    device_options options = {0};
    invocation call;
    if (!invocation_begin(&call, &devices_description, argc, argv, &options, &options.common))
        return call.exit_code;
    bb_device_list *list;
    bb_status status = bb_device_list_create(&list, call.context);
    if (status == BB_OK) {
        printing p = {call.context, list, options.common.json};
        status = invocation_print(&call, &options.common, print, &p);
        if (bb_device_list_count(list) < 2)
            say("no OpenCL device was found: `bitbayes doctor` tells why");
    }
    bb_device_list_free(list);
    return invocation_end(&call, status);
}
