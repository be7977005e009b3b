/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leads a held program's connection to the relay: connects the program's own socket, by a copy of
 * its descriptor, so that its options and its epoll registrations stay.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_LEAD_H
#define TOOLS_ECHSHIM_SUPERVISOR_LEAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "tools/echshim/supervisor/relay_folder.h"

struct supervisor_lead {
    int link; /* to the relay; -1: there is none */
    /* The relay's sockets, and their ports in host order. We keep them open, so that no other
     * process gets these ports if the relay dies. */
    int listener;
    int listener_ipv6; /* -1: there is none */
    uint16_t port;
    uint16_t port_ipv6;
    struct relay_folder folder;
};

/* A copy of a descriptor of a task, which is proven to be the socket of that number; -1. */
int supervisor_copy_socket(pid_t task, int fd);

/*
 * Connects the copy to the relay, and tells the relay where the program wanted to go. False: this
 * is no TCP socket, so it cannot be led. Otherwise *error is what connect gives the program: 0, or
 * a negative error number.
 */
bool supervisor_lead(struct supervisor_lead *lead, int copy, pid_t task,
                     const struct sockaddr_storage *destination, int *error);

#endif
