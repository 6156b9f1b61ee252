/* SPDX-License-Identifier: MIT */
/** @file status.h  Outcome of every call that can fail, and the exit code of the program. */
#ifndef BITBAYES_STATUS_H
#define BITBAYES_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/** X(name, exit code of the program, text): the one list behind enum, names and exit codes. */
#define BB_STATUS_LIST(X)                                                                          \
    X(OK, 0, "success")                                                                            \
    X(CHECK, 1, "a check failed")                                                                  \
    X(ARGUMENT, 2, "invalid argument")                                                             \
    X(INPUT, 3, "unreadable or malformed input")                                                   \
    X(UNSUPPORTED, 3, "the model uses something unsupported")                                      \
    X(NO_DEVICE, 4, "no usable device")                                                            \
    X(DEVICE, 5, "the device failed")                                                              \
    X(OUTPUT, 6, "cannot write output")                                                            \
    X(MEMORY, 7, "out of memory")                                                                  \
    X(INTERRUPTED, 130, "interrupted")

typedef enum bb_status {
#define BB_STATUS_ENUM(name, code, text) BB_##name,
    BB_STATUS_LIST(BB_STATUS_ENUM)
#undef BB_STATUS_ENUM
} bb_status;

/** "BB_INPUT" and so on; "BB_?" for a value outside the list. Static storage. */
const char *bb_status_name(bb_status status);

/** The text of the list. Static storage. */
const char *bb_status_text(bb_status status);

/** The exit code that the program uses for this status. */
int bb_status_exit_code(bb_status status);

#ifdef __cplusplus
}
#endif
#endif
