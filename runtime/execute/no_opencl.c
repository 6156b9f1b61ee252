/* SPDX-License-Identifier: MIT */
/* The device list of a library built without OpenCL: nothing but the reference. */
#include "base/base.h"
#include <bitbayes/device.h>

#if !BB_WITH_OPENCL
#include <string.h>

struct bb_device_list {
    bb_context *context;
    bb_device_info reference;
};

bb_status bb_device_list_create(bb_device_list **out, bb_context *context)
{
    *out = bb_allocate(context, 1, sizeof(**out));
    if (!*out)
        return BB_MEMORY;
    (*out)->context = context;
    (*out)->reference = (bb_device_info){.id = "ref",
                                         .name = "plain C reference",
                                         .platform = "bitbayes",
                                         .driver = BB_VERSION,
                                         .type = "reference",
                                         .version = "C11",
                                         .available = true,
                                         .compute_units = 1,
                                         .popcount = "portable",
                                         .popcount_why = "plain C"};
    return BB_OK;
}

uint32_t bb_device_list_count(const bb_device_list *list)
{
    (void)list;
    return 1;
}

const bb_device_info *bb_device_list_get(const bb_device_list *list, uint32_t index)
{
    (void)index;
    return &list->reference;
}

uint32_t bb_device_list_platform_count(const bb_device_list *list)
{
    (void)list;
    return 0;
}

const char *bb_device_list_platform(const bb_device_list *list, uint32_t index)
{
    (void)list;
    (void)index;
    return "";
}

void bb_device_list_free(bb_device_list *list)
{
    if (list)
        bb_release(list->context, list);
}

bb_status bb_device_find(const bb_device_list *list, bb_context *context, const char *text,
                         uint32_t *index)
{
    (void)list;
    *index = 0;
    if (text && strcmp(text, "ref") == 0)
        return BB_OK;
    return bb_fail(context, BB_NO_DEVICE, "device %s: built without OpenCL; there is only: ref",
                   text ? text : "(default)");
}

bb_status bb_device_cache_folder(char **out, bb_context *context)
{
    *out = bb_copy_text(context, "");
    return *out ? BB_OK : BB_MEMORY;
}
#endif
