/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PEERS_ECH_KEYS_H
#define TESTS_PEERS_ECH_KEYS_H

/* The ECH keys of the server: made at start, or taken from a file, and published as base64. */

#include <openssl/ssl.h>
#include <stdbool.h>

struct ech_options {
    const char *public_name;
    unsigned maximum_name_length;
    unsigned config_id;
    /* HPKE AEAD ids in the order in which they are offered, 0 at the end. */
    uint16_t aeads[4];
    /* The published ECHConfigList goes here, in base64 (NULL: nowhere), and the list that the
     * server gives as retry_configs there. */
    const char *publish;
    const char *publish_retry;
    /* Private keys in hexadecimal: the key is read from `load_key` or made, and written to
     * `save_key`. */
    const char *load_key;
    const char *save_key;
    /* Publish the config of a key that the server does not have, with this config_id. */
    bool stale;
    unsigned stale_config_id;
};

/* Sets the keys on `ctx` and writes the files. Ends the process on failure. */
void ech_keys_set(SSL_CTX *ctx, const struct ech_options *options);
/* Gives `ctx` a new key, which nobody knows yet, for connections that begin from now on. */
void ech_keys_renew(SSL_CTX *ctx, const struct ech_options *options);

#endif
