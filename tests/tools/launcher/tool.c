/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/tools/launcher/tool.h"
#include "tests/dispositions.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENVIRONMENT_MAX = 32 };

static char temporary[64];

const char *tool_folder(void)
{
    const char *folder = getenv("ECHSHIM_TEST_TOOLS");
    cr_assert_not_null(folder, "ECHSHIM_TEST_TOOLS is not set: make check-launcher");
    return folder;
}

static char *join(const char *folder, const char *name)
{
    char *path = NULL;
    cr_assert_gt(asprintf(&path, "%s/%s", folder, name), 0);
    return path;
}

char *tool_path(const char *name)
{
    return strchr(name, '/') != NULL ? strdup(name) : join(tool_folder(), name);
}

char *tool_program(const char *name)
{
    const char *folder = getenv("ECHSHIM_TEST_PROGRAMS");
    cr_assert_not_null(folder, "ECHSHIM_TEST_PROGRAMS is not set: make check-launcher");
    return join(folder, name);
}

const char *tool_temporary(void)
{
    if (temporary[0] == '\0') {
        strcpy(temporary, "/tmp/echshim-test.XXXXXX");
        cr_assert_not_null(mkdtemp(temporary));
    }
    return temporary;
}

static int take_away(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void tool_end(void)
{
    if (temporary[0] != '\0') {
        nftw(temporary, take_away, 16, FTW_DEPTH | FTW_PHYS);
    }
}

void tool_exec(char *const environment[], char *const argv[])
{
    char *items[ENVIRONMENT_MAX + 1];
    size_t count = 0;
    char *path = NULL;
    if (asprintf(&path, "PATH=%s", getenv("PATH")) < 0) {
        _exit(99);
    }
    items[count++] = path;
    items[count++] = "HOME=/";
    items[count++] = "LC_ALL=C";
    /* The sanitizer's own exit code would hide the child's. */
    items[count++] = "ASAN_OPTIONS=detect_leaks=0";
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        items[count++] = environment[i];
    }
    items[count] = NULL;
    execve(argv[0], argv, items);
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(99);
}

static char *read_all(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    cr_assert_eq(pread(fd, text, (size_t)size, 0), size);
    close(fd);
    return text;
}

static int output_file(void)
{
    char name[] = "/tmp/echshim-test.XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC | O_APPEND);
    cr_assert_geq(fd, 0);
    unlink(name);
    return fd;
}

struct tool_result tool_run_before(void (*before)(void *context), void *context,
                                   char *const environment[], char *const argv[])
{
    struct tool_result result = {0};
    int out = output_file();
    int err = output_file();
    char *arguments[64] = {tool_path(argv[0])};
    for (size_t i = 1; argv[i] != NULL; i++) {
        arguments[i] = argv[i];
    }
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        usual_dispositions();
        int in = open("/dev/null", O_RDONLY);
        dup2(in, 0);
        dup2(out, 1);
        dup2(err, 2);
        close(in);
        if (before != NULL) {
            before(context);
        }
        tool_exec(environment, arguments);
    }
    cr_assert_eq(waitpid(pid, &result.status, 0), pid);
    result.out = read_all(out);
    result.err = read_all(err);
    free(arguments[0]);
    return result;
}

struct tool_result tool_run(char *const environment[], char *const argv[])
{
    return tool_run_before(NULL, NULL, environment, argv);
}

void tool_expect_exit(const struct tool_result *result, int code)
{
    cr_assert(WIFEXITED(result->status) && WEXITSTATUS(result->status) == code,
              "status %#x, wanted exit %d\n%s%s", result->status, code, result->out, result->err);
}

void tool_expect_err(const struct tool_result *result, const char *text)
{
    cr_assert_not_null(strstr(result->err, text), "\"%s\" is not in:\n%s", text, result->err);
}

void tool_expect_out(const struct tool_result *result, const char *text)
{
    cr_assert_not_null(strstr(result->out, text), "\"%s\" is not in:\n%s", text, result->out);
}

void tool_expect_sentence(const struct tool_result *result, int code, const char *text)
{
    tool_expect_exit(result, code);
    tool_expect_err(result, text);
    const char *newline = strchr(result->err, '\n');
    cr_assert(newline != NULL && newline[1] == '\0', "more than a line:\n%s", result->err);
    cr_assert_str_empty(result->out);
}

char *tool_file(const char *name, const char *text, mode_t mode)
{
    char *path = NULL;
    cr_assert_gt(asprintf(&path, "%s/%s", tool_temporary(), name), 0);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
    return path;
}
