/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a program's TLS, in a word: facts in, words out. */
#ifndef TOOLS_ECHSHIM_VERDICT_H
#define TOOLS_ECHSHIM_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "shim/common/mode.h"

struct verdict_facts {
    enum shim_mode mode;
    bool reached;     /* the shim can be in the program */
    bool led;         /* its own ECH is switched on instead, if a supervisor can hold it */
    bool runs;        /* strict mode runs it */
    bool can_be_held; /* here, by a supervisor */
    bool relay;       /* it is wanted, and the supervisor can lead to it */
    size_t hooked;    /* TLS libraries that were found, by whether the shim hooks them */
    size_t unhooked;
    bool detours; /* of the hooked ones: inside the program, reached by detours */
    bool native;  /* of the hooked ones: all make ECH themselves, with what the shim gives them */
};

struct verdict {
    const char *word;   /* protected, relay, held or open; static storage, as the others */
    const char *why;    /* a sentence without its stop */
    const char *advice; /* the same, or NULL: there is nothing to do */
};

/* The way that its TLS goes: go, relay, detours, native, hooks, held (strict mode refuses it) or
 * open. Of several kinds of TLS the one without ECH counts. NULL: no TLS was found. */
const char *verdict_way(const struct verdict_facts *facts);

struct verdict verdict_of(const struct verdict_facts *facts);

#endif
