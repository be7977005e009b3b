/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_CLIENTS_GNUTLS_COMMON_H
#define TESTS_PRELOAD_CLIENTS_GNUTLS_COMMON_H

/* What those clients of GnuTLS share that do unusual things with a session. */

#include "client.h"

#include <gnutls/gnutls.h>

struct connection {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    int fd;
    bool again; /* the last pull said so */
};

/* Ends the process when a result is an error. */
void must(int result, const char *what);
/* A session with name, verification and priorities (NULL: none), and a connected descriptor as its
 * transport. */
void start(struct connection *connection, const struct target *target, const char *priorities);
/* The same without a name and without a transport. */
void start_bare(struct connection *connection, const struct target *target, const char *priorities);
void set_name(const struct connection *connection, const char *name);
/* The handshake, repeated while it says "again". */
int shake_hands(struct connection *connection);
void finish(struct connection *connection);
/* Request and answer after the handshake. */
void exchange(struct connection *connection, const struct target *target);
void fetch_and_finish(struct connection *connection, const struct target *target);
void fetch(const struct target *target);

#endif
