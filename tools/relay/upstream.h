/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handshake with the real server. It is an ordinary handshake of GnuTLS: libechshim is
 * preloaded here as in any program, and makes it one with ECH. */
#ifndef TOOLS_RELAY_UPSTREAM_H
#define TOOLS_RELAY_UPSTREAM_H

#include <gnutls/gnutls.h>
#include <stdbool.h>

#include "tools/relay/hello.h"

/* The anchors for real servers: the system's, or those of `ca_file`; and those of `more_file`. NULL
 * for none. False: *why is a sentence. */
bool relay_upstream_trust(gnutls_certificate_credentials_t *trust, const char *ca_file,
                          const char *more_file, const char **why);

/* What the server showed. */
struct relay_upstream {
    gnutls_session_t session;
    char name[RELAY_NAME_SIZE];
    unsigned faults;           /* of the certificate; 0: it is good */
    gnutls_datum_t real_names; /* its subjectAltName, if there are faults; to be freed by
                                  gnutls_free */
    bool wants_certificate;    /* it asked for a certificate of the client */
    bool verified;             /* its certificate was checked */
};

/* Prepares the handshake on a connected socket. */
bool relay_upstream_begin(struct relay_upstream *upstream, gnutls_certificate_credentials_t trust,
                          const struct relay_hello *hello, int fd);
/* One step of it: GnuTLS's result. */
int relay_upstream_step(struct relay_upstream *upstream);

#endif
