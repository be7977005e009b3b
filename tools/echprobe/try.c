/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echprobe/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/common/config_document.h"

/* argv[1] of the process that makes the try. No host name begins like this. */
static const char child_word[] = "--as-client-of-echprobe";

enum { CHILD_ARGUMENTS = 8, PRELOAD_MAX = 8192 };

/* Both are files in memory, so that the process never waits for a reader. */
struct outputs {
    int journal;
    int report;
};

static void set_settings(const struct probe_try *try, int report)
{
    char text[32];
    char preload[PRELOAD_MAX];
    const char *others = getenv("LD_PRELOAD");
    (void)snprintf(preload, sizeof preload, "%s%s%s", others != NULL ? others : "",
                   others != NULL ? " " : "", try->library);
    (void)setenv("LD_PRELOAD", preload, 1);
    (void)setenv("ECHSHIM_MODE", try->mode, 1);
    (void)setenv("ECHSHIM_PORTS", try->client.port, 1);
    (void)snprintf(text, sizeof text, "fd:%d", report);
    (void)setenv("ECHSHIM_REPORT", text, 1);
    (void)snprintf(text, sizeof text, "%u", try->client.timeout_ms);
    (void)setenv("ECHSHIM_TIMEOUT_MS", text, 1);
    if (try->client.ca_file != NULL) {
        (void)setenv("ECHSHIM_CA_FILE", try->client.ca_file, 1);
    }
    json_t *list = base64_document(try->ech_config_list);
    if (try->ech_config_list.len > 0 && list != NULL) {
        (void)setenv("ECHSHIM_CONFIG_LIST", json_string_value(list), 1);
    } else {
        (void)unsetenv("ECHSHIM_CONFIG_LIST");
    }
    json_decref(list);
}

static _Noreturn void become_client(const struct probe_try *try, const struct outputs *outputs)
{
    char journal[16];
    char timeout[16];
    (void)snprintf(journal, sizeof journal, "%d", outputs->journal);
    (void)snprintf(timeout, sizeof timeout, "%u", try->client.timeout_ms);
    const char *arguments[] = {"echprobe",       child_word,          journal,
                               try->client.host, try->client.target,  try->client.port,
                               timeout,          try->client.ca_file, NULL};
    set_settings(try, outputs->report);
    (void)execv("/proc/self/exe", (char *const *)(uintptr_t)arguments);
    _exit(EXIT_FAILURE);
}

static json_t *read_back(int fd)
{
    if (lseek(fd, 0, SEEK_SET) != 0) {
        return NULL;
    }
    return json_loadfd(fd, JSON_DISABLE_EOF_CHECK, NULL);
}

static json_t *run(const struct probe_try *try, const struct outputs *outputs)
{
    pid_t child = fork();
    if (child == 0) {
        become_client(try, outputs);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        return NULL;
    }
    json_t *journal = read_back(outputs->journal);
    json_t *report = read_back(outputs->report);
    if (journal != NULL && report != NULL) {
        json_object_set(journal, "report", report);
    }
    json_decref(report);
    return journal;
}

json_t *probe_try_run(const struct probe_try *try)
{
    struct outputs outputs = {.journal = memfd_create("journal", 0),
                              .report = memfd_create("report", 0)};
    json_t *journal = NULL;
    if (outputs.journal >= 0 && outputs.report >= 0) {
        journal = run(try, &outputs);
    }
    (void)close(outputs.journal);
    (void)close(outputs.report);
    return journal;
}

bool probe_try_is_child(int argc, char **argv, int *status)
{
    if (argc < CHILD_ARGUMENTS - 1 || strcmp(argv[1], child_word) != 0) {
        return false;
    }
    const struct probe_client client = {
        .host = argv[3],
        .target = argv[4],
        .port = argv[5],
        .timeout_ms = (unsigned)strtoul(argv[6], NULL, 10),
        .ca_file = argc == CHILD_ARGUMENTS ? argv[7] : NULL,
    };
    json_t *journal = probe_client_run(&client);
    bool written = journal != NULL && json_dumpfd(journal, (int)strtol(argv[2], NULL, 10), 0) == 0;
    json_decref(journal);
    *status = written ? EXIT_SUCCESS : EXIT_FAILURE;
    return true;
}
