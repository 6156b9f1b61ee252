/* SPDX-License-Identifier: MIT */
/** @file context.h  Allocator, log and text of the last failure; every other object hangs on one.
 */
#ifndef BITBAYES_CONTEXT_H
#define BITBAYES_CONTEXT_H

#include <bitbayes/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * One per thread that uses the library: a context and all that was made with it belong to one
 * thread at a time. It must outlive what it made.
 */
typedef struct bb_context bb_context;

/** Where memory comes from. All three functions are needed; `payload` is handed through. */
typedef struct bb_allocator {
    void *(*allocate)(void *payload, size_t bytes);            /**< malloc's contract */
    void *(*resize)(void *payload, void *block, size_t bytes); /**< realloc's contract */
    void (*release)(void *payload, void *block);               /**< free's contract */
    void *payload;
} bb_allocator;

/** Receives remarks that are not failures, one line without newline each. */
typedef void bb_note_callback(void *payload, const char *line);

/** Asked now and then during long calls, by the thread that runs them: true ends the call with
 * BB_INTERRUPTED soon, between two chunks of a run (on "ref" between two inputs of a stage). */
typedef bool bb_interrupted_callback(void *payload);

typedef struct bb_context_options {
    const bb_allocator *allocator; /**< NULL: malloc and its relatives; else copied */
    bb_note_callback *note;        /**< NULL: remarks are dropped */
    void *note_payload;
    bb_interrupted_callback *interrupted; /**< NULL: nothing interrupts */
    void *interrupted_payload;
} bb_context_options;

/**
 * Make a context.
 *
 * @param out      Receives the context, NULL on failure. Free with bb_context_free().
 * @param options  NULL means all defaults.
 * @return BB_OK, BB_MEMORY
 */
bb_status bb_context_create(bb_context **out, const bb_context_options *options);

/** Takes NULL. Everything made with the context must be freed before. */
void bb_context_free(bb_context *context);

/**
 * One line about the last failure: where, what was found, what was expected. Never NULL; "" when
 * nothing failed yet. Borrowed; valid until the next call that uses the context.
 */
const char *bb_context_error(const bb_context *context);

/** Version of the library, "0.1.0". */
const char *bb_version(void);

#ifdef __cplusplus
}
#endif
#endif
