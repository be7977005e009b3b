/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses for a name as the program wrote it, under an encrypted resolver: by that resolver, or
 * by the system's for names that mean something only on this network.
 */
#ifndef SHIM_ENGINE_NAMES_RESOLVE_H
#define SHIM_ENGINE_NAMES_RESOLVE_H

#include "shim/engine/names/nss_pack.h"
#include "shim/engine/names/search_list.h"

/* Is this a name for the system's resolver? Also if a configuration file gives its host no
 * encrypted one. */
ECH_MUST_USE bool shim_names_stays_local(const char *name);

/*
 * Tries the candidates of the search list by the C library's own rules in this thread: resolv.conf,
 * LOCALDOMAIN, RES_OPTIONS, what the program has set in `_res`. To be called from the C library's
 * name service, because it looks at resolv.conf before. `family` is AF_INET, AF_INET6 or AF_UNSPEC.
 * Writes the addresses and the names found to `answer`, which owns nothing.
 */
ECH_MUST_USE enum shim_names_outcome shim_names_resolve(const char *name, int family,
                                                        struct shim_names_answer *answer);

#endif
