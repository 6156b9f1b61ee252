/* SPDX-License-Identifier: MIT */
/* The progress line. */
#include "progress.h"

#include "console.h"
#include "results.h"

#include <inttypes.h>
#include <unistd.h>

void progress_begin(progress *line, const char *what, uint64_t total)
{
    *line = (progress){.what = what, .total = total, .begun = bb_seconds()};
    line->active = isatty(STDERR_FILENO) && !console_is_quiet();
}

void progress_show(progress *line, uint64_t done)
{
    const double now = bb_seconds();
    if (!line->active || now - line->shown < 0.1 || done == 0)
        return;
    line->shown = now;
    const double rate = (double)done / (now - line->begun);
    const double left = (double)(line->total - done) / rate;
    fprintf(stderr, "\r\033[K%" PRIu64 " of %" PRIu64 " %s, %.3g per second, %.0f:%02.0f left",
            done, line->total, line->what, rate, (double)(uint64_t)(left / 60),
            (double)((uint64_t)left % 60));
    fflush(stderr);
}

void progress_end(progress *line)
{
    if (line->active && line->shown > 0)
        fputs("\r\033[K", stderr);
    line->active = false;
}
