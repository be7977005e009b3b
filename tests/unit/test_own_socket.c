/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's own sockets: as many as there are descriptors, and never one that the program has
 * taken over. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/engine/sockets/own_socket.h"

TestSuite(own_socket, .timeout = 60);

/* Like 10,000 handshakes that wait for their endpoints, or for answers of the DNS. */
Test(own_socket, thousands)
{
    enum { WANTED = 10000, SPARE = 200 };
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max < WANTED + SPARE ? limit.rlim_max : WANTED + SPARE;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    size_t count = (size_t)limit.rlim_cur - SPARE;
    int *sockets = calloc(count, sizeof *sockets);
    char octet;
    for (size_t i = 0; i < count; i++) {
        sockets[i] = shim_own_socket(AF_INET, SOCK_DGRAM, 0);
        cr_assert_geq(sockets[i], 0, "socket %zu", i);
    }
    /* The program closes one, and opens another socket under that number. */
    cr_assert_eq(close(sockets[count / 2]), 0);
    int other = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(dup2(other, sockets[count / 2]), sockets[count / 2]);
    for (size_t i = 0; i < count; i++) {
        errno = 0;
        cr_assert_eq(shim_own_recv(sockets[i], &octet, 1, 0), -1);
        cr_assert_eq(errno, i == count / 2 ? EBADF : EAGAIN, "socket %zu", i);
        cr_assert_eq(shim_own_close(sockets[i]), i == count / 2 ? -1 : 0);
        cr_assert_eq(fcntl(sockets[i], F_GETFD) >= 0, i == count / 2);
    }
    free(sockets);
}
