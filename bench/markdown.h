/* SPDX-License-Identifier: MIT */
/* A table as Markdown, aligned so that it reads well in a terminal too. */
#ifndef BITBAYES_BENCH_MARKDOWN_H
#define BITBAYES_BENCH_MARKDOWN_H

#include "host/table.h"

/* Print the table and free its cells; the first row is the heading. */
void markdown_print(table *cells, FILE *stream);

#endif
