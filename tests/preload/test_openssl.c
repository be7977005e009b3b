/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways to use OpenSSL, shown by the clients of tests/preload/clients. */
#include "matrix.h"

#define CLIENT(mode) "\"$CLIENTS/openssl_client\" " INNER_NAME " 443 \"$CA\" " mode " \"$PKI\""
#define WELL "all is well"

MATRIX_SUITE(openssl);

MATRIX(openssl, direct, 1, WELL, CLIENT("direct"));
MATRIX(openssl, implicit, 1, WELL, CLIENT("implicit"));
MATRIX(openssl, do_handshake, 1, WELL, CLIENT("do-handshake"));
MATRIX(openssl, ex_calls, 1, WELL, CLIENT("ex-calls"));
MATRIX(openssl, two_fds, 1, WELL, CLIENT("two-fds"));
MATRIX(openssl, bio_connect, 1, WELL, CLIENT("bio-connect"));
MATRIX(openssl, bio_ssl, 1, WELL, CLIENT("bio-ssl"));
MATRIX(openssl, buffered, 1, WELL, CLIENT("buffered"));
MATRIX(openssl, null_filter, 1, WELL, CLIENT("null-filter"));
MATRIX(openssl, nested_filters, 1, WELL, CLIENT("nested-filters"));
MATRIX(openssl, own_buffer, 1, WELL, CLIENT("own-buffer"));
MATRIX(openssl, buffered_memory, 1, WELL, CLIENT("buffered-memory"));
MATRIX(openssl, memory, 1, WELL, CLIENT("memory"));
MATRIX(openssl, own_bio, 1, WELL, CLIENT("own-bio"));
MATRIX(openssl, dribble, 1, WELL, CLIENT("dribble"));
MATRIX(openssl, stutter, 1, WELL, CLIENT("stutter"));
MATRIX(openssl, epoll, 1, WELL, CLIENT("epoll"));
MATRIX(openssl, set_fd, 2, WELL, CLIENT("set-fd"));
MATRIX(openssl, threads, 400, WELL, CLIENT("threads"));
MATRIX(openssl, threads_shared_ctx, 400, WELL, CLIENT("threads-shared-ctx"));
MATRIX(openssl, fork, 3, WELL, CLIENT("fork"));
MATRIX(openssl, resume, 2, "reused", CLIENT("resume"));
MATRIX(openssl, clear, 2, WELL, CLIENT("clear"));
MATRIX(openssl, dup, 2, WELL, CLIENT("dup"));
MATRIX(openssl, dtls_is_left_alone, 1, WELL, CLIENT("dtls"));
MATRIX(openssl, server_is_left_alone, 1, WELL, CLIENT("server"));
MATRIX(openssl, dlopen, 1, WELL, "\"$CLIENTS/openssl_dlopen\" " INNER_NAME " 443 \"$CA\" dlopen");
MATRIX(openssl, constructor, 1, WELL, "\"$CLIENTS/openssl_ctor\" " INNER_NAME " 443 \"$CA\"");

/* Qt keeps its objects in the storage that OpenSSL offers to all. */
MATRIX(openssl, qt, 2, WELL, CLIENT("qt"));
MATRIX(openssl, qt_later, 2, WELL, CLIENT("qt-later"));
MATRIX(openssl, qt_threads, 400, WELL, CLIENT("qt-threads"));
MATRIX(openssl, qt_fork, 3, WELL, CLIENT("qt-fork"));
MATRIX(openssl, all_indexes, 2, WELL, CLIENT("all-indexes"));
MATRIX(openssl, index_callbacks, 1, WELL, CLIENT("index-callbacks"));
MATRIX(openssl, bio_types, 12, WELL, CLIENT("bio-types"));
MATRIX(openssl, orders, 6, WELL, CLIENT("orders"));

/* Settings that the program makes in callbacks. */
MATRIX(openssl, late_name, 1, WELL, CLIENT("late-name"));
MATRIX(openssl, late_name_in_loop, 1, WELL, CLIENT("late-name-in-loop"));
MATRIX(openssl, late_other_name, 2, WELL, CLIENT("late-other-name"));
MATRIX(openssl, late_versions, 4, WELL, CLIENT("late-versions"));
MATRIX(openssl, late_transport, 2, WELL, CLIENT("late-transport"));
MATRIX(openssl, late_context, 2, WELL, CLIENT("late-context"));
MATRIX(openssl, late_settings, 2, WELL, CLIENT("late-settings"));
MATRIX(openssl, late_session, 3, WELL, CLIENT("late-session"));
MATRIX(openssl, late_security, 2, WELL, CLIENT("late-security"));
MATRIX(openssl, late_copy, 1, WELL, CLIENT("late-copy"));
MATRIX(openssl, late_again, 2, WELL, CLIENT("late-again"));

/* The program changes transports within the handshake. */
MATRIX(openssl, pushed_midway, 1, WELL, CLIENT("pushed-midway"));
MATRIX(openssl, pushed_again, 1, WELL, CLIENT("pushed-again"));
MATRIX(openssl, kernel, 2, WELL, CLIENT("kernel"));
MATRIX(openssl, late_descriptor, 1, WELL, CLIENT("late-descriptor"));
MATRIX(openssl, late_bio, 1, WELL, CLIENT("late-bio"));
MATRIX(openssl, late_halves, 1, WELL, CLIENT("late-halves"));
MATRIX(openssl, late_push, 1, WELL, CLIENT("late-push"));
