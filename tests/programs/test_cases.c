/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every program with every state of the server's key: without the shim, then in each way with it.
 * PROGRAMS_FILTER selects programs by name: patterns, separated by blanks. The results go to the
 * folder ECHSHIM_PROGRAMS_RESULTS, from which table.sh makes docs/programs.md. */
#include "judge.h"
#include "programs.h"
#include "stage.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(programs, .fini = world_end, .timeout = 300);

struct parameter {
    unsigned program;
    enum key key;
};

static const char *const key_names[KEYS] = {"current", "stale", "none"};

static const struct way_row {
    const char *name;
    char *environment[4];
} ways[WAYS] = {
    [WAY_OPPORTUNISTIC] = {"opportunistic", {"ECHSHIM_MODE=opportunistic"}},
    [WAY_STRICT] = {"strict", {"ECHSHIM_MODE=strict"}},
    [WAY_RESOLVER] = {"strict, tls://", {"ECHSHIM_MODE=strict", "ECHSHIM_RESOLVER=" DNS_TLS}},
};

/* ---- the selection ---- */

/* The first two ways are enough to show what a library does, unless octets go before TLS: then only
 * the third has ECH. */
static enum way ways_tried(const struct program *program)
{
    const char *few = getenv("PROGRAMS_WAYS");
    bool are_few = few != NULL && strcmp(few, "few") == 0 && program->before_tls == NULL;
    return are_few ? WAY_RESOLVER : WAYS;
}

static bool is_wanted(const struct program *program)
{
    const char *filter = getenv("PROGRAMS_FILTER");
    if (filter == NULL || *filter == '\0') {
        return true;
    }
    char *patterns = strdup(filter);
    char *rest = NULL;
    bool wanted = false;
    for (char *pattern = strtok_r(patterns, " ", &rest); pattern != NULL && !wanted;
         pattern = strtok_r(NULL, " ", &rest)) {
        wanted = fnmatch(pattern, program->name, 0) == 0;
    }
    free(patterns);
    return wanted;
}

ParameterizedTestParameters(programs, as_without_the_shim)
{
    size_t count = 0;
    unsigned all = 0;
    while (program_at(all) != NULL) {
        all++;
    }
    struct parameter *parameters = cr_malloc(sizeof *parameters * (all * KEYS + 1));
    for (unsigned i = 0; i < all; i++) {
        for (enum key key = 0; is_wanted(program_at(i)) && key < KEYS; key++) {
            parameters[count++] = (struct parameter){i, key};
        }
    }
    return cr_make_param_array(struct parameter, parameters, count, NULL);
}

/* ---- the results ---- */

static FILE *open_results(const struct parameter *parameter)
{
    char name[512];
    const char *folder = getenv("ECHSHIM_PROGRAMS_RESULTS");
    snprintf(name, sizeof name, "%s/%03u.%s", folder != NULL ? folder : "", parameter->program,
             key_names[parameter->key]);
    FILE *out = folder != NULL ? fopen(name, "we") : NULL;
    cr_assert(folder == NULL || out != NULL, "%s", name);
    return out;
}

static void write_result(FILE *results, const char *way, const char *verdict, const char *text)
{
    if (results != NULL) {
        fprintf(results, "%s\t%s\t%s\n", way, verdict, text);
        fflush(results);
    }
}

/* ---- one case ---- */

/* If two runs without the shim differ, a comparison shows nothing about it. */
static bool is_steady(struct stage *stage, const struct run_seen *baseline)
{
    char reason[REASON_SIZE];
    struct run_seen again = {0};
    stage_run(stage, NULL, &again);
    return runs_are_alike(baseline, &again, reason);
}

static enum verdict try_way(struct stage *stage, const struct program *program, enum key key,
                            enum way way, const struct run_seen *baseline, FILE *results)
{
    char reason[REASON_SIZE];
    struct run_seen run = {0};
    const char *says = program->says != NULL ? program->says : SAYS_HTTPS;
    const char *expected = usual_outcome(program, key, way);
    stage_run(stage, ways[way].environment, &run);
    enum verdict verdict = judge(baseline, &run, says, expected, reason);
    write_result(results, ways[way].name, verdict_name(verdict), run.outcomes);
    if (verdict == VERDICT_BROKEN || verdict == VERDICT_LEAK) {
        fprintf(stderr, "programs: %s, key %s, %s: %s: %s\nout: %.3000s\nerr: %.3000s\n%s%.3000s\n",
                program->name, key_names[key], ways[way].name, verdict_name(verdict), reason,
                run.out, run.err, "without the shim: ", baseline->out);
    }
    return verdict;
}

/* The loader ignores LD_PRELOAD for a program with the rights of another user or group, as msmtp of
 * Debian 11 has. */
#define IS_PRIVILEGED "it runs with the rights of another group, so the loader ignores LD_PRELOAD"
static bool is_privileged(const struct program *program)
{
    char path[PATH_MAX];
    struct stat about;
    const char *root = getenv("ECHSHIM_TEST_CHROOT");
    snprintf(path, sizeof path, "%s/usr/bin/%s", root != NULL ? root : "", program->package);
    return stat(path, &about) == 0 && (about.st_mode & (S_ISUID | S_ISGID)) != 0;
}

ParameterizedTest(struct parameter *parameter, programs, as_without_the_shim)
{
    const struct program *program = program_at(parameter->program);
    const char *says = program->says != NULL ? program->says : SAYS_HTTPS;
    struct run_seen baseline = {0};
    unsigned wrong = 0;
    FILE *results = open_results(parameter);
    char version[64];
    if (!package_version(program->package, version)) {
        write_result(results, program->name, "skipped", program->package);
        cr_skip_test("%s: package %s is not installed", program->name, program->package);
    }
    if (is_privileged(program)) {
        write_result(results, program->name, "skipped", IS_PRIVILEGED);
        cr_skip_test("%s: %s", program->name, IS_PRIVILEGED);
    }
    write_result(results, program->name, "program", version);
    struct stage *stage = stage_start(program, parameter->key);
    stage_run(stage, NULL, &baseline);
    cr_assert(run_was_served(&baseline, says) && baseline.visible,
              "programs: %s: without the shim: exit status %d, \"%s\" %s\nout: %s\nerr: %s",
              program->name, baseline.exit_code, says,
              baseline.visible ? "is not there" : "was not asked for by name", baseline.out,
              baseline.err);
    for (enum way way = 0; way < ways_tried(program); way++) {
        enum verdict verdict = try_way(stage, program, parameter->key, way, &baseline, results);
        wrong += verdict == VERDICT_BROKEN || verdict == VERDICT_LEAK;
    }
    write_result(results, "library", "library", stage_library(stage));
    cr_assert(wrong == 0 || is_steady(stage, &baseline),
              "programs: %s: twice without the shim is not the same", program->name);
    cr_assert_eq(wrong, 0, "programs: %s, key %s: %u of %u ways", program->name,
                 key_names[parameter->key], wrong, (unsigned)ways_tried(program));
}
