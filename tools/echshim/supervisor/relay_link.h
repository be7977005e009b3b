/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the supervisor and the relay say to each other, over a socket that keeps messages apart. */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_RELAY_LINK_H
#define TOOLS_ECHSHIM_SUPERVISOR_RELAY_LINK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The relay's first message: it is ready, and its files are in `folder`. */
struct relay_ready {
    bool good;
    char text[PATH_MAX]; /* the folder, or why there is no relay */
};

/*
 * The supervisor's messages. Without a source (AF_UNSPEC): connect to the destination, and say how
 * it went, so that the program's connect can fail as it would without us. With a source: a socket
 * of the program was connected to the relay, and goes on to that connection.
 */
struct relay_claim {
    struct sockaddr_storage source;      /* the address and port of the program's socket */
    struct sockaddr_storage destination; /* where the program wanted to go */
    pid_t process;
    uint64_t number; /* the same in both messages about a connection */
};

/* The relay's further messages. */
struct relay_connected {
    uint64_t number;
    int64_t problem; /* 0: connected; otherwise an error number. As wide as the number: no gap */
};

#endif
