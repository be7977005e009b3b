/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/demo/playground.h"
#include "tests/preload/require.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* The bundle that the system's programs trust by default. */
#define SYSTEM_TRUST "/etc/ssl/certs/ca-certificates.crt"

static void add_contents(int out, const char *name)
{
    char octets[65536];
    int in = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;
    while (in >= 0 && (got = read(in, octets, sizeof octets)) > 0) {
        require(write(out, octets, (size_t)got) == got, "%s: %s", name, strerror(errno));
    }
    require(in >= 0 && got == 0, "%s: %s", name, strerror(errno));
    (void)close(in);
}

/* Mounts the system's authorities and the world's own over the usual bundle, for this world alone.
 */
static void trust_the_world(const struct world *world, char *trusted, size_t size)
{
    snprintf(trusted, size, "%s/trusted.pem", world->folder);
    int out = open(trusted, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    require(out >= 0, "%s: %s", trusted, strerror(errno));
    add_contents(out, world->ca);
    if (access(SYSTEM_TRUST, R_OK) == 0) {
        add_contents(out, SYSTEM_TRUST);
        require(mount(trusted, SYSTEM_TRUST, NULL, MS_BIND, NULL) == 0, "%s: %s", SYSTEM_TRUST,
                strerror(errno));
    }
    (void)close(out);
}

static void set(const char *name, const char *format, const char *value)
{
    char text[PATH_MAX * 2];
    snprintf(text, sizeof text, format, value);
    require(setenv(name, text, 1) == 0);
}

static void make_environment(const struct world *world, const char *trusted)
{
    static const char *const trust[] = {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
                                        "PERL_LWP_SSL_CA_FILE", "ECHSHIM_CA_FILE"};
    static const char *const left[] = {
        "LD_PRELOAD",       "ECHSHIM_MODE",         "ECHSHIM_PORTS",
        "ECHSHIM_RESOLVER", "ECHSHIM_CONFIG_LIST",  "ECHSHIM_REPORT",
        "ECHSHIM_CACHE",    "ECHSHIM_TEST_LIBRARY", "ECHSHIM_TEST_TOOLS"};
    char name[PATH_MAX];
    const char *tools = getenv("ECHSHIM_TEST_TOOLS");
    const char *path = getenv("PATH");
    if (tools != NULL) {
        snprintf(name, sizeof name, "%s:%s", tools, path != NULL ? path : "/usr/bin:/bin");
        set("PATH", "%s", name);
    }
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        (void)unsetenv(left[i]);
    }
    for (size_t i = 0; i < sizeof trust / sizeof *trust; i++) {
        set(trust[i], "%s", trusted);
    }
    /* wget has no variable for it. */
    snprintf(name, sizeof name, "%s/wgetrc", world->folder);
    FILE *wgetrc = fopen(name, "we");
    require(wgetrc != NULL, "%s: %s", name, strerror(errno));
    fprintf(wgetrc, "ca_certificate = %s\n", trusted);
    require(fclose(wgetrc) == 0, "%s: %s", name, strerror(errno));
    set("WGETRC", "%s", name);
    /* Every address here is a loopback one. */
    set("ECHSHIM_PRIVATE", "%s", "on");
    set("LIBECHSHIM", "%s", world->library);
    set("PS1", "%s", "playground$ ");
}

static void welcome(void)
{
    printf(
        "A network of its own: a DNS server, " INNER_NAME " (its record has an ECHConfig), and\n"
        "plain.example.org (it has none), behind a relay that records what an observer reads.\n"
        "A proxy at 127.0.0.1:9050 leads to the encrypted resolver tls://127.0.0.53#dns.example.\n"
        "Try:  echdig " INNER_NAME "\n"
        "      echshim --report curl https://" INNER_NAME "/\n"
        "      echprobe " INNER_NAME "\n"
        "      echshim --strict curl https://plain.example.org/\n"
        "exit leaves it.\n");
    (void)fflush(stdout);
}

static void become_shell(const char *command, bool terminal)
{
    if (command != NULL) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    } else if (terminal) {
        /* With its start-up files bash would set another PATH and prompt. */
        execlp("bash", "bash", "--noprofile", "--norc", "-i", (char *)NULL);
    }
    execl("/bin/sh", "sh", (char *)NULL);
    fprintf(stderr, "playground: /bin/sh: %s\n", strerror(errno));
    _exit(127);
}

int playground_run(struct world *world, const char *command)
{
    char trusted[192];
    int status = 0;
    bool terminal = isatty(STDIN_FILENO) == 1;
    trust_the_world(world, trusted, sizeof trusted);
    make_environment(world, trusted);
    if (command == NULL && terminal) {
        welcome();
    }
    pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        become_shell(command, terminal);
    }
    /* The terminal's keys are for the shell. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGQUIT, SIG_IGN);
    require(waitpid(pid, &status, 0) == pid);
    /* A mounted file cannot be removed. */
    (void)umount2(SYSTEM_TRUST, MNT_DETACH);
    if (command == NULL && terminal) {
        return 0; /* the exit status of a session is no failure */
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
