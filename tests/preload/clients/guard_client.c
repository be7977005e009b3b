/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program that, on the wire, seems to have a TLS of its own: it sends a ClientHello with the
 * server name in the clear, by each way to write to a socket. guard_client ADDRESS PORT MODE NAME
 * prints "sent" and ends with 0 when everything was taken. It prints "refused" and ends with 3 when
 * a write failed with ECONNABORTED (EPERM for a datagram). */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HELLO_MAX = 512, REFUSED = 3, RANDOM_AT = 11 };

static struct sockaddr_in server;
static uint8_t hello[HELLO_MAX];
static size_t hello_len;

/* ---- the hello ---- */

static void put(const void *octets, size_t len)
{
    memcpy(hello + hello_len, octets, len);
    hello_len += len;
}

static void put_u16(size_t value)
{
    put((uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

/* TLS 1.2, because that is short: one suite, server_name, groups and signature algorithms. */
static void make_hello(const char *name)
{
    static const uint8_t head[] = {22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3};
    static const uint8_t rest[] = {0, 0, 2, 0xc0, 0x2b, 1, 0};
    static const uint8_t more[] = {0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3};
    uint8_t random[32];
    for (size_t i = 0; i < sizeof random; i++) {
        random[i] = (uint8_t)(i * 7 + 1);
    }
    size_t name_len = strlen(name);
    put(head, sizeof head);
    put(random, sizeof random);
    put(rest, sizeof rest);
    put_u16(9 + name_len + sizeof more);
    put_u16(0);
    put_u16(name_len + 5);
    put_u16(name_len + 3);
    put("", 1);
    put_u16(name_len);
    put(name, name_len);
    put(more, sizeof more);
    hello[3] = (uint8_t)((hello_len - 5) >> 8);
    hello[4] = (uint8_t)(hello_len - 5);
    hello[7] = (uint8_t)((hello_len - 9) >> 8);
    hello[8] = (uint8_t)(hello_len - 9);
}

/* ---- sockets ---- */

static int last_opened;

static int open_socket(int type)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail("socket: %s", strerror(errno));
    }
    last_opened = fd;
    return fd;
}

/* Waits until the other side has read everything: a reset could overtake what was sent. */
static void linger(void)
{
    char chunk[1000];
    struct timeval limit = {.tv_sec = 5};
    (void)setsockopt(last_opened, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (shutdown(last_opened, SHUT_WR) == 0) {
        while (read(last_opened, chunk, sizeof chunk) > 0) {
        }
    }
}

static int open_connected(int type)
{
    int fd = open_socket(type);
    if (connect(fd, (const struct sockaddr *)&server, sizeof server) != 0) {
        fail("connect: %s", strerror(errno));
    }
    return fd;
}

/* Whether a write took all `len` octets, as it should. */
static bool taken(ssize_t result, size_t len)
{
    if (result >= 0 && (size_t)result == len) {
        return true;
    }
    if (result >= 0 || errno != ECONNABORTED) {
        fail("%zd of %zu octets: %s", result, len, strerror(errno));
    }
    return false;
}

/* ---- the modes; true: the kernel took all octets ---- */

static bool by_write(void)
{
    return taken(write(open_connected(SOCK_STREAM), hello, hello_len), hello_len);
}

static bool by_send(void)
{
    return taken(send(open_connected(SOCK_STREAM), hello, hello_len, MSG_NOSIGNAL), hello_len);
}

static bool by_sendto(void)
{
    int fd = open_connected(SOCK_STREAM);
    return taken(sendto(fd, hello, hello_len, MSG_NOSIGNAL, NULL, 0), hello_len);
}

/* Two parts, with an empty one between them. */
static void in_parts(struct iovec parts[3], size_t first)
{
    parts[0] = (struct iovec){.iov_base = hello, .iov_len = first};
    parts[1] = (struct iovec){.iov_base = NULL, .iov_len = 0};
    parts[2] = (struct iovec){.iov_base = hello + first, .iov_len = hello_len - first};
}

static bool by_writev(void)
{
    struct iovec parts[3];
    in_parts(parts, 20);
    return taken(writev(open_connected(SOCK_STREAM), parts, 3), hello_len);
}

static bool by_sendmsg(void)
{
    struct iovec parts[3];
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    in_parts(parts, 7);
    return taken(sendmsg(open_connected(SOCK_STREAM), &message, MSG_NOSIGNAL), hello_len);
}

/* Two messages: the first passes, since it gives nothing away. */
static bool by_sendmmsg(void)
{
    struct iovec parts[3];
    struct mmsghdr messages[2] = {0};
    int fd = open_connected(SOCK_STREAM);
    in_parts(parts, 20);
    messages[0].msg_hdr = (struct msghdr){.msg_iov = &parts[0], .msg_iovlen = 1};
    messages[1].msg_hdr = (struct msghdr){.msg_iov = &parts[2], .msg_iovlen = 1};
    int sent = sendmmsg(fd, messages, 2, MSG_NOSIGNAL);
    if (sent == 1) {
        sent = sendmmsg(fd, &messages[1], 1, MSG_NOSIGNAL);
        return taken(sent == 1 ? (ssize_t)messages[1].msg_len : sent, hello_len - 20);
    }
    return taken(sent == 2 ? (ssize_t)messages[1].msg_len : sent, hello_len - 20);
}

static bool by_fastopen(void)
{
    return taken(sendto(open_socket(SOCK_STREAM), hello, hello_len, MSG_FASTOPEN | MSG_NOSIGNAL,
                        (const struct sockaddr *)&server, sizeof server),
                 hello_len);
}

static bool by_fastopen_message(void)
{
    struct iovec part = {.iov_base = hello, .iov_len = hello_len};
    struct msghdr message = {
        .msg_name = &server, .msg_namelen = sizeof server, .msg_iov = &part, .msg_iovlen = 1};
    return taken(sendmsg(open_socket(SOCK_STREAM), &message, MSG_FASTOPEN | MSG_NOSIGNAL),
                 hello_len);
}

/* connect returns at once, and getpeername does not know the peer yet. */
static bool by_fastopen_connect(void)
{
    int fd = open_socket(SOCK_STREAM);
    int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) != 0 ||
        connect(fd, (const struct sockaddr *)&server, sizeof server) != 0) {
        fail("connect: %s", strerror(errno));
    }
    return taken(write(fd, hello, hello_len), hello_len);
}

/* In pieces of these lengths, then the rest; `duplicate` alternates between two descriptors of the
 * socket. */
static bool in_pieces(int fd, size_t piece, bool duplicate)
{
    int fds[2] = {fd, duplicate ? dup(fd) : fd};
    for (size_t at = 0, turn = 0; at < hello_len; turn++) {
        size_t len = piece < hello_len - at ? piece : hello_len - at;
        if (!taken(write(fds[turn % 2], hello + at, len), len)) {
            return false;
        }
        at += len;
    }
    return true;
}

static bool by_octets(void)
{
    return in_pieces(open_connected(SOCK_STREAM), 1, false);
}

static bool by_dup(void)
{
    return in_pieces(open_connected(SOCK_STREAM), 13, true);
}

static bool by_random_border(void)
{
    return in_pieces(open_connected(SOCK_STREAM), 42, false);
}

/* A new socket gets the descriptor number of one that had begun a hello. */
static bool by_reuse(void)
{
    int fd = open_connected(SOCK_STREAM);
    if (!taken(write(fd, hello, 20), 20)) {
        fail("the first octets say nothing");
    }
    close(fd);
    int again = open_connected(SOCK_STREAM);
    if (again != fd) {
        fail("another descriptor");
    }
    return taken(write(again, hello, hello_len), hello_len);
}

/* One octet that looks like a record, as another protocol's data may, and then a hello. */
static bool by_false_start(void)
{
    int fd = open_connected(SOCK_STREAM);
    return taken(write(fd, hello, 1), 1) && taken(write(fd, hello, hello_len), hello_len);
}

/* Other octets come first, as with STARTTLS or a proxy. */
static bool by_late(void)
{
    int fd = open_connected(SOCK_STREAM);
    return taken(write(fd, "STARTTLS\r\n", 10), 10) &&
           taken(write(fd, hello, hello_len), hello_len);
}

static volatile sig_atomic_t in_handler;
static int handler_fd;

static void on_signal(int number)
{
    (void)number;
    int saved = errno;
    ssize_t sent = write(handler_fd, hello, hello_len);
    in_handler = sent == (ssize_t)hello_len ? 1 : errno == ECONNABORTED ? 2 : 3;
    errno = saved;
}

/* On a stack as small as a signal handler's may be. */
static bool by_signal(void)
{
    static char stack[16384];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    handler_fd = open_connected(SOCK_STREAM);
    if (sigaltstack(&alternative, NULL) != 0 || sigaction(SIGUSR1, &action, NULL) != 0) {
        fail("no handler");
    }
    raise(SIGUSR1);
    if (in_handler == 3) {
        fail("another error in the handler");
    }
    return in_handler == 1;
}

static bool by_fork(void)
{
    int fd = open_connected(SOCK_STREAM);
    pid_t child = fork();
    if (child == 0) {
        _exit(taken(write(fd, hello, hello_len), hello_len) ? 0 : REFUSED);
    }
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        fail("the child did not end well");
    }
    return WEXITSTATUS(status) == 0;
}

static void *thread(void *argument)
{
    size_t *passed = argument;
    for (int i = 0; i < 25; i++) {
        int fd = open_connected(SOCK_STREAM);
        *passed += in_pieces(fd, 5, false);
        close(fd);
    }
    return NULL;
}

static bool by_threads(void)
{
    pthread_t threads[THREADS];
    size_t passed[THREADS] = {0};
    size_t sum = 0;
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, thread, &passed[i]) != 0) {
            fail("no thread");
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += passed[i];
    }
    if (sum != 0 && sum != 25 * THREADS) {
        fail("%zu hellos of all passed", sum);
    }
    return sum != 0;
}

/* ---- what the guard must let pass ---- */

static bool other_protocol(void)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    return taken(write(open_connected(SOCK_STREAM), request, sizeof request - 1),
                 sizeof request - 1);
}

/* A server's ServerHello and a client's records after its hello. */
static bool other_records(void)
{
    uint8_t server_hello[100] = {22, 3, 3, 0, 95, 2};
    uint8_t data[100] = {23, 3, 3, 0, 95, 1};
    int fd = open_connected(SOCK_STREAM);
    return taken(write(fd, server_hello, sizeof server_hello), sizeof server_hello) &&
           taken(write(fd, data, sizeof data), sizeof data);
}

/* Nonsensical calls fail with the shim as without it. */
static bool errors(void)
{
    int pipe_fds[2];
    int closed = open_socket(SOCK_STREAM);
    close(closed);
    if (pipe(pipe_fds) != 0) {
        fail("pipe: %s", strerror(errno));
    }
    volatile uintptr_t nowhere = 8;
    bool right = write(pipe_fds[1], (const void *)nowhere, 1) == -1 && errno == EFAULT;
    right = right && write(closed, hello, hello_len) == -1 && errno == EBADF;
    right = right && send(pipe_fds[1], hello, hello_len, 0) == -1 && errno == ENOTSOCK;
    right = right && send(open_socket(SOCK_STREAM), hello, hello_len, MSG_NOSIGNAL) == -1 &&
            errno == EPIPE;
    right = right && sendmmsg(open_connected(SOCK_STREAM), NULL, 0, 0) == 0;
    errno = 77;
    right = right && write(pipe_fds[1], hello, 5) == 5 && errno == 77;
    int fd = open_connected(SOCK_STREAM);
    errno = 77;
    right = right && write(fd, "x", 1) == 1 && write(fd, hello, 0) == 0 && errno == 77;
    if (!right) {
        fail("another error: %s", strerror(errno));
    }
    return true;
}

/* ---- datagrams ---- */

static bool datagram_taken(ssize_t result)
{
    if (result < 0 && errno != EPERM) {
        fail("a datagram: %s", strerror(errno));
    }
    return result >= 0;
}

static uint8_t initial[1200] = {0xc3, 0, 0, 0, 1, 8};

static bool quic_send(void)
{
    return datagram_taken(send(open_connected(SOCK_DGRAM), initial, sizeof initial, 0));
}

static bool quic_sendto(void)
{
    return datagram_taken(sendto(open_socket(SOCK_DGRAM), initial, sizeof initial, 0,
                                 (const struct sockaddr *)&server, sizeof server));
}

static bool quic_sendmmsg(void)
{
    struct iovec part = {.iov_base = initial, .iov_len = sizeof initial};
    struct mmsghdr messages[2] = {0};
    for (int i = 0; i < 2; i++) {
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &server, .msg_namelen = sizeof server, .msg_iov = &part, .msg_iovlen = 1};
    }
    return datagram_taken(sendmmsg(open_socket(SOCK_DGRAM), messages, 2, 0));
}

static bool dtls(void)
{
    uint8_t datagram[100] = {22, 0xfe, 0xfd, [12] = 87, [13] = 1};
    return datagram_taken(send(open_connected(SOCK_DGRAM), datagram, sizeof datagram, 0));
}

static bool other_datagrams(void)
{
    uint8_t short_header[100] = {0x43};
    return datagram_taken(send(open_connected(SOCK_DGRAM), short_header, sizeof short_header, 0));
}

static const struct {
    const char *name;
    bool (*run)(void);
} modes[] = {
    {"write", by_write},
    {"writev", by_writev},
    {"send", by_send},
    {"sendto", by_sendto},
    {"sendmsg", by_sendmsg},
    {"sendmmsg", by_sendmmsg},
    {"fastopen", by_fastopen},
    {"fastopen-message", by_fastopen_message},
    {"fastopen-connect", by_fastopen_connect},
    {"octets", by_octets},
    {"dup", by_dup},
    {"random-border", by_random_border},
    {"reuse", by_reuse},
    {"false-start", by_false_start},
    {"late", by_late},
    {"signal", by_signal},
    {"fork", by_fork},
    {"threads", by_threads},
    {"other-protocol", other_protocol},
    {"other-records", other_records},
    {"errors", errors},
    {"quic-send", quic_send},
    {"quic-sendto", quic_sendto},
    {"quic-sendmmsg", quic_sendmmsg},
    {"dtls", dtls},
    {"other-datagrams", other_datagrams},
};

int main(int argc, char **argv)
{
    if (argc != 5) {
        fail("usage: guard_client ADDRESS PORT MODE NAME");
    }
    server =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 || strlen(argv[4]) > 255) {
        fail("%s: no address", argv[1]);
    }
    make_hello(argv[4]);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i].name, argv[3]) == 0) {
            bool sent = modes[i].run();
            if (sent && strncmp(argv[3], "quic", 4) != 0) {
                linger();
            }
            puts(sent ? "sent" : "refused");
            return sent ? 0 : REFUSED;
        }
    }
    fail("%s: no such mode", argv[3]);
}
