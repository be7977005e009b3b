/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests' programs use of OpenSSL 3.0, in the words of OpenSSL 1.1.1. Include it last. */
#ifndef TESTS_COMPAT_OPENSSL_H
#define TESTS_COMPAT_OPENSSL_H

#include <openssl/err.h>
#include <openssl/ssl.h>

/* The third argument of the callback that copies a value. In 1.1.1 it points to the value, too. */
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
typedef void **copied_value;
#else
typedef void *copied_value;

#define ERR_raise(library, reason) ERR_put_error(library, 0, reason, __FILE__, __LINE__)
#define SSL_CTX_new_ex(libctx, propq, method) SSL_CTX_new(method)
#define SSL_CTX_load_verify_file(ctx, file) SSL_CTX_load_verify_locations(ctx, file, NULL)
/* A client cannot ask. */
#define SSL_get_negotiated_group(ssl) ((void)(ssl), 0)
#endif

#endif
