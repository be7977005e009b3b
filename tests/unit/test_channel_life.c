/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of the channel's connection, by DNS over TLS: ends, silence, threads, forks, and a
 * program that closes descriptors it does not own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sanitized.h"
#include "tests/unit/tls_responder.h"

#define BY_NAME "tls://127.0.0.1:%u#dns.test"

/* ---- connections that end ---- */

static void close_after_first(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    if (peer_read_query(peer, message, &len)) {
        peer_answer_dot(peer, bytes_of(message, len));
        if (peer->number % 2 == 0) {
            gnutls_bye(peer->session, GNUTLS_SHUT_WR);
        }
    }
}

Test(channel_life, dot_8_dot_9_a_connection_closed_when_idle_is_made_again)
{
    START(BY_NAME, .serve = close_after_first);
    for (unsigned i = 0; i < 4; i++) {
        client_expect("a.example", 2000, DNS_REASON_OK);
        usleep(50000);
    }
    cr_assert_eq(atomic_load(&server.connections), 4);
    cr_assert_eq(atomic_load(&server.queries), 4);
    client_stop();
}

/* The first connection takes a question and ends. */
static void close_unanswered(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    if (peer->number == 0) {
        (void)peer_read_query(peer, message, &len);
        gnutls_bye(peer->session, GNUTLS_SHUT_WR);
        return;
    }
    peer_obey(peer);
}

Test(channel_life, dot_8_a_question_whose_connection_ended_is_asked_again)
{
    START(BY_NAME, .serve = close_unanswered);
    client_expect("a.example", 2000, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.connections), 2);
    cr_assert_eq(atomic_load(&server.queries), 2);
    client_stop();
}

static void reset_unanswered(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    struct linger linger = {.l_onoff = 1};
    (void)peer_read_query(peer, message, &len);
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    /* Another socket keeps the number taken; it is shut down in place of this one. */
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    dup2(other, peer->fd);
    close(other);
}

Test(channel_life, dot_8_twice_at_most)
{
    START(BY_NAME, .serve = reset_unanswered);
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_CLOSED);
    cr_assert_eq(atomic_load(&server.connections), 2);
    cr_assert_eq(atomic_load(&server.queries), 2);
    client_stop();
}

/* Answers once on the first connection, then nothing; on others always. */
static void fall_silent(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    if (peer->number == 0) {
        if (peer_read_query(peer, message, &len)) {
            peer_answer_dot(peer, bytes_of(message, len));
        }
        while (peer_read_query(peer, message, &len)) {
        }
        return;
    }
    peer_obey(peer);
}

Test(channel_life, a_kept_connection_that_is_dead_is_found_out_in_time)
{
    START(BY_NAME, .serve = fall_silent);
    client_expect("a.example", 1000, DNS_REASON_OK);
    uint64_t before = dns_io_libc.now_us();
    client_expect("b.example", 1000, DNS_REASON_OK);
    uint64_t took = dns_io_libc.now_us() - before;
    cr_assert(took > 450000 && took < 900000, "%llu", (unsigned long long)took);
    cr_assert_eq(atomic_load(&server.connections), 2);
    cr_assert_eq(atomic_load(&server.queries), 3);
    client_stop();
}

static void stay_silent(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    while (peer_read_query(peer, message, &len)) {
    }
}

Test(channel_life, silence_is_a_timeout_and_the_connection_is_not_trusted_again)
{
    START(BY_NAME, .serve = stay_silent);
    client_expect("a.example", 300, DNS_REASON_TIMEOUT);
    client_expect("b.example", 300, DNS_REASON_TIMEOUT);
    cr_assert_eq(atomic_load(&server.connections), 2);
    client_stop();
}

Test(channel_life, dot_9_sessions_are_resumed)
{
    START(BY_NAME, .serve = close_after_first);
    for (unsigned i = 0; i < 4; i++) {
        client_expect("a.example", 2000, DNS_REASON_OK);
        usleep(50000);
    }
    cr_assert_eq(atomic_load(&server.connections), 4);
    cr_assert_eq(atomic_load(&server.resumed), 3);
    client_stop();
}

/* ---- before the handshake is done ---- */

static void raw_silence(struct tls_peer *peer)
{
    char byte;
    while (recv(peer->fd, &byte, 1, 0) > 0) {
    }
}

Test(channel_life, silence_instead_of_a_handshake)
{
    START(BY_NAME, .raw = raw_silence);
    client_expect("a.example", 300, DNS_REASON_TIMEOUT);
    client_stop();
}

static char raw_first;

static void raw_garbage(struct tls_peer *peer)
{
    (void)!recv(peer->fd, &raw_first, 1, 0);
    (void)!send(peer->fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL);
    raw_silence(peer);
}

Test(channel_life, dot_2_tls_at_once_and_garbage_is_no_handshake)
{
    START(BY_NAME, .raw = raw_garbage);
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_TLS);
    cr_assert_eq(raw_first, 0x16); /* a handshake record */
    cr_assert_eq(atomic_load(&server.connections), 1);
    client_stop();
}

static void raw_close(struct tls_peer *peer)
{
    char byte;
    (void)!recv(peer->fd, &byte, 1, 0);
}

Test(channel_life, a_close_instead_of_a_handshake)
{
    START(BY_NAME, .raw = raw_close);
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_CLOSED);
    client_stop();
}

Test(channel_life, nobody_there)
{
    START(BY_NAME, .serve = peer_obey);
    unsigned port = server.port;
    client_stop();
    channel = client_channel(BY_NAME, port);
    client_expect("a.example", 2000, DNS_REASON_NETWORK);
    client_end(channel);
}

/* ---- the program around it ---- */

Test(channel_life, eight_threads_share_one_connection)
{
    START(BY_NAME, .serve = peer_obey);
    client_eight_threads();
    cr_assert_eq(atomic_load(&server.connections), 1);
    cr_assert_eq(atomic_load(&server.queries), 200);
    client_stop();
}

/* Answers nine questions, then ends the connection. */
static void die_often(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    for (unsigned i = 0; i < 9 && peer_read_query(peer, message, &len); i++) {
        peer_answer_dot(peer, bytes_of(message, len));
    }
}

static void *ask_some_way(void *argument)
{
    char name[32];
    for (unsigned i = 0; i < 25; i++) {
        (void)snprintf(name, sizeof name, "n%u.%s.example", i, (const char *)argument);
        enum dns_reason reason = client_ask(channel, name, 5000);
        cr_assert(reason == DNS_REASON_OK || reason == DNS_REASON_RESOLVER_CLOSED, "%s",
                  dns_reason_name(reason));
    }
    return NULL;
}

Test(channel_life, threads_while_connections_die)
{
    pthread_t threads[4];
    static const char *const names[] = {"a", "b", "c", "d"};
    START(BY_NAME, .serve = die_often);
    for (unsigned i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, ask_some_way, (void *)(uintptr_t)names[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_assert_gt(atomic_load(&server.connections), 10);
    client_stop();
}

Test(channel_life, the_child_of_a_fork_has_its_own_connection, .disabled = FORK_IS_UNSAFE)
{
    struct dns_ticket *ticket;
    START(BY_NAME, .serve = peer_obey);
    client_expect("a.example", 2000, DNS_REASON_OK);
    cr_assert_eq(client_begin(channel, "b.example", 2000, &ticket), DNS_REASON_OK);
    dns_channel_before_fork(channel);
    pid_t pid = fork();
    if (pid == 0) {
        dns_channel_after_fork_child(channel);
        /* The question from before the fork, and a question of the child. */
        bool good = client_finish(channel, ticket, "b.example", 2001) == DNS_REASON_OK &&
                    client_ask(channel, "c.example", 2000) == DNS_REASON_OK;
        _exit(good ? 0 : 1);
    }
    dns_channel_after_fork_parent(channel);
    int status;
    waitpid(pid, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cr_assert_eq(client_finish(channel, ticket, "b.example", 2001), DNS_REASON_OK);
    client_expect("d.example", 2000, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.connections), 2);
    client_stop();
}

/* The channel's socket has the highest number. */
static int find_socket(void)
{
    for (int fd = 1023; fd > 2; fd--) {
        int type;
        socklen_t len = sizeof type;
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0) {
            return fd;
        }
    }
    return -1;
}

Test(channel_life, a_descriptor_that_the_program_closed_and_has_again_is_left_alone)
{
    int pair[2];
    START(BY_NAME, .serve = peer_obey);
    client_expect("a.example", 2000, DNS_REASON_OK);
    int fd = find_socket();
    cr_assert_geq(fd, 32);
    cr_assert_neq(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    cr_assert_eq(dup2(pair[0], fd), fd);
    client_expect("b.example", 2000, DNS_REASON_OK);
    char byte;
    cr_assert_eq(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1); /* neither data nor an end of file */
    cr_assert_eq(errno, EAGAIN);
    cr_assert_neq(fcntl(fd, F_GETFD), -1);
    cr_assert_eq(atomic_load(&server.connections), 2);
    close(pair[0]);
    close(pair[1]);
    close(fd);
    client_stop();
}

Test(channel_life, errno_stays)
{
    START(BY_NAME, .serve = peer_obey);
    errno = 4711;
    enum dns_reason reason = client_ask(channel, "a.example", 2000);
    cr_assert_eq(errno, 4711);
    cr_assert_eq(reason, DNS_REASON_OK);
    client_stop();
}

Test(channel_life, what_is_no_query_is_not_sent)
{
    struct dns_ticket *ticket;
    START(BY_NAME, .serve = peer_obey);
    cr_assert_eq(dns_channel_ask(channel, bytes_of("nonsense", 8), 1, &ticket), DNS_REASON_FORMERR);
    cr_assert_null(ticket);
    client_stop();
}
