/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GnuTLS as programs use it: one mode for each kind of transport, priorities and repetition. */
#include "client.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* How one fetch differs from the next. */
struct way {
    unsigned flags;
    /* NULL: default priorities. */
    const char *priority;
    bool priority_object;
    bool with_timeout;
    bool own_push;
    bool vec_push;
    bool own_pull;
    bool two_pointers;
    size_t read_max;
    size_t write_max;
    bool stutter;
    /* In and out: the session to resume. */
    gnutls_datum_t *session;
    bool must_resume;
};

/* The pointer that the transport functions get. */
struct transport {
    const struct way *way;
    gnutls_session_t session;
    int fd;
    bool said_again;
};

static int must(int result, const char *what)
{
    if (result < 0) {
        fail("%s: %s", what, gnutls_strerror(result));
    }
    return result;
}

/* ---- transports of our own ---- */

static bool says_again(struct transport *transport)
{
    transport->said_again = transport->way->stutter && !transport->said_again;
    if (transport->said_again) {
        gnutls_transport_set_errno(transport->session, EAGAIN);
    }
    return transport->said_again;
}

static size_t limit(size_t len, size_t most)
{
    return most != 0 && len > most ? most : len;
}

static ssize_t result_of(struct transport *transport, ssize_t result)
{
    if (result < 0) {
        gnutls_transport_set_errno(transport->session, errno);
    }
    return result;
}

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    struct transport *transport = pointer;
    if (says_again(transport)) {
        return -1;
    }
    len = limit(len, transport->way->write_max);
    return result_of(transport, send(transport->fd, data, len, MSG_NOSIGNAL));
}

static ssize_t vec_push(gnutls_transport_ptr_t pointer, const giovec_t *parts, int count)
{
    struct transport *transport = pointer;
    struct msghdr message = {.msg_iov = (struct iovec *)(size_t)parts, .msg_iovlen = (size_t)count};
    if (says_again(transport)) {
        return -1;
    }
    return result_of(transport, sendmsg(transport->fd, &message, MSG_NOSIGNAL));
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t len)
{
    struct transport *transport = pointer;
    if (says_again(transport)) {
        return -1;
    }
    len = limit(len, transport->way->read_max);
    return result_of(transport, recv(transport->fd, data, len, 0));
}

static int pull_timeout(gnutls_transport_ptr_t pointer, unsigned ms)
{
    struct transport *transport = pointer;
    struct pollfd ready = {.fd = transport->fd, .events = POLLIN};
    return poll(&ready, 1, ms == GNUTLS_INDEFINITE_TIMEOUT ? -1 : (int)ms);
}

static void set_transport(gnutls_session_t session, struct transport *transport)
{
    const struct way *way = transport->way;
    if (!way->own_push && !way->vec_push && !way->own_pull) {
        if (way->two_pointers) {
            gnutls_transport_set_int2(session, transport->fd, transport->fd);
        } else {
            gnutls_transport_set_int(session, transport->fd);
        }
        return;
    }
    gnutls_transport_set_ptr(session, transport);
    if (way->own_push) {
        gnutls_transport_set_push_function(session, push);
    } else {
        gnutls_transport_set_vec_push_function(session, vec_push);
    }
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_pull_timeout_function(session, pull_timeout);
}

/* ---- one fetch ---- */

static void set_priority(gnutls_session_t session, const struct way *way)
{
    if (way->priority == NULL) {
        must(gnutls_set_default_priority(session), "gnutls_set_default_priority");
    } else if (way->priority_object) {
        gnutls_priority_t priority;
        must(gnutls_priority_init(&priority, way->priority, NULL), "gnutls_priority_init");
        must(gnutls_priority_set(session, priority), "gnutls_priority_set");
        gnutls_priority_deinit(priority);
    } else {
        must(gnutls_priority_set_direct(session, way->priority, NULL),
             "gnutls_priority_set_direct");
    }
}

/* After a call that said "again": waits for what the session wants. True: call once more. */
static bool again(gnutls_session_t session, const struct transport *transport, ssize_t result)
{
    if (result != GNUTLS_E_AGAIN && result != GNUTLS_E_INTERRUPTED) {
        return false;
    }
    if (transport->way->flags & GNUTLS_NONBLOCK) {
        if (!await(transport->fd, gnutls_record_get_direction(session) == 1 ? POLLOUT : POLLIN)) {
            fail("nothing happened on the socket");
        }
    }
    return true;
}

static void exchange(gnutls_session_t session, const struct transport *transport,
                     const struct target *target)
{
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    ssize_t got;
    size_t len = make_request(target, request, sizeof request);
    do {
        got = gnutls_record_send(session, request, len);
    } while (again(session, transport, got));
    if (got != (ssize_t)len) {
        fail("gnutls_record_send: %s", gnutls_strerror((int)got));
    }
    while ((got = gnutls_record_recv(session, chunk, sizeof chunk)) != 0) {
        if (got > 0) {
            response_add(&response, chunk, (size_t)got);
        } else if (!again(session, transport, got)) {
            fail("gnutls_record_recv: %s", gnutls_strerror((int)got));
        }
    }
    response_check(&response, target);
}

static void fetch(const struct target *target, const struct way *way)
{
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    int result;
    must(gnutls_certificate_allocate_credentials(&credentials), "credentials");
    must(gnutls_certificate_set_x509_trust_file(credentials, target->ca, GNUTLS_X509_FMT_PEM),
         target->ca);
    must(gnutls_init(&session, GNUTLS_CLIENT | way->flags), "gnutls_init");
    must(gnutls_server_name_set(session, GNUTLS_NAME_DNS, target->host, strlen(target->host)),
         "gnutls_server_name_set");
    gnutls_session_set_verify_cert(session, target->host, 0);
    set_priority(session, way);
    must(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), "credentials");
    struct transport transport = {.way = way, .session = session};
    transport.fd = way->flags & GNUTLS_NONBLOCK ? dial_nonblocking(target) : dial(target);
    if (!await(transport.fd, POLLOUT)) {
        fail("no connection");
    }
    set_transport(session, &transport);
    if (way->with_timeout) {
        gnutls_handshake_set_timeout(session, 20000);
    }
    if (way->must_resume) {
        must(gnutls_session_set_data(session, way->session->data, way->session->size),
             "gnutls_session_set_data");
    }
    do {
        result = gnutls_handshake(session);
    } while (again(session, &transport, result));
    must(result, "gnutls_handshake");
    exchange(session, &transport, target);
    if (gnutls_protocol_get_version(session) != GNUTLS_TLS1_3) {
        fail("not TLS 1.3");
    }
    if (way->must_resume && !gnutls_session_is_resumed(session)) {
        fail("not resumed");
    }
    if (way->session != NULL && !way->must_resume) {
        must(gnutls_session_get_data2(session, way->session), "gnutls_session_get_data2");
    }
    gnutls_bye(session, GNUTLS_SHUT_WR);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    close(transport.fd);
}

/* ---- modes ---- */

static void run_default(const struct target *target)
{
    fetch(target, &(struct way){0});
}

static void run_timeout(const struct target *target)
{
    fetch(target, &(struct way){.with_timeout = true});
}

static void run_two_pointers(const struct target *target)
{
    fetch(target, &(struct way){.two_pointers = true});
}

static void run_push_pull(const struct target *target)
{
    fetch(target, &(struct way){.own_push = true, .own_pull = true, .with_timeout = true});
}

static void run_vec_push(const struct target *target)
{
    fetch(target, &(struct way){.vec_push = true, .own_pull = true});
}

static void run_nonblocking(const struct target *target)
{
    fetch(target, &(struct way){.flags = GNUTLS_NONBLOCK});
}

static void run_dribble(const struct target *target)
{
    fetch(target, &(struct way){.own_push = true, .own_pull = true, .read_max = 1, .write_max = 7});
}

static void run_stutter(const struct target *target)
{
    fetch(target,
          &(struct way){
              .own_push = true, .own_pull = true, .read_max = 1, .write_max = 7, .stutter = true});
}

static void run_priority_string(const struct target *target)
{
    fetch(target, &(struct way){.priority = "NORMAL:-VERS-TLS1.1"});
}

static void run_priority_object(const struct target *target)
{
    fetch(target, &(struct way){.priority = "NORMAL:%COMPAT", .priority_object = true});
}

static void run_priority_tls13(const struct target *target)
{
    fetch(target, &(struct way){.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3"});
}

static void resume_with(const struct target *target, const char *priority)
{
    gnutls_datum_t session = {NULL, 0};
    fetch(target, &(struct way){.priority = priority, .session = &session});
    fetch(target, &(struct way){.priority = priority, .session = &session, .must_resume = true});
    gnutls_free(session.data);
    printf("reused\n");
}

static void run_resume(const struct target *target)
{
    resume_with(target, NULL);
}

static void run_resume_tls13(const struct target *target)
{
    resume_with(target, "NORMAL:-VERS-ALL:+VERS-TLS1.3");
}

static void run_threads(const struct target *target)
{
    in_threads(target, run_default);
}

static void run_fork(const struct target *target)
{
    across_fork(target, run_default);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"default", run_default},
        {"timeout", run_timeout},
        {"two-pointers", run_two_pointers},
        {"push-pull", run_push_pull},
        {"vec-push", run_vec_push},
        {"non-blocking", run_nonblocking},
        {"dribble", run_dribble},
        {"stutter", run_stutter},
        {"priority-string", run_priority_string},
        {"priority-object", run_priority_object},
        {"priority-tls13", run_priority_tls13},
        {"resume", run_resume},
        {"resume-tls13", run_resume_tls13},
        {"threads", run_threads},
        {"fork", run_fork},
        {NULL, NULL},
    };
    return run_mode_of(argc, argv, modes);
}
