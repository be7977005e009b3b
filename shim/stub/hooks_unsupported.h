/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions that make handshakes, of libraries that the shim only recognizes. Their headers may not
 * be installed, so our declarations have no types of theirs. */
#ifndef SHIM_STUB_HOOKS_UNSUPPORTED_H
#define SHIM_STUB_HOOKS_UNSUPPORTED_H

#include "shim/stub/stub.h"

SHIM_EXPORT int wolfSSL_connect(void *ssl);
SHIM_EXPORT int wolfSSL_connect_TLSv13(void *ssl);
SHIM_EXPORT int wolfSSL_connect_cert(void *ssl);
SHIM_EXPORT int wolfSSL_negotiate(void *ssl);
SHIM_EXPORT int wolfSSL_read(void *ssl, void *data, int size);
SHIM_EXPORT int wolfSSL_write(void *ssl, const void *data, int size);

SHIM_EXPORT int mbedtls_ssl_handshake(void *ssl);
SHIM_EXPORT int mbedtls_ssl_handshake_step(void *ssl);
SHIM_EXPORT int mbedtls_ssl_read(void *ssl, unsigned char *data, size_t size);
SHIM_EXPORT int mbedtls_ssl_write(void *ssl, const unsigned char *data, size_t size);

SHIM_EXPORT int br_ssl_client_reset(void *context, const char *name, int resume);

SHIM_EXPORT int s2n_negotiate(void *connection, int *blocked);

#endif
