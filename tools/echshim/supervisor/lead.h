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
#include "tools/echshim/supervisor/relay_link.h"

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
 * Could the copy be led to the relay? False: this is no TCP socket, so it cannot. Otherwise
 * *problem is 0 if the relay has to try the real server first, or what connect gives the program at
 * once: EISCONN stands for a socket that is connected already.
 */
bool supervisor_lead_can(const struct supervisor_lead *lead, int copy,
                         const struct sockaddr_storage *destination, int *problem);
/* Connects the copy to the relay, and tells the relay of it: `claim` has all but the source.
 * Returns what connect gives the program: 0, or an error number. */
int supervisor_lead_connect(const struct supervisor_lead *lead, int copy,
                            struct relay_claim *claim);
/* The same for a socket that is connected already: the program asks again to learn the result.
 * Nothing new is connected. */
int supervisor_lead_again(const struct supervisor_lead *lead, int copy);
/* The relay has ended: resets the connections that it had not taken, whose programs would wait for
 * ever, since its sockets stay open. */
void supervisor_lead_end(const struct supervisor_lead *lead);
/* Sends a message to the relay. False: it cannot be sent. */
bool supervisor_lead_send(const struct supervisor_lead *lead, const struct relay_claim *claim);

#endif
