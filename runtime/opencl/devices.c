/* SPDX-License-Identifier: MIT */
/* Lists platforms and devices in an order that stays, and finds a device by id, type or name. */
#include "opencl/devices.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A CPU that calls itself a GPU as well (a simulator) is listed once, under the first that fits. */
static const struct {
    cl_device_type type;
    const char *name;
} types[] = {
    {CL_DEVICE_TYPE_CPU, "cpu"},
    {CL_DEVICE_TYPE_GPU, "gpu"},
    {CL_DEVICE_TYPE_ACCELERATOR, "accelerator"},
    {CL_DEVICE_TYPE_CUSTOM, "custom"},
};

typedef struct platform_row {
    cl_platform_id id;
    char *text;
} platform_row;

static int compare_platforms(const void *a, const void *b)
{
    return strcmp(((const platform_row *)a)->text, ((const platform_row *)b)->text);
}

static char *platform_text(bb_context *context, cl_platform_id id)
{
    char *name = bb_cl_platform_text(context, id, CL_PLATFORM_NAME);
    char *version = bb_cl_platform_text(context, id, CL_PLATFORM_VERSION);
    char *text = name && version ? bb_format(context, "%s, %s", name, version) : NULL;
    bb_release(context, name);
    bb_release(context, version);
    return text;
}

/* All platforms sorted by text. On BB_OK rows and texts belong to the caller. */
static bb_status read_platforms(bb_context *context, platform_row **out, uint32_t *count)
{
    cl_uint n = 0;
    *out = NULL;
    *count = 0;
    const cl_int code = clGetPlatformIDs(0, NULL, &n);
    if (code != CL_SUCCESS || n == 0)
        return BB_OK; /* a loader without drivers answers an error */
    cl_platform_id *ids = bb_allocate(context, n, sizeof(cl_platform_id));
    platform_row *rows = bb_allocate(context, n, sizeof(*rows));
    bb_status status = ids && rows ? BB_OK : BB_MEMORY;
    if (status == BB_OK && clGetPlatformIDs(n, ids, NULL) != CL_SUCCESS)
        status = bb_fail(context, BB_DEVICE, "clGetPlatformIDs: no answer for %u platforms", n);
    uint32_t filled = 0;
    for (; status == BB_OK && filled < n; filled++) {
        rows[filled] = (platform_row){ids[filled], platform_text(context, ids[filled])};
        if (!rows[filled].text)
            status = BB_MEMORY;
    }
    bb_release(context, ids);
    if (status != BB_OK) {
        for (uint32_t i = 0; rows && i < filled; i++)
            bb_release(context, rows[i].text);
        bb_release(context, rows);
        return status;
    }
    qsort(rows, n, sizeof(*rows), compare_platforms);
    *out = rows;
    *count = n;
    return BB_OK;
}

static bool is_listed(const bb_device_list *list, cl_device_id device)
{
    for (uint32_t i = 0; i < list->n_devices; i++)
        if (list->devices[i].device == device)
            return true;
    return false;
}

static bb_cl_device *add_device(bb_device_list *list)
{
    bb_cl_device *grown =
        bb_resize(list->context, list->devices, list->n_devices + 1, sizeof(*grown));
    if (!grown)
        return NULL;
    list->devices = grown;
    bb_cl_device *device = &grown[list->n_devices++];
    memset(device, 0, sizeof(*device));
    return device;
}

/* cl_khr_pci_bus_info and cl_nv_device_attribute_query, which older headers lack. */
#define PCI_BUS_INFO_KHR 0x410F
#define PCI_BUS_ID_NV 0x4008
#define PCI_SLOT_ID_NV 0x4009
#define PCI_DOMAIN_ID_NV 0x400A

static bb_status read_pci(char out[16], bb_context *context, cl_device_id id)
{
    char *extensions = bb_cl_device_text(context, id, CL_DEVICE_EXTENSIONS);
    if (!extensions)
        return BB_MEMORY;
    cl_uint at[4]; /* domain, bus, device, function */
    bool known = false;
    if (strstr(extensions, "cl_khr_pci_bus_info"))
        known = clGetDeviceInfo(id, PCI_BUS_INFO_KHR, sizeof(at), at, NULL) == CL_SUCCESS;
    if (!known && strstr(extensions, "cl_nv_device_attribute_query")) {
        cl_uint slot;
        known = clGetDeviceInfo(id, PCI_BUS_ID_NV, sizeof(at[1]), &at[1], NULL) == CL_SUCCESS &&
                clGetDeviceInfo(id, PCI_SLOT_ID_NV, sizeof(slot), &slot, NULL) == CL_SUCCESS;
        if (known) {
            at[0] = (cl_uint)bb_cl_device_number(id, PCI_DOMAIN_ID_NV);
            at[2] = slot >> 3;
            at[3] = slot & 7;
        }
    }
    if (known)
        snprintf(out, 16, "%04x:%02x:%02x.%x", at[0] & 0xffff, at[1] & 0xff, at[2] & 0x1f,
                 at[3] & 7);
    bb_release(context, extensions);
    return BB_OK;
}

static bb_status describe(bb_device_list *list, const platform_row *platform, cl_device_id id,
                          const char *type, uint32_t p, uint32_t d)
{
    bb_context *context = list->context;
    bb_cl_device *device = add_device(list);
    if (!device)
        return BB_MEMORY;
    device->platform = platform->id;
    device->device = id;
    bb_device_info *info = &device->info;
    snprintf(info->id, sizeof(info->id), "%u:%u", p, d);
    info->type = type;
    info->platform = bb_copy_text(context, platform->text);
    info->name = bb_cl_device_text(context, id, CL_DEVICE_NAME);
    info->driver = bb_cl_device_text(context, id, CL_DRIVER_VERSION);
    info->version = bb_cl_device_text(context, id, CL_DEVICE_OPENCL_C_VERSION);
    if (!info->platform || !info->name || !info->driver || !info->version)
        return BB_MEMORY;
    info->available = bb_cl_device_number(id, CL_DEVICE_AVAILABLE) != 0;
    info->image_only = bb_cl_device_number(id, CL_DEVICE_COMPILER_AVAILABLE) == 0;
    info->compute_units = (uint32_t)bb_cl_device_number(id, CL_DEVICE_MAX_COMPUTE_UNITS);
    info->global_bytes = bb_cl_device_number(id, CL_DEVICE_GLOBAL_MEM_SIZE);
    info->cache_bytes = bb_cl_device_number(id, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE);
    info->largest_buffer_bytes = bb_cl_device_number(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    info->local_bytes = bb_cl_device_number(id, CL_DEVICE_LOCAL_MEM_SIZE);
    info->max_work_group = bb_cl_device_number(id, CL_DEVICE_MAX_WORK_GROUP_SIZE);
    return read_pci(info->pci, context, id);
}

/* The devices of one type; CL_DEVICE_TYPE_ALL would leave out CUSTOM. */
static bb_status add_type(bb_device_list *list, const platform_row *platform, uint32_t p,
                          size_t type, uint32_t *n_on_platform)
{
    cl_uint n = 0;
    if (clGetDeviceIDs(platform->id, types[type].type, 0, NULL, &n) != CL_SUCCESS || n == 0)
        return BB_OK;
    cl_device_id *ids = bb_allocate(list->context, n, sizeof(cl_device_id));
    if (!ids)
        return BB_MEMORY;
    bb_status status = BB_OK;
    if (clGetDeviceIDs(platform->id, types[type].type, n, ids, NULL) == CL_SUCCESS)
        for (cl_uint i = 0; i < n && status == BB_OK; i++)
            if (!is_listed(list, ids[i]))
                status = describe(list, platform, ids[i], types[type].name, p, (*n_on_platform)++);
    bb_release(list->context, ids);
    return status;
}

static bb_status add_reference(bb_device_list *list)
{
    bb_cl_device *device = add_device(list);
    if (!device)
        return BB_MEMORY;
    bb_context *context = list->context;
    bb_device_info *info = &device->info;
    snprintf(info->id, sizeof(info->id), "ref");
    info->type = "reference";
    info->available = true;
    info->compute_units = 1;
    info->popcount = "portable";
    info->popcount_why = "plain C";
    device->probed = true;
    info->name = bb_copy_text(context, "plain C reference");
    info->platform = bb_format(context, "bitbayes %s", bb_version());
    info->driver = bb_copy_text(context, bb_version());
    info->version = bb_copy_text(context, "C11");
    return info->name && info->platform && info->driver && info->version ? BB_OK : BB_MEMORY;
}

static bb_status fill(bb_device_list *list)
{
    platform_row *rows = NULL;
    uint32_t n_rows = 0;
    bb_status status = read_platforms(list->context, &rows, &n_rows);
    if (status == BB_OK) {
        list->platforms = bb_allocate(list->context, n_rows, sizeof(*list->platforms));
        status = list->platforms ? BB_OK : BB_MEMORY;
    }
    for (uint32_t p = 0; p < n_rows; p++) {
        if (list->platforms)
            list->platforms[list->n_platforms++] = rows[p].text;
        else
            bb_release(list->context, rows[p].text);
    }
    uint32_t number = 0;
    for (uint32_t p = 0; p < n_rows && status == BB_OK; p++) {
        uint32_t n_on_platform = 0;
        for (size_t t = 0; t < BB_COUNT_OF(types) && status == BB_OK; t++)
            status = add_type(list, &rows[p], number, t, &n_on_platform);
        number += n_on_platform > 0; /* a driver without hardware must not move the others */
    }
    bb_release(list->context, rows);
    return status == BB_OK ? add_reference(list) : status;
}

bb_status bb_device_list_create(bb_device_list **out, bb_context *context)
{
    *out = NULL;
    bb_device_list *list = bb_allocate(context, 1, sizeof(*list));
    if (!list)
        return BB_MEMORY;
    list->context = context;
    const bb_status status = fill(list);
    if (status == BB_OK)
        *out = list;
    else
        bb_device_list_free(list);
    return status;
}

void bb_device_list_free(bb_device_list *list)
{
    if (!list)
        return;
    for (uint32_t i = 0; i < list->n_devices; i++) {
        const bb_device_info *info = &list->devices[i].info;
        bb_release(list->context, (void *)(uintptr_t)info->name);
        bb_release(list->context, (void *)(uintptr_t)info->platform);
        bb_release(list->context, (void *)(uintptr_t)info->driver);
        bb_release(list->context, (void *)(uintptr_t)info->version);
    }
    for (uint32_t i = 0; i < list->n_platforms; i++)
        bb_release(list->context, list->platforms[i]);
    bb_release(list->context, list->platforms);
    bb_release(list->context, list->devices);
    bb_release(list->context, list);
}

uint32_t bb_device_list_count(const bb_device_list *list)
{
    return list->n_devices;
}

const bb_device_info *bb_device_list_get(const bb_device_list *list, uint32_t index)
{
    bb_cl_probe(list->context, &list->devices[index]); /* only who looks pays for the probe */
    return &list->devices[index].info;
}

uint32_t bb_device_list_platform_count(const bb_device_list *list)
{
    return list->n_platforms;
}

const char *bb_device_list_platform(const bb_device_list *list, uint32_t index)
{
    return list->platforms[index];
}

static bool contains(const char *text, const char *part)
{
    const size_t length = strlen(part);
    for (; *text; text++)
        if (strncasecmp(text, part, length) == 0)
            return true;
    return false;
}

/* "there is: 0:0 NAME, 0:1 NAME, ref" */
static bb_status fail_with_list(const bb_device_list *list, bb_context *context, bb_status status,
                                const char *text, const char *problem)
{
    bb_text names = {.context = context};
    for (uint32_t i = 0; i < list->n_devices; i++) {
        const bb_device_info *info = &list->devices[i].info;
        const bool reference = !list->devices[i].platform;
        bb_text_append(&names, "%s%s%s%s", i ? ", " : "", info->id, reference ? "" : " ",
                       reference ? "" : info->name);
    }
    if (names.failed)
        status = BB_MEMORY;
    else
        bb_fail(context, status, "device '%s': %s; there is: %s", text ? text : "default", problem,
                names.bytes);
    bb_text_free(&names);
    return status;
}

static bool find_exact(const bb_device_list *list, const char *text, uint32_t *index)
{
    for (uint32_t i = 0; i < list->n_devices; i++)
        if (strcasecmp(list->devices[i].info.id, text) == 0) {
            *index = i;
            return true;
        }
    for (uint32_t i = 0; i < list->n_devices; i++)
        if (list->devices[i].info.available && strcasecmp(list->devices[i].info.type, text) == 0) {
            *index = i;
            return true;
        }
    return false;
}

bb_status bb_device_find(const bb_device_list *list, bb_context *context, const char *text,
                         uint32_t *index)
{
    *index = 0;
    if (!text) {
        for (uint32_t i = 0; i < list->n_devices; i++)
            if (list->devices[i].platform && list->devices[i].info.available) {
                *index = i;
                return BB_OK;
            }
        return fail_with_list(list, context, BB_NO_DEVICE, text, "no OpenCL device is available");
    }
    if (text[strspn(text, " \t")] == '\0')
        return fail_with_list(list, context, BB_ARGUMENT, text, "the name is blank");
    if (find_exact(list, text, index))
        return BB_OK;
    uint32_t n_fits = 0;
    for (uint32_t i = 0; i < list->n_devices && *text; i++)
        if (list->devices[i].platform && contains(list->devices[i].info.name, text) &&
            n_fits++ == 0)
            *index = i;
    if (n_fits == 1)
        return BB_OK;
    if (n_fits > 1)
        return fail_with_list(list, context, BB_ARGUMENT, text,
                              "fits several devices; name one as P:D");
    return fail_with_list(list, context, BB_NO_DEVICE, text, "no such device");
}

char *bb_cl_identity(bb_context *context, const bb_device_info *info)
{
    return bb_format(context, "%s; %s; %s; driver %s", info->platform, info->name, info->version,
                     info->driver);
}
