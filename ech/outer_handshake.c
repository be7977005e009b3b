/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/outer_handshake.h"

#include <stdlib.h>

#include "ech/tls12_handshake.h"
#include "ech/tls13_handshake.h"

/* One of the two. */
struct ech_outer_handshake {
    struct ech_tls12 *tls12;
    struct ech_tls13 *tls13;
};

enum ech_status ech_outer_new(struct ech_outer_handshake **handshake, uint16_t version,
                              const struct ech_outer_start *start)
{
    struct ech_outer_handshake *made = calloc(1, sizeof *made);
    *handshake = made;
    if (made == NULL) {
        return ECH_ERR_NOMEM;
    }
    enum ech_status status = version == ECH_TLS12 ? ech_tls12_new(&made->tls12, start)
                                                  : ech_tls13_new(&made->tls13, start);
    if (status != ECH_OK) {
        ech_outer_free(made);
        *handshake = NULL;
    }
    return status;
}

void ech_outer_free(struct ech_outer_handshake *handshake)
{
    if (handshake != NULL) {
        ech_tls12_free(handshake->tls12);
        ech_tls13_free(handshake->tls13);
        free(handshake);
    }
}

uint16_t ech_outer_version(const struct ech_outer_handshake *handshake)
{
    return handshake->tls12 != NULL ? ECH_TLS12 : ECH_TLS13;
}

enum ech_outer_verdict ech_outer_from_net(struct ech_outer_handshake *handshake, struct bytes in)
{
    return handshake->tls12 != NULL ? ech_tls12_from_net(handshake->tls12, in)
                                    : ech_tls13_from_net(handshake->tls13, in);
}

enum ech_outer_verdict ech_outer_closed(struct ech_outer_handshake *handshake)
{
    return handshake->tls12 != NULL ? ech_tls12_closed(handshake->tls12)
                                    : ech_tls13_closed(handshake->tls13);
}

size_t ech_outer_net_wanted(const struct ech_outer_handshake *handshake)
{
    return handshake->tls12 != NULL ? ech_tls12_net_wanted(handshake->tls12)
                                    : ech_tls13_net_wanted(handshake->tls13);
}

struct bytes ech_outer_to_net(const struct ech_outer_handshake *handshake)
{
    return handshake->tls12 != NULL ? ech_tls12_to_net(handshake->tls12)
                                    : ech_tls13_to_net(handshake->tls13);
}

void ech_outer_net_took(struct ech_outer_handshake *handshake, size_t octets)
{
    if (handshake->tls12 != NULL) {
        ech_tls12_net_took(handshake->tls12, octets);
    } else {
        ech_tls13_net_took(handshake->tls13, octets);
    }
}

void ech_outer_get_facts(const struct ech_outer_handshake *handshake, struct ech_outer_facts *facts)
{
    if (handshake->tls12 != NULL) {
        ech_tls12_get_facts(handshake->tls12, facts);
    } else {
        ech_tls13_get_facts(handshake->tls13, facts);
    }
}
