/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/state/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shim/common/journal.h"
#include "shim/common/report.h"
#include "shim/engine/state/state.h"

enum { LINE_SIZE = 1024 };

static struct iovec part_of(const char *text, size_t length)
{
    return (struct iovec){.iov_base = (void *)(size_t)text, .iov_len = length};
}

void shim_log(const struct shim_settings *settings, enum shim_log_level level, const char *format,
              ...)
{
    if (settings->log_level < level) {
        return;
    }
    static const char *const names[] = {"off", "error", "warn", "info", "debug"};
    int saved = errno;
    char line[LINE_SIZE];
    int head = snprintf(line, sizeof line, "libechshim[%d] %s: ", (int)getpid(), names[level]);
    va_list arguments;
    va_start(arguments, format);
    int body = vsnprintf(line + head, sizeof line - (size_t)head - 1, format, arguments);
    va_end(arguments);
    if (body >= 0) {
        size_t length = strlen(line);
        line[length] = '\n';
        const struct iovec whole = part_of(line, length + 1);
        shim_state()->stub->log_line(&whole, 1);
    }
    errno = saved;
}

void shim_log_setting_problem(const char *text)
{
    int saved = errno;
    char line[LINE_SIZE];
    int length = snprintf(line, sizeof line, "libechshim: %s\n", text);
    if (length > 0) {
        const struct iovec whole =
            part_of(line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
        (void)shim_state()->stub->complain(&whole, 1);
    }
    errno = saved;
}

/* ---- writing the report: clock, process, file, journal ---- */

/* Where the journal is missing or too slow, it is so for every handshake: the log says it once. */
static void send_to_journal(const struct shim_settings *settings, const char *entry, size_t length)
{
    static atomic_bool said;
    const struct shim_stub *stub = shim_state()->stub;
    const struct shim_journal_calls real = {.sendmsg = stub->sendmsg, .write = stub->write};
    if (!stub->output_stopped() && shim_journal_send(SHIM_JOURNAL_SOCKET, &real, entry, length)) {
        return;
    }
    stub->report_count_lost();
    if (!atomic_exchange(&said, true)) {
        shim_log(settings, SHIM_LOG_ERROR, "the journal cannot be written to: %s", strerror(errno));
    }
}

/* If several lines in a row cannot be written, the log says it once. */
static void append_line(const struct shim_settings *settings, const char *line, size_t length)
{
    static atomic_bool said;
    if (shim_state()->stub->report_line(line, length)) {
        atomic_store(&said, false);
    } else if (!atomic_exchange(&said, true)) {
        shim_log(settings, SHIM_LOG_ERROR, "the report cannot be written: %s", strerror(errno));
    }
}

void shim_report_append(const struct shim_settings *settings, const struct shim_report *report)
{
    if (settings->report == NULL && settings->report_fd < 0 && !settings->report_journal) {
        return;
    }
    int saved = errno;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct shim_report_origin origin = {
        .time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
        .pid = (int)getpid(),
        .program = shim_state()->stub->program(),
        .lost = shim_state()->stub->report_lost(),
    };
    struct shim_report_fields fields;
    shim_report_collect(&fields, report, &origin);
    char *text = malloc(SHIM_REPORT_MAX);
    size_t length = 0;
    if (text != NULL && settings->report_journal) {
        length = shim_report_journal(&fields, text, SHIM_REPORT_MAX);
        send_to_journal(settings, text, length);
    } else if (text != NULL) {
        length = shim_report_json(&fields, text, SHIM_REPORT_MAX);
        append_line(settings, text, length);
    }
    ech_wipe(text, length);
    free(text);
    errno = saved;
}
