/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../facts.h"
#include "require.h"
#include "world.h"

#include "../dispositions.h"
#include "../facts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN_SECONDS = 60, ENVIRONMENT_MAX = 64 };

struct environment {
    char *items[ENVIRONMENT_MAX + 1];
    size_t count;
};

/* A later item replaces an earlier item of the same name. */
static void put(struct environment *environment, const char *item)
{
    size_t name_len = strcspn(item, "=") + 1;
    size_t i = 0;
    while (i < environment->count && strncmp(environment->items[i], item, name_len) != 0) {
        i++;
    }
    require(i < (size_t)ENVIRONMENT_MAX);
    environment->items[i] = strdup(item);
    if (i == environment->count) {
        environment->count++;
    }
}

static void put_format(struct environment *environment, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put_format(struct environment *environment, const char *format, ...)
{
    char item[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(item, sizeof item, format, arguments);
    va_end(arguments);
    put(environment, item);
}

static void make_environment(const struct world *world, enum run_mode mode, char *const extra[],
                             struct environment *environment)
{
    static const char *const trust[] = {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
                                        "PERL_LWP_SSL_CA_FILE"};
    put(environment, "LC_ALL=C");
    put_format(environment, "PATH=%s", getenv("PATH"));
    put_format(environment, "HOME=%s", world->folder);
    put_format(environment, "WORLD=%s", world->folder);
    put_format(environment, "CA=%s", world->ca);
    put_format(environment, "PKI=%s", world->pki);
    put_format(environment, "CLIENTS=%s", world->clients);
    if (fact_openssl4()) {
        put_format(environment, "VALGRIND_OPTS=--extra-debuginfo-path=%s/debug", world->clients);
    }
    put(environment, "GIT_CONFIG_NOSYSTEM=1");
    put(environment, "GIT_TERMINAL_PROMPT=0");
    for (size_t i = 0; i < sizeof trust / sizeof *trust; i++) {
        put_format(environment, "%s=%s", trust[i], world->ca);
    }
    if (mode == RUN_SHIM) {
        /* A sanitized library needs its runtime in front. */
        const char *runtime = getenv("ECHSHIM_TEST_PRELOAD");
        require(access(world->library, R_OK) == 0, "%s is not built", world->library);
        put_format(environment, "LD_PRELOAD=%s%s%s", runtime != NULL ? runtime : "",
                   runtime != NULL ? " " : "", world->library);
        /* A program that crashes should say so as without the runtime. */
        put(environment,
            "ASAN_OPTIONS=detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0");
        put(environment, "UBSAN_OPTIONS=print_stacktrace=1");
        put_format(environment,
                   "TSAN_OPTIONS=ignore_noninstrumented_modules=1:"
                   "suppressions=%s/../../tests/preload/tsan.supp",
                   world->pki);
        put_format(environment, "ECHSHIM_REPORT=%s/report", world->folder);
        put_format(environment, "ECHSHIM_LOG_FILE=%s/shim.log", world->folder);
        put(environment, "ECHSHIM_LOG=debug");
        put_format(environment, "ECHSHIM_RESOLVER=%s", world->resolver);
        if (world->shared != NULL) {
            put_format(environment, "ECHSHIM_PORTS=%u", world->port);
        }
        put_format(environment, "ECHSHIM_CA_FILE=%s", world->ca);
        /* Every address here is a loopback one. */
        put(environment, "ECHSHIM_PRIVATE=on");
    } else if (world->shared != NULL) {
        put(environment, "LD_PRELOAD=libnss_wrapper.so");
        put_format(environment, "NSS_WRAPPER_HOSTS=%s/hosts", world->folder);
    }
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
        put(environment, extra[i]);
    }
    environment->items[environment->count] = NULL;
}

static void exec_child(const struct world *world, char *const names[2], char *const argv[],
                       char *const environment[])
{
    usual_dispositions();
    int in = open("/dev/null", O_RDONLY);
    int out = open(names[0], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int err = open(names[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    setpgid(0, 0);
    if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 ||
        (world->root[0] != '\0' && chroot(world->root) != 0) || chdir(world->folder) != 0) {
        _exit(126);
    }
    execvpe(argv[0], argv, environment);
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

struct run_result world_run(struct world *world, enum run_mode mode, char *const extra[],
                            char *const argv[])
{
    struct run_result result = {0};
    struct environment environment = {0};
    char names[2][192];
    unsigned number = ++world->runs;
    snprintf(names[0], sizeof names[0], "%s/run%u.out", world->folder, number);
    snprintf(names[1], sizeof names[1], "%s/run%u.err", world->folder, number);
    make_environment(world, mode, extra, &environment);
    pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        exec_child(world, (char *[]){names[0], names[1]}, argv, environment.items);
    }
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    require(ended.fd >= 0, "pidfd_open: %s", strerror(errno));
    unsigned seconds = world->run_seconds != 0 ? world->run_seconds : RUN_SECONDS;
    result.timed_out = poll(&ended, 1, (int)seconds * 1000) != 1;
    if (result.timed_out) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
    }
    close(ended.fd);
    int status = 0;
    require(waitpid(pid, &status, 0) == pid);
    result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    result.out = world_read(world, strrchr(names[0], '/') + 1, NULL);
    result.err = world_read(world, strrchr(names[1], '/') + 1, NULL);
    for (size_t i = 0; i < environment.count; i++) {
        free(environment.items[i]);
    }
    return result;
}

struct run_result world_shell(struct world *world, enum run_mode mode, char *const extra[],
                              const char *command)
{
    char *const argv[] = {"sh", "-c", (char *)(size_t)command, NULL};
    const char *cannot = fact_cannot(command);
    if (cannot != NULL) {
        world_cannot(cannot);
    }
    return world_run(world, mode, extra, argv);
}

void world_open_to_all(struct world *world)
{
    static const char copy[] =
        "mkdir open && cp \"$CA\" open/ca.pem && cp \"${LIBRARY%/*}\"/lib*echshim*.so* "
        "\"${LIBRARY%/*}/echshim\" open/ && "
        "chmod -R a+rX open && chmod 755 .";
    char library[sizeof world->library + 16];
    snprintf(library, sizeof library, "LIBRARY=%s", world->library);
    struct run_result result = world_shell(world, RUN_PLAIN, (char *[]){library, NULL}, copy);
    require(result.exit_code == 0, "%s", result.err);
    snprintf(world->library, sizeof world->library, "%s/open/libechshim.so", world->folder);
    snprintf(world->ca, sizeof world->ca, "%s/open/ca.pem", world->folder);
}
