/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of connect that wait until the relay has tried the real server. So a server that refuses
 * the connection, or cannot be reached, looks to the program as it does without us, and it goes on
 * with the next address.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_LEADING_H
#define TOOLS_ECHSHIM_SUPERVISOR_LEADING_H

#include "tools/echshim/supervisor/lead.h"

/* A call of connect that is held. */
struct supervisor_leading {
    uint64_t id; /* of the notification */
    pid_t task;
    int fd; /* of the task */
    struct sockaddr_storage destination;
};

/* `lead` is borrowed for as long as the process lives. */
void supervisor_leading_start(const struct supervisor_lead *lead);

/* Leads the call's socket to the relay, and answers the call, now or later. False: it cannot be
 * led, and was not answered. */
bool supervisor_leading_take(const struct supervisor_leading *call);

/* The relay's link can be read. */
void supervisor_leading_hear(void);

/* How long the loop may sleep, in milliseconds; -1: for ever. */
int supervisor_leading_patience(void);
/* Answers the calls whose patience is over. */
void supervisor_leading_sweep(void);

#endif
