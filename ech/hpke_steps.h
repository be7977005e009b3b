/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps inside ech/hpke.c. They have a header of their own so that tests can compare
 * intermediate values with RFC 9180, Appendix A. No other file includes it.
 */
#ifndef ECH_HPKE_STEPS_H
#define ECH_HPKE_STEPS_H

#include "ech/hpke.h"

/* A shared secret of the KEM (RFC 9180, 4.1). Secret: wipe it. */
struct ech_hpke_shared_secret {
    uint8_t data[ECH_HASH_MAX];
    size_t len; /* Nsecret */
};

/* What KeySchedule (RFC 9180, 5.1) holds before it expands the keys. Secret: wipe it. */
struct ech_hpke_key_schedule {
    uint8_t context[1 + 2 * ECH_HASH_MAX];
    size_t context_len;
    uint8_t secret[ECH_HASH_MAX];
    size_t secret_len; /* Nh */
};

/* Encap with a given ephemeral key pair; enc is the public half. Statuses as in
 * ech_hpke_setup_sender. */
ECH_MUST_USE enum ech_status ech_hpke_encap(uint16_t kem_id, struct bytes public_key,
                                            struct bytes ephemeral_private_key, struct bytes enc,
                                            struct ech_hpke_shared_secret *shared_secret);
/* Decap. ECH_ERR_CRYPTO: enc or the private key is refused. */
ECH_MUST_USE enum ech_status ech_hpke_decap(uint16_t kem_id, struct bytes private_key,
                                            struct bytes enc,
                                            struct ech_hpke_shared_secret *shared_secret);
/* The first half of KeySchedule, in base mode: key_schedule_context and secret. The suite must be
 * one that we support. */
ECH_MUST_USE enum ech_status
ech_hpke_schedule_start(struct ech_hpke_suite suite,
                        const struct ech_hpke_shared_secret *shared_secret, struct bytes info,
                        struct ech_hpke_key_schedule *schedule);

#endif
