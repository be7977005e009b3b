/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/end.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

bool relay_end_watch(struct relay_end *end, int loop)
{
    struct epoll_event event = {.events = end->wanted, .data.ptr = end};
    if (end->fd < 0 || end->wanted == end->watched) {
        return true;
    }
    /* Without a wish the socket is taken out: epoll tells of EPOLLHUP in any case. */
    int what = end->wanted == 0 ? EPOLL_CTL_DEL : end->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    end->watched = end->wanted;
    return epoll_ctl(loop, what, end->fd, &event) == 0 || what == EPOLL_CTL_DEL;
}

/* ---- reading ---- */

/* GnuTLS may have to write in order to read. */
static ssize_t wait_in(struct relay_end *end)
{
    end->wanted |= gnutls_record_get_direction(end->session) != 0 ? EPOLLOUT : EPOLLIN;
    return RELAY_WAIT;
}

static ssize_t read_plain(struct relay_end *end, void *out, size_t size)
{
    ssize_t count = recv(end->fd, out, size, 0);
    if (count >= 0) {
        return count > 0 ? count : RELAY_FIN;
    }
    if (errno == EAGAIN || errno == EINTR) {
        end->wanted |= EPOLLIN;
        return RELAY_WAIT;
    }
    return RELAY_RESET;
}

ssize_t relay_end_pull(gnutls_transport_ptr_t pointer, void *out, size_t size)
{
    struct relay_end *end = pointer;
    ssize_t count = recv(end->fd, out, size, 0);
    if (count > 0) {
        return count;
    }
    end->fin = end->fin || count == 0;
    /* GnuTLS takes a reset for an end. */
    bool later = count == 0 || errno == EAGAIN || errno == EINTR;
    gnutls_transport_set_errno(end->session, later ? EAGAIN : EIO);
    return -1;
}

static int do_not_wait(gnutls_transport_ptr_t pointer, unsigned milliseconds)
{
    (void)pointer, (void)milliseconds;
    return 1;
}

void relay_end_take(struct relay_end *end, gnutls_session_t session)
{
    gnutls_transport_ptr_t own;
    gnutls_transport_ptr_t of_writes;
    gnutls_transport_get_ptr2(session, &own, &of_writes);
    end->session = session;
    gnutls_transport_set_ptr2(session, end, of_writes);
    gnutls_transport_set_pull_function(session, relay_end_pull);
    gnutls_transport_set_pull_timeout_function(session, do_not_wait);
}

ssize_t relay_end_read(struct relay_end *end, void *out, size_t size, int *alert)
{
    *alert = -1;
    if (end->session == NULL) {
        return read_plain(end, out, size);
    }
    ssize_t count = gnutls_record_recv(end->session, out, size);
    if (count >= 0) {
        return count > 0 ? count : RELAY_NOTIFY;
    }
    switch (count) {
    case GNUTLS_E_AGAIN:
    case GNUTLS_E_INTERRUPTED:
    case GNUTLS_E_WARNING_ALERT_RECEIVED:
    case GNUTLS_E_REHANDSHAKE: /* not answered: the peer goes on, or gives up */
        return end->fin ? RELAY_FIN : wait_in(end);
    case GNUTLS_E_FATAL_ALERT_RECEIVED:
        *alert = (int)gnutls_alert_get(end->session);
        return RELAY_RESET;
    default:
        return RELAY_RESET;
    }
}

ssize_t relay_end_await_fin(struct relay_end *end, void *room, size_t size)
{
    ssize_t count;
    do {
        count = read_plain(end, room, size);
    } while (count > 0);
    return count;
}

/* ---- writing ---- */

static ssize_t write_plain(struct relay_end *end, const void *data, size_t length)
{
    ssize_t count = send(end->fd, data, length, MSG_NOSIGNAL);
    if (count >= 0) {
        return count;
    }
    if (errno == EAGAIN || errno == EINTR) {
        end->wanted |= EPOLLOUT;
        return RELAY_WAIT;
    }
    return RELAY_RESET;
}

/* GnuTLS keeps a record that the socket did not take, and wants the same octets again. */
ssize_t relay_end_write(struct relay_end *end, const void *data, size_t length)
{
    if (end->session == NULL) {
        return write_plain(end, data, length);
    }
    ssize_t count = gnutls_record_send(end->session, data, length);
    if (count >= 0) {
        return count;
    }
    if (count == GNUTLS_E_AGAIN || count == GNUTLS_E_INTERRUPTED) {
        end->wanted |= EPOLLOUT;
        return RELAY_WAIT;
    }
    return RELAY_RESET;
}

ssize_t relay_end_notify(struct relay_end *end)
{
    int result = end->session != NULL ? gnutls_bye(end->session, GNUTLS_SHUT_WR) : 0;
    if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) {
        end->wanted |= EPOLLOUT;
        return RELAY_WAIT;
    }
    return result == GNUTLS_E_SUCCESS ? 0 : RELAY_RESET;
}

ssize_t relay_end_finish(struct relay_end *end)
{
    return shutdown(end->fd, SHUT_WR) == 0 || errno == ENOTCONN ? 0 : RELAY_RESET;
}

bool relay_end_is_drained(const struct relay_end *end)
{
    struct tcp_info info = {.tcpi_state = TCP_CLOSE};
    socklen_t size = sizeof info;
    int unsent = 0;
    return end->fd < 0 || getsockopt(end->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
           info.tcpi_state == TCP_CLOSE || ioctl(end->fd, SIOCOUTQ, &unsent) != 0 || unsent == 0;
}

void relay_end_alert(struct relay_end *end, int alert)
{
    enum { RECORD_ALERT = 21, FATAL = 2 };
    if (end->session != NULL) {
        (void)gnutls_alert_send(end->session, GNUTLS_AL_FATAL, (gnutls_alert_description_t)alert);
        return;
    }
    const uint8_t record[] = {RECORD_ALERT, 3, 3, 0, 2, FATAL, (uint8_t)alert};
    if (end->fd >= 0) {
        (void)send(end->fd, record, sizeof record, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

void relay_end_close(struct relay_end *end, bool reset)
{
    if (end->session != NULL) {
        gnutls_deinit(end->session);
        end->session = NULL;
    }
    if (end->fd >= 0) {
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        if (reset) {
            (void)setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        (void)close(end->fd);
        end->fd = -1;
    }
    end->watched = 0;
}
