/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_NAMES_H
#define TESTS_PRELOAD_NAMES_H

/* The program's own names: what the C library says of them under the shim has to be what it says
 * without. */

#include "world.h"

#define ENCRYPTED "ECHSHIM_RESOLVER=" DNS_TLS

enum { TYPE_A = 1, TYPE_AAAA = 28, TYPE_HTTPS = 65 };

/* LOCALDOMAIN and RES_OPTIONS, or NULL; and one setting of the shim. */
struct difference {
    const char *domain;
    const char *options;
    const char *setting;
};

/* A world with hosts of every kind: in /etc/hosts, in the zone example.org, under "lan". */
struct world *start_names(void);

/* What names_client prints, with these arguments. */
char *run_client(struct world *world, enum run_mode mode, const struct difference *given,
                 const char *arguments);

/* Fails where it prints other things under the shim. */
void check_same(struct world *world, const struct difference *given, const char *arguments);

/* The same for every way of names_client, and for rules of the search list. */
void check_usual(const char *setting);
void check_search(const char *setting);

/* names_client under valgrind and the shim: no error, no leak. Skipped where there is none. */
void check_names_by_valgrind(struct world *world, const char *setting, const char *arguments);

#endif
