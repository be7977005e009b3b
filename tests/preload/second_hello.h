/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_SECOND_HELLO_H
#define TESTS_PRELOAD_SECOND_HELLO_H

/* The two ClientHellos of a handshake with HelloRetryRequest, compared as a strict server would. */

#include "cursor.h"
#include "world.h"

/*
 * RFC 8446, 4.1.2: the second hello is the first but for key_share (one share, of the group that
 * was asked for), early_data (gone), cookie (the one that was given), pre_shared_key (of the same
 * PSKs or fewer) and padding; and, RFC 9849, 6.1.5 and 6.2.1, for encrypted_client_hello of the
 * outer variant: the same config_id and suite with enc empty, or all of it unchanged. All three are
 * whole handshake messages. NULL: it is; or what is wrong. Fails the test where they do not parse.
 */
const char *second_hello_fault(struct cursor first, struct cursor second,
                               struct cursor hello_retry_request);

/* What was compared, in a world. */
struct second_hellos {
    unsigned outer; /* pairs on the wire, of whatever variant */
    unsigned inner; /* pairs that the server decrypted */
};

/* Compares every pair of hellos that was on the wire or in the server's log. Fails the test where a
 * second hello is not as it has to be. */
struct second_hellos world_compare_hellos(const struct world *world);

#endif
