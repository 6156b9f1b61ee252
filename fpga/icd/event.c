/* SPDX-License-Identifier: MIT */
/* Events. A command is complete when its call returns; its times are clock cycles of the engine,
 * told as nanoseconds at the device's CL_DEVICE_MAX_CLOCK_FREQUENCY. Moving bytes takes none. */
#include "icd.h"

#include <stdlib.h>

cl_int icd_event(cl_event *out, cl_command_queue queue, cl_command_type type, cl_ulong begun)
{
    cl_int code = CL_SUCCESS;
    if (!out)
        return code;
    cl_event made = icd_new(EVENT, sizeof(*made), &code);
    *out = made;
    if (!made)
        return code;
    made->queue = queue;
    made->context = queue->context;
    made->type = type;
    made->begun = begun;
    made->ended = icd_device()->now;
    icd_retain(queue);
    return code;
}

cl_int icd_RetainEvent(cl_event event)
{
    if (!icd_is(event, EVENT))
        return CL_INVALID_EVENT;
    icd_retain(event);
    return CL_SUCCESS;
}

cl_int icd_ReleaseEvent(cl_event event)
{
    if (!icd_is(event, EVENT))
        return CL_INVALID_EVENT;
    if (icd_release(event)) {
        icd_ReleaseCommandQueue(event->queue);
        free(event);
    }
    return CL_SUCCESS;
}

cl_int icd_WaitForEvents(cl_uint n, const cl_event *events)
{
    for (cl_uint i = 0; i < n; i++)
        if (!icd_is(events[i], EVENT))
            return CL_INVALID_EVENT;
    return n ? CL_SUCCESS : CL_INVALID_VALUE;
}

cl_int icd_GetEventInfo(cl_event event, cl_event_info what, size_t room, void *out,
                        size_t *size_out)
{
    if (!icd_is(event, EVENT))
        return CL_INVALID_EVENT;
    switch (what) {
    case CL_EVENT_COMMAND_QUEUE:
        return icd_answer(&event->queue, sizeof(event->queue), room, out, size_out);
    case CL_EVENT_CONTEXT:
        return icd_answer(&event->context, sizeof(event->context), room, out, size_out);
    case CL_EVENT_COMMAND_TYPE:
        return icd_answer(&event->type, sizeof(event->type), room, out, size_out);
    case CL_EVENT_COMMAND_EXECUTION_STATUS:
        return icd_answer(&(cl_int){CL_COMPLETE}, sizeof(cl_int), room, out, size_out);
    case CL_EVENT_REFERENCE_COUNT:
        return icd_answer(&event->base.references, sizeof(cl_uint), room, out, size_out);
    default:
        return CL_INVALID_VALUE;
    }
}

cl_int icd_GetEventProfilingInfo(cl_event event, cl_profiling_info what, size_t room, void *out,
                                 size_t *size_out)
{
    if (!icd_is(event, EVENT))
        return CL_INVALID_EVENT;
    if (!(event->queue->properties & CL_QUEUE_PROFILING_ENABLE))
        return CL_PROFILING_INFO_NOT_AVAILABLE;
    if (what != CL_PROFILING_COMMAND_QUEUED && what != CL_PROFILING_COMMAND_SUBMIT &&
        what != CL_PROFILING_COMMAND_START && what != CL_PROFILING_COMMAND_END)
        return CL_INVALID_VALUE;
    return icd_answer(what == CL_PROFILING_COMMAND_END ? &event->ended : &event->begun,
                      sizeof(cl_ulong), room, out, size_out);
}

cl_int icd_SetEventCallback(cl_event event, cl_int status,
                            void(CL_CALLBACK *notify)(cl_event, cl_int, void *), void *data)
{
    if (!icd_is(event, EVENT))
        return CL_INVALID_EVENT;
    if (!notify || status < CL_COMPLETE || status > CL_SUBMITTED)
        return CL_INVALID_VALUE;
    notify(event, status, data);
    return CL_SUCCESS;
}

/* Markers and barriers wait for what is complete already. */
cl_int icd_EnqueueMarkerWithWaitList(cl_command_queue queue, cl_uint n, const cl_event *events,
                                     cl_event *event)
{
    (void)n, (void)events;
    return icd_is(queue, QUEUE) ? icd_event(event, queue, CL_COMMAND_MARKER, icd_device()->now)
                                : CL_INVALID_COMMAND_QUEUE;
}

cl_int icd_EnqueueBarrierWithWaitList(cl_command_queue queue, cl_uint n, const cl_event *events,
                                      cl_event *event)
{
    (void)n, (void)events;
    return icd_is(queue, QUEUE) ? icd_event(event, queue, CL_COMMAND_BARRIER, icd_device()->now)
                                : CL_INVALID_COMMAND_QUEUE;
}

cl_int icd_EnqueueMarker(cl_command_queue queue, cl_event *event)
{
    return icd_EnqueueMarkerWithWaitList(queue, 0, NULL, event);
}

cl_int icd_EnqueueBarrier(cl_command_queue queue)
{
    return icd_EnqueueBarrierWithWaitList(queue, 0, NULL, NULL);
}

cl_int icd_EnqueueWaitForEvents(cl_command_queue queue, cl_uint n, const cl_event *events)
{
    return icd_is(queue, QUEUE) ? icd_WaitForEvents(n, events) : CL_INVALID_COMMAND_QUEUE;
}
