/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Prints what GnuTLS tells a program before, within and after a handshake. The output must be the
 * same with the shim and without it.
 */
#include "gnutls_common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MARK = 77 }; /* set in errno before each call */

/* A result, and what the call did to errno. */
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

/* ---- priorities ---- */

static void tell_priority(const char *text)
{
    gnutls_priority_t cache = NULL;
    const char *at = NULL;
    errno = MARK;
    int result = gnutls_priority_init(&cache, text, &at);
    tell("gnutls_priority_init", result);
    printf("  error at %ld\n", at != NULL ? (long)(at - text) : -1L);
    if (result == 0) {
        gnutls_priority_deinit(cache);
    }
    at = NULL;
    result = gnutls_priority_init2(&cache, text, &at, GNUTLS_PRIORITY_INIT_DEF_APPEND);
    tell("gnutls_priority_init2", result);
    printf("  error %s\n", at != NULL ? at : "(none)");
    if (result == 0) {
        gnutls_priority_deinit(cache);
    }
}

static void tell_priorities(gnutls_session_t session)
{
    static const char *const texts[] = {"NORMAL", "NORMAL:%OOPS", "NORMAL:+VERS-TLS9.9",
                                        "",       "-ALL",         "-VERS-ALL:+VERS-TLS1.3",
                                        "NONE"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *at = NULL;
        tell_priority(texts[i]);
        tell("gnutls_priority_set_direct", gnutls_priority_set_direct(session, texts[i], &at));
        printf("  error at %ld\n", at != NULL ? (long)(at - texts[i]) : -1L);
        at = NULL;
        tell("gnutls_set_default_priority_append",
             gnutls_set_default_priority_append(session, texts[i], &at, 0));
        printf("  error %s\n", at != NULL ? at : "(none)");
    }
    tell("gnutls_priority_set", gnutls_priority_set(session, NULL));
    tell("gnutls_set_default_priority", gnutls_set_default_priority(session));
}

/* ---- everything that a program can ask ---- */

static void tell_session(gnutls_session_t session, const char *when)
{
    char name[256];
    size_t size = sizeof name;
    unsigned type;
    char id[64];
    size_t id_size = sizeof id;
    gnutls_datum_t datum = {NULL, 0};
    int in;
    int out;
    printf("-- %s\n", when);
    errno = MARK;
    tell("version", gnutls_protocol_get_version(session));
    tell("cipher", gnutls_cipher_get(session));
    tell("mac", gnutls_mac_get(session));
    tell("kx", gnutls_kx_get(session));
    tell("group", gnutls_group_get(session));
    tell("sign algorithm", gnutls_sign_algorithm_get(session));
    tell("certificate type", gnutls_certificate_type_get(session));
    tell("direction", gnutls_record_get_direction(session));
    tell("resumed", gnutls_session_is_resumed(session));
    tell("flags", (long)gnutls_session_get_flags(session));
    tell("extended master secret", gnutls_session_ext_master_secret_status(session));
    tell("encrypt then mac", (long)gnutls_session_etm_status(session));
    tell("safe renegotiation", gnutls_safe_renegotiation_status(session));
    tell("early data", (long)gnutls_record_get_max_early_data_size(session));
    tell("record size", (long)gnutls_record_get_max_size(session));
    tell("overhead", (long)gnutls_record_overhead_size(session));
    tell("pending", (long)gnutls_record_check_pending(session));
    tell("corked", (long)gnutls_record_check_corked(session));
    tell("last in", (long)gnutls_handshake_get_last_in(session));
    tell("last out", (long)gnutls_handshake_get_last_out(session));
    tell("alert", gnutls_alert_get(session));
    tell("server name", gnutls_server_name_get(session, name, &size, &type, 0));
    tell("id", gnutls_session_get_id(session, id, &id_size));
    tell("alpn", gnutls_alpn_get_selected_protocol(session, &datum));
    printf("  %.*s\n", (int)datum.size, datum.data != NULL ? (const char *)datum.data : "");
    errno = MARK;
    tell("own extension", gnutls_session_ext_register(session, "x", 10, GNUTLS_EXT_TLS, NULL, NULL,
                                                      NULL, NULL, NULL, 0));
    gnutls_transport_get_int2(session, &in, &out);
    tell("descriptors", in == out && in == gnutls_transport_get_int(session) &&
                            gnutls_transport_get_ptr(session) == (void *)(size_t)in);
    char *description = gnutls_session_get_desc(session);
    tell_text("description", description);
    gnutls_free(description);
    unsigned count = 0;
    tell("peers", gnutls_certificate_get_peers(session, &count) != NULL);
    tell("of them", count);
    tell("verified", (long)gnutls_session_get_verify_cert_status(session));
    tell("ours", gnutls_certificate_get_ours(session) != NULL);
    tell("requested", (long)gnutls_certificate_client_get_request_status(session));
    tell("heartbeat", gnutls_heartbeat_allowed(session, GNUTLS_HB_PEER_ALLOWED_TO_SEND));
    tell("ocsp", gnutls_ocsp_status_request_is_checked(session, 0));
    gnutls_datum_t channel = {NULL, 0};
    tell("binding", gnutls_session_channel_binding(session, GNUTLS_CB_TLS_UNIQUE, &channel));
    gnutls_free(channel.data);
}

/* ---- callbacks ---- */

static int see_message(gnutls_session_t session, unsigned type, unsigned post, unsigned incoming,
                       const gnutls_datum_t *message)
{
    printf("%s %s %u, version %d, last %d %d\n", incoming != 0 ? "receives" : "sends",
           post != 0 ? "after" : "before", type, gnutls_protocol_get_version(session),
           gnutls_handshake_get_last_in(session), gnutls_handshake_get_last_out(session));
    if (gnutls_session_get_ptr(session) == NULL || message == NULL) {
        fail("a message without a session");
    }
    return 0;
}

static int see_key(gnutls_session_t session, const char *label, const gnutls_datum_t *secret)
{
    (void)session;
    printf("key %s of %u\n", label, secret->size);
    return 0;
}

static int see_certificate(gnutls_session_t session)
{
    printf("certificate: %d\n", gnutls_certificate_get_peers(session, &(unsigned){0}) != NULL);
    return 0;
}

/* ---- main ---- */

static void prepare(struct connection *connection, const struct target *target)
{
    start(connection, target, "NORMAL");
    gnutls_handshake_set_hook_function(connection->session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH,
                                       see_message);
    gnutls_session_set_keylog_function(connection->session, see_key);
}

static void tell_data(gnutls_session_t session, const char *when)
{
    gnutls_datum_t data = {NULL, 0};
    printf("-- data %s\n", when);
    errno = MARK;
    int result = gnutls_session_get_data2(session, &data);
    errno = MARK;
    tell("gnutls_session_get_data2", result);
    /* A ticket's size may vary. */
    printf("  some: %d\n", data.size > 32);
    gnutls_free(data.data);
}

static void run_whole(const struct target *target)
{
    struct connection connection = {.fd = -1};
    struct connection bare = {.fd = -1};
    start_bare(&bare, target, NULL);
    tell_session(bare.session, "bare");
    tell("handshake without priorities", gnutls_handshake(bare.session));
    tell_priorities(bare.session);
    tell("no name", gnutls_server_name_set(bare.session, GNUTLS_NAME_DNS, "", 0));
    tell("long name", gnutls_server_name_set(bare.session, GNUTLS_NAME_DNS,
                                             (char[300]){[0 ... 298] = 'a'}, 299));
    tell("bad data", gnutls_session_set_data(bare.session, "bad", 3));
    tell("no data", gnutls_session_set_data(bare.session, NULL, 0));
    finish(&bare);

    prepare(&connection, target);
    gnutls_session_set_verify_function(connection.session, see_certificate);
    tell_session(connection.session, "before");
    tell_data(connection.session, "before");
    errno = MARK;
    int result = shake_hands(&connection);
    errno = MARK; /* a handshake may leave any value */
    tell("handshake", result);
    tell_session(connection.session, "after");
    exchange(&connection, target);
    tell_session(connection.session, "after the answer");
    tell_data(connection.session, "after");
    tell("bye", gnutls_bye(connection.session, GNUTLS_SHUT_WR));
    tell_session(connection.session, "after the end");
    finish(&connection);
}

/* ---- failures ---- */

static void run_unknown_authority(const struct target *target)
{
    struct connection connection = {.fd = -1};
    prepare(&connection, target);
    gnutls_session_set_verify_cert(connection.session, "another.example", 0);
    int result = shake_hands(&connection);
    errno = MARK;
    tell("handshake", result);
    tell_session(connection.session, "after the failure");
    tell("again", gnutls_handshake(connection.session));
    tell_data(connection.session, "after the failure");
    errno = MARK;
    tell("send", gnutls_record_send(connection.session, "x", 1));
    tell("alert", gnutls_alert_send_appropriate(connection.session, result));
    finish(&connection);
}

static int refuse(gnutls_session_t session)
{
    (void)session;
    return -1;
}

static void run_refused_by_program(const struct target *target)
{
    struct connection connection = {.fd = -1};
    prepare(&connection, target);
    gnutls_session_set_verify_function(connection.session, refuse);
    int result = shake_hands(&connection);
    errno = MARK;
    tell("handshake", result);
    tell_session(connection.session, "after the refusal");
    finish(&connection);
}

/* Without certificate credentials GnuTLS can make no hello of TLS 1.3. */
static void run_without_credentials(const struct target *target)
{
    struct connection connection = {.fd = -1};
    prepare(&connection, target);
    gnutls_credentials_clear(connection.session);
    int result = gnutls_handshake(connection.session);
    errno = MARK;
    tell("handshake", result);
    tell_session(connection.session, "without credentials");
    tell("again", gnutls_handshake(connection.session));
    finish(&connection);
}

/* A pull function without its timeout function, and with a limit. */
static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t len)
{
    return recv((int)(size_t)pointer, data, len, 0);
}

static void run_without_waiting(const struct target *target)
{
    struct connection connection = {.fd = -1};
    prepare(&connection, target);
    gnutls_transport_set_pull_function(connection.session, pull);
    gnutls_handshake_set_timeout(connection.session, 10000);
    int result = gnutls_handshake(connection.session);
    errno = MARK;
    tell("handshake", result);
    finish(&connection);
}

static void run_no_connection(const struct target *target)
{
    struct connection connection = {.fd = -1};
    prepare(&connection, target);
    gnutls_transport_set_int(connection.session, -1);
    int result = gnutls_handshake(connection.session);
    errno = MARK;
    tell("handshake", result);
    tell("direction", gnutls_record_get_direction(connection.session));
    finish(&connection);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"whole", run_whole},
        {"unknown-authority", run_unknown_authority},
        {"refused-by-program", run_refused_by_program},
        {"without-credentials", run_without_credentials},
        {"without-waiting", run_without_waiting},
        {"no-connection", run_no_connection},
        {NULL, NULL},
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    return run_mode_of(argc, argv, modes);
}
