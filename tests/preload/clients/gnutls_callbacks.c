/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs whose transport functions call GnuTLS while GnuTLS calls them: they set other functions
 * and pointers, make other handshakes, and swap to other coroutines. */
#include "gnutls_common.h"

#include <errno.h>
#include <gnutls/socket.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

static int descriptor(gnutls_transport_ptr_t pointer)
{
    return (int)(size_t)pointer;
}

static int ready(gnutls_transport_ptr_t pointer, unsigned ms)
{
    (void)pointer, (void)ms;
    return 1;
}

/* ---- functions and pointers set within transport functions ---- */

static ssize_t last_vec_push(gnutls_transport_ptr_t pointer, const giovec_t *parts, int count)
{
    return writev(descriptor(pointer), (const struct iovec *)parts, count);
}

static ssize_t last_push(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    return send(descriptor(pointer), data, len, MSG_NOSIGNAL);
}

static ssize_t last_pull(gnutls_transport_ptr_t pointer, void *data, size_t len)
{
    return recv(descriptor(pointer), data, len, 0);
}

static int last_timeout(gnutls_transport_ptr_t pointer, unsigned ms)
{
    (void)ms;
    return await(descriptor(pointer), POLLIN) ? 1 : 0;
}

static void expect_pointer(const struct connection *connection, gnutls_transport_ptr_t wanted)
{
    gnutls_transport_ptr_t receive;
    gnutls_transport_ptr_t send;
    int in;
    int out;
    gnutls_transport_get_ptr2(connection->session, &receive, &send);
    gnutls_transport_get_int2(connection->session, &in, &out);
    if (gnutls_transport_get_ptr(connection->session) != wanted || receive != wanted ||
        send != wanted || in != descriptor(wanted) || out != in ||
        gnutls_transport_get_int(connection->session) != in) {
        fail("the transport pointer is another one");
    }
}

static void go_over_to_descriptor(struct connection *connection)
{
    expect_pointer(connection, connection);
    gnutls_transport_set_int(connection->session, connection->fd);
    expect_pointer(connection, (gnutls_transport_ptr_t)(size_t)connection->fd);
}

/* As wget2 does. */
static ssize_t first_vec_push(gnutls_transport_ptr_t pointer, const giovec_t *parts, int count)
{
    struct connection *connection = pointer;
    ssize_t put = writev(connection->fd, (const struct iovec *)parts, count);
    go_over_to_descriptor(connection);
    gnutls_transport_set_vec_push_function(connection->session, last_vec_push);
    return put;
}

static void run_as_wget2(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    gnutls_transport_set_ptr(connection.session, &connection);
    gnutls_transport_set_vec_push_function(connection.session, first_vec_push);
    fetch_and_finish(&connection, target);
}

static ssize_t first_push(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    struct connection *connection = pointer;
    ssize_t put = send(connection->fd, data, len > 100 ? 100 : len, MSG_NOSIGNAL);
    gnutls_transport_set_push_function(connection->session, last_push);
    gnutls_transport_set_pull_function(connection->session, last_pull);
    gnutls_transport_set_pull_timeout_function(connection->session, last_timeout);
    gnutls_transport_set_ptr2(connection->session, connection, connection);
    go_over_to_descriptor(connection);
    return put;
}

static ssize_t no_pull(gnutls_transport_ptr_t pointer, void *data, size_t len)
{
    (void)pointer, (void)data, (void)len;
    fail("the first pull function was called");
}

static void run_all_functions(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    gnutls_transport_set_ptr(connection.session, &connection);
    gnutls_transport_set_push_function(connection.session, first_push);
    gnutls_transport_set_pull_function(connection.session, no_pull);
    gnutls_transport_set_pull_timeout_function(connection.session, last_timeout);
    gnutls_handshake_set_timeout(connection.session, 20000);
    fetch_and_finish(&connection, target);
}

/* Each call of any function sets another push function. GnuTLS keeps calling the old one after a
 * part, so only the vector function writes parts. */
static ssize_t odd_push(gnutls_transport_ptr_t pointer, const void *data, size_t len);
static ssize_t even_push(gnutls_transport_ptr_t pointer, const giovec_t *parts, int count);

static ssize_t odd_push(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    struct connection *connection = pointer;
    gnutls_transport_set_vec_push_function(connection->session, even_push);
    return send(connection->fd, data, len, MSG_NOSIGNAL);
}

static ssize_t even_push(gnutls_transport_ptr_t pointer, const giovec_t *parts, int count)
{
    struct connection *connection = pointer;
    (void)count;
    gnutls_transport_set_push_function(connection->session, odd_push);
    return send(connection->fd, parts->iov_base, parts->iov_len > 7 ? 7 : parts->iov_len,
                MSG_NOSIGNAL);
}

static ssize_t slow_pull(gnutls_transport_ptr_t pointer, void *data, size_t len)
{
    struct connection *connection = pointer;
    connection->again = !connection->again;
    if (connection->again) {
        gnutls_transport_set_push_function(connection->session, odd_push);
        gnutls_transport_set_pull_function(connection->session, slow_pull);
        gnutls_transport_set_pull_timeout_function(connection->session, ready);
        errno = EAGAIN;
        return -1;
    }
    return recv(connection->fd, data, len > 3 ? 3 : len, 0);
}

static void run_other_functions_each_time(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    gnutls_transport_set_ptr(connection.session, &connection);
    gnutls_transport_set_push_function(connection.session, odd_push);
    gnutls_transport_set_pull_function(connection.session, slow_pull);
    gnutls_transport_set_pull_timeout_function(connection.session, ready);
    fetch_and_finish(&connection, target);
}

/* ---- errors that only the application's function knows ---- */

static int told_error;

static int tell_error(gnutls_transport_ptr_t pointer)
{
    if (pointer != &told_error) {
        fail("the error function got another pointer");
    }
    return told_error;
}

static int only_fd;

static ssize_t push_without_errno(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    (void)pointer;
    static bool later;
    later = !later;
    told_error = EAGAIN;
    ssize_t put = later ? -1 : send(only_fd, data, len, MSG_NOSIGNAL);
    errno = EBADF;
    return put;
}

static ssize_t pull_without_errno(gnutls_transport_ptr_t pointer, void *data, size_t len)
{
    (void)pointer;
    static bool later;
    later = !later;
    told_error = EAGAIN;
    ssize_t got = later ? -1 : recv(only_fd, data, len, 0);
    errno = EBADF;
    return got;
}

static void run_errno_function(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    only_fd = connection.fd;
    gnutls_transport_set_ptr(connection.session, &told_error);
    gnutls_transport_set_push_function(connection.session, push_without_errno);
    gnutls_transport_set_pull_function(connection.session, pull_without_errno);
    gnutls_transport_set_pull_timeout_function(connection.session, ready);
    gnutls_transport_set_errno_function(connection.session, tell_error);
    fetch_and_finish(&connection, target);
}

/* ---- other sessions within transport functions ---- */

static const struct target *nested_target;
static struct connection *finished; /* its handshake is over */
static struct connection unused;

static ssize_t push_with_others(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    static unsigned calls;
    const struct connection *connection = pointer;
    if (calls++ == 0) {
        char octet = 'G';
        fetch(nested_target);
        must((int)gnutls_record_send(finished->session, &octet, 1), "gnutls_record_send");
        gnutls_bye(finished->session, GNUTLS_SHUT_WR);
        finish(finished);
        finish(&unused);
    }
    return send(connection->fd, data, len, MSG_NOSIGNAL);
}

static ssize_t pull_with_others(gnutls_transport_ptr_t pointer, void *data, size_t len)
{
    static unsigned calls;
    const struct connection *connection = pointer;
    if (calls++ == 1) {
        fetch(nested_target);
    }
    return recv(connection->fd, data, len, 0);
}

/* Makes two sessions and five handshakes. */
static void run_nested_in_functions(const struct target *target)
{
    struct connection before = {.fd = -1};
    struct connection connection = {.fd = -1};
    nested_target = target;
    start(&before, target, "NORMAL");
    must(shake_hands(&before), "gnutls_handshake");
    finished = &before;
    start(&unused, target, "NORMAL");
    start(&connection, target, "NORMAL");
    gnutls_transport_set_ptr(connection.session, &connection);
    gnutls_transport_set_push_function(connection.session, push_with_others);
    gnutls_transport_set_pull_function(connection.session, pull_with_others);
    gnutls_transport_set_pull_timeout_function(connection.session, ready);
    fetch_and_finish(&connection, target);
}

/* ---- coroutines ---- */

enum { COROUTINES = 5, STACK = 1 << 18 };

struct coroutine {
    ucontext_t context;
    const struct target *target;
    int fd;
    bool done;
    char *stack;
};

static struct coroutine coroutines[COROUTINES];
static ucontext_t scheduler;
static struct coroutine *running;
static bool pointer_is_null;
static unsigned left;

static void others_first(void)
{
    swapcontext(&running->context, &scheduler);
}

/* The coroutine knows the descriptor; the pointer is the same for all, or NULL. */
static ssize_t co_push(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    if (pointer != (pointer_is_null ? NULL : &scheduler)) {
        fail("another pointer");
    }
    others_first();
    return send(running->fd, data, len > 200 ? 200 : len, MSG_NOSIGNAL);
}

static ssize_t co_pull(gnutls_transport_ptr_t pointer, void *data, size_t len)
{
    (void)pointer;
    for (;;) {
        others_first();
        ssize_t got = recv(running->fd, data, len, MSG_DONTWAIT);
        if (got >= 0 || errno != EAGAIN) {
            return got;
        }
    }
}

static int co_timeout(gnutls_transport_ptr_t pointer, unsigned ms)
{
    (void)pointer, (void)ms;
    others_first();
    return 1;
}

static void co_main(void)
{
    struct coroutine *self = running;
    struct connection connection = {.fd = -1};
    start(&connection, self->target, "NORMAL");
    self->fd = connection.fd;
    gnutls_transport_set_ptr(connection.session, pointer_is_null ? NULL : &scheduler);
    gnutls_transport_set_push_function(connection.session, co_push);
    gnutls_transport_set_pull_function(connection.session, co_pull);
    gnutls_transport_set_pull_timeout_function(connection.session, co_timeout);
    fetch_and_finish(&connection, self->target);
    self->done = true;
    for (;;) {
        others_first();
    }
}

static void run_coroutines(const struct target *target)
{
    left = COROUTINES;
    for (unsigned i = 0; i < COROUTINES; i++) {
        struct coroutine *coroutine = &coroutines[i];
        coroutine->target = target;
        coroutine->stack = malloc(STACK);
        getcontext(&coroutine->context);
        coroutine->context.uc_stack.ss_sp = coroutine->stack;
        coroutine->context.uc_stack.ss_size = STACK;
        makecontext(&coroutine->context, co_main, 0);
    }
    while (left > 0) {
        left = 0;
        for (unsigned i = 0; i < COROUTINES; i++) {
            running = &coroutines[i];
            if (!running->done) {
                swapcontext(&scheduler, &running->context);
                left++;
            }
        }
    }
    for (unsigned i = 0; i < COROUTINES; i++) {
        free(coroutines[i].stack);
    }
}

static void run_coroutines_null(const struct target *target)
{
    pointer_is_null = true;
    run_coroutines(target);
}

/* ---- a transport that GnuTLS sets itself ---- */

static void run_fastopen(const struct target *target)
{
    struct connection connection = {.fd = -1};
    struct addrinfo *address;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    start(&connection, target, "NORMAL");
    close(connection.fd);
    if (getaddrinfo(target->host, target->port, &hints, &address) != 0) {
        fail("no address");
    }
    connection.fd = socket(address->ai_family, SOCK_STREAM, 0);
    gnutls_transport_set_fastopen(connection.session, connection.fd, address->ai_addr,
                                  address->ai_addrlen, 0);
    freeaddrinfo(address);
    fetch_and_finish(&connection, target);
}

static void run_endurance(const struct target *target)
{
    endure(target, run_as_wget2);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"as-wget2", run_as_wget2},
        {"all-functions", run_all_functions},
        {"other-functions", run_other_functions_each_time},
        {"errno-function", run_errno_function},
        {"nested", run_nested_in_functions},
        {"coroutines", run_coroutines},
        {"coroutines-null", run_coroutines_null},
        {"fastopen", run_fastopen},
        {"endurance", run_endurance},
        {NULL, NULL},
    };
    return run_mode_of(argc, argv, modes);
}
