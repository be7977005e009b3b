/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A private key that was seen (session/program_keys.h), as octets: for libraries whose function
 * gives them, and for the groups of ech/crypto.h. The engine's own arithmetic uses it.
 */
#ifndef SHIM_ENGINE_SESSION_RAW_KEY_H
#define SHIM_ENGINE_SESSION_RAW_KEY_H

#include "ech/crypto.h"
#include "shim/engine/session/program_keys.h"

struct shim_raw_key {
    struct shim_seen_key base;
    uint16_t group;
    uint8_t private_key[ECH_DH_PRIVATE_MAX];
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
};

/* On the heap, without keys. NULL for want of memory. */
struct shim_raw_key *shim_raw_key_new(void);
/* Copies the keys of a function that writes both as octets. */
void shim_raw_key_set(struct shim_raw_key *key, uint16_t group, const struct shim_made_key *made);

/* For struct shim_key_functions. */
bool shim_raw_key_is(const struct shim_seen_key *key, uint16_t group, struct bytes key_exchange);
enum ech_status shim_raw_key_agree(const struct shim_seen_key *key, uint16_t group,
                                   struct bytes peer_key_exchange, struct writer *shared_secret);
void shim_raw_key_drop(struct shim_seen_key *key);

#endif
