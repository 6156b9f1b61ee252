/* SPDX-License-Identifier: MIT */
/* The platform: how the loader finds the driver, and what every object needs. */
#include "icd.h"

#include <stdlib.h>
#include <string.h>

struct _cl_platform_id icd_platform = {&icd_dispatch};
pthread_mutex_t icd_lock = PTHREAD_MUTEX_INITIALIZER;

cl_int icd_answer(const void *value, size_t size, size_t room, void *out, size_t *size_out)
{
    if (size_out)
        *size_out = size;
    if (!out)
        return CL_SUCCESS;
    if (room < size)
        return CL_INVALID_VALUE;
    memcpy(out, value, size);
    return CL_SUCCESS;
}

cl_int icd_answer_text(const char *text, size_t room, void *out, size_t *size_out)
{
    return icd_answer(text, strlen(text) + 1, room, out, size_out);
}

void *icd_new(object_kind kind, size_t size, cl_int *code)
{
    object *made = calloc(1, size);
    if (code)
        *code = made ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    if (made)
        *made = (object){&icd_dispatch, kind, 1};
    return made;
}

bool icd_is(const void *handle, object_kind kind)
{
    return handle && ((const object *)handle)->kind == kind;
}

void icd_retain(void *handle)
{
    __atomic_add_fetch(&((object *)handle)->references, 1, __ATOMIC_RELAXED);
}

bool icd_release(void *handle)
{
    return __atomic_sub_fetch(&((object *)handle)->references, 1, __ATOMIC_ACQ_REL) == 0;
}

void *icd_fail(cl_int *out, cl_int code)
{
    if (out)
        *out = code;
    return NULL;
}

void icd_tell(cl_context context, const char *text)
{
    if (context->notify)
        context->notify(text, NULL, 0, context->notify_data);
}

cl_int icd_GetPlatformIDs(cl_uint n, cl_platform_id *out, cl_uint *n_out)
{
    if ((out && !n) || (!out && !n_out))
        return CL_INVALID_VALUE;
    if (out)
        *out = &icd_platform;
    if (n_out)
        *n_out = 1;
    return CL_SUCCESS;
}

cl_int icd_GetPlatformInfo(cl_platform_id platform, cl_platform_info what, size_t room, void *out,
                           size_t *size_out)
{
    if (platform != &icd_platform)
        return CL_INVALID_PLATFORM;
    const bool strict = icd_device()->strict;
    switch (what) {
    case CL_PLATFORM_PROFILE:
        return icd_answer_text("EMBEDDED_PROFILE", room, out, size_out);
    case CL_PLATFORM_VERSION:
        return icd_answer_text(strict ? "OpenCL 1.0" : "OpenCL 1.2", room, out, size_out);
    case CL_PLATFORM_NAME:
        return icd_answer_text("bitbayes engine", room, out, size_out);
    case CL_PLATFORM_VENDOR:
        return icd_answer_text("bitbayes", room, out, size_out);
    case CL_PLATFORM_EXTENSIONS:
        return icd_answer_text("cl_khr_icd", room, out, size_out);
    case CL_PLATFORM_ICD_SUFFIX_KHR:
        return icd_answer_text("BITBAYES", room, out, size_out);
    default:
        return CL_INVALID_VALUE;
    }
}

static cl_int icd_platform_ids(cl_uint n, cl_platform_id *out, cl_uint *n_out)
{
    return icd_GetPlatformIDs(n, out, n_out);
}

void *icd_GetExtensionFunctionAddress(const char *name)
{
    if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0)
        return (void *)icd_platform_ids;
    /* ocl-icd asks here for what it calls before it knows the table */
    return strcmp(name, "clGetPlatformInfo") == 0 ? (void *)icd_GetPlatformInfo : NULL;
}

void *icd_GetExtensionFunctionAddressForPlatform(cl_platform_id platform, const char *name)
{
    return platform == &icd_platform ? icd_GetExtensionFunctionAddress(name) : NULL;
}

/* What the loader looks up in the library. */
__attribute__((visibility("default"))) void *clGetExtensionFunctionAddress(const char *name)
{
    return icd_GetExtensionFunctionAddress(name);
}
