/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What some releases of OpenSSL and GnuTLS do not declare; see compat.h. */
#ifndef SHIM_COMMON_COMPAT_TLS_H
#define SHIM_COMMON_COMPAT_TLS_H

#include <gnutls/gnutls.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

/* OpenSSL 3.0. The types are its own, so that its headers agree. */
typedef struct ossl_lib_ctx_st OSSL_LIB_CTX;
/* NOLINTBEGIN(readability-redundant-declaration) */
SSL_CTX *SSL_CTX_new_ex(OSSL_LIB_CTX *libctx, const char *propq, const SSL_METHOD *method);
void ERR_new(void);
void ERR_set_error(int library, int reason, const char *format, ...);
/* NOLINTEND(readability-redundant-declaration) */

/* OpenSSL 3.5 declares the first, BoringSSL and quictls the second. */
struct ossl_dispatch_st;
struct ssl_quic_method_st;
int SSL_set_quic_tls_cbs(SSL *ssl, const struct ossl_dispatch_st *dispatch, void *argument);
int SSL_set_quic_method(SSL *ssl, const struct ssl_quic_method_st *method);

/* GnuTLS 3.7.3. Earlier releases do not look at this bit: they accept every length of the salt. */
#if GNUTLS_VERSION_NUMBER < 0x030703
#define GNUTLS_VERIFY_RSA_PSS_FIXED_SALT_LENGTH (1 << 16)
#endif

#endif
