/* SPDX-License-Identifier: MIT */
/* The context: memory, error text, notes; and the status list's texts. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

struct bb_context {
    bb_allocator allocator;
    bb_note_callback *note;
    void *note_payload;
    bb_interrupted_callback *interrupted;
    void *interrupted_payload;
    char error[1024];
};

static void *default_allocate(void *payload, size_t bytes)
{
    (void)payload;
    return malloc(bytes);
}

static void *default_resize(void *payload, void *block, size_t bytes)
{
    (void)payload;
    return realloc(block, bytes);
}

static void default_release(void *payload, void *block)
{
    (void)payload;
    free(block);
}

bb_status bb_context_create(bb_context **out, const bb_context_options *options)
{
    *out = NULL;
    bb_allocator allocator = {default_allocate, default_resize, default_release, NULL};
    if (options && options->allocator)
        allocator = *options->allocator;
    bb_context *context = allocator.allocate(allocator.payload, sizeof(*context));
    if (!context)
        return BB_MEMORY;
    memset(context, 0, sizeof(*context));
    context->allocator = allocator;
    if (options) {
        context->note = options->note;
        context->note_payload = options->note_payload;
        context->interrupted = options->interrupted;
        context->interrupted_payload = options->interrupted_payload;
    }
    *out = context;
    return BB_OK;
}

bb_status bb_check_interrupted(bb_context *context)
{
    if (context->interrupted && context->interrupted(context->interrupted_payload))
        return bb_fail(context, BB_INTERRUPTED, "interrupted");
    return BB_OK;
}

void bb_context_free(bb_context *context)
{
    if (!context)
        return;
    const bb_allocator allocator = context->allocator;
    allocator.release(allocator.payload, context);
}

const char *bb_context_error(const bb_context *context)
{
    return context->error;
}

const char *bb_version(void)
{
    return BB_VERSION;
}

static const struct {
    const char *name, *text;
    int exit_code;
} statuses[] = {
#define BB_STATUS_ROW(name, code, text) {"BB_" #name, text, code},
    BB_STATUS_LIST(BB_STATUS_ROW)
#undef BB_STATUS_ROW
};

const char *bb_status_name(bb_status status)
{
    return (size_t)status < BB_COUNT_OF(statuses) ? statuses[status].name : "BB_?";
}

const char *bb_status_text(bb_status status)
{
    return (size_t)status < BB_COUNT_OF(statuses) ? statuses[status].text : "unknown status";
}

int bb_status_exit_code(bb_status status)
{
    return (size_t)status < BB_COUNT_OF(statuses) ? statuses[status].exit_code : 1;
}

/* Names and paths from files end up in the text: keep it one printable line. */
static void keep_one_line(char *text)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = *c == '\n' ? ' ' : '?';
}

bb_status bb_fail(bb_context *context, bb_status status, const char *format, ...)
{
    char text[sizeof(context->error)];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (status != BB_DEVICE) /* a build log keeps its lines */
        keep_one_line(text);
    memcpy(context->error, text, sizeof(text));
    return status;
}

bb_status bb_fail_memory(bb_context *context, size_t bytes)
{
    return bb_fail(context, BB_MEMORY, "out of memory: %zu bytes asked for", bytes);
}

void bb_note(bb_context *context, const char *format, ...)
{
    if (!context->note)
        return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    keep_one_line(line);
    context->note(context->note_payload, line);
}

void *bb_allocate(bb_context *context, size_t count, size_t size)
{
    void *block = bb_resize(context, NULL, count, size);
    if (block)
        memset(block, 0, count * size);
    return block;
}

void *bb_resize(bb_context *context, void *block, size_t count, size_t size)
{
    const bb_allocator *allocator = &context->allocator;
    size_t bytes;
    if (!bb_multiply_size(&bytes, count, size)) {
        bb_fail(context, BB_MEMORY, "out of memory: %zu times %zu bytes asked for", count, size);
        return NULL;
    }
    const size_t request = bytes ? bytes : 1;
    void *grown = block ? allocator->resize(allocator->payload, block, request)
                        : allocator->allocate(allocator->payload, request);
    if (!grown)
        bb_fail_memory(context, bytes);
    return grown;
}

void bb_release(bb_context *context, void *block)
{
    if (block)
        context->allocator.release(context->allocator.payload, block);
}

char *bb_copy_text(bb_context *context, const char *text)
{
    return bb_copy_bytes(context, text, strlen(text) + 1, 1);
}

void *bb_copy_bytes(bb_context *context, const void *bytes, size_t count, size_t size)
{
    void *copy = bb_allocate(context, count, size);
    if (copy && count)
        memcpy(copy, bytes, count * size);
    return copy;
}

uint64_t bb_hash(const void *bytes, size_t length)
{
    return XXH3_64bits(bytes, length);
}

double bb_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
