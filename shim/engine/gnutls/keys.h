/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private keys of GnuTLS's key shares. GnuTLS makes those of elliptic curves by three functions of
 * libhogweed, which it is bound to by the dynamic linker. Shares of finite fields are not seen, nor
 * those of a GnuTLS that contains its nettle.
 */
#ifndef SHIM_ENGINE_GNUTLS_KEYS_H
#define SHIM_ENGINE_GNUTLS_KEYS_H

#include "shim/engine/gnutls/gnutls.h"

/* Finds the functions of libhogweed. Without them no key is ever taken. */
void gnutls_keys_init(struct gnutls *gnutls);
/* The connection's library begins a first ClientHelloInner. */
void gnutls_keys_watch(const struct gnutls_connection *connection);

#endif
