/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways to use GnuTLS, shown by the clients of tests/preload/clients. */
#include "matrix.h"

#define CLIENT(mode) "\"$CLIENTS/gnutls_client\" " INNER_NAME " 443 \"$CA\" " mode
#define WELL "all is well"

MATRIX_SUITE(gnutls);

MATRIX(gnutls, default_transport, 1, WELL, CLIENT("default"));
MATRIX(gnutls, timeout, 1, WELL, CLIENT("timeout"));
MATRIX(gnutls, two_pointers, 1, WELL, CLIENT("two-pointers"));
MATRIX(gnutls, push_pull, 1, WELL, CLIENT("push-pull"));
MATRIX(gnutls, vec_push, 1, WELL, CLIENT("vec-push"));
MATRIX(gnutls, non_blocking, 1, WELL, CLIENT("non-blocking"));
MATRIX(gnutls, dribble, 1, WELL, CLIENT("dribble"));
MATRIX(gnutls, stutter, 1, WELL, CLIENT("stutter"));
MATRIX(gnutls, priority_string, 1, WELL, CLIENT("priority-string"));
MATRIX(gnutls, priority_object, 1, WELL, CLIENT("priority-object"));
MATRIX(gnutls, priority_tls13, 1, WELL, CLIENT("priority-tls13"));
MATRIX(gnutls, resume, 2, "reused", CLIENT("resume"));
MATRIX(gnutls, threads, 400, WELL, CLIENT("threads"));
MATRIX(gnutls, fork, 3, WELL, CLIENT("fork"));
MATRIX(gnutls, dlopen, 1, WELL, "\"$CLIENTS/gnutls_dlopen\" " INNER_NAME " 443 \"$CA\" dlopen");
