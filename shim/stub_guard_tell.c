/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the guard tells what it saw: a report line and a line of the log, each by one system call,
 * from buffers that were filled in at the start. The engine is not asked: it may not be loaded, and
 * a write is no place to load it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim/guard_line.h"
#include "shim/stub_guard.h"

enum { PROGRAM_SIZE = 1024 };

/* A file to append to, or a descriptor: -1 for none. */
struct target {
    char path[PATH_MAX];
    int fd;
};

static struct target report_to = {.fd = -1};
static struct target log_to = {.fd = -1};
static char program[PROGRAM_SIZE * 2 + 3];

static bool is_set(const struct target *target)
{
    return target->path[0] != '\0' || target->fd >= 0;
}

/* Where it is filled in twice at the same time, the octets are the same. */
static void set_path(struct target *target, const char *path)
{
    size_t length = strlen(path);
    if (length < sizeof target->path) {
        memcpy(target->path, path, length + 1);
    }
}

static void set_report(const char *value)
{
    if (value == NULL || *value == '\0') {
        return;
    }
    if (strncmp(value, "fd:", 3) != 0) {
        set_path(&report_to, value);
        return;
    }
    int fd = 0;
    for (const char *digit = value + 3; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || fd > (INT_MAX - 9) / 10) {
            return; /* the engine tells that it is no descriptor */
        }
        fd = fd * 10 + (*digit - '0');
    }
    report_to.fd = value[3] != '\0' ? fd : -1;
}

static void set_log(const char *level, const char *file)
{
    /* A hello that passed is a fact for "info", like every other outcome in shim/session. */
    if (level == NULL || (strcmp(level, "info") != 0 && strcmp(level, "debug") != 0)) {
        return;
    }
    if (file != NULL && *file != '\0') {
        set_path(&log_to, file);
    } else {
        log_to.fd = STDERR_FILENO;
    }
}

bool stub_tell_settle(void)
{
    set_report(secure_getenv("ECHSHIM_REPORT"));
    set_log(secure_getenv("ECHSHIM_LOG"), secure_getenv("ECHSHIM_LOG_FILE"));
    bool asked = is_set(&report_to) || is_set(&log_to);
    if (asked) {
        char path[PROGRAM_SIZE];
        ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
        path[length > 0 ? length : 0] = '\0';
        shim_guard_line_program(program, sizeof program, length > 0 ? path : NULL);
    }
    return asked;
}

static struct iovec part_of(const char *text, size_t length)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)text, .iov_len = length};
}

/* The whole line by one call, so that lines of several processes do not mix. */
static void append(const struct target *target, const struct iovec *parts, int count)
{
    __typeof__(&writev) real = (__typeof__(&writev))stub_libc(SHIM_HOOK_writev);
    int fd = target->fd;
    if (target->path[0] != '\0') {
        fd = open(target->path,
                  O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                  S_IRUSR | S_IWUSR);
    }
    if (fd >= 0 && real != NULL) {
        ssize_t ignored = real(fd, parts, count);
        (void)ignored;
    }
    if (fd >= 0 && fd != target->fd) {
        (void)close(fd);
    }
}

static void log_line(const struct shim_guard_sight *sight)
{
    char pid[20];
    static const char head[] = "libechshim[";
    static const char middle[] = "] info: on its way without the shim: ";
    const struct iovec parts[] = {
        part_of(head, sizeof head - 1),
        part_of(pid, shim_guard_decimal(pid, (uint64_t)sight->pid)),
        part_of(middle, sizeof middle - 1),
        part_of(sight->outcome, strlen(sight->outcome)),
        part_of(" (", 2),
        part_of(sight->reason, strlen(sight->reason)),
        part_of(")\n", 2),
    };
    append(&log_to, parts, sizeof parts / sizeof *parts);
}

static void report_line(const struct shim_guard_sight *sight)
{
    char head[SHIM_GUARD_HEAD];
    char tail[SHIM_GUARD_TAIL];
    const struct iovec parts[] = {
        part_of(head, shim_guard_line_head(head, sight)),
        part_of(program, strlen(program)),
        part_of(tail, shim_guard_line_tail(tail, sight)),
    };
    append(&report_to, parts, sizeof parts / sizeof *parts);
}

/* The word of the report for it. */
static void set_reason(struct shim_guard_sight *sight, enum stub_sight what)
{
    switch (what) {
    case STUB_SIGHT_HELLO:
        sight->reason = "unhooked_tls";
        break;
    case STUB_SIGHT_DATAGRAM:
        sight->reason = "quic";
        break;
    case STUB_SIGHT_NAMES:
        sight->reason = "plain_dns";
        break;
    }
}

void stub_tell(uint16_t port, bool refused, enum stub_sight what)
{
    int saved = errno;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct shim_guard_sight sight = {
        .time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
        .pid = (int)getpid(),
        .port = port,
        .mode = shim_mode_name(stub_mode()),
        .outcome = refused ? "refused" : "plain",
    };
    set_reason(&sight, what);
    if (is_set(&report_to)) {
        report_line(&sight);
    }
    if (is_set(&log_to)) {
        log_line(&sight);
    }
    errno = saved;
}
