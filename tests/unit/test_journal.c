/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sending to the journal; a socket of the test stands in for it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/common/journal.h"

enum { LARGE = 1 << 20 }; /* more than net.core.wmem_max allows a datagram here */

static const struct shim_journal_calls calls = {.sendmsg = sendmsg, .write = write};
static char folder[] = "/tmp/echshim-test.XXXXXX";
static char path[64];
static int journal = -1;

static void start_journal(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    memcpy(address.sun_path, path, strlen(path) + 1);
    journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(journal, (struct sockaddr *)&address, sizeof address), 0);
}

static void end_journal(void)
{
    (void)close(journal);
    (void)unlink(path);
    (void)rmdir(folder);
}

TestSuite(journal, .init = start_journal, .fini = end_journal, .timeout = 30);

static int next_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)close(fd);
    return fd;
}

Test(journal, an_entry_is_a_datagram)
{
    char got[64];
    int free_before = next_descriptor();
    errno = 99;
    cr_assert(shim_journal_send(path, &calls, "MESSAGE=a\n", 10));
    cr_assert_eq(recv(journal, got, sizeof got, 0), 10);
    cr_assert_eq(memcmp(got, "MESSAGE=a\n", 10), 0);
    cr_assert_eq(next_descriptor(), free_before, "a descriptor is left");
}

/* A receiver gets only the descriptor of a sealed file, so nothing can change under it. */
Test(journal, what_is_too_large_goes_as_a_sealed_file)
{
    char *entry = malloc(LARGE);
    char *got = malloc(LARGE);
    int free_before = next_descriptor();
    for (size_t i = 0; i < LARGE; i++) {
        entry[i] = (char)(i * 7 + (i >> 12));
    }
    cr_assert(shim_journal_send(path, &calls, entry, LARGE));
    cr_assert_eq(next_descriptor(), free_before, "a descriptor is left");

    char octet;
    union {
        struct cmsghdr head;
        char octets[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = &octet, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.octets};
    cr_assert_eq(recvmsg(journal, &message, MSG_CMSG_CLOEXEC), 0);
    cr_assert(message.msg_controllen >= CMSG_LEN(sizeof(int)) &&
              control.head.cmsg_type == SCM_RIGHTS);
    int file;
    memcpy(&file, CMSG_DATA(&control.head), sizeof file);
    struct stat status;
    cr_assert_eq(fstat(file, &status), 0);
    cr_assert_eq(status.st_size, LARGE);
    cr_assert_eq(fcntl(file, F_GET_SEALS),
                 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    cr_assert_eq(pread(file, got, LARGE, 0), LARGE);
    cr_assert_eq(memcmp(got, entry, LARGE), 0);
    (void)close(file);
    free(entry);
    free(got);
}

static void expect_failure(const char *to, int failure)
{
    int free_before = next_descriptor();
    errno = 0;
    cr_assert_not(shim_journal_send(to, &calls, "MESSAGE=a\n", 10));
    cr_assert_eq(errno, failure, "%s", strerror(errno));
    cr_assert_eq(next_descriptor(), free_before, "a descriptor is left");
}

Test(journal, nobody_there)
{
    char long_path[200];
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    expect_failure(long_path, ENAMETOOLONG);
    expect_failure("/nowhere/socket", ENOENT);
    (void)close(journal);
    journal = -1;
    expect_failure(path, ECONNREFUSED);
}

/* If the reader is slow, an entry is lost, but the program does not wait. The timeout is the
 * test's. */
Test(journal, a_full_queue_is_not_waited_for)
{
    unsigned taken = 0;
    while (shim_journal_send(path, &calls, "MESSAGE=a\n", 10)) {
        taken++;
    }
    cr_assert_eq(errno, EAGAIN, "%s", strerror(errno));
    cr_assert_gt(taken, 0);
    expect_failure(path, EAGAIN);
    char got[64];
    for (unsigned i = 0; i < taken; i++) {
        cr_assert_eq(recv(journal, got, sizeof got, 0), 10);
    }
    cr_assert(shim_journal_send(path, &calls, "MESSAGE=a\n", 10));
}

static ssize_t no_room(int fd, const void *data, size_t length)
{
    (void)fd, (void)data, (void)length;
    errno = ENOSPC;
    return -1;
}

Test(journal, a_file_that_cannot_be_made)
{
    static const struct shim_journal_calls full = {.sendmsg = sendmsg, .write = no_room};
    static char entry[LARGE];
    int free_before = next_descriptor();
    cr_assert_not(shim_journal_send(path, &full, entry, sizeof entry));
    cr_assert_eq(errno, ENOSPC);
    cr_assert_eq(next_descriptor(), free_before, "a descriptor is left");
}
