/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a held call: facts in, decision out. */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_DECIDE_H
#define TOOLS_ECHSHIM_SUPERVISOR_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/common/conf.h"
#include "tools/echshim/supervisor/call.h"

enum { SUPERVISOR_PORTS_MAX = 256 };

struct supervisor_policy {
    bool strict; /* for all hosts or for some: the supervisor sees no names */
    uint16_t ports[SUPERVISOR_PORTS_MAX];
    size_t port_count;
    bool every_port;      /* there are more than so many */
    bool relay;           /* connections past the shim are led to the relay */
    bool names_protected; /* for some host: a program's own questions are led to us */
    size_t led_count;     /* to the first so many ports; the others belong to DNS */
};

/* Reads the modes, ports and resolvers of all hosts from the settings of a program. */
void supervisor_policy_read(struct supervisor_policy *policy, const struct shim_conf *conf);

/* Is a port watched? `policy` is a struct supervisor_policy. */
bool supervisor_policy_watches(const void *policy, uint16_t port);

/* Is a port one whose connections go to the relay? */
bool supervisor_policy_leads(const struct supervisor_policy *policy, uint16_t port);

struct supervisor_facts {
    enum supervisor_look look;
    bool answers;    /* the stub lives in the process, and guards what made the call */
    bool asks;       /* the detour of a Go program lives in the process */
    uint16_t port;   /* of WATCHED */
    bool connects;   /* by a call that has one descriptor: it can be led elsewhere */
    bool can_be_led; /* the call connects a TCP socket to a port of the relay's */
};

enum supervisor_decision {
    SUPERVISOR_PASS,
    SUPERVISOR_PASS_AND_TELL, /* the report says plain */
    SUPERVISOR_REFUSE,        /* EACCES; the report says refused */
    SUPERVISOR_LEAD,          /* to the relay */
    SUPERVISOR_ANSWER_NAMES,  /* to our own DNS; where that is impossible: as told by _unled */
};

enum supervisor_decision supervisor_decide(const struct supervisor_policy *policy,
                                           const struct supervisor_facts *facts);
/* What becomes of a call that cannot be led. */
enum supervisor_decision supervisor_decide_unled(const struct supervisor_policy *policy);

#endif
