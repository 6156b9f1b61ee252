/* SPDX-License-Identifier: MIT */
/* Buffers: ranges of the port's memory, first fit; and what moves bytes in and out of them. */
#include "icd.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

static cl_mem first; /* by place, under icd_lock */

/* A range that no buffer has; false if there is none. */
static bool take_range(cl_mem buffer)
{
    const size_t size = (buffer->size + PAGE - 1) / PAGE * PAGE;
    size_t at = 0;
    cl_mem *link = &first;
    while (*link && (*link)->at - at < size) {
        at = (*link)->at + ((*link)->size + PAGE - 1) / PAGE * PAGE;
        link = &(*link)->next;
    }
    if (size > icd_device()->memory.size || at > icd_device()->memory.size - size)
        return false;
    buffer->at = at;
    buffer->next = *link;
    *link = buffer;
    return true;
}

static void give_range(cl_mem buffer)
{
    cl_mem *link = &first;
    while (*link != buffer)
        link = &(*link)->next;
    *link = buffer->next;
}

static uint8_t *bytes_of(cl_mem buffer)
{
    return icd_device()->memory.bytes + buffer->at;
}

cl_mem icd_CreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *from,
                        cl_int *code)
{
    const cl_mem_flags copies = CL_MEM_COPY_HOST_PTR;
    if (!icd_is(context, CONTEXT))
        return icd_fail(code, CL_INVALID_CONTEXT);
    if (size == 0 || size > icd_device()->memory.size)
        return icd_fail(code, CL_INVALID_BUFFER_SIZE);
    if (flags & CL_MEM_USE_HOST_PTR) /* the engine reaches its own memory alone */
        return icd_fail(code, CL_INVALID_VALUE);
    if (!from != !(flags & copies))
        return icd_fail(code, CL_INVALID_HOST_PTR);
    cl_mem made = icd_new(BUFFER, sizeof(*made), code);
    if (!made)
        return NULL;
    made->context = context;
    made->flags = flags;
    made->size = size;
    pthread_mutex_lock(&icd_lock);
    const bool taken = take_range(made);
    pthread_mutex_unlock(&icd_lock);
    if (!taken) {
        free(made);
        return icd_fail(code, CL_MEM_OBJECT_ALLOCATION_FAILURE);
    }
    icd_retain(context);
    if (from)
        memcpy(bytes_of(made), from, size);
    return made;
}

cl_mem icd_CreateBufferWithProperties(cl_context context, const cl_mem_properties *properties,
                                      cl_mem_flags flags, size_t size, void *from, cl_int *code)
{
    if (icd_device()->strict)
        return icd_fail(code, CL_INVALID_OPERATION);
    if (properties && properties[0])
        return icd_fail(code, CL_INVALID_PROPERTY);
    return icd_CreateBuffer(context, flags, size, from, code);
}

cl_int icd_RetainMemObject(cl_mem buffer)
{
    if (!icd_is(buffer, BUFFER))
        return CL_INVALID_MEM_OBJECT;
    icd_retain(buffer);
    return CL_SUCCESS;
}

cl_int icd_ReleaseMemObject(cl_mem buffer)
{
    if (!icd_is(buffer, BUFFER))
        return CL_INVALID_MEM_OBJECT;
    if (!icd_release(buffer))
        return CL_SUCCESS;
    pthread_mutex_lock(&icd_lock);
    give_range(buffer);
    pthread_mutex_unlock(&icd_lock);
    icd_ReleaseContext(buffer->context);
    free(buffer);
    return CL_SUCCESS;
}

cl_int icd_GetMemObjectInfo(cl_mem buffer, cl_mem_info what, size_t room, void *out,
                            size_t *size_out)
{
    if (!icd_is(buffer, BUFFER))
        return CL_INVALID_MEM_OBJECT;
    const cl_mem_object_type type = CL_MEM_OBJECT_BUFFER;
    const size_t zero = 0;
    void *const none = NULL;
    switch (what) {
    case CL_MEM_TYPE:
        return icd_answer(&type, sizeof(type), room, out, size_out);
    case CL_MEM_FLAGS:
        return icd_answer(&buffer->flags, sizeof(buffer->flags), room, out, size_out);
    case CL_MEM_SIZE:
        return icd_answer(&buffer->size, sizeof(size_t), room, out, size_out);
    case CL_MEM_OFFSET:
        return icd_answer(&zero, sizeof(size_t), room, out, size_out);
    case CL_MEM_HOST_PTR:
    case CL_MEM_ASSOCIATED_MEMOBJECT:
        return icd_answer(&none, sizeof(void *), room, out, size_out);
    case CL_MEM_MAP_COUNT:
        return icd_answer(&buffer->n_maps, sizeof(cl_uint), room, out, size_out);
    case CL_MEM_REFERENCE_COUNT:
        return icd_answer(&buffer->base.references, sizeof(cl_uint), room, out, size_out);
    case CL_MEM_CONTEXT:
        return icd_answer(&buffer->context, sizeof(cl_context), room, out, size_out);
    default:
        return CL_INVALID_VALUE;
    }
}

cl_int icd_GetSupportedImageFormats(cl_context context, cl_mem_flags flags, cl_mem_object_type type,
                                    cl_uint n, cl_image_format *out, cl_uint *n_out)
{
    (void)flags, (void)type, (void)n, (void)out;
    if (!icd_is(context, CONTEXT))
        return CL_INVALID_CONTEXT;
    if (n_out)
        *n_out = 0;
    return CL_SUCCESS;
}

static cl_int check_range(cl_command_queue queue, cl_mem buffer, size_t at, size_t size)
{
    if (!icd_is(queue, QUEUE))
        return CL_INVALID_COMMAND_QUEUE;
    if (!icd_is(buffer, BUFFER))
        return CL_INVALID_MEM_OBJECT;
    if (queue->context != buffer->context)
        return CL_INVALID_CONTEXT;
    return size == 0 || at > buffer->size || size > buffer->size - at ? CL_INVALID_VALUE
                                                                      : CL_SUCCESS;
}

cl_int icd_EnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t at,
                             size_t size, void *to, cl_uint n, const cl_event *events,
                             cl_event *event)
{
    (void)blocking, (void)n, (void)events;
    const cl_int code = check_range(queue, buffer, at, size);
    if (code != CL_SUCCESS || !to)
        return code != CL_SUCCESS ? code : CL_INVALID_VALUE;
    memcpy(to, bytes_of(buffer) + at, size);
    return icd_event(event, queue, CL_COMMAND_READ_BUFFER, icd_device()->now);
}

cl_int icd_EnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t at,
                              size_t size, const void *from, cl_uint n, const cl_event *events,
                              cl_event *event)
{
    (void)blocking, (void)n, (void)events;
    const cl_int code = check_range(queue, buffer, at, size);
    if (code != CL_SUCCESS || !from)
        return code != CL_SUCCESS ? code : CL_INVALID_VALUE;
    memcpy(bytes_of(buffer) + at, from, size);
    return icd_event(event, queue, CL_COMMAND_WRITE_BUFFER, icd_device()->now);
}

cl_int icd_EnqueueCopyBuffer(cl_command_queue queue, cl_mem from, cl_mem to, size_t from_at,
                             size_t to_at, size_t size, cl_uint n, const cl_event *events,
                             cl_event *event)
{
    (void)n, (void)events;
    cl_int code = check_range(queue, from, from_at, size);
    if (code == CL_SUCCESS)
        code = check_range(queue, to, to_at, size);
    if (code != CL_SUCCESS)
        return code;
    if (from == to && from_at < to_at + size && to_at < from_at + size)
        return CL_MEM_COPY_OVERLAP;
    memcpy(bytes_of(to) + to_at, bytes_of(from) + from_at, size);
    return icd_event(event, queue, CL_COMMAND_COPY_BUFFER, icd_device()->now);
}

cl_int icd_EnqueueFillBuffer(cl_command_queue queue, cl_mem buffer, const void *pattern,
                             size_t n_pattern, size_t at, size_t size, cl_uint n,
                             const cl_event *events, cl_event *event)
{
    (void)n, (void)events;
    const cl_int code = check_range(queue, buffer, at, size);
    if (code != CL_SUCCESS || !pattern || !n_pattern || size % n_pattern || at % n_pattern)
        return code != CL_SUCCESS ? code : CL_INVALID_VALUE;
    for (size_t i = 0; i < size; i += n_pattern)
        memcpy(bytes_of(buffer) + at + i, pattern, n_pattern);
    return icd_event(event, queue, CL_COMMAND_FILL_BUFFER, icd_device()->now);
}

void *icd_EnqueueMapBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                           cl_map_flags flags, size_t at, size_t size, cl_uint n,
                           const cl_event *events, cl_event *event, cl_int *code)
{
    (void)blocking, (void)flags, (void)n, (void)events;
    cl_int answer = check_range(queue, buffer, at, size);
    if (answer == CL_SUCCESS)
        answer = icd_event(event, queue, CL_COMMAND_MAP_BUFFER, icd_device()->now);
    if (code)
        *code = answer;
    if (answer != CL_SUCCESS)
        return NULL;
    buffer->n_maps++;
    return bytes_of(buffer) + at;
}

cl_int icd_EnqueueUnmapMemObject(cl_command_queue queue, cl_mem buffer, void *mapped, cl_uint n,
                                 const cl_event *events, cl_event *event)
{
    (void)n, (void)events;
    const cl_int code = check_range(queue, buffer, 0, 1);
    if (code != CL_SUCCESS)
        return code;
    if (!buffer->n_maps || (uint8_t *)mapped < bytes_of(buffer) ||
        (uint8_t *)mapped >= bytes_of(buffer) + buffer->size)
        return CL_INVALID_VALUE;
    buffer->n_maps--;
    return icd_event(event, queue, CL_COMMAND_UNMAP_MEM_OBJECT, icd_device()->now);
}

cl_int icd_EnqueueMigrateMemObjects(cl_command_queue queue, cl_uint n_buffers,
                                    const cl_mem *buffers, cl_mem_migration_flags flags, cl_uint n,
                                    const cl_event *events, cl_event *event)
{
    (void)flags, (void)n, (void)events;
    for (cl_uint i = 0; i < n_buffers; i++)
        if (!icd_is(buffers[i], BUFFER))
            return CL_INVALID_MEM_OBJECT;
    return icd_is(queue, QUEUE)
               ? icd_event(event, queue, CL_COMMAND_MIGRATE_MEM_OBJECTS, icd_device()->now)
               : CL_INVALID_COMMAND_QUEUE;
}
