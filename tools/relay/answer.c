/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/answer.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

static ssize_t pull(gnutls_transport_ptr_t pointer, void *out, size_t size)
{
    struct relay_answer *answer = pointer;
    if (answer->replay.len > 0) {
        size_t count = answer->replay.len < size ? answer->replay.len : size;
        memcpy(out, answer->replay.data, count);
        answer->replay = bytes_of(answer->replay.data + count, answer->replay.len - count);
        return (ssize_t)count;
    }
    return relay_end_pull(answer->program, out, size);
}

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t length)
{
    struct relay_answer *answer = pointer;
    ssize_t count = send(answer->program->fd, data, length, MSG_NOSIGNAL);
    if (count < 0) {
        gnutls_transport_set_errno(answer->program->session, errno);
    }
    return count;
}

/* The sockets do not wait, so neither does GnuTLS. */
static int pull_timeout(gnutls_transport_ptr_t pointer, unsigned milliseconds)
{
    (void)pointer, (void)milliseconds;
    return 1;
}

/* Any certificate of the program is seen, and then refused. */
static int accept_any(gnutls_session_t session)
{
    (void)session;
    return 0;
}

bool relay_answer_begin(struct relay_answer *answer, const struct relay_leaf *leaf,
                        const gnutls_datum_t *protocol, bool ask)
{
    gnutls_session_t session;
    if (gnutls_init(&session,
                    GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS) != 0) {
        return false;
    }
    answer->program->session = session;
    gnutls_transport_set_ptr(session, answer);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_push_function(session, push);
    gnutls_transport_set_pull_timeout_function(session, pull_timeout);
    gnutls_handshake_set_timeout(session, 0);
    gnutls_certificate_server_set_request(session, ask ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE);
    gnutls_session_set_verify_function(session, accept_any);
    return gnutls_priority_set_direct(session, PRIORITY, NULL) == 0 &&
           gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, leaf->credentials) == 0 &&
           (protocol->size == 0 || gnutls_alpn_set_protocols(session, protocol, 1, 0) == 0);
}

int relay_answer_step(struct relay_answer *answer)
{
    gnutls_session_t session = answer->program->session;
    int result;
    do {
        result = gnutls_handshake(session);
    } while (result == GNUTLS_E_WARNING_ALERT_RECEIVED || result == GNUTLS_E_INTERRUPTED);
    if (result == GNUTLS_E_AGAIN && answer->program->fin) {
        return GNUTLS_E_PREMATURE_TERMINATION;
    }
    if (result == GNUTLS_E_AGAIN) {
        answer->program->wanted |= gnutls_record_get_direction(session) != 0 ? EPOLLOUT : EPOLLIN;
    }
    return result;
}

bool relay_answer_has_certificate(const struct relay_answer *answer)
{
    unsigned count = 0;
    return gnutls_certificate_get_peers(answer->program->session, &count) != NULL && count > 0;
}
