/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Prints what OpenSSL tells a program before, within and after a handshake. The output must be the
 * same with the shim and without it.
 */
#include "client.h"
#include "openssl_client.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MARK = 77 }; /* set in errno before each call */

static int program_index;

static void tell(const char *what, long result)
{
    printf("%s: %ld, errno %s\n", what, result, errno == MARK ? "kept" : "changed");
    errno = MARK;
}

static void tell_text(const char *what, const char *text)
{
    printf("%s: %s\n", what, text != NULL ? text : "(none)");
    errno = MARK;
}

static void tell_queue(void)
{
    unsigned long error;
    while ((error = ERR_get_error()) != 0) {
        printf("  in the queue: %08lx %s\n", error, ERR_reason_error_string(error));
    }
    errno = MARK;
}

static void tell_bios(const SSL *ssl)
{
    for (BIO *bio = SSL_get_rbio(ssl); bio != NULL; bio = BIO_next(bio)) {
        printf("  reads by %s\n", BIO_method_name(bio));
    }
    for (BIO *bio = SSL_get_wbio(ssl); bio != NULL; bio = BIO_next(bio)) {
        printf("  writes by %s\n", BIO_method_name(bio));
    }
    tell("one BIO", SSL_get_rbio(ssl) == SSL_get_wbio(ssl));
    tell("descriptor", SSL_get_fd(ssl) >= 0);
    tell("for reading", SSL_get_rfd(ssl) == SSL_get_fd(ssl));
    tell("for writing", SSL_get_wfd(ssl) == SSL_get_fd(ssl));
}

static void tell_context(SSL_CTX *ctx, const char *when)
{
    printf("-- context %s\n", when);
    errno = MARK;
    tell("min", SSL_CTX_get_min_proto_version(ctx));
    tell("max", SSL_CTX_get_max_proto_version(ctx));
    tell("options", (long)SSL_CTX_get_options(ctx));
    tell("mode", SSL_CTX_get_mode(ctx));
    tell("client extension 0xfe0e", SSL_CTX_has_client_custom_ext(ctx, 0xfe0e));
    tell("info callback", SSL_CTX_get_info_callback(ctx) != NULL);
    tell("ex data", SSL_CTX_get_ex_data(ctx, program_index) == NULL);
    tell("ciphers", sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(ctx)));
    tell("sessions", SSL_CTX_sess_number(ctx));
    tell("connects", SSL_CTX_sess_connect(ctx));
    tell("good", SSL_CTX_sess_connect_good(ctx));
    tell("cache mode", SSL_CTX_get_session_cache_mode(ctx));
    tell("verify mode", SSL_CTX_get_verify_mode(ctx));
    tell("security", SSL_CTX_get_security_level(ctx));
    tell("timeout", SSL_CTX_get_timeout(ctx));
    tell("fragment", SSL_CTX_get_quiet_shutdown(ctx));
    tell("early", (long)SSL_CTX_get_max_early_data(ctx));
}

static void tell_ssl(SSL *ssl, const char *when)
{
    unsigned char random[32];
    const unsigned char *alpn;
    unsigned alpn_length = 0;
    printf("-- %s\n", when);
    errno = MARK;
    tell("min", SSL_get_min_proto_version(ssl));
    tell("max", SSL_get_max_proto_version(ssl));
    tell("options", (long)SSL_get_options(ssl));
    tell("mode", SSL_get_mode(ssl));
    tell("version", SSL_version(ssl));
    tell_text("name of the version", SSL_get_version(ssl));
    tell("client version", SSL_client_version(ssl));
    tell("state", (long)SSL_get_state(ssl));
    tell_text("state", SSL_state_string_long(ssl));
    tell("in init", SSL_in_init(ssl));
    tell("finished", SSL_is_init_finished(ssl));
    tell("before", SSL_in_before(ssl));
    tell("server", SSL_is_server(ssl));
    tell("want", SSL_want(ssl));
    tell("pending", SSL_pending(ssl));
    tell("has pending", SSL_has_pending(ssl));
    tell("shutdown", SSL_get_shutdown(ssl));
    tell("reused", SSL_session_reused(ssl));
    tell("early status", SSL_get_early_data_status(ssl));
    const SSL_SESSION *session = SSL_get_session(ssl);
    tell("session", session != NULL);
    tell("early", session != NULL ? SSL_SESSION_get_max_early_data(session) : 0);
    tell("resumable", session != NULL && SSL_SESSION_is_resumable(session));
    tell("verified", SSL_get_verify_result(ssl));
    tell_text("peer name", SSL_get0_peername(ssl));
    tell_text("server name", SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    tell("type of it", SSL_get_servername_type(ssl));
    tell_text("cipher", SSL_get_cipher_name(ssl));
    tell("ciphers", sk_SSL_CIPHER_num(SSL_get_ciphers(ssl)));
    if (SSL_in_before(ssl) || !SSL_in_init(ssl)) {
        /* Within a handshake with ECH they are those of TLS 1.3 (docs/behaviour.md). */
        STACK_OF(SSL_CIPHER) *supported = SSL_get1_supported_ciphers(ssl);
        tell("supported", sk_SSL_CIPHER_num(supported));
        sk_SSL_CIPHER_free(supported);
    }
    tell("client random", (long)SSL_get_client_random(ssl, random, sizeof random));
    tell("server random", (long)SSL_get_server_random(ssl, random, sizeof random));
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_length);
    tell("alpn", alpn_length);
    tell("extended master secret", SSL_get_extms_support(ssl));
    tell("secure renegotiation", SSL_get_secure_renegotiation_support(ssl));
    tell("renegotiations", SSL_num_renegotiations(ssl));
    X509 *certificate = SSL_get_peer_certificate(ssl);
    tell("certificate", certificate != NULL);
    X509_free(certificate);
    tell("chain", sk_X509_num(SSL_get_peer_cert_chain(ssl)));
    tell("group", SSL_get_negotiated_group(ssl));
    tell("curves", SSL_get1_groups(ssl, NULL) > 0);
    tell("ex data", SSL_get_ex_data(ssl, program_index) == (void *)ssl);
    tell("info callback", SSL_get_info_callback(ssl) != NULL);
    tell("verify mode", SSL_get_verify_mode(ssl));
    tell("quiet shutdown", SSL_get_quiet_shutdown(ssl));
    tell("read ahead", SSL_get_read_ahead(ssl));
    tell("dtls", SSL_is_dtls(ssl));
    tell("queue", ERR_peek_error() != 0);
    tell_bios(ssl);
}

/* ---- callbacks ---- */

static void see_info(const SSL *ssl, int where, int value)
{
    printf("info %x %s %d\n", where, SSL_state_string(ssl), where & SSL_CB_ALERT ? value : 0);
    errno = MARK;
}

static void see_message(int sent, int version, int type, const void *octets, size_t length,
                        SSL *ssl, void *argument)
{
    const unsigned char *first = octets;
    (void)ssl, (void)argument, (void)length;
    /* Prints the headers of records, and the type of handshake messages. */
    if (type == SSL3_RT_HANDSHAKE || type == SSL3_RT_ALERT) {
        printf("message %d %x %d %d\n", sent, (unsigned)version, type, first[0]);
    }
}

static void see_key(const SSL *ssl, const char *line)
{
    (void)ssl;
    printf("key %.*s\n", (int)strcspn(line, " "), line);
}

static int see_certificate(int good, X509_STORE_CTX *store)
{
    printf("verify %d at %d: %d\n", good, X509_STORE_CTX_get_error_depth(store),
           X509_STORE_CTX_get_error(store));
    return good;
}

/* ---- main ---- */

static SSL_CTX *context(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL_CTX_set_info_callback(ctx, see_info);
    SSL_CTX_set_msg_callback(ctx, see_message);
    SSL_CTX_set_keylog_callback(ctx, see_key);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, see_certificate);
    return ctx;
}

static SSL *connection(SSL_CTX *ctx, const struct target *target, int *fd)
{
    SSL *ssl = make_ssl(ctx, target);
    SSL_set_ex_data(ssl, program_index, ssl);
    *fd = dial(target);
    SSL_set_fd(ssl, *fd);
    return ssl;
}

static void tell_result(SSL *ssl, const char *what, int result)
{
    /* A call that uses the network may leave any value in errno. */
    errno = MARK;
    tell(what, result);
    tell("SSL_get_error", SSL_get_error(ssl, result));
    tell_queue();
}

static void talk(SSL *ssl, const struct target *target)
{
    char request[512];
    char chunk[1000];
    size_t len = make_request(target, request, sizeof request);
    tell_result(ssl, "SSL_write", SSL_write(ssl, request, (int)len));
    int got;
    while ((got = SSL_read(ssl, chunk, sizeof chunk)) > 0) {
    }
    tell_result(ssl, "SSL_read", got);
}

static void run_whole(const struct target *target)
{
    int fd;
    SSL_CTX *ctx = context(target);
    tell_context(ctx, "before");
    SSL *ssl = connection(ctx, target, &fd);
    tell_ssl(ssl, "before");
    tell_result(ssl, "SSL_connect", SSL_connect(ssl));
    tell_ssl(ssl, "after");
    talk(ssl, target);
    tell_ssl(ssl, "after the answer");
    tell_result(ssl, "SSL_shutdown", SSL_shutdown(ssl));
    tell_ssl(ssl, "after the end");
    tell_context(ctx, "after");
    SSL_SESSION *session = SSL_get1_session(ssl);
    SSL_free(ssl);
    close(fd);
    ssl = connection(ctx, target, &fd);
    tell("SSL_set_session", SSL_set_session(ssl, session));
    tell_result(ssl, "SSL_connect", SSL_connect(ssl));
    tell_ssl(ssl, "after resumption");
    SSL_SESSION_free(session);
    tell("SSL_clear", SSL_clear(ssl));
    tell_ssl(ssl, "cleared");
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(ctx);
}

/* Every state in which OpenSSL tells a program to wait: the set of states, not how often. */
static void run_nonblocking(const struct target *target)
{
    int fd;
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = connection(ctx, target, &fd);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    int result;
    bool told = false;
    while ((result = SSL_connect(ssl)) != 1) {
        int error = SSL_get_error(ssl, result);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            break;
        }
        if (!told && error == SSL_ERROR_WANT_READ) {
            tell_ssl(ssl, "while it waits");
            told = true;
        }
        if (!await(fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT)) {
            fail("nothing happened on the socket");
        }
    }
    tell_result(ssl, "SSL_connect", result);
    tell_ssl(ssl, "after");
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(ctx);
}

static void run_unknown_authority(const struct target *target)
{
    int fd;
    SSL_CTX *ctx = context(target);
    SSL *ssl = connection(ctx, target, &fd);
    SSL_set1_host(ssl, "another.example");
    tell_result(ssl, "SSL_connect", SSL_connect(ssl));
    tell_ssl(ssl, "after the failure");
    tell_result(ssl, "SSL_connect again", SSL_connect(ssl));
    char octet = 'x';
    tell_result(ssl, "SSL_write", SSL_write(ssl, &octet, 1));
    tell_result(ssl, "SSL_shutdown", SSL_shutdown(ssl));
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(ctx);
}

static void run_bad_versions(const struct target *target)
{
    int fd;
    SSL_CTX *ctx = context(target);
    tell("min 1.3", SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION));
    tell("max 1.2", SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION));
    SSL *ssl = connection(ctx, target, &fd);
    tell_result(ssl, "SSL_connect", SSL_connect(ssl));
    tell_ssl(ssl, "after the failure");
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(ctx);
}

static void run_no_bio(const struct target *target)
{
    SSL_CTX *ctx = context(target);
    SSL *ssl = make_ssl(ctx, target);
    tell_result(ssl, "SSL_connect", SSL_connect(ssl));
    tell_result(ssl, "SSL_do_handshake", SSL_do_handshake(ssl));
    SSL *bare = SSL_new(ctx);
    char octet;
    tell_result(bare, "SSL_read", SSL_read(bare, &octet, 1));
    tell_result(bare, "SSL_do_handshake", SSL_do_handshake(bare));
    tell_bios(bare);
    SSL_free(bare);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* One BIO only to write, one only to read. */
static void run_half_bio(const struct target *target)
{
    SSL_CTX *ctx = context(target);
    for (int i = 0; i < 2; i++) {
        int fd = dial(target);
        SSL *ssl = make_ssl(ctx, target);
        (i == 0 ? SSL_set0_wbio : SSL_set0_rbio)(ssl, BIO_new_socket(fd, BIO_NOCLOSE));
        tell_result(ssl, "SSL_connect", SSL_connect(ssl));
        tell_ssl(ssl, "after");
        tell_result(ssl, "SSL_connect again", SSL_connect(ssl));
        tell_result(ssl, "SSL_shutdown", SSL_shutdown(ssl));
        SSL_free(ssl);
        close(fd);
    }
    SSL_CTX_free(ctx);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"whole", run_whole},
        {"non-blocking", run_nonblocking},
        {"unknown-authority", run_unknown_authority},
        {"bad-versions", run_bad_versions},
        {"no-bio", run_no_bio},
        {"half-bio", run_half_bio},
        {NULL, NULL},
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    program_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    printf("index %d\n", program_index > 0);
    return run_mode_of(argc, argv, modes);
}
