/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the supervisor and the relay say to each other, over a socket that keeps messages apart. */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_RELAY_LINK_H
#define TOOLS_ECHSHIM_SUPERVISOR_RELAY_LINK_H

#include <limits.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The relay's first message: it is ready, and its files are in `folder`. */
struct relay_ready {
    bool good;
    char text[PATH_MAX]; /* the folder, or why there is no relay */
};

/* The supervisor's messages: it has connected a socket of a held program to the relay. */
struct relay_claim {
    struct sockaddr_storage source;      /* the address and port of the program's socket */
    struct sockaddr_storage destination; /* where the program wanted to go */
    pid_t process;
};

#endif
