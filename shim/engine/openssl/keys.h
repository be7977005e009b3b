/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private keys of OpenSSL's key shares. libssl makes every share, hybrids included, by
 * EVP_PKEY_keygen of the libcrypto that it is bound to.
 */
#ifndef SHIM_ENGINE_OPENSSL_KEYS_H
#define SHIM_ENGINE_OPENSSL_KEYS_H

#include "shim/engine/openssl/openssl.h"

/* Finds the functions of the libcrypto. Without them no key is ever taken. */
void openssl_keys_init(struct openssl *openssl);

/* The connection's library begins a first ClientHelloInner. */
void openssl_keys_watch(const struct openssl_connection *connection);

#endif
