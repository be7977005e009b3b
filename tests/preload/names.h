/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_NAMES_H
#define TESTS_PRELOAD_NAMES_H

/* The names that a program resolves by itself: the C library gives the same results with and
 * without the shim. */

#include "world.h"

#define ENCRYPTED "ECHSHIM_RESOLVER=" DNS_TLS

enum { TYPE_A = 1, TYPE_AAAA = 28, TYPE_HTTPS = 65 };

/* LOCALDOMAIN and RES_OPTIONS (NULL: not set), and one setting of the shim. */
struct difference {
    const char *domain;
    const char *options;
    const char *setting;
};

/* Starts a world with hosts of every kind: in /etc/hosts, in the zone example.org, under "lan". */
struct world *start_names(void);

/* The output of names_client with these arguments. */
char *run_client(struct world *world, enum run_mode mode, const struct difference *given,
                 const char *arguments);

/* Fails where names_client prints something else under the shim. */
void check_same(struct world *world, const struct difference *given, const char *arguments);

/* The same for every mode of names_client, and for the rules of the search list. */
void check_usual(const char *setting);
void check_search(const char *setting);

/* Runs names_client under valgrind and the shim: no error, no leak. Skips the test where valgrind
 * is missing. */
void check_names_by_valgrind(struct world *world, const char *setting, const char *arguments);

#endif
