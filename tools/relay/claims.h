/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connections that the supervisor has announced. The relay serves these and no others: any
 * process of this machine can reach its port. Pure.
 */
#ifndef TOOLS_RELAY_CLAIMS_H
#define TOOLS_RELAY_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

#include "tools/echshim/supervisor/relay_link.h"

/* How long the connection and its announcement may come after one another. */
enum { RELAY_CLAIM_MS = 5000 };

struct relay_claims {
    struct relay_waiting_claim *waiting;
    size_t count;
    size_t size;
};

/* Notes an announcement. False: there is no memory, so the connection will not be served. */
bool relay_claims_add(struct relay_claims *claims, const struct relay_claim *claim,
                      uint64_t now_ms);

/* Takes the announcement of the connection from this address out of the table. */
bool relay_claims_take(struct relay_claims *claims, const struct sockaddr_storage *source,
                       uint64_t now_ms, struct relay_claim *claim);

/* The same address and port; IPv4 addresses in IPv6 count as IPv4 addresses. */
bool relay_is_same_source(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

void relay_claims_free(struct relay_claims *claims);

#endif
