/* SPDX-License-Identifier: MIT */
/* What one must know beside the rows: machine, build, devices, settings. */
#ifndef BITBAYES_BENCH_CONTEXT_H
#define BITBAYES_BENCH_CONTEXT_H

#include "bench.h"
#include "data/json.h"

/* The member "context" of the document. */
void context_write(bb_json *json, const bench_run *run);

#endif
