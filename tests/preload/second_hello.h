/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_SECOND_HELLO_H
#define TESTS_PRELOAD_SECOND_HELLO_H

/* Compares the two ClientHellos of a handshake with HelloRetryRequest, as a strict server would. */

#include "cursor.h"
#include "world.h"

/*
 * The rules for the second hello: RFC 8446, 4.1.2. It equals the first except for key_share (one
 * share, of the group that the server asked for), early_data (gone), cookie (the server's),
 * pre_shared_key (the same PSKs or fewer) and padding. RFC 9849, 6.1.5 and 6.2.1:
 * encrypted_client_hello of the outer variant has the same config_id and suite with enc empty, or
 * is unchanged. All three arguments are whole handshake messages. Gives NULL, or what is wrong.
 * Fails the test where they do not parse.
 */
const char *second_hello_fault(struct cursor first, struct cursor second,
                               struct cursor hello_retry_request);

/* The number of pairs that we compared in a world. */
struct second_hellos {
    unsigned outer; /* pairs on the wire, of either variant */
    unsigned inner; /* pairs that the server decrypted */
};

/* Compares every pair of hellos on the wire and in the server's log. Fails the test where a second
 * hello breaks the rules. */
struct second_hellos world_compare_hellos(const struct world *world);

#endif
