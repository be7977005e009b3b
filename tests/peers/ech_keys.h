/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PEERS_ECH_KEYS_H
#define TESTS_PEERS_ECH_KEYS_H

/* The ECH keys of the server: made at start, or read from a file, and published as base64. */

#include <openssl/ssl.h>
#include <stdbool.h>

struct ech_options {
    const char *public_name;
    unsigned maximum_name_length;
    unsigned config_id;
    /* HPKE AEAD ids in the order of the offer, 0 at the end. */
    uint16_t aeads[4];
    /* Files for base64 (NULL: none): the published ECHConfigList, and the list that the server
     * sends as retry_configs. */
    const char *publish;
    const char *publish_retry;
    /* Files of private keys in hexadecimal: the key comes from `load_key`, or is made and written
     * to `save_key`. */
    const char *load_key;
    const char *save_key;
    /* Publish the config of a key that the server does not have, with this config_id. */
    bool stale;
    unsigned stale_config_id;
};

/* Sets the keys on `ctx` and writes the files. Ends the process on failure. */
void ech_keys_set(SSL_CTX *ctx, const struct ech_options *options);
/* Gives `ctx` a new, unpublished key for connections that begin from now on. */
void ech_keys_renew(SSL_CTX *ctx, const struct ech_options *options);

#endif
