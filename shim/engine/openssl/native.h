/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OpenSSL 4.0 and later, which has an ECH client of its own. It gets a local config in place of the
 * server's (shim_session_local_config), so it seals its hello to a key of ours, and the session
 * opens it. Below that all goes the way of earlier versions: the security callback (versions.c)
 * tells the moment, and the filter carries the octets.
 */
#ifndef SHIM_ENGINE_OPENSSL_NATIVE_H
#define SHIM_ENGINE_OPENSSL_NATIVE_H

#include "shim/engine/openssl/openssl.h"

/* ---- native.c ---- */

/* Puts our info callback into the context, and notes it as one that we see. The callback that it
 * had is kept as the program's. False for want of memory. */
bool openssl_native_context(const struct openssl *openssl, SSL_CTX *context);
/* Fills in what only such a library can tell. */
void openssl_native_facts(struct openssl_connection *connection, struct shim_session_facts *facts);
/* Puts the filter in, and gives the SSL the list to which the library seals. False: no hello may be
 * made. */
bool openssl_native_offer(struct openssl_connection *connection);
/* Makes the library send its own GREASE. False: no hello may be made, which is reported. */
bool openssl_native_grease(struct openssl_connection *connection);
/* Takes that back. */
void openssl_native_reset(struct openssl_connection *connection);
/* See struct shim_engine. */
bool openssl_set_info_callback(struct shim_library *library, SSL_CTX *context, SSL *ssl,
                               shim_info_callback *callback);
bool openssl_get_info_callback(struct shim_library *library, const SSL_CTX *context, const SSL *ssl,
                               shim_info_callback **callback);
void openssl_copied(struct shim_library *library, const SSL *ssl, const SSL *copy);
void openssl_own_extension(struct shim_library *library, const SSL_CTX *context);

/* ---- info_callbacks.c ---- */

/* Our info callback. */
void openssl_on_info(const SSL *ssl, int where, int value);

#endif
