/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the guard does not ask about octets that the engine carries, and what it asks all the same.
 * The stand-ins for the rest of the stub are in test_guard.c. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "shim/common/frame.h"
#include "shim/common/socket_identity.h"
#include "shim/stub/connections.h"
#include "shim/stub/guard.h"

/* No socket has this identity, so an attempt that has it did not ask. */
enum { TOLD = 0x7eadbeef, RANDOM_AT = 11 };

static const uint8_t client_hello[] = {22, 3, 1, 0, 43, 1, 0, 0, 39, 3, 3,  9, 9, 7, 7, 7,
                                       7,  7, 7, 7, 7,  7, 7, 7, 7,  7, 7,  7, 7, 7, 7, 7,
                                       7,  7, 7, 7, 7,  7, 7, 0, 0,  2, 19, 1, 1, 0};

struct carried_pair {
    int client;
    int server;
};

static struct carried_pair open_pair(void)
{
    int pair[2];
    uint64_t identity;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(443)};
    address.sin_addr.s_addr = htonl(0xc0000201);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    cr_assert(stub_connection_begins(pair[0], &identity));
    stub_connection_begun(pair[0], identity, (const struct sockaddr *)&address, sizeof address);
    atomic_fetch_or(&stub_guard_work, STUB_GUARD_STRICT);
    return (struct carried_pair){pair[0], pair[1]};
}

static void close_pair(struct carried_pair pair)
{
    close(pair.client);
    close(pair.server);
}

static struct stub_attempt attempt_of(int fd, struct iovec *part)
{
    return (struct stub_attempt){.fd = fd, .parts = part, .count = 1, .parts_known = 1};
}

/* Is this hello allowed, if the engine says that it gives these octets to this descriptor? */
static bool leaves(int fd, const uint8_t *octets, const struct shim_carried *carried,
                   uint64_t *socket)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)octets, .iov_len = sizeof client_hello};
    struct stub_attempt attempt = attempt_of(fd, &part);
    stub_carry(carried);
    bool allowed = stub_guard_allows(&attempt);
    stub_carry(NULL);
    *socket = attempt.socket;
    return allowed;
}

static struct shim_carried hello_to(int fd)
{
    return (struct shim_carried){.octets = client_hello,
                                 .length = sizeof client_hello,
                                 .frame = SHIM_FRAME_HERE,
                                 .fd = fd,
                                 .socket = TOLD};
}

Test(guard_carried, the_identity_of_an_announced_hello_is_believed)
{
    struct carried_pair pair = open_pair();
    struct shim_carried carried = hello_to(pair.client);
    uint64_t socket;
    carried.frame = SHIM_FRAME_HERE;
    cr_assert(stub_announce(client_hello + RANDOM_AT, SHIM_WATCH_NOT));
    cr_assert(leaves(pair.client, client_hello, &carried, &socket));
    cr_assert_eq(socket, TOLD);
    stub_withdraw(client_hello + RANDOM_AT);
    close_pair(pair);
}

/* Whatever the engine says, these are judged by the socket that is there. */
Test(guard_carried, all_else_is_asked)
{
    struct carried_pair pair = open_pair();
    struct shim_carried carried = hello_to(pair.client);
    uint64_t socket;
    carried.frame = SHIM_FRAME_HERE;
    cr_assert_not(leaves(pair.client, client_hello, &carried, &socket), "it is not announced");
    cr_assert_neq(socket, TOLD);
    cr_assert(stub_keep_in(client_hello + RANDOM_AT));
    cr_assert_not(leaves(pair.client, client_hello, &carried, &socket), "it is an inner hello");
    cr_assert_neq(socket, TOLD);
    stub_withdraw(client_hello + RANDOM_AT);
    cr_assert(stub_announce(client_hello + RANDOM_AT, SHIM_WATCH_LEAVES));
    cr_assert_not(leaves(pair.client, client_hello, &carried, &socket), "nobody can move it");
    cr_assert_neq(socket, TOLD);
    stub_withdraw(client_hello + RANDOM_AT);
    cr_assert(stub_announce(client_hello + RANDOM_AT, SHIM_WATCH_NOT));
    carried.fd = pair.server;
    cr_assert(leaves(pair.client, client_hello, &carried, &socket));
    cr_assert_eq(socket, shim_socket_identity(pair.client), "another descriptor");
    carried.fd = pair.client;
    carried.length--;
    cr_assert(leaves(pair.client, client_hello, &carried, &socket));
    cr_assert_eq(socket, shim_socket_identity(pair.client), "octets behind what is carried");
    carried.length++;
    carried.octets = client_hello + 1;
    cr_assert(leaves(pair.client, client_hello, &carried, &socket));
    cr_assert_eq(socket, shim_socket_identity(pair.client), "octets before what is carried");
    stub_withdraw(client_hello + RANDOM_AT);
    close_pair(pair);
}

/* A jump has left the call that carried them. */
Test(guard_carried, a_call_that_has_ended)
{
    struct carried_pair pair = open_pair();
    char deeper[64];
    struct shim_carried carried = hello_to(pair.client);
    uint64_t socket;
    carried.frame = (uintptr_t)deeper - 4096;
    cr_assert(stub_announce(client_hello + RANDOM_AT, SHIM_WATCH_NOT));
    cr_assert(leaves(pair.client, client_hello, &carried, &socket));
    cr_assert_eq(socket, shim_socket_identity(pair.client));
    stub_withdraw(client_hello + RANDOM_AT);
    close_pair(pair);
}

/* Another hello is under way on some socket: it may be this one. */
Test(guard_carried, a_hello_that_is_cut)
{
    struct carried_pair pair = open_pair();
    struct carried_pair other = open_pair();
    struct shim_carried carried = hello_to(pair.client);
    uint64_t socket;
    carried.frame = SHIM_FRAME_HERE;
    cr_assert(stub_progress_open(shim_socket_identity(other.client)));
    cr_assert(stub_announce(client_hello + RANDOM_AT, SHIM_WATCH_NOT));
    cr_assert(leaves(pair.client, client_hello, &carried, &socket));
    cr_assert_eq(socket, shim_socket_identity(pair.client));
    stub_progress_close(shim_socket_identity(other.client));
    stub_withdraw(client_hello + RANDOM_AT);
    close_pair(pair);
    close_pair(other);
}

/* Whether other octets can be read, the kernel is asked: it answers a bad pointer with EFAULT. */
Test(guard_carried, other_octets_are_not_known_to_be_readable)
{
    static const uint8_t other[8];
    struct shim_carried carried = hello_to(0);
    struct iovec part = {.iov_base = (void *)(uintptr_t)client_hello, .iov_len = 1};
    struct stub_attempt attempt = attempt_of(0, &part);
    carried.frame = SHIM_FRAME_HERE;
    stub_carry(&carried);
    stub_carried_recall(&attempt);
    cr_assert(attempt.readable);
    part.iov_base = (void *)(uintptr_t)other;
    attempt = attempt_of(0, &part);
    stub_carried_recall(&attempt);
    cr_assert_not(attempt.readable);
    stub_carry(NULL);
    part.iov_base = (void *)(uintptr_t)client_hello;
    stub_carried_recall(&attempt);
    cr_assert_not(attempt.readable, "the write has ended");
}

/* ---- what kind of socket ---- */

static int type_of(int fd)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)client_hello, .iov_len = 1};
    struct stub_attempt attempt = attempt_of(fd, &part);
    return stub_attempt_type(&attempt);
}

/* `connect` does not ask the kind of socket, so the first write does. */
Test(guard_carried, a_datagram_socket_is_no_stream)
{
    uint64_t identity;
    struct carried_pair stream = open_pair();
    int datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert(stub_connection_begins(datagram, &identity));
    cr_assert_eq(stub_mark_of(datagram), STUB_MARK_CONNECTED);
    cr_assert_eq(type_of(datagram), SOCK_DGRAM);
    cr_assert_eq(type_of(datagram), SOCK_DGRAM);
    struct shim_way way;
    cr_assert(stub_way_of(datagram, NULL, &way));
    cr_assert_eq(stub_mark_of(datagram), STUB_MARK_CONNECTED, "only a stream counts octets");
    cr_assert_eq(type_of(stream.client), SOCK_STREAM);
    cr_assert_eq(stub_mark_of(stream.client), STUB_MARK_READ);
    /* Behind our back. */
    cr_assert_eq(dup2(datagram, stream.client), stream.client);
    cr_assert_eq(type_of(stream.client), SOCK_DGRAM);
    close(datagram);
    close_pair(stream);
}

/* A TCP connection counts octets, so the question of a handshake tells that it is a stream. */
Test(guard_carried, a_handshake_tells_the_kind)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    struct shim_way way;
    uint64_t identity;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    cr_assert(stub_connection_begins(fd, &identity));
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    address.sin_port = htons(443);
    stub_connection_begun(fd, identity, (struct sockaddr *)&address, sizeof address);
    cr_assert(stub_way_of(fd, NULL, &way));
    cr_assert(way.watched);
    cr_assert_eq(way.carried, SHIM_CARRIED_NOTHING);
    cr_assert_eq(stub_mark_of(fd), STUB_MARK_READ);
    cr_assert_eq(type_of(fd), SOCK_STREAM);
    close(fd);
    close(listener);
}
