/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A TLS library with an ECH client of its own, which seals its hellos to a local config. Its part
 * is played by our own ClientHelloOuter.
 */
#ifndef TESTS_UNIT_LOCAL_RIG_H
#define TESTS_UNIT_LOCAL_RIG_H

#include "ech/offer.h"
#include "tests/unit/exchange_rig.h"

struct library {
    struct rig *rig;
    struct test_source source;
    struct ech_exchange_options options;
    struct ech_local_key key;
    struct octets list;
    struct ech_config_choice choice; /* borrowed from list */
    struct ech_offer offer;
};

/* `rule` is how the library makes its own outer hello. */
void library_init_with(struct library *library, struct rig *rig, enum ech_key_share_rule rule);
void library_init(struct library *library, size_t step, enum ech_key_share_rule rule);
void library_free(struct library *library);

/* ClientHelloOuter as the library makes it: the first, or the second after a HelloRetryRequest. */
struct octets library_hello(struct library *library, struct bytes inner, bool second);
/* It goes to the shim. */
void library_says(struct library *library, struct bytes inner, bool second);

/* The server answers with a HelloRetryRequest for P-256. */
void ask_again(struct rig *rig);

#endif
