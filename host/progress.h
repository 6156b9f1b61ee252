/* SPDX-License-Identifier: MIT */
/* One line on stderr with rate and time left; nothing unless stderr is a terminal. */
#ifndef BITBAYES_HOST_PROGRESS_H
#define BITBAYES_HOST_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress {
    const char *what; /* plural: "inputs" */
    uint64_t total;
    double begun, shown; /* seconds of the steady clock */
    bool active;
} progress;

void progress_begin(progress *line, const char *what, uint64_t total);
void progress_show(progress *line, uint64_t done);
void progress_end(progress *line);

#endif
