/* SPDX-License-Identifier: MIT */
/* Talk on standard error, terminal abilities, signals. */
#include "console.h"

#include <langinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_quiet;
static volatile sig_atomic_t signal_seen;

static void print_line(const char *prefix, const char *format, va_list arguments)
{
    char line[4096];
    vsnprintf(line, sizeof(line), format, arguments);
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr); /* a progress line may stand there */
    fprintf(stderr, "%s%s\n", prefix, line);
}

void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line("bitbayes: ", format, arguments);
    va_end(arguments);
}

void say(const char *format, ...)
{
    if (is_quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    print_line("", format, arguments);
    va_end(arguments);
}

void console_quiet(bool quiet)
{
    is_quiet = quiet;
}

bool console_is_quiet(void)
{
    return is_quiet;
}

bool console_is_unicode(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool console_is_colour(FILE *stream)
{
    const char *const no_colour = getenv("NO_COLOR");
    const char *const terminal = getenv("TERM");
    return !(no_colour && *no_colour) && terminal && strcmp(terminal, "dumb") != 0 &&
           isatty(fileno(stream));
}

static void print_note(void *payload, const char *line)
{
    (void)payload;
    say("note: %s", line);
}

static bool ask_signal(void *payload)
{
    (void)payload;
    return interrupted();
}

bb_context *open_context(void)
{
    bb_context *context;
    const bb_context_options options = {.note = print_note, .interrupted = ask_signal};
    const bb_status status = bb_context_create(&context, &options);
    if (status != BB_OK)
        complain("%s", bb_status_text(status));
    return context;
}

int finish(const bb_context *context, bb_status status)
{
    if (status != BB_OK) {
        const char *const text = bb_context_error(context);
        complain("%s", *text ? text : bb_status_text(status));
    }
    return bb_status_exit_code(status);
}

static void remember_signal(int number)
{
    signal_seen = number;
}

void catch_signals(void)
{
    struct sigaction action = {.sa_handler = remember_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void)
{
    return signal_seen != 0;
}
