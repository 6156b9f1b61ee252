/* SPDX-License-Identifier: MIT */
/* The kernel: its three arguments are those of fpga/regs/kernel.xml. A task is one run of the
 * engine. */
#include "icd.h"

#include "fpga/model.h"

#include <stdlib.h>
#include <string.h>

enum { ARG_MEMORY, ARG_CALLS, ARG_N_CALLS, N_ARGS };

cl_kernel icd_CreateKernel(cl_program program, const char *name, cl_int *code)
{
    if (!icd_is(program, PROGRAM))
        return icd_fail(code, CL_INVALID_PROGRAM);
    if (program->status != CL_BUILD_SUCCESS)
        return icd_fail(code, CL_INVALID_PROGRAM_EXECUTABLE);
    if (!name)
        return icd_fail(code, CL_INVALID_VALUE);
    if (strcmp(name, program->kernel) != 0)
        return icd_fail(code, CL_INVALID_KERNEL_NAME);
    cl_kernel made = icd_new(KERNEL, sizeof(*made), code);
    if (!made)
        return NULL;
    made->program = program;
    icd_retain(program);
    return made;
}

cl_int icd_CreateKernelsInProgram(cl_program program, cl_uint n, cl_kernel *out, cl_uint *n_out)
{
    cl_int code = CL_SUCCESS;
    if (!icd_is(program, PROGRAM))
        return CL_INVALID_PROGRAM;
    if (n_out)
        *n_out = 1;
    if (out)
        *out = n ? icd_CreateKernel(program, program->kernel, &code) : NULL;
    return out && !n ? CL_INVALID_VALUE : code;
}

cl_int icd_RetainKernel(cl_kernel kernel)
{
    if (!icd_is(kernel, KERNEL))
        return CL_INVALID_KERNEL;
    icd_retain(kernel);
    return CL_SUCCESS;
}

cl_int icd_ReleaseKernel(cl_kernel kernel)
{
    if (!icd_is(kernel, KERNEL))
        return CL_INVALID_KERNEL;
    if (icd_release(kernel)) {
        icd_ReleaseProgram(kernel->program);
        free(kernel);
    }
    return CL_SUCCESS;
}

cl_int icd_SetKernelArg(cl_kernel kernel, cl_uint index, size_t size, const void *value)
{
    if (!icd_is(kernel, KERNEL))
        return CL_INVALID_KERNEL;
    if (index >= N_ARGS)
        return CL_INVALID_ARG_INDEX;
    if (size != (index == ARG_MEMORY ? sizeof(cl_mem) : sizeof(cl_uint)))
        return CL_INVALID_ARG_SIZE;
    if (!value)
        return CL_INVALID_ARG_VALUE;
    if (index == ARG_MEMORY) {
        cl_mem buffer;
        memcpy(&buffer, value, sizeof(buffer));
        if (!icd_is(buffer, BUFFER))
            return CL_INVALID_MEM_OBJECT;
        kernel->memory = buffer;
    } else {
        memcpy(index == ARG_CALLS ? &kernel->calls : &kernel->n_calls, value, sizeof(cl_uint));
    }
    kernel->set |= 1u << index;
    return CL_SUCCESS;
}

cl_int icd_GetKernelInfo(cl_kernel kernel, cl_kernel_info what, size_t room, void *out,
                         size_t *size_out)
{
    if (!icd_is(kernel, KERNEL))
        return CL_INVALID_KERNEL;
    switch (what) {
    case CL_KERNEL_FUNCTION_NAME:
        return icd_answer_text(kernel->program->kernel, room, out, size_out);
    case CL_KERNEL_NUM_ARGS:
        return icd_answer(&(cl_uint){N_ARGS}, sizeof(cl_uint), room, out, size_out);
    case CL_KERNEL_REFERENCE_COUNT:
        return icd_answer(&kernel->base.references, sizeof(cl_uint), room, out, size_out);
    case CL_KERNEL_CONTEXT:
        return icd_answer(&kernel->program->context, sizeof(cl_context), room, out, size_out);
    case CL_KERNEL_PROGRAM:
        return icd_answer(&kernel->program, sizeof(cl_program), room, out, size_out);
    case CL_KERNEL_ATTRIBUTES:
        return icd_answer_text("", room, out, size_out);
    default:
        return CL_INVALID_VALUE;
    }
}

cl_int icd_GetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id id, cl_kernel_work_group_info what,
                                  size_t room, void *out, size_t *size_out)
{
    (void)id;
    if (!icd_is(kernel, KERNEL))
        return CL_INVALID_KERNEL;
    const size_t ones[3] = {1, 1, 1};
    const cl_ulong zero = 0;
    switch (what) {
    case CL_KERNEL_COMPILE_WORK_GROUP_SIZE:
        return icd_answer(ones, sizeof(ones), room, out, size_out);
    case CL_KERNEL_WORK_GROUP_SIZE:
    case CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE:
        return icd_answer(ones, sizeof(ones[0]), room, out, size_out);
    case CL_KERNEL_LOCAL_MEM_SIZE:
    case CL_KERNEL_PRIVATE_MEM_SIZE:
        return icd_answer(&zero, sizeof(zero), room, out, size_out);
    default:
        return CL_INVALID_VALUE;
    }
}

/* One line per run in $BITBAYES_FPGA_LOG: its cycles, and those of the model where it applies. */
static void log_run(cl_device_id id, cl_kernel kernel, uint64_t cycles, uint32_t error)
{
    const char *path = getenv("BITBAYES_FPGA_LOG");
    FILE *file = path && *path ? fopen(path, "a") : NULL;
    if (!file)
        return;
    const uint64_t *arena = (const uint64_t *)(id->memory.bytes + kernel->memory->at);
    fprintf(file, "calls %u error %u cycles %llu", kernel->n_calls, error,
            (unsigned long long)cycles);
    if (id->port->latency && !error)
        fprintf(file, " model %llu",
                (unsigned long long)bb_fpga_cycles(&id->image.engine, arena, kernel->calls,
                                                   kernel->n_calls, id->port->latency, NULL));
    fputc('\n', file);
    fclose(file);
}

/* The engine runs its calls; false with words to the context where it does not come to their end.
 */
static bool run(cl_device_id id, cl_kernel kernel)
{
    const port *p = id->port;
    const uint64_t at = id->memory.address + kernel->memory->at;
    char why[160], text[256];
    p->write(BB_FPGA_MEMORY_LOW, (uint32_t)at);
    p->write(BB_FPGA_MEMORY_HIGH, (uint32_t)(at >> 32));
    p->write(BB_FPGA_CALLS, kernel->calls);
    p->write(BB_FPGA_N_CALLS, kernel->n_calls);
    p->write(BB_FPGA_CONTROL, 1);
    if (!p->wait(why, sizeof(why))) {
        icd_tell(kernel->program->context, why);
        return false;
    }
    const uint64_t low = p->read(BB_FPGA_CYCLES_LOW), high = p->read(BB_FPGA_CYCLES_HIGH);
    const uint64_t cycles = high << 32 | low;
    const uint32_t error = p->read(BB_FPGA_ERROR);
    id->now += (cycles * 1000 + id->mhz - 1) / id->mhz; /* times MHz / 1000: the cycles again */
    log_run(id, kernel, cycles, error);
    if (!error)
        return true;
    snprintf(text, sizeof(text), "the engine refused call %u of %u with error %u: %s",
             p->read(BB_FPGA_CALL), kernel->n_calls, error, bb_fpga_error_text(error));
    icd_tell(kernel->program->context, text);
    return false;
}

cl_int icd_EnqueueTask(cl_command_queue queue, cl_kernel kernel, cl_uint n, const cl_event *events,
                       cl_event *event)
{
    (void)n, (void)events;
    const cl_device_id id = icd_device();
    if (!icd_is(queue, QUEUE))
        return CL_INVALID_COMMAND_QUEUE;
    if (!icd_is(kernel, KERNEL))
        return CL_INVALID_KERNEL;
    if (kernel->program->context != queue->context)
        return CL_INVALID_CONTEXT;
    if (kernel->set != (1u << N_ARGS) - 1)
        return CL_INVALID_KERNEL_ARGS;
    pthread_mutex_lock(&icd_lock);
    const cl_ulong begun = id->now;
    const bool good = run(id, kernel);
    const cl_int code =
        good ? icd_event(event, queue, CL_COMMAND_TASK, begun) : CL_OUT_OF_RESOURCES;
    pthread_mutex_unlock(&icd_lock);
    return code;
}

cl_int icd_EnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                const size_t *offset, const size_t *global, const size_t *local,
                                cl_uint n, const cl_event *events, cl_event *event)
{
    if (dimensions < 1 || dimensions > 3 || !global)
        return CL_INVALID_WORK_DIMENSION;
    for (cl_uint i = 0; i < dimensions; i++) {
        if (offset && offset[i])
            return CL_INVALID_GLOBAL_OFFSET;
        if (global[i] != 1)
            return CL_INVALID_GLOBAL_WORK_SIZE;
        if (local && local[i] != 1)
            return CL_INVALID_WORK_GROUP_SIZE;
    }
    return icd_EnqueueTask(queue, kernel, n, events, event);
}
