/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard reports what it saw: one report and one line of the log, each by one system call. It
 * uses what the constructor read, and does not ask the engine. The engine may not be loaded, and a
 * write is no place to load it: it may come from a signal handler, on a small stack.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "shim/common/journal.h"
#include "shim/common/report.h"
#include "shim/stub/detours.h"
#include "shim/stub/guard.h"
#include "shim/stub/handshaking.h"
#include "shim/stub/locked.h"
#include "shim/stub/output.h"

enum { PROGRAM_SIZE = 1024 };

static bool logged;        /* a log is asked for, at whatever level */
static bool sights_logged; /* outside these, failures alone */
static char program[PROGRAM_SIZE];

/* Two threads may fill this in at the same time: they write the same octets. */
static void set_log(const char *level)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    for (size_t i = 0; level != NULL && i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(level, levels[i]) == 0) {
            /* A hello that passed is logged at "info", as are the outcomes of sessions. */
            logged = true;
            sights_logged = i >= 2;
        }
    }
}

bool stub_tell_settle(void)
{
    stub_output_settle();
    set_log(stub_setting(SHIM_CONF_LOG));
    bool asked = stub_report_wanted() || stub_report_to_journal() || sights_logged;
    if (asked) {
        ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
        program[length > 0 ? length : 0] = '\0';
    }
    return asked;
}

const char *stub_program(void)
{
    return program[0] != '\0' ? program : NULL;
}

static struct iovec part_of(const char *text, size_t length)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)text, .iov_len = length};
}

/* libechshim[4711] LEVEL: WHAT: OUTCOME (REASON) */
static void log_line(const char *level, const char *what, const char *outcome, const char *reason)
{
    char pid[SHIM_DECIMAL_MAX];
    reason = reason != NULL ? reason : "-";
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
    stub_log_line(parts, sizeof parts / sizeof *parts);
}

/* A missing journal is said once, not for each sight. */
static void send_to_journal(const char *entry, size_t length, const struct shim_report *report)
{
    static atomic_bool said;
    const struct shim_journal_calls real = {
        .sendmsg = (__typeof__(&sendmsg))stub_libc(SHIM_HOOK_sendmsg),
        .write = (__typeof__(&write))stub_libc(SHIM_HOOK_write),
    };
    bool sent = !stub_output_stopped() && real.sendmsg != NULL && real.write != NULL &&
                shim_journal_send(SHIM_JOURNAL_SOCKET, &real, entry, length);
    if (!sent) {
        stub_report_count_lost();
    }
    if (!sent && logged && !atomic_exchange(&said, true)) {
        log_line("error", "the journal cannot be written to", report->outcome, report->reason);
    }
}

static void tell_report(const struct shim_report *report)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const struct shim_report_origin origin = {
        .time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
        .pid = (int)getpid(),
        .program = stub_program(),
        .lost = stub_report_lost(),
    };
    struct shim_report_fields fields;
    shim_report_collect(&fields, report, &origin);
    char *text =
        mmap(NULL, SHIM_REPORT_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (text == MAP_FAILED) {
        return;
    }
    if (stub_report_to_journal()) {
        size_t length = shim_report_journal(&fields, text, SHIM_REPORT_MAX);
        send_to_journal(text, length, report);
    } else {
        (void)stub_report_line(text, shim_report_json(&fields, text, SHIM_REPORT_MAX));
    }
    (void)munmap(text, SHIM_REPORT_MAX);
}

/* Sets the report's reason for this sight. */
static void set_reason(struct shim_report *report, enum stub_sight what)
{
    const char *function;
    switch (what) {
    case STUB_SIGHT_HELLO:
        report->library = shim_tls_libraries[stub_handshake_seen()].name;
        report->reason = report->library != NULL                   ? "library"
                         : stub_detours_refused(&function) != NULL ? "detour_refused"
                                                                   : "unhooked_tls";
        break;
    case STUB_SIGHT_DATAGRAM:
        report->reason = "quic";
        break;
    case STUB_SIGHT_NAMES:
        report->reason = "plain_dns";
        break;
    case STUB_SIGHT_INNER:
        report->reason = "inner_hello";
        break;
    case STUB_SIGHT_NO_ENGINE:
        report->reason = "no_engine";
        break;
    case STUB_SIGHT_OWN_ECH:
        report->outcome = "own_ech";
        break;
    }
}

/* Why there are no detours in the program that makes this hello. */
static void log_refusal(enum stub_sight what, const char *reason)
{
    const char *function;
    const char *why = stub_detours_refused(&function);
    if (what == STUB_SIGHT_HELLO && why != NULL) {
        log_line("info", function != NULL ? function : "detours", why, reason);
    }
}

void stub_tell(const struct stub_attempt *attempt, bool refused, enum stub_sight what)
{
    int saved = errno;
    if (stub_locked()) {
        return; /* to report takes system calls */
    }
    struct shim_report report = {.port = attempt->port, .mode = attempt->mode, .source = "none"};
    report.outcome = refused ? "refused" : "plain";
    set_reason(&report, what);
    if (stub_report_wanted() || stub_report_to_journal()) {
        tell_report(&report);
    }
    if (sights_logged) {
        log_line("info", "on its way without the shim", report.outcome, report.reason);
        log_refusal(what, report.reason);
    }
    errno = saved;
}
