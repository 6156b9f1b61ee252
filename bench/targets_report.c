/* SPDX-License-Identifier: MIT */
/* `bench targets FOLDER`: the table of targets, filled from what bench/measure.sh left there. */
#include "host/fields.h"
#include "markdown.h"
#include "targets.h"

#include <string.h>
#include <unistd.h>

static const struct {
    const char *step, *path;
} files_of_run[] = {
#define TARGET_FILE_ROW(name, step, file) {step, file},
    TARGET_FILE_LIST(TARGET_FILE_ROW)
#undef TARGET_FILE_ROW
};

static const char *const verdicts[] = {"not measured", "met", "missed"};

/* A step that could not run leaves a line about why. */
static void read_reason(target_files *files, target_file file)
{
    char *const reason = files->reasons[file];
    const size_t size = sizeof(files->reasons[file]);
    char *path = bb_format(files->context, "%s/%s.reason", files->folder, files_of_run[file].step);
    FILE *stream = path ? fopen(path, "r") : NULL;
    if (!stream || !fgets(reason, (int)size, stream))
        snprintf(reason, size, "step %s has not run", files_of_run[file].step);
    reason[strcspn(reason, "\n")] = '\0';
    if (stream)
        fclose(stream);
    bb_release(files->context, path);
}

static bb_status load(target_files *files, target_file file)
{
    char *path = bb_format(files->context, "%s/%s", files->folder, files_of_run[file].path);
    if (!path)
        return BB_MEMORY;
    bb_status status = BB_OK;
    if (access(path, R_OK) != 0)
        read_reason(files, file);
    else
        status = document_read(&files->documents[file], files->context, path);
    bb_release(files->context, path);
    return status;
}

/* ---- printing ---- */

/* Machine and versions, from the first file that tells. */
static const cJSON *context_of(const target_files *files)
{
    for (int i = 0; i < N_TARGET_FILES; i++) {
        const cJSON *context = cJSON_GetObjectItemCaseSensitive(files->documents[i], "context");
        if (context && cJSON_GetObjectItemCaseSensitive(context, "devices"))
            return context;
    }
    return NULL;
}

static void print_context(FILE *stream, const target_files *files)
{
    const cJSON *context = context_of(files);
    const cJSON *device =
        cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(context, "devices"), 0);
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(device, "limit_operations_per_s");
    if (!context)
        return;
    fprintf(stream,
            "\n%s: %s, %.0f processors; %s, driver %s on %s; popcount path %s, limit %.3g Top/s; ",
            document_text(context, "date"), document_text(context, "processor"),
            document_number(context, "processors"), document_text(device, "name"),
            document_text(device, "driver"), document_text(device, "platform"),
            document_text(device, "popcount"), 1e-12 * document_number(limit, "median"));
    fprintf(stream, "bitbayes %s, %s; `./run bench`\n", document_text(context, "version"),
            document_text(context, "compiler"));
}

static void print_table(FILE *stream, const target_files *files, const finding *found)
{
    table cells = {.alignment = "llll"};
    static const char *const headings[] = {"what", "at least", "measured", ""};
    for (size_t i = 0; i < BB_COUNT_OF(headings); i++)
        table_cell(&cells, "%s", headings[i]);
    for (size_t i = 0; i < n_targets; i++) {
        table_cell(&cells, "%s", targets[i].what);
        table_cell(&cells, "%s", targets[i].at_least);
        table_cell(&cells, found[i].verdict ? "%s" : "not measured (%s)", found[i].text);
        table_cell(&cells, "%s", found[i].verdict ? verdicts[found[i].verdict] : "-");
    }
    markdown_print(&cells, stream);
    print_context(stream, files);
}

static bb_status print_json(FILE *stream, const target_files *files, const finding *found)
{
    bb_text text;
    bb_json json;
    json_begin(&json, &text, files->context);
    field_array(&json, "targets");
    for (size_t i = 0; i < n_targets; i++) {
        bb_json_begin_object(&json);
        field_string(&json, "what", targets[i].what);
        field_string(&json, "at_least", targets[i].at_least);
        field_string(&json, "verdict", verdicts[found[i].verdict]);
        field_string(&json, found[i].verdict ? "measured" : "reason", found[i].text);
        bb_json_end(&json);
    }
    bb_json_end(&json);
    return json_finish(&json, stream);
}

static void print_csv(FILE *stream, const finding *found)
{
    fputs("what,at_least,verdict,text\n", stream);
    for (size_t i = 0; i < n_targets; i++)
        fprintf(stream, "\"%s\",\"%s\",%s,\"%s\"\n", targets[i].what, targets[i].at_least,
                verdicts[found[i].verdict], found[i].text);
}

typedef struct report {
    const bench_options *options;
    const target_files *files;
    const finding *found;
} report;

static bb_status print(FILE *stream, void *payload)
{
    const report *r = payload;
    if (r->options->common.json || strcmp(r->options->format, "json") == 0)
        return print_json(stream, r->files, r->found);
    if (strcmp(r->options->format, "csv") == 0)
        print_csv(stream, r->found);
    else
        print_table(stream, r->files, r->found);
    return BB_OK;
}

bb_status bench_targets(invocation *call, const bench_options *options, const char *folder)
{
    target_files files = {.context = call->context, .folder = folder};
    finding *found = bb_allocate(call->context, n_targets, sizeof(*found));
    bb_status status = found ? BB_OK : BB_MEMORY;
    for (int i = 0; i < N_TARGET_FILES && status == BB_OK; i++)
        status = load(&files, (target_file)i);
    for (size_t i = 0; i < n_targets && status == BB_OK; i++)
        targets[i].judge(&found[i], &files);
    report r = {options, &files, found};
    if (status == BB_OK)
        status = invocation_print(call, &options->common, print, &r);
    for (int i = 0; i < N_TARGET_FILES; i++)
        cJSON_Delete(files.documents[i]);
    bb_release(call->context, found);
    return status;
}
