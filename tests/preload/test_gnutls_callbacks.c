/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The transport functions of a GnuTLS session may do anything that GnuTLS allows. */
#include "matrix.h"

#define CALLBACKS(mode) "\"$CLIENTS/gnutls_callbacks\" " INNER_NAME " 443 \"$CA\" " mode
#define WELL "all is well"

MATRIX_SUITE(gnutls_callbacks);

MATRIX(gnutls_callbacks, functions_set_as_wget2_does, 1, WELL, CALLBACKS("as-wget2"));
MATRIX(gnutls_callbacks, all_functions_set_in_push, 1, WELL, CALLBACKS("all-functions"));
MATRIX(gnutls_callbacks, other_functions_each_time, 1, WELL, CALLBACKS("other-functions"));
MATRIX(gnutls_callbacks, errno_function, 1, WELL, CALLBACKS("errno-function"));
MATRIX(gnutls_callbacks, other_sessions_from_within, 4, WELL, CALLBACKS("nested"));
MATRIX(gnutls_callbacks, coroutines, 5, WELL, CALLBACKS("coroutines"));
MATRIX(gnutls_callbacks, coroutines_without_a_pointer, 5, WELL, CALLBACKS("coroutines-null"));
MATRIX(gnutls_callbacks, fastopen, 1, WELL, CALLBACKS("fastopen"));
/* GnuTLS's own function for it looks at errno, which may come from any earlier call. */
MATRIX(gnutls_callbacks, fastopen_and_resumption, 2, "Resume Handshake was completed",
       "gnutls-cli --resume --fastopen --x509cafile \"$CA\" " INNER_NAME " </dev/null");
