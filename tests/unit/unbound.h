/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real resolver for tests: unbound on loopback, in a folder of its own, by UDP and TCP, DoT and
 * DoH (HTTP/2).
 */
#ifndef TESTS_UNIT_UNBOUND_H
#define TESTS_UNIT_UNBOUND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Zeros and NULLs: without. */
struct unbound_options {
    const char *zone;   /* of "example.", as in a zone file; SOA and NS are added */
    const char *server; /* more lines for the server clause */
    uint16_t upstream;  /* port of a server on loopback for all names under "upstream." */
    bool secure; /* with the certificate of client_save_identity (tests/unit/tls_responder.h) */
};

struct unbound {
    char folder[40];
    pid_t process;
    uint16_t port; /* UDP and TCP */
    uint16_t tls_port;
    uint16_t https_port;
};

/* False if this machine has no unbound. Waits until it answers. */
bool unbound_start(struct unbound *unbound, const struct unbound_options *options);
void unbound_stop(struct unbound *unbound);

#endif
