/* SPDX-License-Identifier: MIT */
/* Contexts and queues. A queue has nothing in it: every command is done when its call returns. */
#include "icd.h"

#include <stdlib.h>

cl_context icd_CreateContext(const cl_context_properties *properties, cl_uint n,
                             const cl_device_id *devices,
                             void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *),
                             void *data, cl_int *code)
{
    for (; properties && properties[0]; properties += 2)
        if (properties[0] != CL_CONTEXT_PLATFORM)
            return icd_fail(code, CL_INVALID_VALUE);
        else if (properties[1] != (cl_context_properties)&icd_platform)
            return icd_fail(code, CL_INVALID_PLATFORM);
    if (n != 1 || !devices)
        return icd_fail(code, CL_INVALID_VALUE);
    if (devices[0] != icd_device())
        return icd_fail(code, CL_INVALID_DEVICE);
    if (!devices[0]->available)
        return icd_fail(code, CL_DEVICE_NOT_AVAILABLE);
    cl_context made = icd_new(CONTEXT, sizeof(*made), code);
    if (made) {
        made->notify = notify;
        made->notify_data = data;
    }
    return made;
}

cl_context icd_CreateContextFromType(const cl_context_properties *properties, cl_device_type type,
                                     void(CL_CALLBACK *notify)(const char *, const void *, size_t,
                                                               void *),
                                     void *data, cl_int *code)
{
    cl_device_id found;
    const cl_int answer = icd_GetDeviceIDs(&icd_platform, type, 1, &found, NULL);
    return answer == CL_SUCCESS ? icd_CreateContext(properties, 1, &found, notify, data, code)
                                : icd_fail(code, answer);
}

cl_int icd_RetainContext(cl_context context)
{
    if (!icd_is(context, CONTEXT))
        return CL_INVALID_CONTEXT;
    icd_retain(context);
    return CL_SUCCESS;
}

cl_int icd_ReleaseContext(cl_context context)
{
    if (!icd_is(context, CONTEXT))
        return CL_INVALID_CONTEXT;
    if (icd_release(context))
        free(context);
    return CL_SUCCESS;
}

cl_int icd_GetContextInfo(cl_context context, cl_context_info what, size_t room, void *out,
                          size_t *size_out)
{
    if (!icd_is(context, CONTEXT))
        return CL_INVALID_CONTEXT;
    const cl_device_id id = icd_device();
    switch (what) {
    case CL_CONTEXT_REFERENCE_COUNT:
        return icd_answer(&context->base.references, sizeof(cl_uint), room, out, size_out);
    case CL_CONTEXT_NUM_DEVICES:
        return icd_answer(&(cl_uint){1}, sizeof(cl_uint), room, out, size_out);
    case CL_CONTEXT_DEVICES:
        return icd_answer(&id, sizeof(cl_device_id), room, out, size_out);
    case CL_CONTEXT_PROPERTIES:
        return icd_answer("", 0, room, out, size_out);
    default:
        return CL_INVALID_VALUE;
    }
}

cl_command_queue icd_CreateCommandQueue(cl_context context, cl_device_id id,
                                        cl_command_queue_properties properties, cl_int *code)
{
    if (!icd_is(context, CONTEXT))
        return icd_fail(code, CL_INVALID_CONTEXT);
    if (id != icd_device())
        return icd_fail(code, CL_INVALID_DEVICE);
    if (properties & ~(cl_command_queue_properties)CL_QUEUE_PROFILING_ENABLE)
        return icd_fail(code, CL_INVALID_QUEUE_PROPERTIES);
    cl_command_queue made = icd_new(QUEUE, sizeof(*made), code);
    if (!made)
        return NULL;
    made->context = context;
    made->properties = properties;
    icd_retain(context);
    return made;
}

cl_command_queue icd_CreateCommandQueueWithProperties(cl_context context, cl_device_id id,
                                                      const cl_queue_properties *properties,
                                                      cl_int *code)
{
    if (icd_device()->strict)
        return icd_fail(code, CL_INVALID_OPERATION);
    cl_command_queue_properties wanted = 0;
    for (; properties && properties[0]; properties += 2)
        if (properties[0] == CL_QUEUE_PROPERTIES)
            wanted = properties[1];
        else
            return icd_fail(code, CL_INVALID_VALUE);
    return icd_CreateCommandQueue(context, id, wanted, code);
}

cl_int icd_RetainCommandQueue(cl_command_queue queue)
{
    if (!icd_is(queue, QUEUE))
        return CL_INVALID_COMMAND_QUEUE;
    icd_retain(queue);
    return CL_SUCCESS;
}

cl_int icd_ReleaseCommandQueue(cl_command_queue queue)
{
    if (!icd_is(queue, QUEUE))
        return CL_INVALID_COMMAND_QUEUE;
    if (icd_release(queue)) {
        icd_ReleaseContext(queue->context);
        free(queue);
    }
    return CL_SUCCESS;
}

cl_int icd_GetCommandQueueInfo(cl_command_queue queue, cl_command_queue_info what, size_t room,
                               void *out, size_t *size_out)
{
    if (!icd_is(queue, QUEUE))
        return CL_INVALID_COMMAND_QUEUE;
    const cl_device_id id = icd_device();
    switch (what) {
    case CL_QUEUE_CONTEXT:
        return icd_answer(&queue->context, sizeof(cl_context), room, out, size_out);
    case CL_QUEUE_DEVICE:
        return icd_answer(&id, sizeof(cl_device_id), room, out, size_out);
    case CL_QUEUE_REFERENCE_COUNT:
        return icd_answer(&queue->base.references, sizeof(cl_uint), room, out, size_out);
    case CL_QUEUE_PROPERTIES:
        return icd_answer(&queue->properties, sizeof(queue->properties), room, out, size_out);
    default:
        return CL_INVALID_VALUE;
    }
}

cl_int icd_Flush(cl_command_queue queue)
{
    return icd_is(queue, QUEUE) ? CL_SUCCESS : CL_INVALID_COMMAND_QUEUE;
}

cl_int icd_Finish(cl_command_queue queue)
{
    return icd_Flush(queue);
}
