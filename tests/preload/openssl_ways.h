/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways to use OpenSSL, as modes of tests/preload/clients/openssl_client.c: WAY(name,
 * connections, what the client says, mode). */
#ifndef TESTS_PRELOAD_OPENSSL_WAYS_H
#define TESTS_PRELOAD_OPENSSL_WAYS_H

#define WELL "all is well"

/* clang-format off */
#define OPENSSL_WAYS(WAY) \
    WAY(direct, 1, WELL, "direct") \
    WAY(implicit, 1, WELL, "implicit") \
    WAY(do_handshake, 1, WELL, "do-handshake") \
    WAY(ex_calls, 1, WELL, "ex-calls") \
    WAY(two_fds, 1, WELL, "two-fds") \
    WAY(bio_connect, 1, WELL, "bio-connect") \
    WAY(bio_ssl, 1, WELL, "bio-ssl") \
    WAY(buffered, 1, WELL, "buffered") \
    WAY(null_filter, 1, WELL, "null-filter") \
    WAY(nested_filters, 1, WELL, "nested-filters") \
    WAY(own_buffer, 1, WELL, "own-buffer") \
    WAY(buffered_memory, 1, WELL, "buffered-memory") \
    WAY(memory, 1, WELL, "memory") \
    WAY(own_bio, 1, WELL, "own-bio") \
    WAY(dribble, 1, WELL, "dribble") \
    WAY(stutter, 1, WELL, "stutter") \
    WAY(epoll, 1, WELL, "epoll") \
    WAY(set_fd, 2, WELL, "set-fd") \
    WAY(threads, 400, WELL, "threads") \
    WAY(threads_shared_ctx, 400, WELL, "threads-shared-ctx") \
    WAY(fork, 3, WELL, "fork") \
    WAY(resume, 2, "reused", "resume") \
    WAY(clear, 2, WELL, "clear") \
    WAY(dup, 2, WELL, "dup") \
    WAY(dtls_is_left_alone, 1, WELL, "dtls") \
    WAY(server_is_left_alone, 1, WELL, "server") \
    /* Qt keeps its objects in the storage that OpenSSL offers to all. */ \
    WAY(qt, 2, WELL, "qt") \
    WAY(qt_later, 2, WELL, "qt-later") \
    WAY(qt_threads, 400, WELL, "qt-threads") \
    WAY(qt_fork, 3, WELL, "qt-fork") \
    WAY(all_indexes, 2, WELL, "all-indexes") \
    WAY(index_callbacks, 1, WELL, "index-callbacks") \
    WAY(bio_types, 12, WELL, "bio-types") \
    WAY(orders, 6, WELL, "orders") \
    /* Settings that the program makes in callbacks. */ \
    WAY(late_name, 1, WELL, "late-name") \
    WAY(late_name_in_loop, 1, WELL, "late-name-in-loop") \
    WAY(late_other_name, 2, WELL, "late-other-name") \
    WAY(late_versions, 4, WELL, "late-versions") \
    WAY(late_transport, 2, WELL, "late-transport") \
    WAY(late_context, 2, WELL, "late-context") \
    WAY(late_settings, 2, WELL, "late-settings") \
    WAY(late_session, 3, WELL, "late-session") \
    WAY(late_security, 2, WELL, "late-security") \
    WAY(late_copy, 1, WELL, "late-copy") \
    WAY(late_again, 2, WELL, "late-again") \
    /* The program changes transports within the handshake. */ \
    WAY(pushed_midway, 1, WELL, "pushed-midway") \
    WAY(pushed_again, 1, WELL, "pushed-again") \
    WAY(put_before, 1, WELL, "put-before") \
    WAY(put_before_and_away, 1, WELL, "put-before-and-away") \
    WAY(taken_and_pushed, 1, WELL, "taken-and-pushed") \
    WAY(copied_midway, 1, WELL, "copied-midway") \
    WAY(kernel, 2, WELL, "kernel") \
    WAY(late_descriptor, 1, WELL, "late-descriptor") \
    WAY(late_bio, 1, WELL, "late-bio") \
    WAY(late_halves, 1, WELL, "late-halves") \
    WAY(late_push, 1, WELL, "late-push")
/* clang-format on */

#endif
