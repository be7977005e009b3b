/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_DEMO_OBSERVER_H
#define TESTS_DEMO_OBSERVER_H

/* An observer between client and server, who keeps and reads what the client sends. */

#include <stdbool.h>
#include <stddef.h>

struct observation {
    bool parsed;           /* the octets begin with a ClientHello */
    char server_name[256]; /* in the ClientHello; "none" without the extension */
    bool ech;              /* it carries an encrypted_client_hello of type outer */
    unsigned config_id;
    size_t payload_len;
    unsigned found; /* how often the name appears anywhere in the octets */
};

/* Reads all that a client sent on one connection, and looks for `name` in it. */
void observe(const char *octets, size_t len, const char *name, struct observation *observation);

#endif
