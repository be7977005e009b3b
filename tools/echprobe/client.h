/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program under the shim: an ordinary GnuTLS client that knows nothing of ECH, and keeps a
 * journal of what passes through its own push and pull functions.
 */
#ifndef TOOLS_ECHPROBE_CLIENT_H
#define TOOLS_ECHPROBE_CLIENT_H

#include <jansson.h>
#include <stdint.h>

struct probe_client {
    const char *host;    /* server name */
    const char *target;  /* a name to connect to, or an address */
    const char *port;    /* a number */
    const char *ca_file; /* NULL: the system's trust anchors */
    unsigned timeout_ms; /* bound on connecting, and again on the handshake */
};

/* Connects and makes the handshake. Returns the journal: "events", each with its time in
 * microseconds from the start, and "complete". NULL: no memory. */
json_t *probe_client_run(const struct probe_client *client);

#endif
