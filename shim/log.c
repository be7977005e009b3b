/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim/engine.h"
#include "shim/journal.h"
#include "shim/report.h"

enum { LINE_SIZE = 1024 };

bool shim_append_file(const char *path, const void *octets, size_t length)
{
    int fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
             S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return false;
    }
    ssize_t written = shim_engine_state()->stub->write(fd, octets, length);
    int failure = written == (ssize_t)length ? 0 : (written < 0 ? errno : EIO);
    (void)close(fd);
    errno = failure;
    return failure == 0;
}

/* To a descriptor that is not ours: its reader may have gone, which must not be the host's death.
 */
static bool write_quietly(int fd, const void *octets, size_t length)
{
    static const struct timespec at_once;
    sigset_t broken_pipe;
    sigset_t before;
    sigset_t pending;
    (void)sigemptyset(&broken_pipe);
    (void)sigaddset(&broken_pipe, SIGPIPE);
    (void)sigemptyset(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
    (void)sigpending(&pending);
    ssize_t written = shim_engine_state()->stub->write(fd, octets, length);
    int failure = errno;
    if (written < 0 && failure == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
        (void)sigtimedwait(&broken_pipe, NULL, &at_once);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failure;
    return written == (ssize_t)length;
}

static void say(const char *file, const char *line, size_t length)
{
    if (file != NULL) {
        (void)shim_append_file(file, line, length);
    } else {
        (void)write_quietly(STDERR_FILENO, line, length);
    }
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
        say(settings->log_file, line, length + 1);
    }
    errno = saved;
}

void shim_log_setting_problem(const char *text)
{
    int saved = errno;
    char line[LINE_SIZE];
    int length = snprintf(line, sizeof line, "libechshim: %s\n", text);
    if (length > 0) {
        say(NULL, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
    }
    errno = saved;
}

/* ---- the report's edge: clock, process, file, journal ---- */

enum { PROGRAM_SIZE = 1024 };

/* What fd:N was when the settings were read. */
static struct stat report_file;
static bool report_file_known;

void shim_report_start(const struct shim_settings *settings)
{
    report_file_known = settings->report_fd >= 0 && fstat(settings->report_fd, &report_file) == 0;
}

/* A host that closed the descriptor may have a file or a connection of its own there, and the line
 * holds a name. */
static bool append_to_descriptor(int fd, struct bytes line)
{
    struct stat now;
    if (!report_file_known || fstat(fd, &now) != 0 || now.st_dev != report_file.st_dev ||
        now.st_ino != report_file.st_ino) {
        errno = EBADF;
        return false;
    }
    return write_quietly(fd, line.data, line.len);
}

/* A journal that is not there, or behind, is so for every handshake: said once. */
static void send_to_journal(const struct shim_settings *settings, const char *entry, size_t length)
{
    static atomic_bool said;
    const struct shim_stub *stub = shim_engine_state()->stub;
    const struct shim_journal_calls real = {.sendmsg = stub->sendmsg, .write = stub->write};
    if (!shim_journal_send(SHIM_JOURNAL_SOCKET, &real, entry, length) &&
        !atomic_exchange(&said, true)) {
        shim_log(settings, SHIM_LOG_ERROR, "the journal cannot be told: %s", strerror(errno));
    }
}

static void append_line(const struct shim_settings *settings, const char *line, size_t length)
{
    bool written = settings->report != NULL
                       ? shim_append_file(settings->report, line, length)
                       : append_to_descriptor(settings->report_fd, bytes_of(line, length));
    if (!written) {
        shim_log(settings, SHIM_LOG_ERROR, "the report cannot be written: %s", strerror(errno));
    }
}

void shim_report_append(const struct shim_settings *settings, const struct shim_report *report)
{
    if (settings->report == NULL && settings->report_fd < 0 && !settings->report_journal) {
        return;
    }
    int saved = errno;
    char program[PROGRAM_SIZE];
    ssize_t path = readlink("/proc/self/exe", program, sizeof program - 1);
    program[path > 0 ? path : 0] = '\0';
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct shim_report_origin origin = {
        .time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
        .pid = (int)getpid(),
        .program = path > 0 ? program : NULL,
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
