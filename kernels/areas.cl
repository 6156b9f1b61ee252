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
 *        offset of each step (BB_LANES), ones}
 */
typedef struct bb_area {
    uint y, x, h, w;
    uint entry, at_y, at_x; /* the next pixel */
} bb_area;

/* Area `number`, from its pixel `row` on, counted through all entries. */
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

BB_INLINE void bb_area_seek(bb_area *a, uint row)
{
    a->entry = row / (a->h * a->w);
    a->at_y = a->y + row % (a->h * a->w) / a->w;
    a->at_x = a->x + row % (a->h * a->w) % a->w;
}

/* The next BB_PIXELS pixels; a tile that gets fewer repeats its last one. */
BB_INLINE void bb_area_take(const bb_stage_descriptor *stage, const bb_call *call, bb_area *a,
                            bb_tile *t)
{
    BB_EACH_PIXEL(i)
    {
        bb_tile_put(stage, call, a->entry, a->at_y, a->at_x, i, t);
        const bool row_ends = a->at_x + 1 == a->x + a->w;
        const bool map_ends = row_ends && a->at_y + 1 == a->y + a->h;
        const bool more = !map_ends || a->entry + 1 < call->n_entries;
        a->at_x = !more ? a->at_x : row_ends ? a->x : a->at_x + 1;
        a->at_y = !more ? a->at_y : map_ends ? a->y : a->at_y + row_ends;
        a->entry += map_ends && more;
    }
}
