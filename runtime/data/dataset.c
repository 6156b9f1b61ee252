/* SPDX-License-Identifier: MIT */
/* Data sets: inputs of one shape, delivered as NHWC. */
#include "data/csv.h"
#include "data/layout.h"

#include <bitbayes/data.h>
#include <inttypes.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)1 << 18)

struct bb_dataset {
    bb_source source; /* of a CSV file, its `bytes` are the parsed numbers */
    bb_layout layout;
    uint64_t count;
    size_t n_channels, n_places; /* n_places: height x width */
    uint8_t *raw;                /* [chunk] inputs as stored */
    float *planar;               /* one input as float32, NCHW */
    size_t chunk;
};

/* The axes without those of length 1, as these do not move any element. */
static uint32_t squeeze(uint64_t out[BB_LAYOUT_AXES], const uint64_t *shape, uint32_t n_axes)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_axes; i++)
        if (shape[i] != 1)
            out[n++] = shape[i];
    return n;
}

static bool same_shape(const uint64_t *a, uint32_t n_a, const uint64_t *b, uint32_t n_b)
{
    uint64_t left[BB_LAYOUT_AXES], right[BB_LAYOUT_AXES];
    const uint32_t n = squeeze(left, a, n_a);
    return n == squeeze(right, b, n_b) && !memcmp(left, right, n * sizeof(*left));
}

static bb_status check_shape(const bb_dataset *dataset, const uint32_t shape[3])
{
    const bb_layout *layout = &dataset->layout;
    const uint64_t *stored = layout->shape + 1;
    const uint32_t n_stored = layout->n_axes - 1;
    const uint64_t wanted[3] = {shape[0], shape[1], shape[2]};
    const uint64_t flat[1] = {(uint64_t)dataset->n_channels * dataset->n_places};
    const uint64_t last[3] = {shape[1], shape[2], shape[0]};
    if (same_shape(stored, n_stored, wanted, 3) ||
        (shape[0] == 1 && same_shape(stored, n_stored, flat, 1)))
        return BB_OK;
    const char *hint = "";
    if (same_shape(stored, n_stored, last, 3))
        hint = ": the channels stand last, transpose to NCHW";
    else if (same_shape(stored, n_stored, flat, 1))
        hint = ": reshape it";
    else if (same_shape(layout->shape, layout->n_axes, wanted, 3))
        hint = ": the axis of inputs is missing";
    char text[BB_SHAPE_TEXT_SIZE];
    return bb_fail(dataset->source.context, BB_INPUT, "%s: shape %s, expected [n, %u, %u, %u]%s",
                   dataset->source.name, bb_shape_text(text, layout->shape, layout->n_axes),
                   (unsigned)shape[0], (unsigned)shape[1], (unsigned)shape[2], hint);
}

static bb_status read_csv(bb_dataset *dataset, const uint32_t shape[3])
{
    bb_source *source = &dataset->source;
    float *values;
    uint64_t n_rows;
    bb_status status = bb_source_load(source);
    if (status == BB_OK)
        status = bb_csv_floats(&values, &n_rows, source, dataset->n_channels * dataset->n_places);
    if (status != BB_OK)
        return status;
    bb_release(source->context, source->bytes);
    source->bytes = (uint8_t *)values;
    source->length = n_rows * dataset->n_channels * dataset->n_places * sizeof(*values);
    dataset->layout = (bb_layout){.element = {'f', sizeof(*values), BB_HOST_BIG_ENDIAN},
                                  .n_axes = 4,
                                  .shape = {n_rows, shape[0], shape[1], shape[2]}};
    return BB_OK;
}

static bb_status read_layout(bb_dataset *dataset, const uint32_t shape[3])
{
    bb_data_format format;
    const bb_status status = bb_data_format_find(&format, &dataset->source);
    if (status != BB_OK)
        return status;
    switch (format) {
    case BB_FORMAT_IDX: return bb_idx_read(&dataset->layout, &dataset->source);
    case BB_FORMAT_NPY: return bb_npy_read(&dataset->layout, &dataset->source);
    default: return read_csv(dataset, shape);
    }
}

static bb_status set_sizes(bb_dataset *dataset, const uint32_t shape[3])
{
    size_t bytes;
    dataset->n_channels = shape[0];
    bool fits = bb_multiply_size(&dataset->n_places, shape[1], shape[2]);
    fits = fits && bb_multiply_size(&bytes, dataset->n_places, shape[0]);
    fits = fits && bb_multiply_size(&bytes, bytes, 2 * sizeof(double));
    if (fits && bytes > 0)
        return BB_OK;
    return bb_fail(dataset->source.context, BB_ARGUMENT,
                   "input shape %u x %u x %u: expected no zero and a size that fits memory",
                   (unsigned)shape[0], (unsigned)shape[1], (unsigned)shape[2]);
}

static bb_status make_buffers(bb_dataset *dataset)
{
    bb_context *context = dataset->source.context;
    const size_t n_elements = dataset->n_channels * dataset->n_places;
    const size_t stored = n_elements * dataset->layout.element.size;
    dataset->chunk = stored < CHUNK_BYTES ? CHUNK_BYTES / stored : 1;
    dataset->raw = bb_allocate(context, dataset->chunk, stored);
    dataset->planar = dataset->raw ? bb_allocate(context, n_elements, sizeof(float)) : NULL;
    return dataset->planar ? BB_OK : BB_MEMORY;
}

static bb_status prepare(bb_dataset *dataset, const uint32_t shape[3])
{
    bb_status status = set_sizes(dataset, shape);
    if (status == BB_OK)
        status = read_layout(dataset, shape);
    if (status == BB_OK)
        status = check_shape(dataset, shape);
    if (status != BB_OK)
        return status;
    dataset->count = dataset->layout.shape[0];
    if (dataset->count > UINT32_MAX)
        return bb_fail(dataset->source.context, BB_INPUT,
                       "%s: %" PRIu64 " inputs, expected fewer than 2^32", dataset->source.name,
                       dataset->count);
    return make_buffers(dataset);
}

/* `bytes` NULL: open the file `name`. */
static bb_status create(bb_dataset **out, bb_context *context, const void *bytes, size_t length,
                        const char *name, const uint32_t shape[3])
{
    *out = NULL;
    bb_dataset *dataset = bb_allocate(context, 1, sizeof(*dataset));
    if (!dataset)
        return BB_MEMORY;
    bb_status status = bytes ? bb_source_copy(&dataset->source, context, bytes, length, name)
                             : bb_source_open(&dataset->source, context, name);
    if (status == BB_OK)
        status = prepare(dataset, shape);
    if (status == BB_OK) {
        *out = dataset;
        return BB_OK;
    }
    dataset->source.context = context;
    bb_dataset_free(dataset);
    return status;
}

bb_status bb_dataset_open(bb_dataset **out, bb_context *context, const char *path,
                          const uint32_t shape[3])
{
    return create(out, context, NULL, 0, path, shape);
}

bb_status bb_dataset_parse(bb_dataset **out, bb_context *context, const void *bytes, size_t length,
                           const char *name, const uint32_t shape[3])
{
    return create(out, context, bytes ? bytes : "", bytes ? length : 0, name, shape);
}

void bb_dataset_free(bb_dataset *dataset)
{
    if (!dataset)
        return;
    bb_context *context = dataset->source.context;
    bb_release(context, dataset->raw);
    bb_release(context, dataset->planar);
    bb_source_close(&dataset->source);
    bb_release(context, dataset);
}

uint64_t bb_dataset_count(const bb_dataset *dataset)
{
    return dataset->count;
}

bb_data_type bb_dataset_type(const bb_dataset *dataset)
{
    const bb_element element = dataset->layout.element;
    return element.kind == 'u' && element.size == 1 ? BB_DATA_U8 : BB_DATA_F32;
}

size_t bb_dataset_input_size(const bb_dataset *dataset)
{
    const size_t n_elements = dataset->n_channels * dataset->n_places;
    return n_elements * (bb_dataset_type(dataset) == BB_DATA_U8 ? 1 : sizeof(float));
}

const char *bb_dataset_name(const bb_dataset *dataset)
{
    return dataset->source.name;
}

bb_status bb_dataset_hash(uint64_t *out, bb_dataset *dataset)
{
    return bb_source_hash(out, &dataset->source);
}

static void interleave_bytes(uint8_t *out, const uint8_t *in, const bb_dataset *dataset)
{
    for (size_t c = 0; c < dataset->n_channels; c++)
        for (size_t i = 0; i < dataset->n_places; i++)
            out[i * dataset->n_channels + c] = in[c * dataset->n_places + i];
}

static void interleave_floats(float *out, const float *in, const bb_dataset *dataset)
{
    for (size_t c = 0; c < dataset->n_channels; c++)
        for (size_t i = 0; i < dataset->n_places; i++)
            out[i * dataset->n_channels + c] = in[c * dataset->n_places + i];
}

static bb_status deliver(uint8_t *out, const uint8_t *raw, const bb_dataset *dataset,
                         uint64_t index)
{
    if (bb_dataset_type(dataset) == BB_DATA_U8) {
        interleave_bytes(out, raw, dataset);
        return BB_OK;
    }
    const size_t n = dataset->n_channels * dataset->n_places;
    const size_t bad = bb_element_floats(dataset->planar, raw, n, dataset->layout.element);
    if (bad < n)
        return bb_fail(dataset->source.context, BB_INPUT,
                       "%s: input %" PRIu64 ", element %zu is %s, expected a finite float32",
                       dataset->source.name, index, bad,
                       dataset->planar[bad] == dataset->planar[bad] ? "infinite" : "NaN");
    interleave_floats((float *)(void *)out, dataset->planar, dataset);
    return BB_OK;
}

bb_status bb_dataset_read(bb_dataset *dataset, uint64_t first, uint64_t n, void *out)
{
    if (first > dataset->count || n > dataset->count - first)
        return bb_fail(dataset->source.context, BB_ARGUMENT,
                       "%s: inputs %" PRIu64 " + %" PRIu64 " asked for, there are %" PRIu64,
                       dataset->source.name, first, n, dataset->count);
    const size_t stored =
        dataset->n_channels * dataset->n_places * dataset->layout.element.size;
    const size_t size = bb_dataset_input_size(dataset);
    uint8_t *place = out;
    while (n > 0) {
        const size_t some = n < dataset->chunk ? (size_t)n : dataset->chunk;
        bb_status status =
            bb_source_read(&dataset->source, dataset->layout.offset + first * stored,
                           dataset->raw, some * stored);
        for (size_t i = 0; i < some && status == BB_OK; i++, place += size)
            status = deliver(place, dataset->raw + i * stored, dataset, first + i);
        if (status != BB_OK)
            return status;
        first += some;
        n -= some;
    }
    return BB_OK;
}
