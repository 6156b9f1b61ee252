/* SPDX-License-Identifier: MIT */
/* Talk: everything that goes to standard error, and what the terminal can show. */
#ifndef BITBAYES_HOST_CONSOLE_H
#define BITBAYES_HOST_CONSOLE_H

#include <bitbayes/context.h>
#include <stdbool.h>
#include <stdio.h>

#define HOST_PRINTF(string, first) __attribute__((format(printf, string, first)))

/* One line "bitbayes: ..." on stderr. */
void complain(const char *format, ...) HOST_PRINTF(1, 2);

/* One line of talk on stderr, unless console_quiet() was called. */
void say(const char *format, ...) HOST_PRINTF(1, 2);

void console_quiet(bool quiet);
bool console_is_quiet(void);

/* True if the locale is UTF-8; main() has called setlocale(). */
bool console_is_unicode(void);

/* True if the stream is a terminal that may be coloured: NO_COLOR unset, TERM not "dumb". */
bool console_is_colour(FILE *stream);

/* A context whose notes become talk; NULL after a complaint. */
bb_context *open_context(void);

/* Say the context's error and return the exit code that belongs to the status; nothing is said
 * about BB_OK. */
int finish(const bb_context *context, bb_status status);

/* SIGINT and SIGTERM ask for a clean end; a second one ends the process at once. */
void catch_signals(void);
bool interrupted(void);

#endif
