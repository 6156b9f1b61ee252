/* SPDX-License-Identifier: MIT */
/*
 * From sorted leaves to work lists. A chunk takes leaves one after another; a leaf that agrees with
 * its neighbour in the first d sites shares the stages up to there, so it adds an entry or an
 * output only where a stage has read more than d sites.
 */
#ifndef BITBAYES_WORKLIST_H
#define BITBAYES_WORKLIST_H

#include "sampling/draws.h"
#include "sampling/work.h"

/* Nothing shared with the leaf before: the next input, or the first leaf of a chunk. */
#define BB_NOTHING_SHARED UINT32_MAX

/* The list of one stage while it grows. */
typedef struct bb_stage_list {
    uint32_t *words;
    size_t n_words, capacity_words;
    uint64_t *masks;
    size_t n_mask_words, capacity_mask_words;
    uint32_t n_entries, n_outputs, n_masks;
    uint32_t slot; /* output slot of the leaf added last */
} bb_stage_list;

typedef struct bb_worklist {
    const bb_sampler *sampler;
    bb_stage_list *stages; /* [plan->n_stages] */
    bb_stage_work *works;  /* the same as the backend takes it, after bb_worklist_close() */
    uint32_t n_inputs;
} bb_worklist;

bb_status bb_worklist_create(bb_worklist **out, const bb_sampler *sampler);
void bb_worklist_free(bb_worklist *list);
void bb_worklist_clear(bb_worklist *list); /* keeps memory */

/* Begin the next input of the chunk; returns nothing, the leaves that follow belong to it. */
void bb_worklist_next_input(bb_worklist *list);

/* Add a leaf of the current input. `shared`: sites in which it agrees with the leaf before, or
 * BB_NOTHING_SHARED. Its logits are output slot n-1 of the last stage if it is the n-th added. */
bb_status bb_worklist_add(bb_worklist *list, const uint8_t *row, uint32_t shared);

/* Fill list->works. */
void bb_worklist_close(bb_worklist *list);

/* How many entries and outputs a leaf would add to stage s. */
void bb_worklist_cost(const bb_sampler *sampler, uint32_t s, uint32_t shared, uint32_t *entries,
                      uint32_t *outputs);

#endif
