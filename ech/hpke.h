/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * HPKE base mode (RFC 9180), as far as ECH needs it. The client is the sender; tests and test
 * servers are the receiver.
 */
#ifndef ECH_HPKE_H
#define ECH_HPKE_H

#include "ech/crypto.h"

/* RFC 9180, 7.1 and 7.2 */
enum ech_kem {
    ECH_KEM_P256_SHA256 = 0x0010,
    ECH_KEM_P384_SHA384 = 0x0011,
    ECH_KEM_P521_SHA512 = 0x0012,
    ECH_KEM_X25519_SHA256 = 0x0020,
};
enum ech_kdf { ECH_KDF_SHA256 = 1, ECH_KDF_SHA384 = 2, ECH_KDF_SHA512 = 3 };

enum { ECH_HPKE_ENC_MAX = ECH_DH_PUBLIC_MAX };

struct ech_hpke_suite {
    uint16_t kem_id;
    uint16_t kdf_id;
    uint16_t aead_id;
};

/* One direction of an HPKE context. Holds keys: wipe with ech_hpke_wipe. */
struct ech_hpke {
    struct ech_hpke_suite suite;
    uint8_t key[ECH_AEAD_KEY_MAX];
    uint8_t base_nonce[ECH_AEAD_NONCE];
    bool exports; /* exporter_secret is there: ECH needs none */
    uint8_t exporter_secret[ECH_HASH_MAX];
    uint64_t sequence; /* grows by one with each seal or open; the context refuses to wrap */
};

/*
 * What the key schedule has hashed for the last suite and info, so that it need not hash them again
 * (RFC 9180, 5.1: psk_id_hash, info_hash). No secrets. All zeros: nothing yet. One thread's at a
 * time. A signal handler that leaves a call does no harm.
 */
struct ech_hpke_memo {
    bool known;
    struct ech_hpke_suite suite;
    size_t info_length;
    uint8_t info[512];
    uint8_t hashes[2 * ECH_HASH_MAX];
};

bool ech_hpke_kem_supported(uint16_t kem_id);
bool ech_hpke_kdf_supported(uint16_t kdf_id);
/* Export-only (0xffff) is not supported: ECH has to encrypt. */
bool ech_hpke_aead_supported(uint16_t aead_id);
/* Octets of enc and of a serialized public key (Nenc = Npk), or 0. */
size_t ech_hpke_enc_size(uint16_t kem_id);
/* The Diffie-Hellman group under a KEM, or 0. */
uint16_t ech_hpke_kem_group(uint16_t kem_id);
/* DeserializePublicKey with the validation of RFC 9180, 7.1.4. ECH_ERR_UNSUPPORTED, ECH_ERR_CRYPTO.
 */
ECH_MUST_USE enum ech_status ech_hpke_check_public_key(uint16_t kem_id, struct bytes public_key);

/*
 * SetupBaseS. The ephemeral private key comes from `random`. enc takes ech_hpke_enc_size octets.
 * `memo` may be NULL.
 * ECH_ERR_UNSUPPORTED: suite; ECH_ERR_CRYPTO: the public key is refused, or randomness failed.
 */
ECH_MUST_USE enum ech_status ech_hpke_setup_sender(struct ech_hpke *hpke,
                                                   struct ech_hpke_suite suite,
                                                   struct bytes public_key, struct bytes info,
                                                   struct ech_hpke_memo *memo,
                                                   const struct ech_random *random, uint8_t *enc);
/* The same with a given ephemeral private key, and able to export: for test vectors only. */
ECH_MUST_USE enum ech_status ech_hpke_setup_sender_with(struct ech_hpke *hpke,
                                                        struct ech_hpke_suite suite,
                                                        struct bytes public_key, struct bytes info,
                                                        struct bytes ephemeral_private_key,
                                                        uint8_t *enc);
/* SetupBaseR. The second is for a receiver that knows DH(skR, pkE) and its own public key already:
 * no scalar multiplication. It checks their lengths alone. The first alone makes a context that can
 * export. */
ECH_MUST_USE enum ech_status ech_hpke_setup_receiver(struct ech_hpke *hpke,
                                                     struct ech_hpke_suite suite,
                                                     struct bytes private_key, struct bytes enc,
                                                     struct bytes info);
ECH_MUST_USE enum ech_status ech_hpke_setup_receiver_with(struct ech_hpke *hpke,
                                                          struct ech_hpke_suite suite,
                                                          struct bytes dh, struct bytes public_key,
                                                          struct bytes enc, struct bytes info);

/* ContextS.Seal: out takes plaintext.len + ECH_AEAD_TAG octets. ECH_ERR_SPACE when the sequence
 * number is used up. */
ECH_MUST_USE enum ech_status ech_hpke_seal(struct ech_hpke *hpke, struct bytes aad,
                                           struct bytes plaintext, uint8_t *out);
/* ContextR.Open: out takes ciphertext.len - ECH_AEAD_TAG octets. A failed open leaves the sequence
 * number as it was. */
ECH_MUST_USE enum ech_status ech_hpke_open(struct ech_hpke *hpke, struct bytes aad,
                                           struct bytes ciphertext, uint8_t *out);
/* Context.Export (RFC 9180, 5.3). ECH_ERR_UNSUPPORTED: the context cannot. */
ECH_MUST_USE enum ech_status ech_hpke_export(const struct ech_hpke *hpke,
                                             struct bytes exporter_context, uint8_t *out,
                                             size_t len);

void ech_hpke_wipe(struct ech_hpke *hpke);

#endif
