/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What steps_calls.c asks of steps.c. */
#ifndef STEPS_H
#define STEPS_H

#include <stdbool.h>

enum call {
    CALL_IN = 1,
    CALL_OUT = 2,
    CALL_CONNECT = 4,
    CALL_POLL = 8,
    CALL_DUP = 16,
    CALL_ASK = 32,
    CALL_NEW = 64
};

enum verdict { GO_ON, FAIL, CARRY_ONE };

/* Counts the call, and makes the event happen if this is the one. FAIL: errno is set. */
enum verdict steps_take(enum call call, const char *name, int fd, const void *caller);

/* Records what the engine itself does to a descriptor that by now belongs to somebody else. It may
 * read the program's connection on the program's behalf. A call already under way is excused. */
void steps_watch(const char *name, int fd, const void *caller, bool harmless);

bool steps_is_engine(const void *caller);

/* Did the engine open this descriptor? */
void steps_note_owner(int fd, bool engine);
bool steps_is_engines(int fd);

#endif
