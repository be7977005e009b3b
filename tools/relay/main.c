/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * echshim-relay: started by echshim --relay, and by nobody else (docs/relay.md).
 *
 *   echshim-relay LINK LISTENER LISTENER MODE MORE_ANCHORS [HOST]...
 *
 * The first three are descriptors (-1: none); MORE_ANCHORS may be empty. With hosts, the authority
 * is constrained to them. LD_PRELOAD has libechshim.so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tools/echshim/supervisor/relay_folder.h"
#include "tools/echshim/supervisor/tell.h"
#include "tools/relay/loop.h"
#include "tools/relay/trust_files.h"

enum { THREADS = 8, FIRST_HOST = 6 };

/* The key of the authority is in our memory: no core dump, and no other process of this user may
 * read it. */
static void hide_memory(void)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
}

/* Two for each connection. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The launcher has closed 0, 1 and 2. Nothing else may get these numbers. */
static void fill_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void tell(void *context, const struct relay_claim *claim, const char *host,
                 const char *reason)
{
    const struct supervisor_news news = {.task = claim->process,
                                         .refused = true,
                                         .host = host[0] != '\0' ? host : NULL,
                                         .reason = reason,
                                         .destination = &claim->destination};
    supervisor_tell(context, &news);
}

static int descriptor_of(const char *text)
{
    int fd = (int)strtol(text, NULL, 10);
    if (fd >= 0) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return fd;
}

/* Makes all that connections share; NULL: *why is a sentence. */
static struct relay_shared *make_shared(char *const argv[], const char **why)
{
    static struct relay_shared shared;
    shared.strict = strcmp(argv[4], "strict") == 0;
    shared.hosts = argv[FIRST_HOST] != NULL ? (const char *const *)argv + FIRST_HOST : NULL;
    shared.loop = epoll_create1(EPOLL_CLOEXEC);
    shared.authority = relay_authority_new(shared.hosts);
    if (shared.loop < 0 || shared.authority == NULL) {
        *why = "its authority cannot be made";
        return NULL;
    }
    if (!relay_upstream_trust(&shared.trust, getenv("ECHSHIM_CA_FILE"), argv[5], why)) {
        return NULL;
    }
    shared.pool = relay_pool_new(THREADS);
    if (shared.pool == NULL) {
        *why = "there are no threads";
        return NULL;
    }
    return &shared;
}

static bool say_ready(int link, const struct relay_shared *shared, const char *why, char *folder)
{
    static struct relay_ready ready;
    ready.good = shared != NULL &&
                 relay_trust_files_write(relay_authority_certificate(shared->authority), folder);
    (void)snprintf(ready.text, sizeof ready.text, "%s",
                   ready.good       ? folder
                   : shared == NULL ? why
                                    : strerror(errno));
    return send(link, &ready, sizeof ready, MSG_NOSIGNAL) == sizeof ready && ready.good;
}

int main(int argc, char *argv[])
{
    static struct supervisor_teller teller;
    static struct relay_folder known;
    char folder[PATH_MAX] = "";
    const char *why = NULL;
    if (argc < FIRST_HOST) {
        (void)fputs("echshim-relay is a part of echshim: see echshim(1), --relay\n", stderr);
        return EXIT_FAILURE;
    }
    hide_memory();
    fill_standard_descriptors();
    raise_descriptors();
    struct relay_loop loop = {.link = descriptor_of(argv[1]),
                              .listeners = {descriptor_of(argv[2]), descriptor_of(argv[3])}};
    const char *report = getenv("ECHSHIM_REPORT");
    supervisor_teller_open(&teller, report != NULL && *report != '\0' ? strdup(report) : NULL);
    loop.shared = make_shared(argv, &why);
    if (loop.shared != NULL) {
        loop.shared->tell = tell;
        loop.shared->tell_context = &teller;
    }
    bool ready = say_ready(loop.link, loop.shared, why, folder);
    (void)relay_folder_note(&known, folder);
    if (ready) {
        relay_loop_run(&loop);
    }
    relay_folder_remove(&known);
    /* The threads of the pool wait: nothing is to be freed under them. */
    _exit(EXIT_SUCCESS);
}
