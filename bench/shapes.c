/* SPDX-License-Identifier: MIT */
/* Reading shapes, and the network around one. */
#include "shapes.h"

#include "base/embedded.h"

#include <string.h>

#define MAX_SHAPE_FILE ((size_t)1 << 20)
#define MAX_SIZE 65536u

/* The files of bench/shapes, embedded by the build. */
extern const bb_embedded_file bench_shape_files[];
extern const size_t bench_n_shape_files;

static bool in_range(const uint32_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (values[i] == 0 || values[i] > MAX_SIZE)
            return false;
    return true;
}

static const char *parse_kind(bench_shape *shape, const char *word)
{
    char rest;
    shape->dense = strcmp(word, "dense") == 0;
    shape->first = strncmp(word, "first", 5) == 0;
    const char *kernel = shape->first ? word + 5 : strncmp(word, "conv", 4) == 0 ? word + 4 : "";
    if (!shape->dense &&
        (sscanf(kernel, "%ux%u%c", &shape->window.kernel_h, &shape->window.kernel_w, &rest) != 2 ||
         !in_range(&shape->window.kernel_h, 2)))
        return "expected conv3x3 (or another kernel), first3x3 or dense";
    return NULL;
}

static const char *parse_size(bench_shape *shape, const char *word)
{
    uint32_t n[4] = {1, 1, 1, 1};
    char rest;
    const int wanted = shape->dense ? 2 : 4;
    const int found = shape->dense
                          ? sscanf(word, "%ux%u%c", &n[2], &n[3], &rest)
                          : sscanf(word, "%ux%ux%ux%u%c", &n[0], &n[1], &n[2], &n[3], &rest);
    if (found != wanted || !in_range(n, 4))
        return shape->dense ? "expected INPUTSxOUTPUTS" : "expected HEIGHTxWIDTHxINPUTSxOUTPUTS";
    shape->in = (bb_shape){n[2], n[0], n[1]};
    shape->out_channels = n[3];
    return NULL;
}

static const char *parse_word(bench_shape *shape, const char *word)
{
    const struct {
        const char *name;
        uint32_t *value;
    } keys[] = {{"step", &shape->window.step}, {"dilation", &shape->window.dilation},
                {"groups", &shape->groups},    {"pad", &shape->window.pad},
                {"pool", &shape->pool},        {"draws", &shape->n_draws}};
    if (strcmp(word, "real") == 0) {
        shape->real = true;
        return shape->dense ? NULL : "real values are for dense layers";
    }
    for (size_t i = 0; i < BB_COUNT_OF(keys); i++) {
        const size_t length = strlen(keys[i].name);
        char rest;
        if (strncmp(word, keys[i].name, length) == 0 && word[length] == '=')
            return sscanf(word + length + 1, "%u%c", keys[i].value, &rest) == 1 &&
                           *keys[i].value <= 64
                       ? NULL
                       : "expected a number up to 64 behind '='";
    }
    return "expected step=, dilation=, groups=, pad=, pool=, draws= or real";
}

static void append(bench_shape *shape, const char *word, uint32_t value, uint32_t usual)
{
    const size_t length = strlen(shape->name);
    if (value != usual)
        snprintf(shape->name + length, sizeof(shape->name) - length, "/%s%u", word, value);
}

/* Name, and what the words left open. */
static const char *complete(bench_shape *shape)
{
    layer_window *w = &shape->window;
    if (shape->dense)
        *w = (layer_window){1, 1, 1, 1, 0};
    if (!w->step || !w->dilation || !shape->groups || !shape->pool || shape->n_draws < 1 ||
        shape->n_draws > 2)
        return "step, dilation, groups and pool are at least 1, draws is 1 or 2";
    const uint32_t same = w->kernel_h / 2 * w->dilation;
    if (w->pad == BB_NO_INDEX)
        w->pad = same;
    if (shape->dense)
        snprintf(shape->name, sizeof(shape->name), "dense/%ux%u", shape->in.channels,
                 shape->out_channels);
    else
        snprintf(shape->name, sizeof(shape->name), "%s%ux%u/%ux%ux%ux%u",
                 shape->first ? "first" : "conv", w->kernel_h, w->kernel_w, shape->in.height,
                 shape->in.width, shape->in.channels, shape->out_channels);
    append(shape, "step", w->step, 1);
    append(shape, "dilation", w->dilation, 1);
    append(shape, "groups", shape->groups, 1);
    append(shape, "pad", w->pad, shape->dense ? 0 : same);
    append(shape, "pool", shape->pool, 1);
    append(shape, "draws", shape->n_draws, 1);
    append(shape, "real", shape->real, 0);
    if (shape->real)
        shape->name[strlen(shape->name) - 1] = '\0'; /* "real", not "real1" */
    return NULL;
}

/* NULL, or what is wrong; an empty line leaves the name empty. */
static const char *parse_line(bench_shape *shape, char *line)
{
    *shape =
        (bench_shape){.pool = 1, .n_draws = 1, .groups = 1, .window = {1, 1, 1, 1, BB_NO_INDEX}};
    line[strcspn(line, "#\r")] = '\0';
    char *rest = NULL;
    const char *problem = NULL;
    int n_words = 0;
    for (char *word = strtok_r(line, " \t", &rest); word && !problem;
         word = strtok_r(NULL, " \t", &rest), n_words++)
        problem = n_words == 0   ? parse_kind(shape, word)
                  : n_words == 1 ? parse_size(shape, word)
                                 : parse_word(shape, word);
    if (problem || n_words == 0)
        return problem;
    return n_words == 1 ? "the size is missing" : complete(shape);
}

static bb_status add_line(bench_shapes *set, bb_context *context, const char *file, uint32_t number,
                          char *line)
{
    bench_shape shape;
    const char *problem = parse_line(&shape, line);
    if (problem)
        return bb_fail(context, BB_INPUT, "%s: line %u: %s", file, number, problem);
    for (uint32_t i = 0; i < set->n; i++)
        if (strcmp(set->list[i].name, shape.name) == 0)
            return BB_OK; /* several networks have it */
    if (!*shape.name)
        return BB_OK;
    bench_shape *grown = bb_resize(context, set->list, (size_t)set->n + 1, sizeof(*grown));
    if (!grown)
        return BB_MEMORY;
    set->list = grown;
    grown[set->n++] = shape;
    return BB_OK;
}

static bb_status add_text(bench_shapes *set, bb_context *context, const char *file, char *text)
{
    bb_status status = BB_OK;
    uint32_t number = 1;
    for (char *line = text, *next; line && status == BB_OK; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        status = add_line(set, context, file, number, line);
    }
    return status;
}

static bb_status add_embedded(bench_shapes *set, bb_context *context, const bb_embedded_file *file)
{
    char *text = bb_format(context, "%.*s", (int)file->length, (const char *)file->bytes);
    const bb_status status = text ? add_text(set, context, file->name, text) : BB_MEMORY;
    bb_release(context, text);
    return status;
}

bb_status shapes_read(bench_shapes *set, bb_context *context, const char *name)
{
    const size_t length = strlen(name);
    for (size_t i = 0; i < bench_n_shape_files; i++) {
        const char *file = strrchr(bench_shape_files[i].name, '/') + 1;
        if (strncmp(file, name, length) == 0 && strcmp(file + length, ".txt") == 0)
            return add_embedded(set, context, &bench_shape_files[i]);
    }
    uint8_t *bytes;
    size_t n_bytes;
    bb_status status = bb_file_read(context, name, MAX_SHAPE_FILE, &bytes, &n_bytes);
    if (status != BB_OK)
        return status;
    status = add_text(set, context, name, (char *)bytes);
    bb_release(context, bytes);
    return status;
}

bb_status shapes_read_all(bench_shapes *set, bb_context *context)
{
    bb_status status = BB_OK;
    for (size_t i = 0; i < bench_n_shape_files && status == BB_OK; i++)
        status = add_embedded(set, context, &bench_shape_files[i]);
    return status;
}

void shapes_free(bench_shapes *set, bb_context *context)
{
    bb_release(context, set->list);
    *set = (bench_shapes){0};
}

static void add_layer(model_builder *b, const bench_shape *shape)
{
    model_grouped(b, &shape->window, shape->out_channels, shape->groups);
    if (shape->n_draws == 2)
        model_scale(b, 0.1f);
    model_normalize(b);
    if (shape->pool > 1)
        model_pool(b, shape->pool);
    if (!shape->real)
        model_sign(b);
}

bb_status shape_fold(bb_plan **out, uint32_t *stage, bb_context *context, const bench_shape *shape,
                     uint64_t seed)
{
    *out = NULL;
    bb_shape input = shape->in;
    input.channels = shape->first ? input.channels : 1;
    model_builder b;
    model_begin(&b, context, shape->name, input, seed);
    if (!shape->first) { /* a layer that makes bits */
        const layer_window point = {1, 1, 1, 1, 0};
        model_linear(&b, &point, shape->in.channels);
        model_normalize(&b);
        model_sign(&b);
    }
    add_layer(&b, shape);
    if (!shape->real) { /* and one that makes logits */
        model_dense(&b, 2);
        model_normalize(&b);
    }
    bb_graph *graph;
    const bb_status status = model_end(&b, &graph);
    if (status != BB_OK)
        return status;
    *stage = shape->first ? 0 : 1;
    const bb_status folded = bb_plan_fold(out, context, graph, NULL);
    bb_graph_free(graph);
    return folded;
}
