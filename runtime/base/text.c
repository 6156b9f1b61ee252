/* SPDX-License-Identifier: MIT */
/* Text that grows. */
#include "base/base.h"

#include <string.h>

static bool reserve(bb_text *text, size_t more)
{
    size_t needed;
    if (text->failed || !bb_add_size(&needed, text->length, more) ||
        !bb_add_size(&needed, needed, 1))
        return !(text->failed = true);
    if (needed <= text->capacity)
        return true;
    const size_t capacity = needed < 128 ? 256 : needed * 2;
    char *bytes = bb_resize(text->context, text->bytes, capacity, 1);
    if (!bytes)
        return !(text->failed = true);
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void bb_text_append_bytes(bb_text *text, const void *bytes, size_t length)
{
    if (!reserve(text, length))
        return;
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

static void append_arguments(bb_text *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    if (length >= 0 && reserve(text, (size_t)length)) {
        vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

void bb_text_append(bb_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append_arguments(text, format, arguments);
    va_end(arguments);
}

void bb_text_free(bb_text *text)
{
    bb_release(text->context, text->bytes);
    *text = (bb_text){.context = text->context};
}

char *bb_format(bb_context *context, const char *format, ...)
{
    bb_text text = {.context = context};
    va_list arguments;
    va_start(arguments, format);
    append_arguments(&text, format, arguments);
    va_end(arguments);
    if (text.failed)
        bb_text_free(&text);
    return text.bytes;
}
