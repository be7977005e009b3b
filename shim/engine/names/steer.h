/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Steering: whose addresses a program gets for a name whose HTTPS records point to other hosts (RFC
 * 9460, 3; RFC 9848, 5.1). Pure.
 */
#ifndef SHIM_ENGINE_NAMES_STEER_H
#define SHIM_ENGINE_NAMES_STEER_H

#include "dns/answer.h"

enum { SHIM_STEER_MAX = 8 };

/*
 * Gives the hosts to resolve instead, in order; NULL stands for the name itself. 0: change nothing.
 * Leaves out endpoints of another port, for a list of addresses has only one port. The strings
 * belong to the answer.
 */
ECH_MUST_USE size_t shim_steer_targets(const struct dns_endpoints *answer, const char *host,
                                       uint16_t port, const char *targets[SHIM_STEER_MAX]);

#endif
