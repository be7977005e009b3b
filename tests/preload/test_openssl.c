/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways to use OpenSSL, shown by the clients of tests/preload/clients. */
#include "matrix.h"
#include "openssl_ways.h"

MATRIX_SUITE(openssl);

#define WAY(name, count, text, mode)                                                               \
    MATRIX(openssl, name, count, text,                                                             \
           "\"$CLIENTS/openssl_client\" " INNER_NAME " 443 \"$CA\" " mode " \"$PKI\"");
OPENSSL_WAYS(WAY)
#undef WAY

MATRIX(openssl, dlopen, 1, WELL, "\"$CLIENTS/openssl_dlopen\" " INNER_NAME " 443 \"$CA\" dlopen");
MATRIX(openssl, constructor, 1, WELL, "\"$CLIENTS/openssl_ctor\" " INNER_NAME " 443 \"$CA\"");
