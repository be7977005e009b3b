/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

static bool send_message(int fd, const struct shim_journal_calls *real,
                         const struct msghdr *message)
{
    ssize_t sent;
    do {
        sent = real->sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/* -1 with errno. Sealed, because the journal refuses a file that may still change. */
static int sealed_copy(const struct shim_journal_calls *real, const char *entry, size_t length)
{
    int fd = memfd_create("libechshim-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t done = 0;
    while (fd >= 0 && done < length) {
        ssize_t written = real->write(fd, entry + done, length - done);
        if (written < 0 && errno != EINTR) {
            break;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    if (fd >= 0 && (done < length || fcntl(fd, F_ADD_SEALS, all) != 0)) {
        int failure = errno;
        (void)close(fd);
        errno = failure;
        return -1;
    }
    return fd;
}

static bool send_sealed(int fd, const struct shim_journal_calls *real, const struct msghdr *whole)
{
    union {
        struct cmsghdr head;
        char octets[CMSG_SPACE(sizeof(int))];
    } control = {0};
    const struct msghdr message = {.msg_name = whole->msg_name,
                                   .msg_namelen = whole->msg_namelen,
                                   .msg_control = &control,
                                   .msg_controllen = sizeof control.octets};
    int copy = sealed_copy(real, whole->msg_iov->iov_base, whole->msg_iov->iov_len);
    if (copy < 0) {
        return false;
    }
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof copy);
    memcpy(CMSG_DATA(&control.head), &copy, sizeof copy);
    bool sent = send_message(fd, real, &message);
    int failure = errno;
    (void)close(copy);
    errno = failure;
    return sent;
}

bool shim_journal_send(const char *path, const struct shim_journal_calls *real, const void *entry,
                       size_t length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct iovec part = {.iov_base = (void *)(size_t)entry, .iov_len = length};
    const struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    bool sent = send_message(fd, real, &message) ||
                ((errno == EMSGSIZE || errno == ENOBUFS) && send_sealed(fd, real, &message));
    int failure = errno;
    (void)close(fd);
    errno = failure;
    return sent;
}
