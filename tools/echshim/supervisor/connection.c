/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/connection.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/echshim/supervisor/lead.h"
#include "tools/echshim/supervisor/notify.h"

/* Before its handshake a connection of TLS has carried nothing. What goes through a proxy has
 * carried the proxy's answer at least. */
static enum shim_asked_connection state_of(int fd)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        length < offsetof(struct tcp_info, tcpi_bytes_sent) + sizeof info.tcpi_bytes_sent) {
        return SHIM_ASKED_UNKNOWN; /* Linux before 4.19 does not count */
    }
    bool fresh =
        info.tcpi_bytes_sent == 0 && info.tcpi_notsent_bytes == 0 && info.tcpi_bytes_received == 0;
    return fresh ? SHIM_ASKED_FRESH : SHIM_ASKED_USED;
}

static bool peer_of(int fd, struct shim_config_question *question)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0 ||
        !shim_address_of((const struct sockaddr *)&peer, &question->peer)) {
        return false;
    }
    question->port = shim_address_port((const struct sockaddr *)&peer);
    return question->port != 0;
}

void supervisor_connection_look(pid_t task, uint64_t id, int fd,
                                struct shim_config_question *question)
{
    struct shim_config_question found = *question;
    found.connection = SHIM_ASKED_UNKNOWN;
    int copy = fd >= 0 ? supervisor_copy_socket(task, fd) : -1;
    if (copy < 0) {
        return;
    }
    /* If the call still waits, the copy is of the process that made it. */
    if (supervisor_notify_waits(id)) {
        found.connection = state_of(copy);
    }
    if (found.connection == SHIM_ASKED_USED ||
        (found.connection == SHIM_ASKED_FRESH && peer_of(copy, &found))) {
        *question = found;
    }
    (void)close(copy);
}

bool supervisor_connection_equal(const struct shim_config_question *a,
                                 const struct shim_config_question *b)
{
    return a->connection == b->connection &&
           (a->connection != SHIM_ASKED_FRESH ||
            (a->port == b->port && shim_address_equal(&a->peer, &b->peer)));
}
