/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that set the hello's contents late, twice, or in unusual ways. */
#include "gnutls_common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OTHER "public.example"

static void with_descriptor(struct connection *connection, const struct target *target,
                            const char *priorities)
{
    start_bare(connection, target, priorities);
    gnutls_transport_set_int(connection->session, connection->fd);
}

/* ---- names ---- */

static void run_name_twice(const struct target *target)
{
    struct connection connection = {.fd = -1};
    with_descriptor(&connection, target, "NORMAL");
    set_name(&connection, OTHER);
    set_name(&connection, target->host);
    fetch_and_finish(&connection, target);
}

/* GnuTLS knows one type of name, and treats every other as that. */
static void run_name_type(const struct target *target)
{
    struct connection connection = {.fd = -1};
    with_descriptor(&connection, target, "NORMAL");
    must(gnutls_server_name_set(connection.session, (gnutls_server_name_type_t)7, target->host,
                                strlen(target->host)),
         "gnutls_server_name_set");
    fetch_and_finish(&connection, target);
}

static void run_name_unset(const struct target *target)
{
    struct connection connection = {.fd = -1};
    with_descriptor(&connection, target, "NORMAL");
    set_name(&connection, OTHER);
    must(gnutls_server_name_set(connection.session, GNUTLS_NAME_DNS, "", 0), "no name");
    set_name(&connection, target->host);
    fetch_and_finish(&connection, target);
}

/* The name in fullwidth letters, which GnuTLS maps to ASCII. */
static void run_name_mapped(const struct target *target)
{
    char wide[1024];
    size_t len = 0;
    for (const char *c = target->host; *c != '\0' && len + 4 < sizeof wide; c++) {
        if (*c >= 'a' && *c <= 'z') {
            wide[len++] = (char)0xef;
            wide[len++] = (char)0xbd;
            wide[len++] = (char)(0x81 + (*c - 'a'));
        } else {
            wide[len++] = *c;
        }
    }
    wide[len] = '\0';
    struct connection connection = {.fd = -1};
    with_descriptor(&connection, target, "NORMAL");
    set_name(&connection, wide);
    fetch_and_finish(&connection, target);
}

/* ---- settings changed while the hello is built, by an extension's function ---- */

enum { SOME_EXTENSION = 0xff77 };

static int ignore(gnutls_session_t session, const unsigned char *data, size_t len)
{
    (void)session, (void)data, (void)len;
    return 0;
}

static int set_host(gnutls_session_t session, gnutls_buffer_t buffer)
{
    const struct target *target = gnutls_session_get_ptr(session);
    (void)buffer;
    must(gnutls_server_name_set(session, GNUTLS_NAME_DNS, target->host, strlen(target->host)),
         "gnutls_server_name_set");
    return 0;
}

static int set_more(gnutls_session_t session, gnutls_buffer_t buffer)
{
    const gnutls_datum_t protocol = {(unsigned char *)(size_t) "http/1.1", 8};
    static bool set; /* a second hello has it still; setting it twice would make GnuTLS spoil it */
    if (!set) {
        set = true;
        must(gnutls_alpn_set_protocols(session, &protocol, 1, 0), "gnutls_alpn_set_protocols");
    }
    must(gnutls_priority_set_direct(session, "NORMAL:-VERS-TLS1.1", NULL), "priorities");
    return set_host(session, buffer);
}

static int set_no_tls13(gnutls_session_t session, gnutls_buffer_t buffer)
{
    must(gnutls_priority_set_direct(session, "NORMAL:-VERS-TLS1.3", NULL), "priorities");
    return set_host(session, buffer);
}

static void with_extension(const struct target *target, gnutls_ext_send_func send,
                           const char *name_before)
{
    struct connection connection = {.fd = -1};
    with_descriptor(&connection, target, "NORMAL");
    if (name_before != NULL) {
        set_name(&connection, name_before);
    }
    must(gnutls_session_ext_register(connection.session, "some", SOME_EXTENSION, GNUTLS_EXT_TLS,
                                     ignore, send, NULL, NULL, NULL,
                                     GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_TLS),
         "gnutls_session_ext_register");
    fetch_and_finish(&connection, target);
}

static void run_name_in_extension(const struct target *target)
{
    with_extension(target, set_host, NULL);
}

static void run_other_name_in_extension(const struct target *target)
{
    with_extension(target, set_host, OTHER);
}

static void run_more_in_extension(const struct target *target)
{
    with_extension(target, set_more, OTHER);
}

static void run_no_tls13_in_extension(const struct target *target)
{
    with_extension(target, set_no_tls13, NULL);
}

/* ---- priorities ---- */

static void run_priorities_after_a_try(const struct target *target)
{
    struct connection connection = {.fd = -1};
    with_descriptor(&connection, target, NULL);
    set_name(&connection, OTHER);
    if (gnutls_handshake(connection.session) != GNUTLS_E_NO_PRIORITIES_WERE_SET) {
        fail("a handshake without priorities");
    }
    set_name(&connection, target->host);
    must(gnutls_set_default_priority(connection.session), "gnutls_set_default_priority");
    fetch_and_finish(&connection, target);
}

static void run_priorities_twice(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL:-VERS-TLS1.3");
    must(gnutls_priority_set_direct(connection.session, "NORMAL", NULL), "priorities");
    fetch_and_finish(&connection, target);
}

static ssize_t push_and_set(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    struct connection *connection = pointer;
    must(gnutls_priority_set_direct(connection->session, "NORMAL:-VERS-TLS1.1", NULL),
         "priorities");
    return send(connection->fd, data, len, MSG_NOSIGNAL);
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t len)
{
    const struct connection *connection = pointer;
    return recv(connection->fd, data, len, 0);
}

static int ready(gnutls_transport_ptr_t pointer, unsigned ms)
{
    (void)pointer, (void)ms;
    return 1;
}

/* After the first hello has left; a second one may follow. */
static void run_priorities_in_push(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    gnutls_transport_set_ptr(connection.session, &connection);
    gnutls_transport_set_push_function(connection.session, push_and_set);
    gnutls_transport_set_pull_function(connection.session, pull);
    gnutls_transport_set_pull_timeout_function(connection.session, ready);
    fetch_and_finish(&connection, target);
}

static void run_no_extensions(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL:%NO_EXTENSIONS");
    fetch_and_finish(&connection, target);
}

static void run_no_extensions_with_extension(const struct target *target)
{
    struct connection connection = {.fd = -1};
    with_descriptor(&connection, target, "NORMAL:%NO_EXTENSIONS");
    must(gnutls_session_ext_register(connection.session, "some", SOME_EXTENSION, GNUTLS_EXT_TLS,
                                     ignore, set_host, NULL, NULL, NULL,
                                     GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_TLS),
         "gnutls_session_ext_register");
    fetch_and_finish(&connection, target);
}

/* ---- the transport, and the session's own pointer ---- */

/* Says "later", so that nothing has left when the program sets another descriptor. */
static ssize_t push_later(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    (void)pointer, (void)data, (void)len;
    errno = EAGAIN;
    return -1;
}

static ssize_t push_now(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    const struct connection *connection = pointer;
    return send(connection->fd, data, len, MSG_NOSIGNAL);
}

static void run_changes_before_an_octet(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    gnutls_transport_set_ptr(connection.session, &connection);
    gnutls_transport_set_push_function(connection.session, push_later);
    gnutls_transport_set_pull_function(connection.session, pull);
    gnutls_transport_set_pull_timeout_function(connection.session, ready);
    for (int i = 0; i < 3; i++) {
        if (gnutls_handshake(connection.session) != GNUTLS_E_AGAIN) {
            fail("the transport did not say \"again\"");
        }
    }
    /* The hello is built: its name stays. */
    set_name(&connection, OTHER);
    must(gnutls_priority_set_direct(connection.session, "NORMAL", NULL), "priorities");
    gnutls_session_set_ptr(connection.session, (void *)(size_t)target);
    gnutls_transport_set_push_function(connection.session, push_now);
    set_name(&connection, target->host);
    fetch_and_finish(&connection, target);
}

/* ---- early data ---- */

enum { EARLY_BODY = 3000, EARLY_PART = 1500 };

static gnutls_datum_t fetch_session(const struct target *target)
{
    gnutls_datum_t data = {NULL, 0};
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    must(shake_hands(&connection), "gnutls_handshake");
    exchange(&connection, target);
    must(gnutls_session_get_data2(connection.session, &data), "gnutls_session_get_data2");
    gnutls_bye(connection.session, GNUTLS_SHUT_WR);
    finish(&connection);
    return data;
}

static unsigned answers_in(const struct connection *connection)
{
    char chunk[1000];
    struct response response = {.len = 0};
    unsigned answers = 0;
    ssize_t got;
    while ((got = gnutls_record_recv(connection->session, chunk, sizeof chunk)) > 0 ||
           got == GNUTLS_E_AGAIN) {
        if (got > 0) {
            response_add(&response, chunk, (size_t)got);
        }
    }
    for (const char *at = response.text; (at = strstr(at, "HTTP/1.1 200 ")) != NULL; at++) {
        answers++;
    }
    return answers;
}

static void send_all(const struct connection *connection, const char *data, size_t len)
{
    ssize_t put = gnutls_record_send(connection->session, data, len);
    if (put != (ssize_t)len) {
        fail("gnutls_record_send: %zd", put);
    }
}

static void run_early(const struct target *target)
{
    char request[EARLY_BODY + 300];
    char second[512];
    gnutls_datum_t data = fetch_session(target);
    struct connection connection = {.fd = -1};
    int head = snprintf(request, sizeof request,
                        "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", target->host,
                        EARLY_BODY);
    size_t len = (size_t)head + EARLY_BODY;
    memset(request + head, 'e', EARLY_BODY);
    start(&connection, target, "NORMAL");
    must(gnutls_session_set_data(connection.session, data.data, data.size), "set_data");
    if (gnutls_record_get_max_early_data_size(connection.session) < len) {
        fail("the server takes no early data");
    }
    for (size_t at = 0; at < len; at += EARLY_PART) {
        size_t part = len - at < EARLY_PART ? len - at : EARLY_PART;
        must((int)gnutls_record_send_early_data(connection.session, request + at, part),
             "gnutls_record_send_early_data");
    }
    must(shake_hands(&connection), "gnutls_handshake");
    bool accepted = (gnutls_session_get_flags(connection.session) & GNUTLS_SFLAGS_EARLY_DATA) != 0;
    printf("early data %s\n", accepted ? "accepted" : "rejected");
    if (!accepted) {
        send_all(&connection, request, len);
    }
    send_all(&connection, second, make_request(target, second, sizeof second));
    unsigned answers = answers_in(&connection);
    if (answers != 2) {
        fail("%u answers to two requests", answers);
    }
    finish(&connection);
    gnutls_free(data.data);
}

/* GnuTLS refuses an unusable session at once. */
static void run_bad_session(const struct target *target)
{
    gnutls_datum_t data = fetch_session(target);
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    /* GnuTLS keeps what it has read of the rubbish, so this session is not used. */
    if (gnutls_session_set_data(connection.session, "rubbish", 7) != GNUTLS_E_DB_ERROR ||
        gnutls_session_set_data(connection.session, "", 0) != GNUTLS_E_INVALID_REQUEST ||
        gnutls_session_set_data(connection.session, data.data, data.size / 2) >= 0) {
        fail("session data that cannot be used were taken");
    }
    finish(&connection);
    start(&connection, target, "NORMAL");
    must(gnutls_session_set_data(connection.session, data.data, data.size), "set_data");
    must(shake_hands(&connection), "gnutls_handshake");
    if (!gnutls_session_is_resumed(connection.session)) {
        fail("not resumed");
    }
    exchange(&connection, target);
    finish(&connection);
    gnutls_free(data.data);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"name-twice", run_name_twice},
        {"name-type", run_name_type},
        {"name-unset", run_name_unset},
        {"name-mapped", run_name_mapped},
        {"name-in-extension", run_name_in_extension},
        {"other-name-in-extension", run_other_name_in_extension},
        {"more-in-extension", run_more_in_extension},
        {"no-tls13-in-extension", run_no_tls13_in_extension},
        {"priorities-after-a-try", run_priorities_after_a_try},
        {"priorities-twice", run_priorities_twice},
        {"priorities-in-push", run_priorities_in_push},
        {"no-extensions", run_no_extensions},
        {"no-extensions-with-extension", run_no_extensions_with_extension},
        {"before-an-octet", run_changes_before_an_octet},
        {"early", run_early},
        {"bad-session", run_bad_session},
        {NULL, NULL},
    };
    return run_mode_of(argc, argv, modes);
}
