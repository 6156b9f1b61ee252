/* SPDX-License-Identifier: MIT */
/* Prepares stages for a device and launches them. */
#include "opencl/stage.h"

#include "opencl/tune.h"

#include <string.h>

bb_status bb_cl_buffer(cl_mem *out, const bb_cl_shared *shared, cl_mem_flags flags, size_t bytes,
                       const void *from, const char *format, ...)
{
    char what[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    const bb_cl_target *target = &shared->target;
    *out = NULL;
    if (bytes > shared->device->largest_buffer_bytes)
        return bb_fail(target->context, BB_MEMORY,
                       "device %s: a buffer of %zu bytes is needed (%s), the largest is %llu bytes",
                       target->id, bytes, what,
                       (unsigned long long)shared->device->largest_buffer_bytes);
    cl_int code;
    if (from)
        flags |= CL_MEM_COPY_HOST_PTR;
    cl_mem buffer =
        clCreateBuffer(target->cl, flags, bytes ? bytes : 8, (void *)(uintptr_t)from, &code);
    if (code != CL_SUCCESS)
        return bb_cl_fail(target->context, target->id, "clCreateBuffer", code, "for %zu bytes (%s)",
                          bytes, what);
    *out = buffer;
    return BB_OK;
}

static bb_status upload(cl_mem *out, const bb_cl_shared *shared, const void *bytes, size_t length,
                        uint32_t index, const char *what)
{
    if (!length)
        return BB_OK;
    return bb_cl_buffer(out, shared, CL_MEM_READ_ONLY, length, bytes, "stage %u, %s", index, what);
}

static bb_status upload_all(bb_cl_stage *self, const bb_cl_shared *shared)
{
    const bb_stage *stage = self->stage;
    const bb_stage_descriptor *d = &stage->descriptor;
    bb_context *context = shared->target.context;
    bb_packed packed;
    bb_status status = bb_choice_pack(context, &self->choice, stage, &packed);
    if (status == BB_OK)
        status = upload(&self->weights, shared, packed.weights, packed.weight_bytes, self->index,
                        "weights");
    if (status == BB_OK)
        status = upload(&self->bank, shared, packed.bank, packed.bank_bytes, self->index, "bank");
    if (status == BB_OK && stage->channel_scale)
        status = upload(&self->channel_scale, shared, stage->channel_scale,
                        d->in_channels * sizeof(float), self->index, "channel scales");
    if (status == BB_OK && stage->border)
        status = upload(&self->border, shared, stage->border,
                        ((size_t)d->sum_h + d->sum_w) * sizeof(uint32_t), self->index, "border");
    bb_release(context, packed.weights);
    bb_release(context, packed.bank);
    return status;
}

/* The program of a choice: an image's, one that an earlier stage built, or a new one. */
static bb_status find_program(bb_cl_shared *shared, const bb_choice *choice, cl_program *out)
{
    const bb_variant *variant = choice->variant;
    for (uint32_t i = 0; i < shared->n_programs; i++) {
        const bb_cl_program *built = &shared->programs[i];
        if (!built->variant || (built->variant == variant && built->set == choice->set)) {
            *out = built->program;
            return BB_OK;
        }
    }
    bb_context *context = shared->target.context;
    bb_cl_program *grown =
        bb_resize(context, shared->programs, shared->n_programs + 1, sizeof(*grown));
    if (!grown)
        return BB_MEMORY;
    shared->programs = grown;
    char *tuned = bb_choice_options(context, choice);
    char *options = tuned
                        ? bb_format(context, "-cl-std=CL1.2 -D BB_KERNEL=%s%s %s", variant->kernel,
                                    bb_paths[shared->path].options, tuned)
                        : NULL;
    bb_release(context, tuned);
    if (!options)
        return BB_MEMORY;
    const double start = bb_seconds();
    const bb_status status = bb_program_build(out, &shared->target, variant->files, options);
    shared->compile_seconds += bb_seconds() - start;
    bb_release(context, options);
    if (status == BB_OK)
        grown[shared->n_programs++] = (bb_cl_program){*out, variant, choice->set, 0};
    return status;
}

/* Whether a line may be chosen by rule, and which of its sets and launches. */
static bool allowed(const bb_cl_shared *shared, const bb_variant *variant,
                    const bb_stage_descriptor *stage, bb_choice *choice, const char **why)
{
    bool all;
    const bool serves =
        shared->image.path
            ? bb_image_serves(&shared->image, variant, stage, shared->capabilities, why)
            : bb_variant_serves(variant, stage, shared->capabilities, why);
    if (!serves)
        return false;
    if (shared->variants) {
        *why = "named";
        return bb_variant_named(shared->variants, variant, choice, &all);
    }
    *choice = (bb_choice){.variant = variant};
    *why = variant->prefers ? "the device has what it is made for" : "serves every device";
    return !(variant->prefers & ~shared->capabilities);
}

/* Work-items that a group of this kernel may have: registers may allow fewer than the device does.
 */
static size_t largest_group(const bb_cl_shared *shared, cl_kernel kernel)
{
    size_t group = 0;
    if (clGetKernelWorkGroupInfo(kernel, shared->target.device, CL_KERNEL_WORK_GROUP_SIZE,
                                 sizeof(group), &group, NULL) != CL_SUCCESS ||
        group == 0 || group > shared->device->max_work_group)
        group = (size_t)shared->device->max_work_group;
    return group ? group : 1;
}

/* The kernel of a choice; BB_UNSUPPORTED (no text) if an image does not hold it, or if its groups
 * are larger than the device can run. */
static bb_status make_kernel(bb_cl_stage *self, bb_cl_shared *shared, const bb_choice *choice)
{
    cl_program program;
    cl_int code;
    bb_launch launch;
    const bb_status status = find_program(shared, choice, &program);
    if (status != BB_OK)
        return status;
    cl_kernel kernel = clCreateKernel(program, choice->variant->kernel, &code);
    if (code == CL_INVALID_KERNEL_NAME && shared->image.path)
        return BB_UNSUPPORTED;
    if (code != CL_SUCCESS)
        return bb_cl_fail(shared->target.context, shared->target.id, "clCreateKernel", code,
                          "for %s (stage %u)", choice->variant->kernel, self->index);
    self->kernel = kernel;
    self->choice = *choice;
    self->room = (bb_room){shared->device->compute_units, largest_group(shared, kernel)};
    if (bb_choice_launch(choice, &self->stage->descriptor, &self->room, 1, &launch))
        return BB_OK;
    clReleaseKernel(kernel);
    self->kernel = NULL;
    return BB_UNSUPPORTED;
}

/* "lanes:0:1 -D BB_PIXELS=4 (why)" */
static bb_status describe(bb_cl_stage *self, const bb_cl_shared *shared, const char *why)
{
    bb_context *context = shared->target.context;
    const bb_choice *choice = &self->choice;
    if (shared->image.path) { /* it was built with options of its own */
        self->text = bb_format(context, "%s (in the image)", choice->variant->name);
        return self->text ? BB_OK : BB_MEMORY;
    }
    char *options = bb_choice_options(context, choice);
    if (options)
        self->text =
            bb_format(context, "%s:%u:%u%s%s (%s)", choice->variant->name, (unsigned)choice->set,
                      (unsigned)choice->launch, *options ? " " : "", options, why);
    bb_release(context, options);
    return self->text ? BB_OK : BB_MEMORY;
}

/* The line that rules choose, in the first set of its tunables that the device can run. */
static bb_status choose_by_rule(bb_cl_stage *self, bb_cl_shared *shared, const char **why)
{
    const bb_stage_descriptor *d = &self->stage->descriptor;
    for (size_t i = bb_n_variants; i-- > 0;) {
        bb_choice choice;
        if (!allowed(shared, &bb_variants[i], d, &choice, why))
            continue;
        bb_status status = make_kernel(self, shared, &choice);
        while (status == BB_UNSUPPORTED && !shared->variants &&
               ++choice.set < bb_variant_sets(choice.variant))
            status = make_kernel(self, shared, &choice);
        if (status != BB_UNSUPPORTED)
            return status;
    }
    if (shared->image.path)
        return bb_image_refuse(&shared->image, &shared->target, self->stage, self->index,
                               shared->capabilities);
    return bb_fail(shared->target.context, BB_UNSUPPORTED,
                   "device %s: no kernel serves stage %u '%s' (variants allowed: %s)",
                   shared->target.id, self->index, self->stage->name ? self->stage->name : "",
                   shared->variants ? shared->variants : "all");
}

/* True if the names ask for one set of this variant: then nothing is left to be tried. */
static bool asked_for(const bb_cl_shared *shared, const bb_variant *variant)
{
    bb_choice choice;
    bool all;
    return shared->variants && bb_variant_named(shared->variants, variant, &choice, &all) && !all;
}

static bb_status choose(bb_cl_stage *self, bb_cl_shared *shared)
{
    const char *why = NULL;
    char how[BB_TUNE_TEXT];
    bb_choice choice;
    bool found = false;
    bb_status status = choose_by_rule(self, shared, &why);
    if (status == BB_OK && !shared->image.path && !asked_for(shared, self->choice.variant))
        status = bb_tune_stage(&choice, &found, how, shared, self->stage, &self->choice);
    if (status == BB_OK && found) {
        clReleaseKernel(self->kernel);
        self->kernel = NULL;
        status = make_kernel(self, shared, &choice);
    }
    return status == BB_OK ? describe(self, shared, found ? how : why) : status;
}

static bb_status set_argument(const bb_cl_stage *self, const bb_cl_shared *shared, cl_uint at,
                              size_t size, const void *value)
{
    const cl_int code = clSetKernelArg(self->kernel, at, size, value);
    if (code == CL_SUCCESS)
        return BB_OK;
    return bb_cl_fail(shared->target.context, shared->target.id, "clSetKernelArg", code,
                      "for argument %u of %s (stage %u)", at, self->choice.variant->kernel,
                      self->index);
}

static bb_status set_buffer(const bb_cl_stage *self, const bb_cl_shared *shared, cl_uint at,
                            cl_mem buffer)
{
    return set_argument(self, shared, at, sizeof(cl_mem), buffer ? &buffer : &shared->nothing);
}

/* Arguments that stay: descriptor, weights, channel_scale, bank, border. */
static bb_status set_resident(const bb_cl_stage *self, const bb_cl_shared *shared)
{
    const cl_mem buffers[] = {self->weights, self->channel_scale, self->bank, self->border};
    bb_status status =
        set_argument(self, shared, 0, sizeof(self->stage->descriptor), &self->stage->descriptor);
    for (cl_uint i = 0; i < BB_COUNT_OF(buffers) && status == BB_OK; i++)
        status = set_buffer(self, shared, 1 + i, buffers[i]);
    return status;
}

static bb_status check(const bb_cl_shared *shared, const bb_stage *stage, uint32_t index)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    if (d->emit == BB_EMIT_BITS || (size_t)d->pool_h * d->pool_w == 1)
        return BB_OK;
    return bb_fail(shared->target.context, BB_UNSUPPORTED,
                   "device %s: stage %u '%s': no kernel for a max pool over real values",
                   shared->target.id, index, stage->name ? stage->name : "");
}

static void release_buffer(cl_mem buffer)
{
    if (buffer)
        clReleaseMemObject(buffer);
}

void bb_cl_stage_free(bb_context *context, bb_cl_stage *stage)
{
    if (stage->kernel)
        clReleaseKernel(stage->kernel);
    release_buffer(stage->weights);
    release_buffer(stage->channel_scale);
    release_buffer(stage->bank);
    release_buffer(stage->border);
    bb_release(context, stage->text);
    *stage = (bb_cl_stage){0};
}

static bb_status launch_slice(const bb_cl_stage *self, const bb_cl_shared *shared, cl_uint first,
                              cl_uint n_entries, cl_event *event)
{
    bb_launch launch;
    bb_choice_launch(&self->choice, &self->stage->descriptor, &self->room,
                     n_entries ? n_entries : 1, &launch);
    bb_status status = set_argument(self, shared, 8, sizeof(first), &first);
    if (status == BB_OK)
        status = set_argument(self, shared, 9, sizeof(n_entries), &n_entries);
    if (status != BB_OK)
        return status;
    const cl_int code = clEnqueueNDRangeKernel(shared->queue, self->kernel, launch.dimensions, NULL,
                                               launch.global, launch.local, 0, NULL, event);
    if (code == CL_SUCCESS)
        return BB_OK;
    return bb_cl_fail(shared->target.context, shared->target.id, "clEnqueueNDRangeKernel", code,
                      "for %zu x %zu work-items (stage %u, %s)", launch.global[0], launch.global[1],
                      self->index, self->choice.variant->kernel);
}

static bb_status set_call(const bb_cl_stage *self, const bb_cl_shared *shared,
                          const bb_cl_call *call)
{
    bb_status status = set_buffer(self, shared, 5, call->input);
    if (status == BB_OK)
        status = set_buffer(self, shared, 6, call->output);
    if (status == BB_OK)
        status = set_buffer(self, shared, 7, call->list);
    if (status == BB_OK)
        status = set_buffer(self, shared, 10, call->masks);
    if (status == BB_OK)
        status = set_argument(self, shared, 11, sizeof(call->first_mask), &call->first_mask);
    if (status == BB_OK)
        status = set_buffer(self, shared, 12, call->second);
    return status;
}

bb_status bb_cl_stage_launch(const bb_cl_stage *self, const bb_cl_shared *shared,
                             const bb_cl_call *call, cl_event *event)
{
    const bb_stage_descriptor *d = &self->stage->descriptor;
    const cl_uint limit = bb_choice_launch_limit(&self->choice, d);
    bb_status status = set_call(self, shared, call);
    for (cl_uint done = 0; done < call->n_entries && status == BB_OK; done += limit) {
        const cl_uint n = call->n_entries - done < limit ? call->n_entries - done : limit;
        status = launch_slice(self, shared, call->first + done * BB_ENTRY_WORDS(d), n,
                              done + n == call->n_entries ? event : NULL);
        if (call->n_entries - done <= limit)
            break;
    }
    return status;
}

/* Drivers that compile at the first launch do it here, on an empty list, and not in the first
 * chunk. */
static bb_status warm_up(const bb_cl_stage *self, bb_cl_shared *shared)
{
    const bb_cl_call none = {
        shared->nothing, shared->nothing, shared->nothing, shared->nothing, 0, 0, 0, NULL};
    const double start = bb_seconds();
    bb_status status = set_call(self, shared, &none);
    if (status == BB_OK)
        status = launch_slice(self, shared, 0, 0, NULL);
    const cl_int code = status == BB_OK ? clFinish(shared->queue) : CL_SUCCESS;
    shared->compile_seconds += bb_seconds() - start;
    if (code != CL_SUCCESS)
        return bb_cl_fail(shared->target.context, shared->target.id, "clFinish", code,
                          "for an empty launch of %s", self->choice.variant->kernel);
    return status;
}

/* Drivers compile for sizes of work-groups, so every launch of a program has its first time. */
static bool is_warm(const bb_cl_stage *self, bb_cl_shared *shared)
{
    if (shared->image.path)
        return true;
    const uint32_t bit = (uint32_t)1 << self->choice.launch;
    for (uint32_t i = 0; i < shared->n_programs; i++) {
        bb_cl_program *program = &shared->programs[i];
        if (program->variant == self->choice.variant && program->set == self->choice.set) {
            const bool warm = program->warm & bit;
            program->warm |= bit;
            return warm;
        }
    }
    return false;
}

/* The kernel is there. */
static bb_status finish(bb_cl_stage *self, bb_cl_shared *shared)
{
    bb_status status = upload_all(self, shared);
    if (status == BB_OK)
        status = set_resident(self, shared);
    if (status == BB_OK && !is_warm(self, shared))
        status = warm_up(self, shared);
    return status;
}

bb_status bb_cl_stage_prepare(bb_cl_stage *out, bb_cl_shared *shared, const bb_stage *stage,
                              uint32_t index)
{
    *out = (bb_cl_stage){.stage = stage, .index = index};
    bb_status status = check(shared, stage, index);
    if (status == BB_OK)
        status = choose(out, shared);
    return status == BB_OK ? finish(out, shared) : status;
}

bb_status bb_cl_stage_prepare_choice(bb_cl_stage *out, bb_cl_shared *shared, const bb_stage *stage,
                                     const bb_choice *choice, const char *why)
{
    *out = (bb_cl_stage){.stage = stage};
    bb_status status = make_kernel(out, shared, choice);
    if (status == BB_OK)
        status = describe(out, shared, why);
    return status == BB_OK ? finish(out, shared) : status;
}
