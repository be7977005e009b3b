/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the server says: its hellos and its flight. */
#include <criterion/criterion.h>
#include <string.h>

#include "ech/compressed_certificate.h"
#include "ech/message_hash.h"
#include "ech/tls13_messages.h"
#include "tests/unit/hello_tools.h"
#include "tests/unit/tls13_server_parts.h"

static const char retry_random[] =
    "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";

struct octets tls13_test_sign(void *context, uint16_t scheme, struct bytes content)
{
    (void)context;
    const uint8_t id[] = {(uint8_t)(scheme >> 8), (uint8_t)scheme};
    const struct bytes parts[] = {bytes_of(id, sizeof id), content};
    struct octets digest = octets_new(32);
    cr_assert_eq(ech_hash_parts(ECH_HASH_SHA256, parts, 2, digest.data), ECH_OK);
    return digest;
}

static void flush(struct tls13_server *server)
{
    struct reader r = rd_of(wr_view(&server->flight));
    size_t most = server->options.fragment > 0 ? server->options.fragment : 1 << 14;
    while (!rd_done(&r)) {
        struct bytes fragment;
        cr_assert(rd_bytes(&r, r.len < most ? r.len : most, &fragment));
        tls13_server_send(server, ECH_RECORD_HANDSHAKE, fragment);
    }
    wr_free(&server->flight);
}

static void put_message(struct tls13_server *server, uint8_t type, struct bytes body)
{
    struct writer message;
    wr_init(&message, 1 << 20);
    wr_u8(&message, type);
    struct wr_mark mark = wr_open(&message, 3);
    wr_bytes(&message, body);
    wr_close(&message, mark);
    cr_assert_eq(wr_finish(&message), ECH_OK);
    wr_bytes(&server->transcript, wr_view(&message));
    wr_bytes(&server->flight, wr_view(&message));
    wr_free(&message);
}

/* Sends a message, or what the fault makes of it. */
static void send(struct tls13_server *server, enum tls13_step step, uint8_t type,
                 struct writer *made)
{
    const struct tls13_options *options = &server->options;
    enum tls13_fault fault = step == options->step ? options->fault : TLS13_OBEY;
    struct octets body = octets_copy(wr_view(made));
    cr_assert_eq(wr_finish(made), ECH_OK);
    wr_free(made);
    if (fault == TLS13_BODY) {
        octets_free(&body);
        body = octets_copy(options->octets);
    } else if (fault == TLS13_TYPE) {
        type = options->octets.data[0];
    } else if (fault == TLS13_TRUNCATE) {
        body.len--;
    } else if (fault == TLS13_LONGER) {
        struct octets longer = octets_new(body.len + 1);
        memcpy(longer.data, body.data, body.len);
        octets_free(&body);
        body = longer;
    } else if (fault == TLS13_FLIP) {
        body.data[body.len - 1] ^= 1;
    } else if (fault == TLS13_BEFORE) {
        flush(server);
        wr_bytes(&server->out, options->octets);
    } else if (fault == TLS13_CONTENT) {
        flush(server);
        tls13_server_send(server, options->octets.data[0],
                          bytes_of(options->octets.data + 1, options->octets.len - 1));
    }
    for (int times = fault == TLS13_SKIP ? 0 : fault == TLS13_TWICE ? 2 : 1; times > 0; times--) {
        put_message(server, type, octets_view(&body));
    }
    if (fault == TLS13_EXCESS) {
        wr_bytes(&server->flight, options->octets);
    }
    if (!options->one_record || step <= TLS13_HELLO || step == TLS13_FINISHED) {
        flush(server);
    }
    octets_free(&body);
}

static void put_extension(struct writer *w, uint16_t type, struct bytes data)
{
    wr_u16(w, type);
    struct wr_mark mark = wr_open(w, 2);
    wr_bytes(w, data);
    wr_close(w, mark);
}

static void change_cipher_spec(struct tls13_server *server)
{
    if (server->options.change_cipher_specs) {
        ech_change_cipher_spec_write(&server->out);
    }
}

/* ---- the hellos ---- */

/* Everything up to the list of extensions, which stays open. */
static struct wr_mark begin_hello(struct tls13_server *server,
                                  const struct ech_client_hello *client, struct bytes random,
                                  struct writer *w)
{
    const struct tls13_options *options = &server->options;
    uint16_t version = options->version != 0 ? options->version : ECH_TLS13;
    wr_u16(w, ECH_TLS12);
    wr_bytes(w, random);
    struct wr_mark mark = wr_open(w, 1);
    wr_bytes(w, options->echo.data != NULL ? options->echo : client->legacy_session_id);
    wr_close(w, mark);
    wr_u16(w, server->cipher_suite);
    wr_u8(w, 0);
    const uint8_t data[] = {(uint8_t)(version >> 8), (uint8_t)version};
    mark = wr_open(w, 2);
    if (!options->no_version) {
        put_extension(w, ECH_EXT_SUPPORTED_VERSIONS, bytes_of(data, sizeof data));
    }
    return mark;
}

/* Confirms that the inner hello was accepted; keeps a HelloRetryRequest for the next confirmation.
 */
static void confirm(struct tls13_server *server, struct writer *body)
{
    struct ech_client_hello first;
    cr_assert_eq(ech_client_hello_parse(octets_view(&server->first_hello), &first), ECH_OK);
    const struct ech_accept_transcript transcript = {
        .client_hello_inner = &first,
        .hello_retry_request = octets_view(&server->retry_request),
        .second_client_hello_inner = octets_view(&server->second_hello)};
    test_server_confirm(body, &transcript);
}

static void send_retry(struct tls13_server *server, const struct ech_client_hello *client)
{
    static const uint8_t unconfirmed[ECH_CONFIRMATION_SIZE];
    const struct tls13_options *options = &server->options;
    struct ech_message_hash first;
    struct writer w;
    struct octets random = octets_of_hex(retry_random);
    cr_assert_eq(ech_message_hash_make(server->hash, wr_view(&server->transcript), &first), ECH_OK);
    wr_free(&server->transcript);
    wr_bytes(&server->transcript, bytes_of(first.octets, first.len));
    wr_init(&w, 0);
    struct wr_mark list = begin_hello(server, client, octets_view(&random), &w);
    if (!options->retry_without_group) {
        uint16_t group = options->retry_group != 0 ? options->retry_group : ECH_GROUP_P256;
        const uint8_t data[] = {(uint8_t)(group >> 8), (uint8_t)group};
        put_extension(&w, ECH_EXT_KEY_SHARE, bytes_of(data, sizeof data));
    }
    if (options->cookie.data != NULL) {
        put_extension(&w, ECH_EXT_COOKIE, options->cookie);
    }
    wr_bytes(&w, options->retry_more);
    if (options->accept) {
        put_extension(&w, ECH_EXT_ENCRYPTED_CLIENT_HELLO,
                      bytes_of(unconfirmed, sizeof unconfirmed));
    }
    wr_close(&w, list);
    octets_free(&random);
    if (options->accept) {
        confirm(server, &w);
    }
    size_t before = wr_view(&server->transcript).len;
    send(server, TLS13_RETRY, ECH_HANDSHAKE_SERVER_HELLO, &w);
    struct bytes all = wr_view(&server->transcript);
    server->retry_request = octets_copy(bytes_of(all.data + before, all.len - before));
    change_cipher_spec(server);
    server->retried = true;
    if (options->second_suite != 0) {
        server->cipher_suite = options->second_suite;
    }
}

/* The first client share that we support: makes our share for it, and the secret. */
static size_t agree(struct tls13_server *server, const struct ech_client_hello *client,
                    uint8_t *shared, uint16_t *group, uint8_t *public_key)
{
    struct reader entries;
    struct ech_key_share_entry entry;
    uint8_t private_key[ECH_DH_PRIVATE_MAX];
    cr_assert_eq(ech_client_hello_key_shares(client, &entries), ECH_OK);
    do {
        cr_assert(ech_key_share_read(&entries, &entry));
    } while (ech_dh_private_size(entry.group) == 0 && entry.group != server->options.foreign_group);
    *group = entry.group;
    if (entry.group == server->options.foreign_group) {
        memset(public_key, TLS13_FOREIGN_SHARE, TLS13_FOREIGN_SIZE);
        memset(shared, TLS13_FOREIGN_SECRET, TLS13_FOREIGN_SIZE);
        return TLS13_FOREIGN_SIZE;
    }
    cr_assert_eq(ech_dh_generate(entry.group, &server->random, private_key, public_key), ECH_OK);
    cr_assert_eq(ech_dh(entry.group, bytes_of(private_key, ech_dh_private_size(entry.group)),
                        entry.key_exchange, shared),
                 ECH_OK);
    return ech_dh_shared_size(entry.group);
}

static void put_share(struct writer *w, uint16_t group, struct bytes public_key)
{
    wr_u16(w, ECH_EXT_KEY_SHARE);
    struct wr_mark data = wr_open(w, 2);
    wr_u16(w, group);
    struct wr_mark key = wr_open(w, 2);
    wr_bytes(w, public_key);
    wr_close(w, key);
    wr_close(w, data);
}

static void send_hello(struct tls13_server *server, const struct ech_client_hello *client)
{
    const struct tls13_options *options = &server->options;
    uint8_t shared[ECH_DH_SHARED_MAX];
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    uint8_t hash[ECH_HASH_MAX];
    uint16_t group;
    struct writer w;
    struct octets random = octets_new(ECH_RANDOM_SIZE);
    size_t size = agree(server, client, shared, &group, public_key);
    memset(random.data, 0x5a, random.len);
    wr_init(&w, 0);
    struct wr_mark list = begin_hello(server, client, octets_view(&random), &w);
    if (!options->no_share) {
        put_share(&w, options->share_group != 0 ? options->share_group : group,
                  options->share.data != NULL
                      ? options->share
                      : bytes_of(public_key, group == options->foreign_group
                                                 ? TLS13_FOREIGN_SIZE
                                                 : ech_dh_public_size(group)));
    }
    wr_bytes(&w, options->hello_more);
    wr_close(&w, list);
    octets_free(&random);
    if (options->accept) {
        confirm(server, &w);
    }
    send(server, TLS13_HELLO, ECH_HANDSHAKE_SERVER_HELLO, &w);
    change_cipher_spec(server);
    tls13_server_transcript_hash(server, hash);
    cr_assert_eq(
        ech_tls13_secrets_handshake(&server->secrets, server->hash, bytes_of(shared, size), hash),
        ECH_OK);
    memcpy(server->client_handshake, server->secrets.client, ECH_HASH_MAX);
    cr_assert_eq(ech_tls13_protection_start(&server->to_client, server->cipher_suite,
                                            server->secrets.server),
                 ECH_OK);
    cr_assert_eq(ech_tls13_protection_start(&server->from_client, server->cipher_suite,
                                            server->secrets.client),
                 ECH_OK);
    server->is_protected = true;
}

/* ---- the flight ---- */

static void send_extensions(struct tls13_server *server)
{
    struct writer w;
    wr_init(&w, 0);
    struct wr_mark list = wr_open(&w, 2);
    if (server->options.retry_configs != NULL) {
        put_extension(&w, ECH_EXT_ENCRYPTED_CLIENT_HELLO, *server->options.retry_configs);
    }
    wr_bytes(&w, server->options.extensions_more);
    wr_close(&w, list);
    send(server, TLS13_EXTENSIONS, ECH_HANDSHAKE_ENCRYPTED_EXTENSIONS, &w);
}

static void send_request(struct tls13_server *server)
{
    static const uint8_t body[] = {0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3};
    struct writer w;
    wr_init(&w, 0);
    wr_bytes(&w, bytes_of(body, sizeof body));
    send(server, TLS13_REQUEST, ECH_HANDSHAKE_CERTIFICATE_REQUEST, &w);
}

static void send_certificate(struct tls13_server *server)
{
    const struct tls13_options *options = &server->options;
    struct writer w;
    wr_init(&w, 1 << 20);
    if (options->compressed_certificate.len > 0) {
        wr_bytes(&w, options->compressed_certificate);
        send(server, TLS13_CERTIFICATE, ECH_HANDSHAKE_COMPRESSED_CERTIFICATE, &w);
        return;
    }
    wr_u8(&w, 0);
    struct wr_mark list = wr_open(&w, 3);
    for (size_t i = 0; i < 4 && (i == 0 || options->certificates[i].len > 0); i++) {
        struct wr_mark certificate = wr_open(&w, 3);
        wr_bytes(&w,
                 options->certificates[i].len > 0 ? options->certificates[i] : bytes_of("leaf", 4));
        wr_close(&w, certificate);
        struct wr_mark extensions = wr_open(&w, 2);
        wr_bytes(&w, options->entry_extensions);
        wr_close(&w, extensions);
    }
    wr_close(&w, list);
    send(server, TLS13_CERTIFICATE, ECH_HANDSHAKE_CERTIFICATE, &w);
}

static void send_verify(struct tls13_server *server)
{
    const struct tls13_options *options = &server->options;
    uint16_t scheme = options->scheme != 0 ? options->scheme : ECH_SIGNATURE_ECDSA_SECP256R1_SHA256;
    uint8_t hash[ECH_HASH_MAX];
    struct writer content;
    struct writer w;
    wr_init(&content, 0);
    wr_init(&w, 0);
    tls13_server_transcript_hash(server, hash);
    cr_assert_eq(ech_tls13_signed_content(bytes_of(hash, ech_hash_size(server->hash)), &content),
                 ECH_OK);
    struct octets signature = (options->sign != NULL ? options->sign : tls13_test_sign)(
        options->sign_context, scheme, wr_view(&content));
    wr_u16(&w, scheme);
    struct wr_mark mark = wr_open(&w, 2);
    wr_bytes(&w, octets_view(&signature));
    wr_close(&w, mark);
    octets_free(&signature);
    wr_free(&content);
    send(server, TLS13_VERIFY, ECH_HANDSHAKE_CERTIFICATE_VERIFY, &w);
}

static void send_finished(struct tls13_server *server)
{
    uint8_t hash[ECH_HASH_MAX];
    uint8_t verify_data[ECH_HASH_MAX];
    struct writer w;
    wr_init(&w, 0);
    tls13_server_transcript_hash(server, hash);
    cr_assert_eq(ech_tls13_verify_data(server->hash, server->secrets.server, hash, verify_data),
                 ECH_OK);
    wr_bytes(&w, bytes_of(verify_data, ech_hash_size(server->hash)));
    send(server, TLS13_FINISHED, ECH_HANDSHAKE_FINISHED, &w);
    tls13_server_transcript_hash(server, hash);
    cr_assert_eq(ech_tls13_secrets_application(&server->secrets, hash), ECH_OK);
    cr_assert_eq(ech_tls13_protection_start(&server->to_client, server->cipher_suite,
                                            server->secrets.server),
                 ECH_OK);
    server->flight_done = true;
}

void tls13_server_answer(struct tls13_server *server, struct bytes message)
{
    struct ech_client_hello client;
    cr_assert_eq(ech_client_hello_parse(message, &client), ECH_OK);
    server->seen.hellos++;
    wr_bytes(&server->transcript, message);
    if (!server->retried) {
        server->first_hello = octets_copy(message);
        server->cipher_suite = server->options.cipher_suite != 0 ? server->options.cipher_suite
                                                                 : ECH_SUITE_AES_128_GCM_SHA256;
        cr_assert_eq(ech_suite_hash(server->cipher_suite, &server->hash), ECH_OK);
        if (server->options.retry) {
            send_retry(server, &client);
            return;
        }
    } else {
        server->second_hello = octets_copy(message);
    }
    send_hello(server, &client);
    send_extensions(server);
    if (server->options.request_certificate) {
        send_request(server);
    }
    send_certificate(server);
    send_verify(server);
    send_finished(server);
}
