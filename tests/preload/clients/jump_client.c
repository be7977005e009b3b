/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leaves calls half-way, as programs with their own time limits do (wget -T): by a jump out of a
 * signal handler or a callback, to another stack, or by the end of the thread. Each attempt uses
 * another name, so that the shim must look each up. PROGRAM HOST PORT CAFILE MODE ZONE; LEAVES says
 * how often; with MEMORY=valgrind valgrind checks the memory. At the end the process must hold what
 * it held at the start, and a handshake must succeed as before. */
#include "client.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    WARM_UP = 30,
    AGAIN_US = 100,
    LATEST_US = 4000,
    MEMORY_KIB = 1024, /* caches, arenas, kept stacks */
    LEAVE_KIB = 2,     /* the answers for another name, which stay in the cache */
    GNUTLS_KIB = 16,   /* its read buffer: GnuTLS loses it by each jump, in any program */
    STACK = 256 * 1024,
    HIGHEST = 8192,
};

static const struct target *target;
static const char *zone;
static unsigned attempt;
static SSL_CTX *context;

static const char *next_name(void)
{
    static char name[128];
    (void)snprintf(name, sizeof name, "n%u.%s", attempt, zone);
    return name;
}

/* ---- jumps ---- */

static sigjmp_buf back;
static volatile sig_atomic_t armed;
static volatile sig_atomic_t left;

/*
 * Where getaddrinfo asks the kernel for this machine's addresses, glibc holds a lock. A jump out of
 * that leaves it locked, and before glibc 2.38 so does a cancellation (bug 20975): the next
 * getaddrinfo waits for ever, in any program. It does not ask for one IPv4 address without
 * AI_ADDRCONFIG.
 */
static const struct addrinfo asks_no_kernel = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};

static void set_alarm(long microseconds)
{
    struct itimerval timer = {.it_value = {.tv_usec = microseconds}};
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* Jump only out of a system call: elsewhere it may leave malloc, with or without the shim. */
static bool in_system_call(const ucontext_t *where)
{
#if defined(__x86_64__)
    const unsigned char *next = (const unsigned char *)where->uc_mcontext.gregs[REG_RIP];
    return next[-2] == 0x0f && next[-1] == 0x05;
#elif defined(__aarch64__)
    const uint32_t *next = (const uint32_t *)(uintptr_t)where->uc_mcontext.pc;
    return next[-1] == 0xd4000001U; /* svc #0 */
#else
    (void)where;
    return true;
#endif
}

/*
 * Does glibc look at resolv.conf? A jump out of that loses its lock and its memory, in any program.
 * What must go on after it, jump_resolv_conf.c tests.
 */
static bool in_look_at_resolv_conf(void)
{
    void *frames[64];
    int count = backtrace(frames, sizeof frames / sizeof *frames);
    for (int i = 0; i < count; i++) {
        Dl_info info;
        if (dladdr(frames[i], &info) != 0 && info.dli_sname != NULL &&
            strcmp(info.dli_sname, "__resolv_context_get") == 0) {
            return true;
        }
    }
    return false;
}

static void on_alarm(int number, siginfo_t *info, void *where)
{
    (void)number, (void)info;
    int saved = errno;
    if (!armed) {
        return;
    }
    if (!in_system_call(where) || in_look_at_resolv_conf()) {
        set_alarm(AGAIN_US);
        errno = saved;
        return;
    }
    armed = 0;
    left++;
    siglongjmp(back, 1);
}

static void arm(void)
{
    struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
    (void)sigaction(SIGALRM, &action, NULL);
    armed = 1;
    set_alarm(1 + (long)(attempt * 7919U % LATEST_US));
}

static void disarm(void)
{
    armed = 0;
    set_alarm(0);
}

/* ---- calls to leave ---- */

/*
 * glibc's first look-up opens the libraries of the name service under the loader's lock, and notes
 * where their functions are. A jump out of that leaves a lock that no other thread gets, or half a
 * note, in any program: Debian 11 hung and crashed there on a busy machine.
 */
static void open_name_service(void)
{
    static bool opened;
    struct addrinfo *list = NULL;
    if (!opened && getaddrinfo(next_name(), "443", &asks_no_kernel, &list) == 0) {
        freeaddrinfo(list);
    }
    opened = true;
}

static void ask_name(void)
{
    struct addrinfo *list = NULL;
    open_name_service();
    if (sigsetjmp(back, 1) == 0) {
        arm();
        if (getaddrinfo(next_name(), "443", &asks_no_kernel, &list) == 0) {
            disarm();
            freeaddrinfo(list);
        }
    }
    disarm();
}

static SSL *ssl_new(int fd)
{
    SSL *ssl = SSL_new(context);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 ||
        SSL_set_tlsext_host_name(ssl, next_name()) != 1) {
        fail("no SSL");
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

static int by_write(SSL *ssl)
{
    return SSL_write(ssl, "GET", 3);
}

static int by_read(SSL *ssl)
{
    char octet;
    return SSL_read(ssl, &octet, 1);
}

static void ssl_once(int (*call)(SSL *ssl))
{
    int fd = dial(target);
    SSL *ssl = ssl_new(fd);
    if (sigsetjmp(back, 1) == 0) {
        arm();
        (void)call(ssl);
    }
    disarm();
    /* Half of them continue where they were, as a loop around SSL_connect does. The server sends
     * nothing that SSL_read could return. */
    if (attempt % 2 == 0) {
        (void)(call == by_read ? SSL_do_handshake : call)(ssl);
    }
    SSL_free(ssl);
    (void)close(fd);
}

static void openssl_connect(void)
{
    ssl_once(SSL_connect);
}

static void openssl_handshake(void)
{
    ssl_once(SSL_do_handshake);
}

static void openssl_write(void)
{
    ssl_once(by_write);
}

static void openssl_read(void)
{
    ssl_once(by_read);
}

static void gnutls_once(void)
{
    static gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
    int fd = dial(target);
    if (credentials == NULL) {
        (void)gnutls_certificate_allocate_credentials(&credentials);
    }
    const char *name = next_name();
    (void)gnutls_init(&session, GNUTLS_CLIENT);
    (void)gnutls_server_name_set(session, GNUTLS_NAME_DNS, name, strlen(name));
    (void)gnutls_set_default_priority(session);
    (void)gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, fd);
    if (sigsetjmp(back, 1) == 0) {
        arm();
        (void)gnutls_handshake(session);
    }
    disarm();
    if (attempt % 2 == 0) {
        (void)gnutls_handshake(session);
    }
    gnutls_deinit(session);
    (void)close(fd);
}

/* ---- out of a callback, and to another stack ---- */

static jmp_buf out_of_callback;
static ucontext_t main_stack;
static ucontext_t other_stack;
static bool swaps;
static bool has_left; /* this connection has */

static long leave_in_write(BIO *bio, int operation, const char *data, size_t length, int number,
                           long number_long, int result, size_t *processed)
{
    (void)bio, (void)data, (void)length, (void)number, (void)number_long, (void)processed;
    if (operation == BIO_CB_WRITE && attempt % 2 == 0 && !has_left) {
        has_left = true;
        left++;
        if (swaps) {
            (void)swapcontext(&other_stack, &main_stack);
        } else {
            longjmp(out_of_callback, 1);
        }
    }
    return result;
}

static void connect_with_callback(void)
{
    int fd = dial(target);
    SSL *ssl = ssl_new(fd);
    BIO_set_callback_ex(SSL_get_wbio(ssl), leave_in_write);
    (void)SSL_connect(ssl);
    SSL_free(ssl);
    (void)close(fd);
}

static void callback_jumps(void)
{
    int fd = dial(target);
    SSL *ssl = ssl_new(fd);
    has_left = false;
    BIO_set_callback_ex(SSL_get_wbio(ssl), leave_in_write);
    if (setjmp(out_of_callback) == 0) {
        (void)SSL_connect(ssl);
    }
    BIO_set_callback_ex(SSL_get_wbio(ssl), NULL);
    if (attempt % 4 == 0) {
        (void)SSL_connect(ssl);
    }
    SSL_free(ssl);
    (void)close(fd);
}

/* The coroutine swaps out of its write; meanwhile the main stack makes its own handshake. */
static void callback_swaps(void)
{
    static char stack[STACK];
    swaps = true;
    has_left = false;
    (void)getcontext(&other_stack);
    other_stack.uc_stack.ss_sp = stack;
    other_stack.uc_stack.ss_size = sizeof stack;
    other_stack.uc_link = &main_stack;
    makecontext(&other_stack, connect_with_callback, 0);
    (void)swapcontext(&main_stack, &other_stack);
    if (attempt % 2 == 0) {
        attempt++;
        connect_with_callback();
        attempt--;
        (void)swapcontext(&main_stack, &other_stack); /* now the coroutine continues */
    }
}

/* ---- ends of threads ---- */

static void *thread_asks(void *type)
{
    int before;
    struct addrinfo *list = NULL;
    (void)pthread_setcanceltype(*(const int *)type, &before);
    if (getaddrinfo(next_name(), "443", &asks_no_kernel, &list) == 0) {
        freeaddrinfo(list);
    }
    return NULL;
}

struct two_objects {
    SSL *ssl;
    int fd;
};

static void free_both(void *argument)
{
    struct two_objects *both = argument;
    SSL_free(both->ssl);
    (void)close(both->fd);
}

static void *thread_connects(void *unused)
{
    (void)unused;
    int before;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    struct two_objects both = {.fd = dial(target)};
    both.ssl = ssl_new(both.fd);
    pthread_cleanup_push(free_both, &both);
    (void)pthread_setcancelstate(before, NULL);
    (void)SSL_connect(both.ssl);
    pthread_cleanup_pop(1);
    return NULL;
}

static void cancel_after_some_time(void *(*start)(void *), int type)
{
    pthread_t thread;
    void *result;
    if (pthread_create(&thread, NULL, start, &type) != 0) {
        fail("no thread");
    }
    (void)usleep(1 + (useconds_t)(attempt * 7919U % LATEST_US));
    (void)pthread_cancel(thread);
    (void)pthread_join(thread, &result);
    left += result == PTHREAD_CANCELED;
}

static void names_cancelled(void)
{
    cancel_after_some_time(thread_asks, PTHREAD_CANCEL_DEFERRED);
}

static __attribute__((noinline)) void overwrite_stack(void)
{
    volatile char frames[STACK / 8];
    for (size_t i = 0; i < sizeof frames; i++) {
        frames[i] = 0x5a;
    }
}

/* A jump leaves the wait's cancellation handler behind. Nothing may return to it. */
static void *thread_jumps_and_exits(void *alarms)
{
    (void)pthread_sigmask(SIG_UNBLOCK, alarms, NULL);
    ask_name();
    overwrite_stack();
    pthread_exit(NULL);
}

static void names_left_and_exit(void)
{
    sigset_t alarms;
    pthread_t thread;
    (void)sigemptyset(&alarms);
    (void)sigaddset(&alarms, SIGALRM);
    (void)pthread_sigmask(SIG_BLOCK, &alarms, NULL);
    if (pthread_create(&thread, NULL, thread_jumps_and_exits, &alarms) != 0 ||
        pthread_join(thread, NULL) != 0) {
        fail("no thread");
    }
}

static void openssl_cancelled(void)
{
    cancel_after_some_time(thread_connects, PTHREAD_CANCEL_DEFERRED);
}

/* ---- main ---- */

static const struct {
    const char *name;
    void (*once)(void);
} modes[] = {
    {"names", ask_name},
    {"openssl-connect", openssl_connect},
    {"openssl-handshake", openssl_handshake},
    {"openssl-write", openssl_write},
    {"openssl-read", openssl_read},
    {"gnutls", gnutls_once},
    {"callback-jumps", callback_jumps},
    {"callback-swaps", callback_swaps},
    {"names-cancelled", names_cancelled},
    {"names-left-and-exit", names_left_and_exit},
    {"openssl-cancelled", openssl_cancelled},
};

/* The engine's connections are streams. */
static int streams(void)
{
    int count = 0;
    for (int fd = 0; fd < HIGHEST; fd++) {
        int type = 0;
        socklen_t size = sizeof type;
        count += getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
    }
    return count;
}

static void last_handshake(void)
{
    char request[256];
    struct response response = {.len = 0};
    size_t length = make_request(target, request, sizeof request);
    int fd = dial(target);
    SSL *ssl = SSL_new(context);
    if (SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, target->host) != 1 ||
        SSL_connect(ssl) != 1 || SSL_write(ssl, request, (int)length) != (int)length) {
        fail("the last handshake failed");
    }
    char chunk[512];
    for (int got = SSL_read(ssl, chunk, sizeof chunk); got > 0;
         got = SSL_read(ssl, chunk, sizeof chunk)) {
        response_add(&response, chunk, (size_t)got);
    }
    SSL_free(ssl);
    (void)close(fd);
    response_check(&response, target);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fail("usage: jump_client HOST PORT CAFILE MODE ZONE");
    }
    const struct target given = {.host = argv[1], .port = argv[2], .ca = argv[3]};
    const char *often = getenv("LEAVES");
    unsigned count = often != NULL ? (unsigned)atoi(often) : 100;
    void (*once)(void) = NULL;
    target = &given;
    zone = argv[5];
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        once = strcmp(modes[i].name, argv[4]) == 0 ? modes[i].once : once;
    }
    context = SSL_CTX_new(TLS_client_method());
    if (once == NULL || context == NULL) {
        fail("no such mode");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)in_look_at_resolv_conf(); /* its first call opens a library, which no handler may do */
    for (; attempt < WARM_UP; attempt++) {
        once();
    }
    struct footprint before;
    struct footprint after;
    footprint_take(&before);
    int streams_before = streams();
    for (; attempt < WARM_UP + count; attempt++) {
        once();
    }
    footprint_take(&after);
    int more_streams = streams() - streams_before;
    last_handshake();
    int descriptors = (int)after.descriptors - (int)before.descriptors;
    long grown = after.resident_kib - before.resident_kib;
    (void)printf("left %d times, %d descriptors more, of these %d streams, %ld KiB more\n",
                 (int)left, descriptors, more_streams, grown);
    /* Meanwhile one connection to the resolver may have been made, with a look-up under way. A
     * cancelled getaddrinfo leaves a socket of the C library's behind, in any program: it asks the
     * kernel for its addresses by it, or tries a route. */
    int allowed = once == names_cancelled ? (int)left + 2 : 2;
    long allowed_kib = MEMORY_KIB + (long)left * (once == gnutls_once ? GNUTLS_KIB : LEAVE_KIB);
    bool memory = getenv("MEMORY") == NULL;
    if (descriptors > allowed || more_streams > 2 || (memory && grown > allowed_kib) || left == 0) {
        fail("something was left behind");
    }
    return 0;
}
