/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/tell.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim/common/address.h"
#include "shim/common/journal.h"
#include "shim/common/report.h"
#include "tools/echshim/supervisor/target.h"

/* Opened for each line as the shim does, so that the user can move the file away. */
static int open_report(const char *path)
{
    return open(path,
                O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                S_IRUSR | S_IWUSR);
}

/* A pipe or a terminal is opened anew, so that our writes do not wait and the user's still may. */
static int own_descriptor(int fd)
{
    char path[32];
    struct stat status;
    if (fstat(fd, &status) != 0 || S_ISREG(status.st_mode) || S_ISSOCK(status.st_mode)) {
        return fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

void supervisor_teller_open(struct supervisor_teller *teller, char *report)
{
    *teller = (struct supervisor_teller){.report = report, .fd = -1};
    if (report != NULL && strncmp(report, "fd:", 3) == 0) {
        teller->fd = own_descriptor((int)strtol(report + 3, NULL, 10));
    }
}

/* Must not wait for the reader: all held programs would wait for us. */
static bool write_line(int fd, const char *line, size_t length)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || (S_ISFIFO(status.st_mode) && length > PIPE_BUF)) {
        return false;
    }
    ssize_t count = S_ISSOCK(status.st_mode) ? send(fd, line, length, MSG_DONTWAIT | MSG_NOSIGNAL)
                                             : write(fd, line, length);
    return count == (ssize_t)length;
}

static bool write_report(const struct supervisor_teller *teller,
                         const struct shim_report_fields *fields)
{
    static const struct shim_journal_calls calls = {.sendmsg = sendmsg, .write = write};
    static char text[SHIM_REPORT_MAX];
    if (strcmp(teller->report, SHIM_REPORT_TO_JOURNAL) == 0) {
        size_t length = shim_report_journal(fields, text, sizeof text);
        return shim_journal_send(SHIM_JOURNAL_SOCKET, &calls, text, length);
    }
    size_t length = shim_report_json(fields, text, sizeof text);
    if (strncmp(teller->report, "fd:", 3) == 0) {
        return teller->fd >= 0 && write_line(teller->fd, text, length);
    }
    int fd = open_report(teller->report);
    bool written = fd >= 0 && write_line(fd, text, length);
    if (fd >= 0) {
        (void)close(fd);
    }
    return written;
}

static const char *address_text(const struct sockaddr_storage *destination,
                                char out[INET6_ADDRSTRLEN])
{
    if (destination->ss_family == AF_INET6) {
        return inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)destination)->sin6_addr, out,
                         INET6_ADDRSTRLEN);
    }
    return destination->ss_family == AF_INET
               ? inet_ntop(AF_INET, &((const struct sockaddr_in *)destination)->sin_addr, out,
                           INET6_ADDRSTRLEN)
               : NULL;
}

void supervisor_tell_handshake(struct supervisor_teller *teller, pid_t process, const char *program,
                               const struct shim_report *report)
{
    struct timespec now = {0};
    if (teller->report == NULL) {
        return;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const struct shim_report_origin origin = {
        .time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
        .pid = (int)process,
        .program = program[0] != '\0' ? program : NULL,
        .lost = teller->lost,
    };
    struct shim_report_fields fields;
    shim_report_collect(&fields, report, &origin);
    if (!write_report(teller, &fields)) {
        teller->lost++;
    }
}

void supervisor_tell(struct supervisor_teller *teller, const struct supervisor_news *news)
{
    char address[INET6_ADDRSTRLEN];
    char program[SUPERVISOR_PROGRAM_SIZE];
    if (teller->report == NULL) {
        return;
    }
    supervisor_target_program(news->task, program, sizeof program);
    const struct shim_report report = {
        .host = news->host != NULL ? news->host : address_text(news->destination, address),
        .port = shim_address_port((const struct sockaddr *)news->destination),
        .mode = news->refused ? SHIM_MODE_STRICT : SHIM_MODE_OPPORTUNISTIC,
        .outcome = news->refused ? "refused" : "plain",
        .reason = news->reason,
        .source = "none",
    };
    supervisor_tell_handshake(teller, supervisor_target_process(news->task), program, &report);
}
