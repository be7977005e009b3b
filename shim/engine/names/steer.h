/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which hosts' addresses a program is handed for a name whose HTTPS records lead elsewhere (RFC
 * 9460, 3; RFC 9848, 5.1). Pure.
 */
#ifndef SHIM_ENGINE_NAMES_STEER_H
#define SHIM_ENGINE_NAMES_STEER_H

#include "dns/answer.h"

enum { SHIM_STEER_MAX = 8 };

/*
 * The hosts whose addresses are to be tried, in order; NULL is the name's own addresses. 0: there
 * is nothing to be changed. Endpoints of another port are not among them, for a list of addresses
 * has one port. The names belong to the answer.
 */
ECH_MUST_USE size_t shim_steer_targets(const struct dns_endpoints *answer, const char *host,
                                       uint16_t port, const char *targets[SHIM_STEER_MAX]);

#endif
