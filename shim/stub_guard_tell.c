/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the guard tells what it saw: a report and a line of the log, each by one system call, with
 * what was found out at the start. The engine is not asked: it may not be loaded, and a write is no
 * place to load it. It may also come from a signal handler, on a small stack.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim/journal.h"
#include "shim/report.h"
#include "shim/stub_guard.h"

enum { PROGRAM_SIZE = 1024 };

/* A file to append to, or a descriptor: -1 for none. */
struct target {
    char path[PATH_MAX];
    int fd;
};

static struct target report_to = {.fd = -1};
static struct target log_to = {.fd = -1};
static bool report_to_journal;
static bool sights_logged; /* else failures alone */
static char program[PROGRAM_SIZE];

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
    if (strcmp(value, SHIM_REPORT_TO_JOURNAL) == 0) {
        (void)stub_libc(SHIM_HOOK_sendmsg);
        (void)stub_libc(SHIM_HOOK_write);
        report_to_journal = true;
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
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    for (size_t i = 0; level != NULL && i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(level, levels[i]) != 0) {
            continue;
        }
        /* A hello that passed is a fact for "info", like every other outcome in shim/session. */
        sights_logged = i >= 2;
        if (file != NULL && *file != '\0') {
            set_path(&log_to, file);
        } else {
            log_to.fd = STDERR_FILENO;
        }
    }
}

bool stub_tell_settle(void)
{
    set_report(stub_setting(SHIM_CONF_REPORT));
    set_log(stub_setting(SHIM_CONF_LOG), stub_setting(SHIM_CONF_LOG_FILE));
    bool asked = is_set(&report_to) || report_to_journal || sights_logged;
    if (asked) {
        ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
        program[length > 0 ? length : 0] = '\0';
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

/* libechshim[4711] LEVEL: WHAT: OUTCOME (REASON) */
static void log_line(const char *level, const char *what, const char *outcome, const char *reason)
{
    char pid[SHIM_DECIMAL_MAX];
    const struct iovec parts[] = {
        part_of("libechshim[", strlen("libechshim[")),
        part_of(pid, shim_decimal(pid, (uint64_t)getpid())),
        part_of("] ", 2),
        part_of(level, strlen(level)),
        part_of(": ", 2),
        part_of(what, strlen(what)),
        part_of(": ", 2),
        part_of(outcome, strlen(outcome)),
        part_of(" (", 2),
        part_of(reason, strlen(reason)),
        part_of(")\n", 2),
    };
    append(&log_to, parts, sizeof parts / sizeof *parts);
}

/* A journal that is not there is so for every sight: said once. */
static void send_to_journal(const char *entry, size_t length, const struct shim_report *report)
{
    static atomic_bool said;
    const struct shim_journal_calls real = {
        .sendmsg = (__typeof__(&sendmsg))stub_libc(SHIM_HOOK_sendmsg),
        .write = (__typeof__(&write))stub_libc(SHIM_HOOK_write),
    };
    bool sent = real.sendmsg != NULL && real.write != NULL &&
                shim_journal_send(SHIM_JOURNAL_SOCKET, &real, entry, length);
    if (!sent && is_set(&log_to) && !atomic_exchange(&said, true)) {
        log_line("error", "the journal cannot be told", report->outcome, report->reason);
    }
}

static void tell_report(const struct shim_report *report)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const struct shim_report_origin origin = {
        .time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
        .pid = (int)getpid(),
        .program = program[0] != '\0' ? program : NULL,
    };
    struct shim_report_fields fields;
    shim_report_collect(&fields, report, &origin);
    char *text =
        mmap(NULL, SHIM_REPORT_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (text == MAP_FAILED) {
        return;
    }
    if (report_to_journal) {
        size_t length = shim_report_journal(&fields, text, SHIM_REPORT_MAX);
        send_to_journal(text, length, report);
    } else {
        const struct iovec line = part_of(text, shim_report_json(&fields, text, SHIM_REPORT_MAX));
        append(&report_to, &line, 1);
    }
    (void)munmap(text, SHIM_REPORT_MAX);
}

/* The word of the report for it. */
static void set_reason(struct shim_report *report, enum stub_sight what)
{
    switch (what) {
    case STUB_SIGHT_HELLO:
        report->reason = "unhooked_tls";
        break;
    case STUB_SIGHT_DATAGRAM:
        report->reason = "quic";
        break;
    case STUB_SIGHT_NAMES:
        report->reason = "plain_dns";
        break;
    }
}

void stub_tell(const struct stub_attempt *attempt, bool refused, enum stub_sight what)
{
    int saved = errno;
    struct shim_report report = {.port = attempt->port, .mode = attempt->mode, .source = "none"};
    report.outcome = refused ? "refused" : "plain";
    set_reason(&report, what);
    if (is_set(&report_to) || report_to_journal) {
        tell_report(&report);
    }
    if (sights_logged) {
        log_line("info", "on its way without the shim", report.outcome, report.reason);
    }
    errno = saved;
}
