/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Other functions that write to a socket: asynchronously, from files, from pipes. If the guard has
 * nothing to do, each is one relaxed load and a call.
 */
#include <aio.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "shim/stub/hooks_write.h"
#include "shim/stub/locked.h"

/* ---- aio: the guard takes what is queued for sent ---- */

static bool aio_allowed(int fd, volatile void *octets, size_t length)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)octets, .iov_len = length};
    struct stub_attempt attempt = {.fd = fd, .parts = &part, .count = 1, .parts_known = 1};
    if (!stub_guard_allows(&attempt)) {
        return false;
    }
    stub_guard_sent(&attempt, (ssize_t)length);
    return true;
}

/* For struct aiocb and struct aiocb64, which have the same members. */
#define ALLOWED(block) aio_allowed((block)->aio_fildes, (block)->aio_buf, (block)->aio_nbytes)

SHIM_EXPORT int aio_write(struct aiocb *block)
{
    REAL_OR_FAIL(aio_write)
    return stub_guard_idle() || ALLOWED(block) ? real(block) : -1;
}

SHIM_EXPORT int aio_write64(struct aiocb64 *block)
{
    REAL_OR_FAIL(aio_write64)
    return stub_guard_idle() || ALLOWED(block) ? real(block) : -1;
}

/* If the guard refuses one write of the list, the whole call fails and sends nothing. */
#define ALL_ALLOWED(list, count)                                                                   \
    for (int i = 0; !stub_guard_idle() && i < (count); i++) {                                      \
        if ((list)[i] != NULL && (list)[i]->aio_lio_opcode == LIO_WRITE && !ALLOWED((list)[i])) {  \
            return -1;                                                                             \
        }                                                                                          \
    }

SHIM_EXPORT int lio_listio(int mode, struct aiocb *const list[], int count, struct sigevent *event)
{
    REAL_OR_FAIL(lio_listio)
    ALL_ALLOWED(list, count)
    return real(mode, list, count, event);
}

SHIM_EXPORT int lio_listio64(int mode, struct aiocb64 *const list[], int count,
                             struct sigevent *event)
{
    REAL_OR_FAIL(lio_listio64)
    ALL_ALLOWED(list, count)
    return real(mode, list, count, event);
}

/* ---- files and pipes ---- */

/* The guard looks at so many octets of a file or a pipe. */
enum { LOOKED_AT = 4096 };

/* Is there anything to look at? */
static bool is_stream(int fd)
{
    int type = 0;
    socklen_t length = sizeof type;
    int saved = errno;
    bool stream = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
    errno = saved;
    return stream;
}

/* Makes one call that sends from a file. `seen`: how many octets of the file could be read. */
#define GUARDED_FILE(call)                                                                         \
    char octets[LOOKED_AT];                                                                        \
    int saved = errno;                                                                             \
    off64_t at = position != NULL ? *position : lseek64(in, 0, SEEK_CUR);                          \
    ssize_t seen = pread64(in, octets, count < sizeof octets ? count : sizeof octets, at);         \
    errno = saved;                                                                                 \
    struct iovec part = {.iov_base = octets, .iov_len = seen > 0 ? (size_t)seen : 0};              \
    struct stub_attempt attempt = {.fd = out,                                                      \
                                   .parts = &part,                                                 \
                                   .count = 1,                                                     \
                                   .parts_known = 1,                                               \
                                   .partial = count > sizeof octets};                              \
    GUARDED(&attempt, call)

static ssize_t on_sendfile(__typeof__(&sendfile) real, int out, int in, off_t *position,
                           size_t count)
{
    MUST_BE_THERE(real);
    if (stub_guard_idle() || stub_locked() || !is_stream(out) ||
        (position != NULL && !stub_can_read(position, sizeof *position))) {
        return real(out, in, position, count);
    }
    GUARDED_FILE(real(out, in, position, count));
}

STUB_HOOK(ssize_t, sendfile, (int out, int in, off_t *position, size_t count), out, in, position,
          count)

static ssize_t on_sendfile64(__typeof__(&sendfile64) real, int out, int in, off64_t *position,
                             size_t count)
{
    MUST_BE_THERE(real);
    if (stub_guard_idle() || stub_locked() || !is_stream(out) ||
        (position != NULL && !stub_can_read(position, sizeof *position))) {
        return real(out, in, position, count);
    }
    GUARDED_FILE(real(out, in, position, count));
}

STUB_HOOK(ssize_t, sendfile64, (int out, int in, off64_t *position, size_t count), out, in,
          position, count)

/*
 * Copies what stands in a pipe into a second one (tee), and reads it there. The call then sends no
 * more than was read: splice may always be short. Returns how much that is, or what the call must
 * return: -1 with errno, or 0 at the end of the pipe. *seen: how many octets are in `octets`.
 */
static ssize_t look_into_pipe(int in, size_t count, unsigned flags, char octets[LOOKED_AT],
                              size_t *seen)
{
    int copy[2];
    if (pipe2(copy, O_CLOEXEC) != 0) {
        return -1;
    }
    ssize_t there = tee(in, copy[1], count, flags & SPLICE_F_NONBLOCK);
    int saved = errno;
    ssize_t got = there > 0 ? read(copy[0], octets, LOOKED_AT) : 0;
    *seen = got > 0 ? (size_t)got : 0;
    (void)close(copy[0]);
    (void)close(copy[1]);
    errno = saved;
    return there;
}

static ssize_t on_splice(__typeof__(&splice) real, int in, off64_t *in_position, int out,
                         off64_t *out_position, size_t count, unsigned flags)
{
    MUST_BE_THERE(real);
    char octets[LOOKED_AT];
    size_t seen = 0;
    /* With a position the call is no splice from a pipe to a socket: neither has positions. */
    if (stub_guard_idle() || stub_locked() || in_position != NULL || out_position != NULL ||
        count == 0 || !is_stream(out)) {
        return real(in, in_position, out, out_position, count, flags);
    }
    ssize_t there = look_into_pipe(in, count, flags, octets, &seen);
    if (there <= 0) {
        return there;
    }
    struct iovec part = {.iov_base = octets, .iov_len = seen};
    struct stub_attempt attempt = {
        .fd = out, .parts = &part, .count = 1, .parts_known = 1, .partial = (size_t)there > seen};
    GUARDED(&attempt, real(in, NULL, out, NULL, (size_t)there, flags));
}

STUB_HOOK(ssize_t, splice,
          (int in, off64_t *in_position, int out, off64_t *out_position, size_t count,
           unsigned flags),
          in, in_position, out, out_position, count, flags)
