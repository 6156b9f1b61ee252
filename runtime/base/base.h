/* SPDX-License-Identifier: MIT */
/*
 * What every part of the runtime uses: failures with text, checked sizes, memory from the
 * context, growing text, whole files. Nothing here knows of models or devices.
 */
#ifndef BITBAYES_BASE_H
#define BITBAYES_BASE_H

#include <bitbayes/context.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__GNUC__)
#define BB_PRINTF(string, first) __attribute__((format(printf, string, first)))
#else
#define BB_PRINTF(string, first)
#endif

#ifndef BB_VERSION
#define BB_VERSION "0.1.0"
#endif

#define BB_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* "No such index" in every 32-bit index of the project (also BB_NONE in kernels/shared.h). */
#define BB_NO_INDEX UINT32_MAX

/* Set the context's error text and return `status`, so that one can write `return bb_fail(...)`. */
bb_status bb_fail(bb_context *context, bb_status status, const char *format, ...) BB_PRINTF(3, 4);

/* BB_MEMORY with the number of bytes asked for in the text. */
bb_status bb_fail_memory(bb_context *context, size_t bytes);

/* BB_INTERRUPTED once the user of the library wants the call to end. */
bb_status bb_check_interrupted(bb_context *context);

/* Hand one remark to the user of the library. */
void bb_note(bb_context *context, const char *format, ...) BB_PRINTF(2, 3);

/* Zeroed memory for `count` items of `size` bytes; NULL with the error set on overflow or lack of
 * memory. A request of zero bytes yields a block all the same. Release with bb_release(). */
void *bb_allocate(bb_context *context, size_t count, size_t size);

/* Grow `block` (may be NULL) to `count` items, new part not zeroed. On failure NULL with the error
 * set, and `block` stays as it was. */
void *bb_resize(bb_context *context, void *block, size_t count, size_t size);

void bb_release(bb_context *context, void *block); /* takes NULL */

char *bb_copy_text(bb_context *context, const char *text);
char *bb_format(bb_context *context, const char *format, ...) BB_PRINTF(2, 3);
void *bb_copy_bytes(bb_context *context, const void *bytes, size_t count, size_t size);

/* Checked arithmetic for sizes that come from files: false on overflow. */
static inline bool bb_multiply_size(size_t *out, size_t a, size_t b)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool bb_add_size(size_t *out, size_t a, size_t b)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline size_t bb_divide_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

/* A text that grows. After a failed append `failed` stays set and later appends do nothing, so one
 * check at the end suffices. `bytes` is always zero-terminated once something was appended. */
typedef struct bb_text {
    bb_context *context;
    char *bytes;
    size_t length, capacity;
    bool failed;
} bb_text;

void bb_text_append(bb_text *text, const char *format, ...) BB_PRINTF(2, 3);
void bb_text_append_bytes(bb_text *text, const void *bytes, size_t length);
void bb_text_free(bb_text *text);

/* The whole file in memory; `*bytes` is followed by a zero byte that is not counted. Refuses files
 * above `limit`. BB_INPUT names the path and the reason. Release with bb_release(). */
bb_status bb_file_read(bb_context *context, const char *path, size_t limit, uint8_t **bytes,
                       size_t *length);

/* Output that is never mistaken for whole: written to PATH.part, renamed by bb_file_commit(). Two
 * processes cannot write the same one (BB_OUTPUT). A pipe or device is written as it is.
 * bb_file_abandon() removes the part; it is harmless after a commit. */
typedef struct bb_file {
    bb_context *context;
    FILE *stream;
    char *path, *part;
} bb_file;

bb_status bb_file_create(bb_file *file, bb_context *context, const char *path);
bb_status bb_file_write(bb_file *file, const void *bytes, size_t length);
bb_status bb_file_print(bb_file *file, const char *format, ...) BB_PRINTF(2, 3);
bb_status bb_file_commit(bb_file *file);
void bb_file_abandon(bb_file *file);

/* Seconds of a clock that never goes back. */
double bb_seconds(void);

/* XXH3, 64 bits: tells files and plans apart; no protection against intent. */
uint64_t bb_hash(const void *bytes, size_t length);

#endif
