/* SPDX-License-Identifier: MIT */
/* The program from outside: options, devices, files that it writes and those that it must not
 * leave. */
#include "program.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[64];

static void begin(void)
{
    folder_make(folder);
}

static void end(void)
{
    folder_remove(folder);
}

TestSuite(usage, .init = begin, .fini = end, .timeout = 120);
TestSuite(devices, .init = begin, .fini = end, .timeout = 120);
TestSuite(output, .init = begin, .fini = end, .timeout = 120);
TestSuite(commands, .init = begin, .fini = end, .timeout = 120);

#define SCORE "score " DIGITS_MODEL " -d ref --resamples 0 --energy off --data " DIGITS_IMAGES " "

static void expect_good(const char *words, const char *text)
{
    outcome o = run_program(folder, NULL, words);
    cr_expect(o.code == 0, "`%s`: exit code %d: %s", words, o.code, o.err);
    cr_expect(strstr(o.out, text), "`%s`: expected '%s' in: %s", words, text, o.out);
    outcome_free(&o);
}

/* ---- usage ---- */

Test(usage, refused)
{
    static const struct {
        const char *words, *text;
    } cases[] = {
        {"dance", "dance"},
        {"score", "MODEL is missing"},
        {"score " DIGITS_MODEL, "--data"},
        {"score " DIGITS_MODEL " more --data x", "more"},
        {SCORE "--unknown", "--unknown"},
        {SCORE "-Z", "-Z"},
        {SCORE "--seed", "--seed"},
        {SCORE "--seed -1", "-1"},
        {SCORE "--samples 0", "'0'"},
        {SCORE "--samples 65537", "65537"},
        {SCORE "--samples twenty", "twenty"},
        {SCORE "--drop-probability 1.5", "1.5"},
        {SCORE "--drop-probability nan", "nan"},
        {SCORE "--memory 12Q", "12Q"},
        {SCORE "--memory 99999999999G", "99999999999G"},
        {SCORE "--batch 0", "'0'"},
        {SCORE "--format xml", "xml"},
        {SCORE "--mean 1,,2", "1,,2"},
        {SCORE "--mean 1,2,3", "3"},
        {SCORE "--std 0", "std"},
        {SCORE "--samples exact --exact-limit 3", "8"},
        {SCORE "--deterministic -T 5", "deterministic"},
        {SCORE "--deterministic --drop-probability 0.1", "drop-probability"},
        {SCORE "--deterministic --no-deterministic", "contradict"},
        {SCORE "--deterministic --no-sharing", "no-sharing"},
        {SCORE "--memory 0", "above 0"},
        {SCORE "-d ref+", "empty"},
        {SCORE "--save-passes", "--out"},
        {"import " DIGITS_MODEL, "-o"},
        {"devices here", "here"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_refusal(folder, NULL, cases[i].words, 2, cases[i].text);
}

Test(usage, every_command_helps_with_an_example)
{
    static const char *const names[] = {"devices", "doctor", "info", "import", "verify", "score"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char words[64], example[64];
        snprintf(words, sizeof(words), "%s --help", names[i]);
        snprintf(example, sizeof(example), "example:\n  bitbayes %s", names[i]);
        expect_good(words, example);
    }
    expect_good("--help", "commands:");
    expect_good("--version", "bitbayes 0.1.0");
}

/* ---- devices ---- */

Test(devices, listed)
{
    expect_good("devices", "ref");
    expect_good("devices --json", "\"schema_version\"");
}

Test(devices, unknown)
{
    expect_refusal(folder, NULL, "verify " DIGITS_MODEL " -d nosuchdevice", 4, "nosuchdevice");
    expect_refusal(folder, NULL, "verify " DIGITS_MODEL " -d 77:0", 4, "77:0");
    expect_refusal(folder, NULL, "verify " DIGITS_MODEL " -d ref+nosuchdevice", 4, "nosuchdevice");
}

Test(devices, none)
{
    const char *const setting = "OCL_ICD_VENDORS=%/";
    expect_refusal(folder, setting, "verify " DIGITS_MODEL, 4, "device");
    outcome o = run_program(folder, setting, "doctor");
    cr_expect(o.code == 4, "exit code %d", o.code);
    cr_expect(strstr(o.out, "remedy: "), "no remedy in: %s", o.out);
    outcome_free(&o);
    o = run_program(folder, setting, "devices");
    cr_expect(o.code == 0 && strstr(o.out, "ref"), "%s", o.err);
    outcome_free(&o);
}

Test(devices, memory_too_small)
{
    expect_refusal(folder, NULL, SCORE "--memory 1", 7, "memory");
}

/* ---- output ---- */

static void expect_nothing_whole(const char *where)
{
    char path[256];
    static const char *const names[] = {"scores.csv", "summary.json", "logits.npy"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", where, names[i]);
        cr_expect(!file_exists(path), "%s was left", path);
    }
}

Test(output, unwritable)
{
    expect_refusal(folder, NULL, SCORE "--out /dev/null/scores", 6, "/dev/null/scores");
    expect_refusal(folder, NULL, SCORE "--out /proc/scores", 6, "/proc/scores");
    expect_refusal(folder, NULL, "import " DIGITS_MODEL " -o %/no/such/folder.bbm", 6,
                   "folder.bbm");
    expect_refusal(folder, NULL, "info " DIGITS_MODEL " -o /proc/info.txt", 6, "/proc/info.txt");
}

Test(output, full_disk)
{
    char disk[128];
    snprintf(disk, sizeof(disk), "%s/disk", folder);
    cr_assert(mkdir(disk, 0777) == 0);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=16k") != 0)
        cr_skip_test("full_disk: a tmpfs cannot be mounted here");
    expect_refusal(folder, NULL, SCORE "--out %/disk", 6, "No space left");
    expect_nothing_whole(disk);
    expect_refusal(folder, NULL, "import " DIGITS_MODEL " -o %/disk/m.bbm", 6, "No space left");
    umount(disk);
}

Test(output, standard_output_full)
{
    char command[1024];
    snprintf(command, sizeof(command), "%s devices >/dev/full 2>/dev/null", BB_PROGRAM);
    const int status = system(command);
    cr_expect(WEXITSTATUS(status) == 6, "exit code %d", WEXITSTATUS(status));
}

#define LONG_RUN SCORE "--no-sharing -T 20000 --save-passes --out %/out"

/* Start a run that takes minutes and wait until its first file stands there. */
static pid_t start_long_run(const char *words)
{
    const pid_t child = start_program(folder, words);
    const struct timespec pause = {0, 20000000};
    char part[128];
    snprintf(part, sizeof(part), "%s/out/scores.csv.part", folder);
    for (int i = 0; i < 1500 && !file_exists(part); i++)
        nanosleep(&pause, NULL);
    cr_assert(file_exists(part), "the run never began");
    return child;
}

Test(output, killed_halfway)
{
    int status;
    char out[128];
    snprintf(out, sizeof(out), "%s/out", folder);
    const pid_t child = start_long_run(LONG_RUN " --batch 1");
    kill(child, SIGKILL);
    cr_assert(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    expect_nothing_whole(out);
    expect_good(SCORE "-T 2 --save-passes --out %/out", "distinct_leaves");
    cr_expect(file_exists(in_folder(out, "summary.json")));
    cr_expect(!file_exists(in_folder(out, "scores.csv.part")));
}

Test(output, interrupted)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGINT};
    static const char *const runs[] = {LONG_RUN " --batch 1",
                                       LONG_RUN, /* one block takes minutes */
                                       LONG_RUN " -d ref"};
    for (size_t i = 0; i < 3; i++) {
        int status;
        char out[128];
        snprintf(out, sizeof(out), "%s/out", folder);
        const pid_t child = start_long_run(runs[i]);
        kill(child, signals[i]);
        cr_assert(waitpid(child, &status, 0) == child);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 130, "status %x", (unsigned)status);
        expect_nothing_whole(out);
        cr_expect(!file_exists(in_folder(out, "scores.csv.part")));
    }
}

/* ---- commands ---- */

Test(commands, info)
{
    expect_good("info " DIGITS_MODEL, "recognised");
    expect_good("info " DIGITS_MODEL " --json", "\"stages\"");
}

Test(commands, verify)
{
    expect_good("verify " DIGITS_MODEL " -d ref --limit 10", "passed");
    expect_good("verify " DIGITS_MODEL " -d ref --limit 10 --json", "\"passed\": true");
}

Test(commands, verify_fails_where_logits_differ)
{
    size_t length;
    uint8_t *const bytes =
        read_file(BB_SOURCE_FOLDER "/models/digits-mlp-scale.check/logits.npy", &length);
    bytes[length - 1] ^= 0x40; /* the last exponent */
    write_file(in_folder(folder, "y.npy"), bytes, length);
    free(bytes);
    outcome o =
        run_program(folder, NULL,
                    "verify " DIGITS_MODEL " -d ref --expect %/y.npy --draws " BB_SOURCE_FOLDER
                    "/models/digits-mlp-scale.check/draws.npy");
    cr_expect(o.code == 1, "exit code %d: %s", o.code, o.err);
    cr_expect(strstr(o.out, "FAILED") && strstr(o.out, "first"), "%s", o.out);
    outcome_free(&o);
}

static void expect_same_file(const char *name_a, const char *name_b)
{
    size_t n_a, n_b;
    uint8_t *const a = read_file(in_folder(folder, name_a), &n_a);
    uint8_t *const b = read_file(in_folder(folder, name_b), &n_b);
    cr_expect(n_a == n_b && memcmp(a, b, n_a) == 0, "%s and %s differ", name_a, name_b);
    free(a);
    free(b);
}

/* Neither batch, number of devices, sharing nor the form of the model changes a byte. */
Test(commands, score_gives_the_same_bytes)
{
    expect_good(SCORE "--out %/a --save-passes --probabilities", "mutual_information");
    expect_good(SCORE "--out %/b --save-passes --probabilities --batch 7", "mutual_information");
    expect_good(SCORE "--out %/c --save-passes --probabilities --no-sharing", "mutual_information");
    expect_good("import " DIGITS_MODEL " -o %/m.bbm", "");
    expect_good("score %/m.bbm -d ref+ref+ref --resamples 0 --batch 13 --data " DIGITS_IMAGES
                " --out %/d --save-passes --probabilities",
                "mutual_information");
    static const char *const others[] = {"b", "c", "d"};
    for (size_t i = 0; i < 3; i++) {
        char scores[32], logits[32];
        snprintf(scores, sizeof(scores), "%s/scores.csv", others[i]);
        snprintf(logits, sizeof(logits), "%s/logits.npy", others[i]);
        expect_same_file("a/scores.csv", scores);
        expect_same_file("a/logits.npy", logits);
    }
}

Test(commands, score_summary_has_the_agreed_keys)
{
    static const char *const keys[] = {"\"schema_version\"",
                                       "\"definitions_version\"",
                                       "\"metrics\"",
                                       "\"accuracy\"",
                                       "\"nll\"",
                                       "\"brier\"",
                                       "\"ece\"",
                                       "\"ood\"",
                                       "\"auroc_entropy\"",
                                       "\"auroc_mutual_information\"",
                                       "\"fpr95_entropy\"",
                                       "\"sampling\"",
                                       "\"samples\"",
                                       "\"seed\"",
                                       "\"stage_evaluations_per_input\"",
                                       "\"leaves_per_input\"",
                                       "\"time_seconds\"",
                                       "\"load\"",
                                       "\"compile\"",
                                       "\"transfer\"",
                                       "\"compute\"",
                                       "\"reduce\"",
                                       "\"write\"",
                                       "\"deterministic\"",
                                       "\"difference\""};
    expect_good(SCORE "--labels " DIGITS_LABELS " --ood " DIGITS_IMAGES " --out %/out --limit 50",
                "ece");
    size_t length;
    uint8_t *const bytes = read_file(in_folder(folder, "out/summary.json"), &length);
    bytes[length] = 0;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        cr_expect(strstr((const char *)bytes, keys[i]), "no %s in summary.json", keys[i]);
    free(bytes);
}

Test(commands, score_draws_inputs)
{
    expect_good(SCORE "--labels " DIGITS_LABELS " --show 3 --limit 50", "most uncertain");
}

Test(commands, score_exact_and_deterministic)
{
    expect_good(SCORE "--samples exact --limit 20 --save-passes --out %/e", "exact");
    cr_expect(file_exists(in_folder(folder, "e/weights.npy")));
    expect_good(SCORE "--deterministic --limit 20", "deterministic");
}

Test(commands, score_as_npy)
{
    expect_good(SCORE "--limit 20 --format npy --out %/n", "");
    size_t length;
    free(read_file(in_folder(folder, "n/scores.npy"), &length));
    cr_expect(length == 128 + 20 * 10 * 8, "%zu bytes", length);
}
