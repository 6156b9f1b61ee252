/* SPDX-License-Identifier: MIT */
/*
 * `score --show N`: the most uncertain inputs, drawn in the terminal beside their top classes.
 * With colours a character holds two pixels in 24 greys (half blocks); without, shades, or plain
 * ASCII where the locale is not UTF-8.
 */
#include "score.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOP_CLASSES 4
#define BAR_WIDTH 20

/* ---- which ---- */

static bb_status insert(score_run *run, score_set *set, uint64_t index, const bb_prediction *p,
                        const double *mean)
{
    const size_t bytes = bb_plan_class_count(run->net.plan) * sizeof(*mean);
    uint32_t place = set->n_shown;
    while (place > 0 && set->shown[place - 1].prediction.predictive_entropy < p->predictive_entropy)
        place--;
    if (place == set->max_shown)
        return BB_OK;
    double *copy;
    if (set->n_shown < set->max_shown) {
        copy = bb_allocate(run->context, 1, bytes);
        if (!copy)
            return BB_MEMORY;
        set->n_shown++;
    } else {
        copy = set->shown[set->n_shown - 1].mean;
    }
    memcpy(copy, mean, bytes);
    memmove(&set->shown[place + 1], &set->shown[place],
            (set->n_shown - 1 - place) * sizeof(*set->shown));
    set->shown[place] = (shown_input){index, *p, copy};
    return BB_OK;
}

bb_status score_keep_shown(score_run *run, score_set *set, const score_block *block)
{
    const size_t classes = bb_plan_class_count(run->net.plan);
    bb_status status = BB_OK;
    for (uint32_t i = 0; status == BB_OK && set->max_shown && i < block->n; i++)
        status = insert(run, set, block->first + i, &block->sampled[i], block->mean + i * classes);
    return status;
}

/* ---- drawing ---- */

typedef enum appearance { LOOK_COLOUR, LOOK_SHADES, LOOK_ASCII } appearance;

typedef struct picture {
    uint32_t height, width; /* pixels after enlarging */
    uint32_t lines, columns;
    double *grey; /* [height][width], 0..1 */
    appearance look;
} picture;

static double sample(const void *input, bb_data_type type, size_t place)
{
    return type == BB_DATA_U8 ? ((const uint8_t *)input)[place]
                              : (double)((const float *)input)[place];
}

/* Mean over channels, stretched to 0..1, each pixel `scale` times as large. */
static void fill_picture(picture *out, const void *input, bb_data_type type,
                         const uint32_t shape[3], uint32_t scale)
{
    double low = 1e300, high = -1e300;
    for (uint32_t y = 0; y < out->height; y++)
        for (uint32_t x = 0; x < out->width; x++) {
            double sum = 0;
            const size_t pixel = (size_t)(y / scale) * shape[2] + x / scale;
            for (uint32_t c = 0; c < shape[0]; c++)
                sum += sample(input, type, pixel * shape[0] + c);
            out->grey[(size_t)y * out->width + x] = sum;
            low = sum < low ? sum : low;
            high = sum > high ? sum : high;
        }
    for (size_t i = 0; i < (size_t)out->height * out->width; i++)
        out->grey[i] = high > low ? (out->grey[i] - low) / (high - low) : 0;
}

static double grey_at(const picture *p, uint32_t y, uint32_t x)
{
    return y < p->height ? p->grey[(size_t)y * p->width + x] : 0;
}

/* Entries 232..255 of the 256-colour palette are greys; 16 is black. */
static int palette(double grey)
{
    const int step = (int)(grey * 24);
    return step == 0 ? 16 : 231 + step;
}

static void print_line(FILE *stream, const picture *p, uint32_t y)
{
    static const char *const shades[] = {" ", "░", "▒", "▓", "█"};
    static const char ramp[] = " .:-=+*#%@";
    if (y >= p->lines) {
        fprintf(stream, "%*s", (int)p->columns, "");
        return;
    }
    for (uint32_t x = 0; x < p->width; x++) {
        const double upper = grey_at(p, 2 * y, x), lower = grey_at(p, 2 * y + 1, x);
        const double mean = (upper + lower) / 2;
        if (p->look == LOOK_COLOUR)
            fprintf(stream, "\033[38;5;%d;48;5;%dm▀", palette(upper), palette(lower));
        else if (p->look == LOOK_SHADES)
            fputs(shades[(int)(mean * 4.999)], stream);
        else
            fputc(ramp[(int)(mean * 9.999)], stream);
    }
    if (p->look == LOOK_COLOUR)
        fputs("\033[0m", stream);
}

static void print_bar(FILE *stream, double share, appearance look)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const int n = (int)(share * BAR_WIDTH * 8 + 0.5);
    for (int i = 0; i < n / 8; i++)
        fputs(look == LOOK_ASCII ? "#" : "█", stream);
    if (look != LOOK_ASCII)
        fputs(eighths[n % 8], stream);
}

static void find_top(const double *mean, uint32_t classes, uint32_t top[TOP_CLASSES], uint32_t *n)
{
    *n = classes < TOP_CLASSES ? classes : TOP_CLASSES;
    for (uint32_t k = 0; k < *n; k++) {
        top[k] = UINT32_MAX;
        for (uint32_t c = 0; c < classes; c++) {
            bool taken = false;
            for (uint32_t j = 0; j < k; j++)
                taken = taken || top[j] == c;
            if (!taken && (top[k] == UINT32_MAX || mean[c] > mean[top[k]]))
                top[k] = c;
        }
    }
}

/* Line `y` of the text beside a picture. */
static void print_text(FILE *stream, const score_run *run, const shown_input *shown, uint32_t y,
                       appearance look)
{
    uint32_t top[TOP_CLASSES], n;
    const bb_prediction *const p = &shown->prediction;
    find_top(shown->mean, bb_plan_class_count(run->net.plan), top, &n);
    if (y == 0 && p->label != BB_NO_LABEL)
        fprintf(stream, "input %" PRIu64 ", labelled %s%s", shown->index,
                bb_graph_class_name(run->net.graph, p->label),
                p->label == p->top_class ? "" : ": wrong");
    else if (y == 0)
        fprintf(stream, "input %" PRIu64, shown->index);
    else if (y >= 2 && y < 2 + n) {
        const double share = shown->mean[top[y - 2]];
        fprintf(stream, "%6s %5.1f %% ", bb_graph_class_name(run->net.graph, top[y - 2]),
                100 * share);
        print_bar(stream, share, look);
    } else if (y == 1)
        fprintf(stream, "entropy %.2f nats, mutual information %.3f nats, %u distinct leaves",
                p->predictive_entropy, p->mutual_information, p->n_leaves);
}

static void print_shown(FILE *stream, const score_run *run, const shown_input *shown,
                        const picture *p)
{
    const uint32_t n_lines = p->lines > 2 + TOP_CLASSES ? p->lines : 2 + TOP_CLASSES;
    fputc('\n', stream);
    for (uint32_t y = 0; y < n_lines; y++) {
        fputs("  ", stream);
        print_line(stream, p, y);
        fputs("   ", stream);
        print_text(stream, run, shown, y, p->look);
        fputc('\n', stream);
    }
}

static picture make_picture(bb_context *context, FILE *stream, const uint32_t shape[3],
                            uint32_t *scale)
{
    *scale = shape[1] <= 14 && shape[2] <= 14 ? 2 : 1;
    picture p = {.height = shape[1] * *scale, .width = shape[2] * *scale};
    p.lines = (p.height + 1) / 2;
    p.columns = p.width;
    p.look = !console_is_unicode()       ? LOOK_ASCII
             : console_is_colour(stream) ? LOOK_COLOUR
                                         : LOOK_SHADES;
    p.grey = bb_allocate(context, (size_t)p.height * p.width, sizeof(*p.grey));
    return p;
}

bb_status score_print_shown(FILE *stream, score_run *run, score_set *set)
{
    if (!set->n_shown)
        return BB_OK;
    uint32_t shape[3], scale;
    bb_graph_input_shape(run->net.graph, shape);
    const bool drawable = shape[1] > 1 && shape[2] > 1 && shape[2] <= 100;
    picture p = make_picture(run->context, stream, shape, &scale);
    void *const input = bb_allocate(run->context, 1, bb_dataset_input_size(set->data));
    bb_status status = p.grey && input ? BB_OK : BB_MEMORY;
    if (!drawable)
        p.lines = p.columns = 0;
    fprintf(stream, "\nmost uncertain inputs, by predictive entropy\n");
    for (uint32_t i = 0; status == BB_OK && i < set->n_shown; i++) {
        status = bb_dataset_read(set->data, set->shown[i].index, 1, input);
        if (status == BB_OK) {
            fill_picture(&p, input, bb_dataset_type(set->data), shape, scale);
            print_shown(stream, run, &set->shown[i], &p);
        }
    }
    bb_release(run->context, p.grey);
    bb_release(run->context, input);
    return status;
}
