/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_CLIENTS_OPENSSL_CLIENT_H
#define TESTS_PRELOAD_CLIENTS_OPENSSL_CLIENT_H

#include "client.h"
#include <openssl/ssl.h>

#include "../../compat_openssl.h"

void fail_ssl(const char *what) __attribute__((noreturn));

/* A context that verifies, and an SSL for the target's name. */
SSL_CTX *make_ctx(const struct target *target);
SSL *make_ssl(SSL_CTX *ctx, const struct target *target);
void name_peer(SSL *ssl, const struct target *target);

/* Request and response over a blocking SSL that may not have begun its handshake. */
void exchange(SSL *ssl, const struct target *target);
void send_request(SSL *ssl, const struct target *target);
void read_response(SSL *ssl, const struct target *target);

/* Handshake, request and response over a chain that has a BIO_f_ssl. */
void fetch_by_bio(const struct target *target, BIO *bio);

void connect_and_exchange(SSL *ssl, const struct target *target, int fd);

/* A whole fetch, with a new context, SSL and connection. */
void fetch_plainly(const struct target *target);

/* A BIO of our own over `fd`: it carries at most `read_max` and `write_max` octets at a time. With
 * `stutter` every other call says "retry". */
struct own_bio {
    int fd;
    size_t read_max;
    size_t write_max;
    bool stutter;
    bool said_retry;
    bool asked_for_kernel; /* to do TLS from here on */
};
BIO *make_own_bio(struct own_bio *own);

/* openssl_many.c */
void run_threads(const struct target *target);
void run_threads_shared_ctx(const struct target *target);
void run_fork(const struct target *target);
void run_resume(const struct target *target);
/* The second connection sends a request with its hello, and prints whether the server accepted it.
 */
void run_early(const struct target *target);
void run_clear(const struct target *target);
void run_dup(const struct target *target);
void run_dtls_only(const struct target *target);
void run_dtls(const struct target *target);
void run_server(const struct target *target);

/* openssl_edge.c */
void run_premature(const struct target *target);
void run_unseen(const struct target *target);
void run_unseen_resume(const struct target *target);
void run_unseen_write(const struct target *target);
void run_same_fd_again(const struct target *target);
void run_clear_midway(const struct target *target);
void run_after_failure(const struct target *target);
void run_state(const struct target *target);
void run_fork_midway(const struct target *target);
void run_endurance(const struct target *target);

/* openssl_buffered.c */
void run_buffered(const struct target *target);
void run_buffered_ahead(const struct target *target);
void run_null_filter(const struct target *target);
void run_nested_filters(const struct target *target);
void run_own_buffer(const struct target *target);
void run_buffered_memory(const struct target *target);

/* openssl_late.c */
void run_late_name(const struct target *target);
void run_late_name_in_loop(const struct target *target);
void run_late_other_name(const struct target *target);
void run_late_no_name(const struct target *target);
void run_late_versions(const struct target *target);
void run_late_tls12(const struct target *target);
void run_late_no_tls13(const struct target *target);
void run_late_transport(const struct target *target);
void run_late_context(const struct target *target);
void run_late_settings(const struct target *target);
void run_late_session(const struct target *target);
void run_late_security(const struct target *target);
void run_late_copy(const struct target *target);
void run_late_again(const struct target *target);

/* openssl_midway.c */
void run_pushed_midway(const struct target *target);
void run_pushed_again(const struct target *target);
void run_put_before(const struct target *target);
void run_put_before_and_away(const struct target *target);
void run_taken_and_pushed(const struct target *target);
void run_copied_midway(const struct target *target);
/* SSL_OP_ENABLE_KTLS: prints whether libssl asked the transport for it. */
void run_kernel(const struct target *target);
void run_late_descriptor(const struct target *target);
void run_late_bio(const struct target *target);
void run_late_halves(const struct target *target);
void run_late_push(const struct target *target);

/* openssl_storage.c */
void run_qt(const struct target *target);
void run_qt_later(const struct target *target);
void run_qt_threads(const struct target *target);
void run_qt_fork(const struct target *target);
void run_all_indexes(const struct target *target);
void run_index_callbacks(const struct target *target);
void run_bio_types(const struct target *target);
void run_orders(const struct target *target);

#endif
