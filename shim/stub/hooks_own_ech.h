/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Functions that we export, and that none of our included headers declares.
 */
#ifndef SHIM_STUB_HOOKS_OWN_ECH_H
#define SHIM_STUB_HOOKS_OWN_ECH_H

#include "shim/stub/stub.h"

/* As BoringSSL declares it; OpenSSL 4.0 has a function of this name too. */
SHIM_EXPORT int SSL_set1_ech_config_list(SSL *ssl, const uint8_t *list, size_t length);
/* OpenSSL 4.0's, with its own types, so that its headers agree. */
struct ossl_echstore_st;
SHIM_EXPORT int SSL_set1_echstore(SSL *ssl, struct ossl_echstore_st *store);
SHIM_EXPORT int SSL_CTX_set1_echstore(SSL_CTX *ctx, struct ossl_echstore_st *store);

#endif
