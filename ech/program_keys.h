/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The private keys of the application's own key_share, as far as the caller has seen the TLS
 * library make them. With them the engine can finish an outer handshake whose key_share is copied.
 */
#ifndef ECH_PROGRAM_KEYS_H
#define ECH_PROGRAM_KEYS_H

#include "ech/client_hello.h"
#include "ech/server_hello.h"

/* Given by the caller. Without functions no key is known. */
struct ech_program_keys {
    void *context;
    /* Is the private key of this key_share entry known? Compares the whole public key. */
    bool (*have)(void *context, uint16_t group, struct bytes key_exchange);
    /*
     * Appends the shared secret of that private key and the server's key_exchange: (EC)DHE, or a
     * KEM's ciphertext. ECH_ERR_ILLEGAL: the server's octets are none for this group;
     * ECH_ERR_CRYPTO or ECH_ERR_NOMEM: the key cannot be used.
     */
    enum ech_status (*agree)(void *context, uint16_t group, struct bytes key_exchange,
                             struct bytes peer_key_exchange, struct writer *shared_secret);
    /* Makes a key of this group with the library, which `have` and `agree` know from then on, and
     * appends its public key. For groups that the engine has not. NULL, or an error: it cannot. */
    enum ech_status (*make)(void *context, uint16_t group, struct writer *key_exchange);
};

/* How many entries of a hello's key_share have a known key. None, if there is no entry. */
enum ech_keys_known { ECH_KEYS_NONE, ECH_KEYS_SOME, ECH_KEYS_ALL };
enum ech_keys_known ech_program_keys_known(const struct ech_program_keys *keys,
                                           const struct ech_client_hello *hello);

/*
 * Can the engine go on after this ServerHello or HelloRetryRequest, which answers the hello? True
 * also for an answer that breaks a rule: the handshake then fails for that. False: the server chose
 * an entry whose key is not known, asks for a group that neither the engine nor the library may be
 * able to generate, or asks for the same entries again, of which no key is known.
 */
bool ech_program_keys_suffice(const struct ech_program_keys *keys,
                              const struct ech_client_hello *hello,
                              const struct ech_server_hello *answer);

/* The shared secret for the server's choice among the hello's entries. ECH_ERR_ILLEGAL: the group
 * is not among them; otherwise as `agree`. */
ECH_MUST_USE enum ech_status ech_program_keys_agree(const struct ech_program_keys *keys,
                                                    const struct ech_client_hello *hello,
                                                    const struct ech_key_share_entry *peer,
                                                    struct writer *shared_secret);

#endif
