/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the stub remembers of connections and their destinations. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shim/common/socket_identity.h"
#include "shim/stub/connections.h"
#include "shim/stub/guard.h"
#include "shim/stub/locked.h"

/* A pair of connected TCP sockets. */
struct pair {
    int client;
    int server;
    struct sockaddr_in address;
};

static struct pair connected(void)
{
    struct pair pair = {.address = {.sin_family = AF_INET}};
    socklen_t length = sizeof pair.address;
    struct sockaddr *address = (struct sockaddr *)&pair.address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pair.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pair.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(listener, address, length), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, address, &length), 0);
    cr_assert_eq(connect(pair.client, address, length), 0);
    pair.server = accept(listener, NULL, NULL);
    close(listener);
    return pair;
}

static void close_pair(const struct pair *pair)
{
    close(pair->client);
    close(pair->server);
}

/* Writes text, as the guard sees a write. */
static void write_text(int fd, const char *text)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct stub_attempt attempt = {.fd = fd, .parts = &part, .count = 1};
    stub_tunnel_read(&attempt, STUB_GUARD_TUNNEL);
    stub_tunnel_sent(&attempt, (ssize_t)strlen(text));
}

static struct shim_way way_of(int fd, const char *host)
{
    struct shim_way way = {.fd = -1};
    (void)stub_way_of(fd, host, &way);
    return way;
}

Test(connections, svcb_36_tunnels_by_socket_and_by_host)
{
    struct pair one = connected();
    struct pair two = connected();
    struct shim_way way;
    cr_assert_not(stub_way_of(-1, "a.example", &way));
    write_text(one.client, "CONNECT a.Example:8443 HTTP/1.1\r\nHost: b.example:1\r\n\r\n");
    write_text(two.client, "CONNECT [2001:db8::1]:444 HTTP/1.1\r\n\r\n");
    way = way_of(one.client, "whatever");
    cr_assert(way.tunnel && way.port == 8443);
    way = way_of(two.client, "whatever");
    cr_assert(way.tunnel && way.port == 444);
    way = way_of(-1, "A.example.");
    cr_assert(way.tunnel && way.port == 8443 && way.fd == one.client);
    cr_assert_not(stub_way_of(-1, "b.example", &way));
    /* The newest connection counts; a closed one does not. */
    write_text(two.client, "CONNECT a.example:445 HTTP/1.1\r\n\r\n");
    cr_assert_eq(way_of(-1, "a.example").port, 445);
    close(two.client);
    cr_assert_eq(way_of(-1, "a.example").port, 8443);
    /* It still counts after a dup, under its new descriptor. */
    int other = dup(one.client);
    close(one.client);
    cr_assert_eq(way_of(-1, "a.example").fd, other);
    close(other);
    cr_assert_not(stub_way_of(-1, "a.example", &way));
    close(one.server);
    close(two.server);
}

/* The reader advances by the octets sent, not by those that were to be sent. */
Test(connections, a_write_that_is_cut)
{
    static const char request[] = "CONNECT a.example:443 HTTP/1.1\r\n\r\n";
    struct pair pair = connected();
    for (size_t turn = 0; turn / 2 < sizeof request - 1; turn++) {
        struct iovec part = {.iov_base = (void *)(uintptr_t)(request + turn / 2),
                             .iov_len = sizeof request - 1 - turn / 2};
        struct stub_attempt attempt = {.fd = pair.client, .parts = &part, .count = 1};
        stub_tunnel_read(&attempt, STUB_GUARD_TUNNEL);
        cr_assert(attempt.for_proxy);
        stub_tunnel_sent(&attempt, turn % 2 == 0 ? -1 : 1);
    }
    struct stub_connection *connection =
        stub_connection_find(shim_socket_identity(pair.client), pair.client);
    cr_assert_eq(stub_connection_reader(connection).phase, 0, "a whole request has been read");
    write_text(pair.client, "GET / HTTP/1.1\r\n");
    cr_assert_eq(stub_mark_of(pair.client), STUB_MARK_OVER);
    cr_assert_eq(way_of(pair.client, NULL).port, 443);
    close_pair(&pair);
}

Test(connections, what_connect_was_asked_for)
{
    struct pair pair = connected();
    struct sockaddr_in asked = pair.address;
    uint64_t identity;
    cr_assert(stub_connection_begins(pair.client, &identity));
    stub_connection_begun(pair.client, identity, (struct sockaddr *)&asked, sizeof asked);
    struct shim_way way = way_of(pair.client, NULL);
    cr_assert(!way.tunnel && way.port == ntohs(asked.sin_port));
    asked.sin_port = htons(443);
    stub_connection_begun(pair.client, identity, (struct sockaddr *)&asked, sizeof asked);
    way = way_of(pair.client, NULL);
    cr_assert(way.tunnel && way.port == 443, "it leads elsewhere");
    asked = pair.address;
    asked.sin_addr.s_addr = htonl(0xe0000001);
    stub_connection_begun(pair.client, identity, (struct sockaddr *)&asked, sizeof asked);
    cr_assert(way_of(pair.client, NULL).tunnel, "the address is another");
    asked.sin_addr.s_addr = htonl(INADDR_ANY);
    stub_connection_begun(pair.client, identity, (struct sockaddr *)&asked, sizeof asked);
    cr_assert_not(way_of(pair.client, NULL).tunnel, "an address that stands for this host");
    close_pair(&pair);
}

/* A reused descriptor number is another connection. */
Test(connections, a_descriptor_that_comes_again)
{
    struct pair one = connected();
    write_text(one.client, "CONNECT a.example:443 HTTP/1.1\r\n\r\n");
    struct pair two = connected();
    cr_assert_eq(dup2(two.client, one.client), one.client);
    cr_assert_not(way_of(one.client, NULL).tunnel);
    close_pair(&one);
    close_pair(&two);
}

/* More connections than the first segment holds, all of them known. Thousands in sequence take no
 * more memory than the open ones need. */
Test(connections, many)
{
    enum { OPEN = 3000, CLOSED = 20000 };
    static int fds[OPEN];
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < OPEN + 100) {
        cr_skip_test("so many descriptors are not allowed here");
    }
    for (int i = 0; i < OPEN; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct stub_connection *connection =
            stub_connection_open(shim_socket_identity(fds[i]), fds[i]);
        struct shim_proxy_target target = {.port = (uint16_t)i, .port_known = true};
        stub_connection_note_target(connection, &target, false);
    }
    for (int i = 0; i < CLOSED; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_not_null(stub_connection_open(shim_socket_identity(fd), fd));
        close(fd);
    }
    for (int i = 0; i < OPEN; i++) {
        const struct stub_connection *connection =
            stub_connection_find(shim_socket_identity(fds[i]), fds[i]);
        cr_assert_not_null(connection);
        cr_assert_eq(atomic_load(&connection->target_port), i);
        close(fds[i]);
    }
    cr_assert_not(stub_connections_lost());
}

Test(connections, marks)
{
    cr_assert_eq(stub_mark_of(-1), STUB_MARK_UNKNOWN);
    cr_assert_eq(stub_mark_of(INT32_MAX), STUB_MARK_UNKNOWN);
    stub_mark_set(-1, STUB_MARK_OVER);
    stub_mark_set(INT32_MAX, STUB_MARK_OVER);
    cr_assert_eq(stub_mark_of(INT32_MAX), STUB_MARK_UNKNOWN);
    for (int fd = 3; fd < 1 << 20; fd = fd * 5 + 1) {
        cr_assert_eq(stub_mark_of(fd), STUB_MARK_UNKNOWN);
        stub_mark_set(fd, STUB_MARK_READ);
        cr_assert_eq(stub_mark_of(fd), STUB_MARK_READ);
        stub_mark_set(fd, STUB_MARK_OVER);
        cr_assert_eq(stub_mark_of(fd), STUB_MARK_OVER);
    }
}

/* A program that has sandboxed itself: the stub asks the kernel nothing, and uses what it knew. */
Test(connections, without_the_kernel)
{
    struct pair pair = connected();
    uint64_t identity;
    write_text(pair.client, "CONNECT a.example:443 HTTP/1.1\r\n\r\n");
    atomic_store(&stub_locked_state, true);
    struct shim_way way = way_of(pair.client, NULL);
    cr_assert(way.tunnel && way.watched && way.port == 443);
    /* Another connection under a number that had one. */
    cr_assert(stub_connection_begins(pair.server, &identity));
    write_text(pair.server, "\5\1\2");
    write_text(pair.server, "\1\1u\1p");
    write_text(pair.server, "\5\1\3\3\1a\1\xbb");
    cr_assert(way_of(pair.server, NULL).watched);
    cr_assert(stub_connection_begins(pair.server, &identity));
    cr_assert_not(way_of(pair.server, NULL).watched);
    atomic_store(&stub_locked_state, false);
    close_pair(&pair);
}
