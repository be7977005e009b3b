/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of HPKE: what the ids mean (ech/hpke_suite.c), and the steps of ech/hpke.c
 * (ech/hpke_steps.c), so that tests can compare intermediate values with RFC 9180, Appendix A. No
 * other file includes it.
 */
#ifndef ECH_HPKE_STEPS_H
#define ECH_HPKE_STEPS_H

#include "ech/hpke.h"

/* A KEM's group and the hash of its KDF. */
struct ech_hpke_kem {
    uint16_t group;
    enum ech_hash hash;
};

/* False: we do not support the id. */
ECH_MUST_USE bool ech_hpke_kem_of(uint16_t kem_id, struct ech_hpke_kem *kem);
ECH_MUST_USE bool ech_hpke_kdf_of(uint16_t kdf_id, enum ech_hash *hash);
ECH_MUST_USE bool ech_hpke_suite_supported(struct ech_hpke_suite suite);

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
/* The same with another library's X25519; NULL: nettle's. */
ECH_MUST_USE enum ech_status ech_hpke_encap_by(const struct ech_x25519 *x25519, uint16_t kem_id,
                                               struct bytes public_key,
                                               struct bytes ephemeral_private_key, struct bytes enc,
                                               struct ech_hpke_shared_secret *shared_secret);
/* ExtractAndExpand: the shared secret of a Diffie-Hellman that was made. The lengths must be those
 * of the KEM. */
ECH_MUST_USE enum ech_status
ech_hpke_extract_and_expand(uint16_t kem_id, const struct ech_hpke_kem *kem, struct bytes dh,
                            struct bytes enc, struct bytes public_key,
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
/* KeySchedule, in base mode. `memo` may be NULL. After a failure *hpke holds zeros. */
ECH_MUST_USE enum ech_status
ech_hpke_key_schedule(struct ech_hpke *hpke, struct ech_hpke_suite suite,
                      const struct ech_hpke_shared_secret *shared_secret, struct bytes info,
                      struct ech_hpke_memo *memo, bool exports);
/* Context.Export, from the exporter secret. */
ECH_MUST_USE enum ech_status ech_hpke_expand_exported(struct ech_hpke_suite suite,
                                                      const uint8_t *secret,
                                                      struct bytes exporter_context, uint8_t *out,
                                                      size_t len);

#endif
