/* SPDX-License-Identifier: MIT */
/*
 * Tiles of output pixels whose windows have the same valid taps. An area is a rectangle of the map
 * in which that is so; for 3x3 taps with a pad of 1 there are nine:
 *
 *   corner | edge     | corner        pixels of a tile come from one area of all entries of the
 *   edge   | interior | edge          list, one after the other: loops over taps need not ask which
 *   corner | edge     | corner        pixel has which tap, and padded taps are left out
 *
 * The host finds the bands of rows and columns (layout.c). Its table is
 *   i32 {n_row_bands, n_column_bands, end of each row band, of each column band,
 *        32-bit words from the corner to each step, ones}
 */
typedef struct bb_area {
    uint y, x, h, w;
} bb_area;

/* The next pixel of an area, counted through all entries. */
typedef struct bb_cursor {
    uint entry, y, x;
    long corner; /* of its window in the input slot, in words, even if it is padding */
    uint offset; /* of the pixel in an output slot, in bytes */
} bb_cursor;

BB_INLINE void bb_area_at(__global const int *table, uint number, bb_area *a)
{
    const uint n_rows = (uint)table[0], n_columns = (uint)table[1];
    const uint row = number / n_columns, column = number % n_columns;
    __global const int *rows = table + 2, *columns = rows + n_rows;
    a->y = row ? (uint)rows[row - 1] : 0;
    a->x = column ? (uint)columns[column - 1] : 0;
    a->h = (uint)rows[row] - a->y;
    a->w = (uint)columns[column] - a->x;
}

/* Where the first window of output pixel (y, x) begins: under the first tap of its pool. */
BB_INLINE void bb_cursor_move(const bb_stage_descriptor *stage, uint y, uint x, bb_cursor *c)
{
    const int sum_y = (int)(y * stage->pool_step_h) - (int)stage->pool_top;
    const int sum_x = (int)(x * stage->pool_step_w) - (int)stage->pool_left;
    const int in_y = sum_y * (int)stage->step_h - (int)stage->pad_top;
    const int in_x = sum_x * (int)stage->step_w - (int)stage->pad_left;
    c->y = y;
    c->x = x;
    c->corner = (long)(in_y * (int)stage->in_w + in_x) * stage->in_words;
    c->offset = (y * stage->out_w + x) * BB_PIXEL_BYTES(stage);
}

BB_INLINE void bb_cursor_at(const bb_stage_descriptor *stage, const bb_area *a, uint row,
                            bb_cursor *c)
{
    const uint pixel = row % (a->h * a->w);
    c->entry = row / (a->h * a->w);
    bb_cursor_move(stage, a->y + pixel / a->w, a->x + pixel % a->w, c);
}

/* The next BB_PIXELS pixels and the corners of their windows; a tile that gets fewer repeats its
 * last one. */
BB_INLINE void bb_area_take(const bb_stage_descriptor *stage, const bb_call *call,
                            const bb_area *a, bb_cursor *c, bb_tile *t, long *corner)
{
    const long step = (long)(stage->pool_step_w * stage->step_w) * stage->in_words;
    BB_EACH_PIXEL(i)
    {
        bb_tile_put(stage, call, c->entry, c->y, c->x, i, t);
        t->offset[i] = c->offset;
        corner[i] = c->corner;
        if (c->x + 1 < a->x + a->w) {
            c->x++;
            c->corner += step;
            c->offset += BB_PIXEL_BYTES(stage);
        } else if (c->y + 1 < a->y + a->h) {
            bb_cursor_move(stage, c->y + 1, a->x, c);
        } else if (c->entry + 1 < call->n_entries) {
            c->entry++;
            bb_cursor_move(stage, a->y, a->x, c);
        }
    }
}
