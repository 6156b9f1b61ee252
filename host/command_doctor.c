/* SPDX-License-Identifier: MIT */
/* `bitbayes doctor`: what keeps OpenCL from working here, and the remedy. */
#include "commands.h"
#include "doctor.h"
#include "fields.h"

#include <bitbayes/engine.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct doctor_options {
    common_options common;
} doctor_options;

static const option_row rows[] = {
    COMMON_OPTION_ROWS(doctor_options),
    {0},
};

const command_description doctor_description = {
    .name = "doctor",
    .operands = "",
    .summary = "check drivers, cache folders and devices; each failure with its remedy",
    .details =
        "Looks for OpenCL drivers, platforms and devices, checks that the cache folders can "
        "be written, then compiles kernels for a tiny network on every device, runs them and "
        "compares with the reference. Exit code 0 if all is well, 4 without a usable device, "
        "1 if something else is wrong.",
    .example = "bitbayes doctor",
    .options = rows,
};

/* ---- findings ---- */

#define MAX_FINDINGS 64

typedef struct finding {
    bool good;
    char what[80], text[512], remedy[256];
} finding;

typedef struct doctor {
    bb_context *context;
    finding findings[MAX_FINDINGS];
    size_t n_findings;
    uint32_t n_usable; /* OpenCL devices that ran the tiny network */
    bool json;
} doctor;

static void add(doctor *d, bool good, const char *what, const char *text, const char *remedy)
{
    if (d->n_findings == MAX_FINDINGS)
        return;
    finding *const f = &d->findings[d->n_findings++];
    f->good = good;
    snprintf(f->what, sizeof(f->what), "%s", what);
    snprintf(f->text, sizeof(f->text), "%s", text);
    snprintf(f->remedy, sizeof(f->remedy), "%s", good ? "" : remedy);
}

/* ---- drivers ---- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Names of the *.icd files in a folder, joined; how many. */
static size_t list_icds(const char *folder, char *names, size_t size)
{
    size_t n = 0, length = 0;
    names[0] = '\0';
    DIR *const listing = opendir(folder);
    for (const struct dirent *entry; listing && (entry = readdir(listing));) {
        if (!ends_with(entry->d_name, ".icd"))
            continue;
        if (length < size)
            length += (size_t)snprintf(names + length, size - length, "%s%s", n ? ", " : "",
                                       entry->d_name);
        n++;
    }
    if (listing)
        closedir(listing);
    return n;
}

static void check_drivers(doctor *d)
{
    const char *const chosen = getenv("OCL_ICD_VENDORS");
    const char *const folder = chosen && *chosen ? chosen : "/etc/OpenCL/vendors";
    char names[256], text[512];
    struct stat status;
    if (stat(folder, &status) == 0 && !S_ISDIR(status.st_mode)) {
        snprintf(text, sizeof(text), "%s (OCL_ICD_VENDORS names one file)", folder);
        add(d, true, "drivers", text, "");
        return;
    }
    const size_t n = list_icds(folder, names, sizeof(names));
    snprintf(text, sizeof(text), "%s: %s%s", folder, n ? names : "no *.icd file",
             chosen ? " (from OCL_ICD_VENDORS)" : "");
    add(d, n > 0, "drivers", text,
        chosen ? "unset OCL_ICD_VENDORS, or let it name a folder with *.icd files"
               : "install an OpenCL driver: apt-get install pocl-opencl-icd runs on every CPU");
}

/* ---- folders ---- */

/* Whether files can be made in the folder, or in the nearest one above that exists. */
static bool is_writable(const char *folder, char *reason, size_t size)
{
    char path[4096];
    struct stat status;
    snprintf(path, sizeof(path), "%s", folder);
    while (stat(path, &status) != 0 && errno == ENOENT && strlen(path) > 1) {
        char *const slash = strrchr(path, '/');
        if (!slash)
            snprintf(path, sizeof(path), ".");
        else
            slash[slash == path] = '\0';
    }
    char file[4200];
    snprintf(file, sizeof(file), "%s/.bitbayes-doctor-%ld", path, (long)getpid());
    FILE *const stream = fopen(file, "wb");
    const int error = errno;
    if (stream) {
        fclose(stream);
        unlink(file);
        return true;
    }
    snprintf(reason, size, "%s: %s", path, strerror(error));
    return false;
}

static void check_folder(doctor *d, const char *what, const char *folder, const char *remedy)
{
    char reason[200], text[512];
    const bool good = is_writable(folder, reason, sizeof(reason));
    if (good)
        snprintf(text, sizeof(text), "%.250s can be written", folder);
    else
        snprintf(text, sizeof(text), "%.250s cannot be written (%s)", folder, reason);
    add(d, good, what, text, remedy);
}

/* Where PoCL 1.0 and later put compiled kernels. */
static void pocl_cache_folder(char *out, size_t size)
{
    const char *const own = getenv("POCL_CACHE_DIR"), *const xdg = getenv("XDG_CACHE_HOME");
    const char *const home = getenv("HOME");
    if (own && *own)
        snprintf(out, size, "%s", own);
    else if (xdg && *xdg)
        snprintf(out, size, "%s/pocl/kcache", xdg);
    else
        snprintf(out, size, "%s/.cache/pocl/kcache", home && *home ? home : "/tmp");
}

static void check_own_cache(doctor *d)
{
    char *folder;
    if (bb_device_cache_folder(&folder, d->context) != BB_OK)
        return;
    if (*folder)
        check_folder(d, "kernel cache", folder,
                     "set BITBAYES_CACHE to a folder that you can write");
    else
        add(d, false, "kernel cache",
            "no folder: neither BITBAYES_CACHE, XDG_CACHE_HOME nor HOME is set",
            "set BITBAYES_CACHE to a folder that you can write");
    bb_release(d->context, folder);
}

/* ---- platforms and devices ---- */

static bool is_reference(const bb_device_info *device)
{
    return strcmp(device->id, "ref") == 0;
}

static uint32_t count_devices(const bb_device_list *list, const char *platform)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < bb_device_list_count(list); i++) {
        const bb_device_info *const device = bb_device_list_get(list, i);
        n += !is_reference(device) && strcmp(device->platform, platform) == 0;
    }
    return n;
}

static void check_platforms(doctor *d, const bb_device_list *list)
{
    const uint32_t n = bb_device_list_platform_count(list);
    if (n == 0)
        add(d, false, "platforms", "the OpenCL loader offers none",
            "install a driver (pocl-opencl-icd), or see whether its library can be loaded: "
            "OCL_ICD_DEBUG=7 clinfo");
    for (uint32_t i = 0; i < n; i++) {
        const char *const name = bb_device_list_platform(list, i);
        const uint32_t devices = count_devices(list, name);
        const bool pocl = strstr(name, "Portable Computing Language") != NULL;
        char text[300];
        snprintf(text, sizeof(text), "%s: %u device%s", name, devices, devices == 1 ? "" : "s");
        add(d, devices > 0, "platform", text,
            pocl ? "PoCL shows no device, and says nothing, where it cannot write its cache: set "
                   "POCL_CACHE_DIR to a folder that you can write"
                 : "see whether you may open the device's files, and whether its kernel module is "
                   "loaded");
    }
}

static void check_device(doctor *d, const bb_device_info *device)
{
    char what[64], text[1400];
    snprintf(what, sizeof(what), "device %s", device->id);
    const double begun = bb_seconds();
    const bb_status status = doctor_run_tiny(d->context, device->id);
    if (status == BB_NO_DEVICE && device->available && device->image_only) {
        snprintf(text, sizeof(text),
                 "%s: takes offline binaries only, not tried; `bitbayes verify MODEL -d %s --image FILE` "
                 "compares it with the reference",
                 device->name, device->id);
        add(d, true, what, text, "");
        d->n_usable++;
        return;
    }
    if (status == BB_OK)
        snprintf(text, sizeof(text),
                 "%s: compiled and ran a tiny network in %.2f s, equal to the reference",
                 device->name, bb_seconds() - begun);
    else
        snprintf(text, sizeof(text), "%s: %.*s", device->name,
                 (int)strcspn(bb_context_error(d->context), "\n"), bb_context_error(d->context));
    add(d, status == BB_OK, what, text,
        status == BB_CHECK ? "the driver computes wrong results: update it, and please report it"
                           : "update or reinstall the driver of this device");
    d->n_usable += status == BB_OK && !is_reference(device);
}

static bb_status examine(doctor *d)
{
    char folder[4096];
    bb_device_list *list;
    check_drivers(d);
    pocl_cache_folder(folder, sizeof(folder));
    check_folder(d, "PoCL cache", folder, "set POCL_CACHE_DIR to a folder that you can write");
    check_own_cache(d);
    const bb_status status = bb_device_list_create(&list, d->context);
    if (status != BB_OK)
        return status;
    check_platforms(d, list);
    for (uint32_t i = 0; i < bb_device_list_count(list); i++)
        check_device(d, bb_device_list_get(list, i));
    bb_device_list_free(list);
    return BB_OK;
}

/* ---- results ---- */

static void print_findings(FILE *stream, const doctor *d)
{
    for (size_t i = 0; i < d->n_findings; i++) {
        const finding *const f = &d->findings[i];
        fprintf(stream, "%-6s %-13s %s\n", f->good ? "ok" : "FAILED", f->what, f->text);
        if (!f->good)
            fprintf(stream, "%21sremedy: %s\n", "", f->remedy);
    }
}

static bb_status print(FILE *stream, void *payload)
{
    const doctor *const d = payload;
    if (!d->json) {
        print_findings(stream, d);
        return BB_OK;
    }
    bb_text text;
    bb_json json;
    json_begin(&json, &text, d->context);
    field_array(&json, "findings");
    for (size_t i = 0; i < d->n_findings; i++) {
        const finding *const f = &d->findings[i];
        bb_json_begin_object(&json);
        field_bool(&json, "good", f->good);
        field_string(&json, "what", f->what);
        field_string(&json, "text", f->text);
        field_string(&json, "remedy", f->good ? NULL : f->remedy);
        bb_json_end(&json);
    }
    bb_json_end(&json);
    return json_finish(&json, stream);
}

static bb_status judge(const doctor *d)
{
    size_t failed = 0;
    for (size_t i = 0; i < d->n_findings; i++)
        failed += !d->findings[i].good;
    if (d->n_usable == 0)
        return bb_fail(d->context, BB_NO_DEVICE, "no usable OpenCL device (`-d ref` always works)");
    if (failed)
        return bb_fail(d->context, BB_CHECK, "%zu of %zu checks failed", failed, d->n_findings);
    return BB_OK;
}

int command_doctor(int argc, char **argv)
{
    doctor_options options = {0};
    invocation call;
    if (!invocation_begin(&call, &doctor_description, argc, argv, &options, &options.common))
        return call.exit_code;
    doctor *const d = bb_allocate(call.context, 1, sizeof(*d));
    bb_status status = BB_MEMORY;
    if (d) {
        d->context = call.context;
        d->json = options.common.json;
        status = examine(d);
        if (status == BB_OK)
            status = invocation_print(&call, &options.common, print, d);
        if (status == BB_OK)
            status = judge(d);
    }
    bb_release(call.context, d);
    return invocation_end(&call, status);
}
