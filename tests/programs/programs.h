/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PROGRAMS_PROGRAMS_H
#define TESTS_PROGRAMS_PROGRAMS_H

/* Programs as the distribution built them, one entry each, and their runs: without the shim, and in
 * every way with it, for every state of the server's key. To add a program, add an entry to one of
 * the lists (list_*.c); to add a way, a row to `ways`. */

#include <stdbool.h>

#include "tests/preload/world.h"

/* The server's key, and what the DNS says about it. */
enum key { KEY_CURRENT, KEY_STALE, KEY_NONE, KEYS };

/* How the shim gets into a program. */
enum way { WAY_OPPORTUNISTIC, WAY_STRICT, WAY_RESOLVER, WAYS };

/* Bits for `where` of a deviation. */
#define AT(key, way) (1u << ((unsigned)(way)*KEYS + (unsigned)(key)))
#define AT_KEY(key) (AT(key, WAY_OPPORTUNISTIC) | AT(key, WAY_STRICT) | AT(key, WAY_RESOLVER))
#define AT_WAY(way) (AT(KEY_CURRENT, way) | AT(KEY_STALE, way) | AT(KEY_NONE, way))

/* To prepare a program of NSS that has its trust anchors in a database: makes one, sql:db. */
#define NSS_DATABASE                                                                               \
    "set -e; mkdir db; certutil -d sql:db -N --empty-password; certutil -d sql:db -A -t C,, -n "   \
    "ca -i \"$CA\""

/* Where a program's outcome differs from the usual one, and why that is right. */
struct deviation {
    unsigned where;
    /* As outcome_text writes it. */
    const char *outcome;
    const char *why;
};

struct program {
    /* In the table, and for PROGRAMS_FILTER. */
    const char *name;
    /* The Debian package that has the program. */
    const char *package;
    /* For bash, with pipefail, in the world's folder. Its environment has $URL, $HOST, $PORT, $CA,
     * and $SCRIPTS for the folder of that name. Its output is the same in every run. */
    const char *command;
    /* In the output, if the program was served; NULL: what the HTTPS server says. */
    const char *says;
    /* A command to run before, without the shim. NULL: none. */
    const char *prepare;
    /* The protocol of services.py that the server speaks inside TLS; NULL: HTTP. */
    const char *service;
    /* The server is some milliseconds away. */
    bool far;
    /* The program takes no preload. The command begins with $LAUNCH: the launcher, or nothing. */
    bool launched;
    /* The service begins without TLS (STARTTLS), and so on a port that is not watched. */
    bool starttls;
    /* What goes before TLS on the port, which is watched all the same: a protocol of services.py.
     * NULL: nothing. */
    const char *before_tls;
    /* Its TLS is NSS's, which in old releases has no ECH that the shim can work with. */
    bool on_nss;
    /* The server's port, which ECHSHIM_PORTS then names. 0: 443. */
    unsigned port;
    struct deviation deviations[3];
};

/* The entries, in the order of the table; NULL behind the last one. */
const struct program *program_at(unsigned number);

/* What the report says for most programs. */
const char *usual_outcome(const struct program *program, enum key key, enum way way);

extern const struct program programs_https[], programs_scripts[], programs_proxies[],
    programs_services[];

#endif
