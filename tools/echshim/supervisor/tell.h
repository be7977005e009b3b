/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The report lines of the supervisor. */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_TELL_H
#define TOOLS_ECHSHIM_SUPERVISOR_TELL_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "shim/common/mode.h"
#include "shim/common/report.h"

/* Where lines go. */
struct supervisor_teller {
    char *report;       /* the value of ECHSHIM_REPORT, or NULL for nowhere */
    int fd;             /* for fd:N: a descriptor of our own; else -1 */
    unsigned long lost; /* lines that could not be written */
};

/* `report` is such a value, which the teller then owns, or NULL. Call this while descriptor N of
 * fd:N still is the user's. */
void supervisor_teller_open(struct supervisor_teller *teller, char *report);

/* A connection of a task that goes past the shim, or may not. */
struct supervisor_news {
    pid_t task;
    bool refused;                               /* else it goes in the clear */
    const char *host;                           /* NULL: its address is told */
    const char *reason;                         /* a word of docs/report.md */
    const struct sockaddr_storage *destination; /* without an address if that is not known */
};

/* Writes one line. */
void supervisor_tell(struct supervisor_teller *teller, const struct supervisor_news *news);
/* Writes the line of a handshake, of this process and the program in it. */
void supervisor_tell_handshake(struct supervisor_teller *teller, pid_t process, const char *program,
                               const struct shim_report *report);

#endif
