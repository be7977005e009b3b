/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks a server whether it accepts an ECHConfig, on a connection of our own. */
#ifndef SHIM_ENGINE_ANSWER_ASK_SERVER_H
#define SHIM_ENGINE_ANSWER_ASK_SERVER_H

#include "dns/lookup.h"
#include "shim/engine/session/rejection_probe.h"

struct shim_server_question {
    const struct dns_lookup *lookup; /* finds the server's addresses */
    const char *target;              /* the server's own name */
    uint16_t port;
    bool private_allowed; /* a private address may be asked too */
    const struct ech_config_choice *choice;
};

/*
 * Sends a hello with ECH for the config's public_name, inside and outside, so an observer learns no
 * more than from any handshake with this config. Blocks at most for the time of one look-up and as
 * long again. *retry_configs is as in shim_rejection_probe_run. SHIM_PROBE_FAILED also if the
 * server cannot be reached.
 */
enum shim_rejection_probe_result shim_answer_ask_server(const struct shim_server_question *question,
                                                        struct writer *retry_configs);

#endif
