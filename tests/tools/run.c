/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/tools/run.h"
#include "tests/dispositions.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A file takes any amount without a reader, so tool and test never wait for each other. */
static FILE *scratch(const char *content)
{
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    fputs(content, file);
    rewind(file);
    return file;
}

static void read_back(FILE *file, char *text)
{
    rewind(file);
    size_t len = fread(text, 1, RUN_OUTPUT_MAX - 1, file);
    text[len] = '\0';
    fclose(file);
}

void run_tool(struct run *run, const char *input, const char *const *arguments)
{
    const char *folder = getenv("ECHSHIM_TEST_TOOLS");
    cr_assert_not_null(folder, "ECHSHIM_TEST_TOOLS is the folder of the tools: make check-tools");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, arguments[0]);
    FILE *in = scratch(input != NULL ? input : "");
    FILE *out = scratch("");
    FILE *err = scratch("");
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        usual_dispositions();
        dup2(fileno(in), 0);
        dup2(fileno(out), 1);
        dup2(fileno(err), 2);
        const char *preload = getenv("ECHSHIM_TEST_PRELOAD");
        if (preload != NULL) {
            /* The sanitizer's runtime. A tool may end without freeing everything: that is no leak.
             */
            setenv("LD_PRELOAD", preload, 1);
            setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
        }
        execv(path, (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    fclose(in);
    read_back(out, run->out);
    read_back(err, run->err);
    cr_assert_neq(run->status, 127, "%s cannot be run", path);
}

void assert_printed(const char *output, const char *text)
{
    cr_assert(strstr(output, text) != NULL, "not printed: %s\n---- but:\n%s", text, output);
}
