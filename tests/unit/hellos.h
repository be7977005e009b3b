/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ClientHello messages of real libraries, captured on loopback. Each has encrypted_client_hello of
 * the inner variant first, where both libraries put an application's extension. All are for
 * secret.example.org, with ALPN h2 and http/1.1.
 */
#ifndef TESTS_UNIT_HELLOS_H
#define TESTS_UNIT_HELLOS_H

#include "ech/wire.h"

/* OpenSSL 3.0, TLS 1.3 only */
extern const struct bytes hello_openssl;
/* OpenSSL 3.0, before and after a HelloRetryRequest for P-256 */
extern const struct bytes hello_openssl_hrr1;
extern const struct bytes hello_openssl_hrr2;
/* OpenSSL 3.0, resumption */
extern const struct bytes hello_openssl_psk;
/* GnuTLS 3.7.9, TLS 1.3 only */
extern const struct bytes hello_gnutls;
/* GnuTLS 3.7.9, before and after a HelloRetryRequest for P-384 */
extern const struct bytes hello_gnutls_hrr1;
extern const struct bytes hello_gnutls_hrr2;
/* OpenSSL 3.0, no server_name */
extern const struct bytes hello_openssl_ip;
/* made from the first: key_share with X25519MLKEM768 as OpenSSL 3.5 sends it, 1,554 octets in
 * all */
extern const struct bytes hello_pq;
/* made from the resumption: with early_data */
extern const struct bytes hello_openssl_early;

#endif
