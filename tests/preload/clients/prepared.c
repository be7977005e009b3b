/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program whose connect() does not block, and its own silent server: prepared ADDRESS PORT NAME
 * MODE. Each handshake ends when its hello is written. Prints "enc " and the encapsulated key (RFC
 * 9849, 5) of each hello that the server got, in hexadecimal.
 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TURNS = 10, WORKERS = 8, HELLO_MAX = 4096, ENC = 32 };

static struct sockaddr_in address = {.sin_family = AF_INET};
static const char *name;
static SSL_CTX *ctx;
static int listener = -1;

/* ---- a hello ---- */

static int connect_by(bool blocking)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0) {
        fail("socket: %s", strerror(errno));
    }
    int result = connect(fd, (const struct sockaddr *)&address, sizeof address);
    if (blocking ? result != 0 : result != -1 || errno != EINPROGRESS) {
        fail("connect: %d, %s", result, strerror(errno));
    }
    return fd;
}

/* ---- the server ---- */

static int
    peers[UINT16_MAX + 1]; /* the server's side of connections, by the client's port; 0: none */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint16_t port_by(int (*get)(int fd, struct sockaddr *address, socklen_t *length), int fd)
{
    struct sockaddr_in end = {.sin_family = AF_INET};
    socklen_t length = sizeof end;
    if (get(fd, (struct sockaddr *)&end, &length) != 0) {
        fail("no port: %s", strerror(errno));
    }
    return ntohs(end.sin_port);
}

/* The server's side of a connection. */
static int peer_of(int fd)
{
    uint16_t port = port_by(getsockname, fd);
    pthread_mutex_lock(&lock);
    while (peers[port] == 0) {
        int peer = accept(listener, NULL, NULL);
        if (peer < 0) {
            fail("accept: %s", strerror(errno));
        }
        peers[port_by(getpeername, peer)] = peer;
    }
    int peer = peers[port];
    pthread_mutex_unlock(&lock);
    return peer;
}

static void hang_up(int fd)
{
    uint16_t port = port_by(getsockname, fd);
    close(peer_of(fd));
    pthread_mutex_lock(&lock);
    peers[port] = 0;
    pthread_mutex_unlock(&lock);
    close(fd);
}

/* ECHClientHello of type outer, KDF 1, AEAD 1, any config_id, and enc of 32 octets. */
static void print_enc(const unsigned char *hello, size_t length)
{
    static const unsigned char before_id[] = {0, 0, 1, 0, 1};
    static const unsigned char behind_id[] = {0, ENC};
    enum { TYPE = 2, LENGTH = 2, ID = TYPE + LENGTH + sizeof before_id, AT = ID + 1 + 2 };
    char line[2 * ENC + 1];
    for (size_t i = 0; i + AT + ENC <= length; i++) {
        const unsigned char *at = hello + i;
        if (at[0] == 0xfe && at[1] == 0x0d &&
            memcmp(at + TYPE + LENGTH, before_id, sizeof before_id) == 0 &&
            memcmp(at + ID + 1, behind_id, sizeof behind_id) == 0) {
            for (size_t j = 0; j < ENC; j++) {
                snprintf(line + 2 * j, 3, "%02x", at[AT + j]);
            }
            printf("enc %s\n", line);
            return;
        }
    }
    fail("a hello without ECH");
}

static void speak_on(int fd)
{
    unsigned char hello[HELLO_MAX];
    SSL *ssl = SSL_new(ctx);
    if (!await(fd, POLLOUT) || ssl == NULL || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
        SSL_set_tlsext_host_name(ssl, name) != 1 || SSL_set_fd(ssl, fd) != 1) {
        fail("no handshake");
    }
    int result = SSL_connect(ssl);
    if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ) {
        fail("there is no hello");
    }
    int peer = peer_of(fd);
    ssize_t length = await(peer, POLLIN) ? read(peer, hello, sizeof hello) : -1;
    if (length <= 0) {
        fail("no hello came: %s", strerror(errno));
    }
    print_enc(hello, (size_t)length);
    SSL_free(ssl);
    hang_up(fd);
}

static void speak(void)
{
    speak_on(connect_by(false));
}

/* ---- modes ---- */

static void repeat(void)
{
    for (int i = 0; i < TURNS; i++) {
        speak();
    }
}

static void blocking(void)
{
    for (int i = 0; i < TURNS; i++) {
        speak_on(connect_by(true));
    }
}

/* Connections that never carry anything come first. */
static void unused(void)
{
    speak();
    for (int i = 0; i < TURNS; i++) {
        hang_up(connect_by(false));
    }
    speak();
    speak_on(connect_by(true));
}

static pid_t bare_fork(void)
{
#ifdef SYS_fork
    return (pid_t)syscall(SYS_fork);
#else
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

/* Parent and child each go on with a connection that was there before. */
static void speak_across(pid_t (*make_child)(void))
{
    int status = -1;
    speak();
    int first = connect_by(false);
    int second = connect_by(false);
    (void)peer_of(first);
    (void)peer_of(second);
    fflush(stdout);
    pid_t child = make_child();
    if (child == 0) {
        speak_on(first);
        speak();
        fflush(stdout);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0) {
        fail("the child: %d", status);
    }
    speak_on(second);
    speak();
}

static void across_forks(void)
{
    for (int i = 0; i < TURNS; i++) {
        speak_across(i % 2 == 0 ? fork : bare_fork);
    }
}

static void *take_turns(void *unused_argument)
{
    repeat();
    return unused_argument;
}

static void in_many_threads(void)
{
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        if (pthread_create(&threads[i], NULL, take_turns, NULL) != 0) {
            fail("no thread");
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static int connected = -1;

static void on_signal(int number)
{
    (void)number;
    connected = connect_by(false);
}

/* connect() in a signal handler, as its program may. */
static void in_a_handler(int flags)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    speak();
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < TURNS; i++) {
        raise(SIGUSR1);
        speak_on(connected);
    }
}

static void in_handlers(void)
{
    in_a_handler(0);
}

static void in_handlers_that_nest(void)
{
    in_a_handler(SA_NODEFER);
}

/* With a handler that does not connect. */
static void with_a_handler(void)
{
    signal(SIGUSR1, on_signal);
    repeat();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"repeat", repeat},
                 {"blocking", blocking},
                 {"unused", unused},
                 {"forks", across_forks},
                 {"threads", in_many_threads},
                 {"handlers", in_handlers},
                 {"nested", in_handlers_that_nest},
                 {"with-handler", with_a_handler}};
    if (argc != 5 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
        fail("usage: prepared ADDRESS PORT NAME MODE");
    }
    address.sin_port = htons((uint16_t)atoi(argv[2]));
    name = argv[3];
    ctx = SSL_CTX_new(TLS_client_method());
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ctx == NULL ||
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
        bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, SOMAXCONN) != 0) {
        fail("no server: %s", strerror(errno));
    }
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[4], modes[i].name) == 0) {
            modes[i].run();
            return 0;
        }
    }
    fail("no such mode");
}
