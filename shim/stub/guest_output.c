/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/guest_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Programs expect low numbers: they close a descriptor, open another, and rely on its number. */
enum { HIGH = 32 };

static struct shim_output_identity identity_of(const struct stat *status)
{
    return (struct shim_output_identity){
        .device = status->st_dev, .inode = status->st_ino, .type = status->st_mode & S_IFMT};
}

void shim_output_to_descriptor(struct shim_output *output, int fd)
{
    struct stat status;
    output->fd = fd;
    output->known = fd >= 0 && fstat(fd, &status) == 0;
    if (output->known) {
        output->identity = identity_of(&status);
    }
}

/* ---- signals while we write ---- */

/*
 * A write may raise SIGPIPE or SIGXFSZ, which would kill the program. All signals are blocked
 * meanwhile. So no handler can jump away from a descriptor that is open, either.
 */
struct quiet {
    sigset_t before;
    int cancel;
};

static void be_quiet(struct quiet *quiet)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &quiet->cancel);
    (void)pthread_sigmask(SIG_SETMASK, &all, &quiet->before);
}

/* Was the signal pending before the write? Only a signal that the program blocks can be. */
static bool was_pending(const struct quiet *quiet, int signal)
{
    sigset_t pending;
    (void)sigemptyset(&pending);
    return sigismember(&quiet->before, signal) == 1 && sigpending(&pending) == 0 &&
           sigismember(&pending, signal) == 1;
}

/* Takes back the signal that our own write raised. */
static void swallow(int signal)
{
    static const struct timespec at_once;
    sigset_t raised;
    (void)sigemptyset(&raised);
    (void)sigaddset(&raised, signal);
    (void)sigtimedwait(&raised, NULL, &at_once);
}

static void end_quiet(const struct quiet *quiet)
{
    int ignored;
    (void)pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
    (void)pthread_setcancelstate(quiet->cancel, &ignored);
}

static ssize_t write_quietly(const struct quiet *quiet, const struct shim_output_calls *real,
                             int fd, const struct iovec *parts, int count)
{
    /* Ask now: after the write a pending signal may be the program's or ours. */
    bool pipe_pending = was_pending(quiet, SIGPIPE);
    bool size_pending = was_pending(quiet, SIGXFSZ);
    ssize_t written = real->writev(fd, parts, count);
    int failure = errno;
    if (written < 0 && failure == EPIPE && !pipe_pending) {
        swallow(SIGPIPE);
    } else if (written < 0 && failure == EFBIG && !size_pending) {
        swallow(SIGXFSZ);
    }
    errno = failure;
    return written;
}

/* ---- writing one line ---- */

/* One line on its way. */
struct line {
    const struct shim_output_calls *real;
    const struct quiet *quiet;
    const struct iovec *parts;
    int count;
    size_t length; /* octets */
};

static ssize_t put(const struct line *line, int fd)
{
    return write_quietly(line->quiet, line->real, fd, line->parts, line->count);
}

static ssize_t put_on_socket(const struct line *line, int fd)
{
    const struct msghdr message = {.msg_iov = (struct iovec *)(size_t)line->parts,
                                   .msg_iovlen = (size_t)line->count};
    return line->real->sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* "/proc/self/fd/N"; async-signal-safe. */
static void name_descriptor(char *out, int fd)
{
    static const char folder[] = "/proc/self/fd/";
    char digits[sizeof "2147483647"];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + fd % 10);
        fd /= 10;
    } while (fd > 0);
    memcpy(out, folder, sizeof folder - 1);
    out += sizeof folder - 1;
    while (count > 0) {
        *out++ = digits[--count];
    }
    *out = '\0';
}

/*
 * Writes to a pipe or a terminal without waiting for its reader. O_NONBLOCK belongs to the open
 * file, which others share, so this opens it anew. If that is impossible (no /proc, another user's
 * pipe), it asks poll for room. Another writer may take that room before our write.
 */
static ssize_t put_without_waiting(const struct line *line, int fd)
{
    char path[32];
    name_descriptor(path, fd);
    int again = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (again >= 0) {
        ssize_t written = put(line, again);
        int failure = errno;
        (void)close(again);
        errno = failure;
        return written;
    }
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    if (poll(&room, 1, 0) == 1 && (room.revents & (POLLOUT | POLLERR)) != 0) {
        return put(line, fd);
    }
    errno = EAGAIN;
    return -1;
}

static ssize_t put_by_type(const struct line *line, int fd, mode_t type)
{
    if (type == S_IFSOCK) {
        return put_on_socket(line, fd);
    }
    if (type == S_IFIFO && line->length > PIPE_BUF) {
        errno = EMSGSIZE;
        return -1;
    }
    return type == S_IFIFO || type == S_IFCHR ? put_without_waiting(line, fd) : put(line, fd);
}

/* Writes on a duplicate. The program cannot replace that between our check of the file and the
 * write. */
static ssize_t put_on_descriptor(const struct shim_output *output, const struct line *line)
{
    struct stat now;
    int fd = output->known ? fcntl(output->fd, F_DUPFD_CLOEXEC, HIGH) : -1;
    if (fd < 0 && output->known && errno == EINVAL) {
        fd = fcntl(output->fd, F_DUPFD_CLOEXEC, 0); /* the limit is lower */
    }
    if (fd < 0) {
        errno = output->known ? errno : EBADF;
        return -1;
    }
    ssize_t written = -1;
    int failure = EBADF;
    if (fstat(fd, &now) == 0) {
        struct shim_output_identity identity = identity_of(&now);
        if (identity.device == output->identity.device &&
            identity.inode == output->identity.inode && identity.type == output->identity.type) {
            written = put_by_type(line, fd, identity.type);
            failure = errno;
        }
    }
    (void)close(fd);
    errno = failure;
    return written;
}

/* The disk is full, or a limit is reached: removes the begun line again, unless more has been
 * written after it. */
static bool take_back(int fd, size_t written)
{
    struct stat now;
    off_t end = lseek(fd, 0, SEEK_CUR);
    return end >= (off_t)written && fstat(fd, &now) == 0 && S_ISREG(now.st_mode) &&
           now.st_size == end && ftruncate(fd, end - (off_t)written) == 0;
}

static ssize_t put_in_file(const char *path, const struct line *line)
{
    int fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
             S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return -1;
    }
    ssize_t written = put(line, fd);
    int failure = errno;
    if (written > 0 && (size_t)written < line->length && take_back(fd, (size_t)written)) {
        written = -1;
        failure = ENOSPC;
    }
    (void)close(fd);
    errno = failure;
    return written;
}

bool shim_output_line(struct shim_output *output, const struct shim_output_calls *real,
                      const struct iovec *parts, int count)
{
    static const char newline = '\n';
    struct iovec whole[SHIM_OUTPUT_PARTS + 1];
    struct line line = {.real = real, .parts = whole};
    struct quiet quiet;
    if ((output->path == NULL && output->fd < 0) || count > SHIM_OUTPUT_PARTS) {
        errno = EBADF;
        return false;
    }
    if (atomic_load_explicit(&output->cut, memory_order_relaxed)) {
        whole[line.count++] = (struct iovec){.iov_base = (void *)(size_t)&newline, .iov_len = 1};
    }
    memcpy(whole + line.count, parts, (size_t)count * sizeof *parts);
    line.count += count;
    for (int i = 0; i < line.count; i++) {
        line.length += whole[i].iov_len;
    }
    line.quiet = &quiet;
    be_quiet(&quiet);
    ssize_t written =
        output->path != NULL ? put_in_file(output->path, &line) : put_on_descriptor(output, &line);
    int failure = written >= 0 ? ENOSPC : errno;
    end_quiet(&quiet);
    bool done = written == (ssize_t)line.length;
    if (written >= 0) {
        atomic_store_explicit(&output->cut, !done, memory_order_relaxed);
    }
    if (!done) {
        (void)atomic_fetch_add_explicit(&output->lost, 1, memory_order_relaxed);
        errno = failure;
    }
    return done;
}
