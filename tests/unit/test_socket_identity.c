/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/common/socket_identity.h"
#include "shim/stub/connections.h"

static void duplicates_and_others(void)
{
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    int copy = dup(pair[0]);
    uint64_t one = shim_socket_identity(pair[0]);
    cr_expect(one != 0 && one != SHIM_SOCKET_UNKNOWN);
    cr_expect_eq(shim_socket_identity(copy), one);
    cr_expect_neq(shim_socket_identity(pair[1]), one);
    close(copy);
    close(pair[0]);
    cr_expect_eq(shim_socket_identity(copy), SHIM_SOCKET_UNKNOWN);
    close(pair[1]);
}

Test(socket_identity, of_duplicates_and_of_others)
{
    duplicates_and_others();
}

/* Cookies and numbers of inodes both count from small numbers. So the number of a file's inode may
 * be the cookie of a socket that is closed. */
static void files_and_pipes(void)
{
    int fds[2];
    struct stat status;
    char name[] = "/tmp/echshim-test.XXXXXX";
    int file = mkstemp(name);
    cr_assert(file >= 0);
    cr_assert(unlink(name) == 0 && fstat(file, &status) == 0);
    cr_assert_eq(pipe(fds), 0);
    cr_expect_neq(shim_socket_identity(file), (uint64_t)status.st_ino);
    cr_expect_eq(shim_socket_identity(file), shim_socket_identity(file));
    cr_assert_eq(fstat(fds[0], &status), 0);
    cr_expect_neq(shim_socket_identity(fds[0]), (uint64_t)status.st_ino);
    close(file);
    close(fds[0]);
    close(fds[1]);
}

Test(socket_identity, a_file_is_never_taken_for_a_socket)
{
    files_and_pipes();
}

#ifdef SYS_socketcall
enum { NO_FILTER = true }; /* it cannot see what the C library asks for by socketcall */
#else
enum { NO_FILTER = false };
#endif

/* As with a kernel that has no cookies. Under qemu-user there are neither cookies nor filters. */
static void without_cookies(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SO_COOKIE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    uint64_t cookie;
    socklen_t length = sizeof cookie;
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    cr_assert_neq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), 0);
    close(fd);
}

Test(socket_identity, of_duplicates_and_of_others_without_cookies, .init = without_cookies,
     .disabled = NO_FILTER)
{
    duplicates_and_others();
}

Test(socket_identity, a_file_is_never_taken_for_a_socket_without_cookies, .init = without_cookies,
     .disabled = NO_FILTER)
{
    files_and_pipes();
}

/* The descriptor that the connection was made with is closed; a duplicate holds it. */
Test(socket_identity, a_duplicate_is_found_without_cookies, .init = without_cookies,
     .disabled = NO_FILTER)
{
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    const struct shim_proxy_target target = {.host = 77, .port = 443, .port_known = true};
    struct stub_connection *connection =
        stub_connection_open(shim_socket_identity(pair[0]), pair[0]);
    cr_assert_not_null(connection);
    stub_connection_note_target(connection, &target, true);
    int copy = dup(pair[0]);
    close(pair[0]);
    cr_assert_eq(stub_connection_to(77), connection);
    cr_expect_eq(atomic_load(&connection->fd), copy);
    close(copy);
    cr_expect_null(stub_connection_to(77));
    close(pair[1]);
}
