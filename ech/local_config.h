/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A local config: an ECHConfig of ours. A TLS library with an ECH client of its own gets this one
 * in place of the server's, so that we can open what it seals (ech/client_facing.h).
 *
 * Both ends are in one process, and the ECHConfig itself never leaves it. So the ECHConfig is the
 * secret, and not the KEM's private key: an extension of it has 256 random bits. HPKE's info is
 * "tls ech" || 0x00 || ECHConfig (RFC 9849, 6.1), and the key schedule derives the key from the
 * hash of info (RFC 9180, 5.1): whoever lacks those bits cannot open a hello, even if it leaves the
 * process. The KEM then has nothing to hide: its private key is the number 1, so the public key is
 * the base point of X25519, and DH(1, enc) is enc. Opening costs no scalar multiplication.
 */
#ifndef ECH_LOCAL_CONFIG_H
#define ECH_LOCAL_CONFIG_H

#include "ech/hpke.h"

enum { ECH_LOCAL_SECRET_SIZE = 32 };

/* An ECHConfigExtension that every local config has, and no other config should have: an identifier
 * of ours that no registry knows, without the bit of a mandatory one (RFC 9849, 4.2). So a local
 * config is known wherever it turns up. Its data is the secret. */
enum { ECH_LOCAL_EXTENSION = 0x4c43 };

/* What opens the hellos that are sealed to a local config. Secret: wipe it. */
struct ech_local_key {
    uint8_t secret[ECH_LOCAL_SECRET_SIZE];
    uint8_t config_id;
};

/* ECH_ERR_CRYPTO: the source fails. */
ECH_MUST_USE enum ech_status ech_local_key_generate(const struct ech_random *random,
                                                    struct ech_local_key *key);
void ech_local_key_wipe(struct ech_local_key *key);

/* The one suite of a local config: the mandatory one (RFC 9849, 9). */
struct ech_hpke_suite ech_local_suite(void);
/* The public key of every local config. */
struct bytes ech_local_public_key(void);

/* Writes the ECHConfig, and the ECHConfigList that has only this one. public_name has 1 to 255
 * octets. The caller owns the writer. ECH_ERR_SPACE, ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status ech_local_config_write(const struct ech_local_key *key,
                                                    struct bytes public_name,
                                                    uint8_t maximum_name_length,
                                                    struct writer *ech_config);
ECH_MUST_USE enum ech_status ech_local_config_list_write(const struct ech_local_key *key,
                                                         struct bytes public_name,
                                                         uint8_t maximum_name_length,
                                                         struct writer *ech_config_list);

#endif
