/* SPDX-License-Identifier: MIT */
/* Labels: one class number per input. */
#include "data/csv.h"
#include "data/layout.h"
#include "data/number.h"

#include <bitbayes/data.h>
#include <inttypes.h>

typedef struct label_reader {
    bb_source source;
    uint32_t *labels;
    uint64_t n_expected;
    uint32_t n_classes;
} label_reader;

static bb_status fail_count(const label_reader *reader, const char *found, uint64_t n)
{
    return bb_fail(reader->source.context, BB_INPUT,
                   "%s: %s%" PRIu64 " labels, expected %" PRIu64 ", one per input",
                   reader->source.name, found, n, reader->n_expected);
}

static bb_status keep_label(label_reader *reader, uint64_t index, int64_t label)
{
    if (label < 0 || label >= reader->n_classes)
        return bb_fail(reader->source.context, BB_INPUT,
                       "%s: label %" PRIu64 " is %" PRId64 ", expected 0 to %u",
                       reader->source.name, index, label, (unsigned)reader->n_classes - 1);
    reader->labels[index] = (uint32_t)label;
    return BB_OK;
}

static bb_status check_layout(const label_reader *reader, const bb_layout *layout)
{
    uint64_t n = 1;
    uint32_t n_long = 0;
    for (uint32_t i = 0; i < layout->n_axes; i++) {
        n_long += layout->shape[i] > 1;
        n *= layout->shape[i];
    }
    char text[BB_SHAPE_TEXT_SIZE];
    if (n_long > 1)
        return bb_fail(reader->source.context, BB_INPUT, "%s: shape %s, expected labels [n]",
                       reader->source.name,
                       bb_shape_text(text, layout->shape, layout->n_axes));
    if (layout->element.kind == 'f')
        return bb_fail(reader->source.context, BB_INPUT,
                       "%s: %u-byte floats, expected labels that are integers",
                       reader->source.name, (unsigned)layout->element.size);
    return n == reader->n_expected ? BB_OK : fail_count(reader, "", n);
}

static bb_status read_array(label_reader *reader, const bb_layout *layout)
{
    bb_status status = check_layout(reader, layout);
    if (status == BB_OK)
        status = bb_source_load(&reader->source);
    for (uint64_t i = 0; i < reader->n_expected && status == BB_OK; i++) {
        const uint64_t place = layout->offset + i * layout->element.size;
        status = keep_label(reader, i,
                            bb_element_integer(reader->source.bytes + place, layout->element));
    }
    return status;
}

static bb_status read_csv(label_reader *reader)
{
    bb_status status = bb_source_load(&reader->source);
    if (status != BB_OK)
        return status;
    bb_csv csv;
    bb_csv_cell cell;
    uint64_t n = 0;
    bb_csv_begin(&csv, &reader->source);
    while (status == BB_OK && bb_csv_next(&csv, &cell)) {
        int64_t label;
        if (n == reader->n_expected)
            return fail_count(reader, "more than ", n);
        if (!cell.last || cell.column > 1)
            return bb_csv_fail(&csv, &cell, "one column of labels");
        if (!bb_number_parse_integer(&label, cell.text, cell.length))
            return bb_csv_fail(&csv, &cell, "an integer");
        status = keep_label(reader, n++, label);
    }
    if (status == BB_OK && n != reader->n_expected)
        status = fail_count(reader, "", n);
    return status;
}

static bb_status read_all(label_reader *reader)
{
    bb_data_format format;
    bb_layout layout;
    bb_status status = bb_data_format_find(&format, &reader->source);
    if (status != BB_OK)
        return status;
    if (format == BB_FORMAT_CSV)
        return read_csv(reader);
    status = format == BB_FORMAT_IDX ? bb_idx_read(&layout, &reader->source)
                                     : bb_npy_read(&layout, &reader->source);
    return status == BB_OK ? read_array(reader, &layout) : status;
}

/* Takes over the source. */
static bb_status finish(uint32_t **out, label_reader *reader)
{
    bb_context *context = reader->source.context;
    bb_status status;
    if (reader->n_expected > SIZE_MAX / 8) /* as no file could satisfy */
        status = fail_count(reader, "fewer than ", reader->n_expected);
    else if (!(reader->labels = bb_allocate(context, (size_t)reader->n_expected, 4)))
        status = BB_MEMORY;
    else
        status = read_all(reader);
    if (status == BB_OK)
        *out = reader->labels;
    else
        bb_release(context, reader->labels);
    bb_source_close(&reader->source);
    return status;
}

bb_status bb_labels_read(uint32_t **out, bb_context *context, const char *path,
                         uint64_t n_expected, uint32_t n_classes)
{
    *out = NULL;
    label_reader reader = {.n_expected = n_expected, .n_classes = n_classes};
    const bb_status status = bb_source_open(&reader.source, context, path);
    return status == BB_OK ? finish(out, &reader) : status;
}

bb_status bb_labels_parse(uint32_t **out, bb_context *context, const void *bytes, size_t length,
                          const char *name, uint64_t n_expected, uint32_t n_classes)
{
    *out = NULL;
    label_reader reader = {.n_expected = n_expected, .n_classes = n_classes};
    const bb_status status = bb_source_copy(&reader.source, context, bytes, length, name);
    return status == BB_OK ? finish(out, &reader) : status;
}

void bb_labels_free(bb_context *context, uint32_t *labels)
{
    bb_release(context, labels);
}
