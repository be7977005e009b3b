/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/tls12_server.h"

#include <criterion/criterion.h>
#include <string.h>

#include "ech/tls12_messages.h"
#include "tests/unit/hello_tools.h"

void tls12_server_init(struct tls12_server *server, const struct tls12_options *options,
                       struct ech_random random)
{
    *server = (struct tls12_server){.options = *options, .random = random};
    server->seen = (struct tls12_seen){.plain_alert = -1, .protected_alert = -1};
    uint16_t suite = options->cipher_suite != 0 ? options->cipher_suite : 0xc02b;
    server->suite = ech_tls12_suite_find(suite);
    server->hash = server->suite != NULL ? server->suite->hash : ECH_HASH_SHA256;
    wr_init(&server->transcript, 1 << 20);
    wr_init(&server->flight, 1 << 20);
    wr_init(&server->assembled, 0);
    wr_init(&server->out, 1 << 20);
    ech_record_reader_init(&server->records);
}

void tls12_server_free(struct tls12_server *server)
{
    wr_free(&server->transcript);
    wr_free(&server->flight);
    wr_free(&server->assembled);
    wr_free(&server->out);
    ech_record_reader_wipe(&server->records);
    octets_free(&server->hello);
}

static struct bytes transcript_hash(struct tls12_server *server, uint8_t *out)
{
    struct bytes messages = wr_view(&server->transcript);
    cr_assert_eq(ech_hash_parts(server->hash, &messages, 1, out), ECH_OK);
    return bytes_of(out, ech_hash_size(server->hash));
}

/* ---- records ---- */

static void put_plain(struct tls12_server *server, uint8_t type, struct bytes content)
{
    wr_u8(&server->out, type);
    wr_u16(&server->out, ECH_TLS12);
    struct wr_mark mark = wr_open(&server->out, 2);
    wr_bytes(&server->out, content);
    wr_close(&server->out, mark);
}

static void put_record(struct tls12_server *server, uint8_t type, struct bytes content)
{
    if (server->sends_protected) {
        cr_assert_eq(
            ech_tls12_protect(&server->to_client, &server->random, type, content, &server->out),
            ECH_OK);
    } else {
        put_plain(server, type, content);
    }
}

static void flush(struct tls12_server *server)
{
    struct reader r = rd_of(wr_view(&server->flight));
    size_t most = server->options.fragment > 0 ? server->options.fragment : 1 << 14;
    while (!rd_done(&r)) {
        struct bytes fragment;
        cr_assert(rd_bytes(&r, r.len < most ? r.len : most, &fragment));
        put_record(server, ECH_RECORD_HANDSHAKE, fragment);
    }
    wr_free(&server->flight);
}

/* ---- messages ---- */

static void put_message(struct tls12_server *server, uint8_t type, struct bytes body)
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

static struct octets longer(struct octets body)
{
    struct octets more = octets_new(body.len + 1);
    memcpy(more.data, body.data, body.len);
    octets_free(&body);
    return more;
}

/* Sends a message, or what the fault makes of it. */
static void send(struct tls12_server *server, enum tls12_step step, uint8_t type,
                 struct writer *made)
{
    const struct tls12_options *options = &server->options;
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
        body = longer(body);
    } else if (fault == TLS13_FLIP) {
        body.data[body.len - 1] ^= 1;
    } else if (fault == TLS13_BEFORE) {
        flush(server);
        wr_bytes(&server->out, options->octets);
    } else if (fault == TLS13_CONTENT) {
        flush(server);
        put_record(server, options->octets.data[0],
                   bytes_of(options->octets.data + 1, options->octets.len - 1));
    }
    for (int times = fault == TLS13_SKIP ? 0 : fault == TLS13_TWICE ? 2 : 1; times > 0; times--) {
        put_message(server, type, octets_view(&body));
    }
    if (fault == TLS13_EXCESS) {
        wr_bytes(&server->flight, options->octets);
    }
    if (!options->one_record || step >= TLS12_DONE) {
        flush(server);
    }
    octets_free(&body);
}

static void send_octets(struct tls12_server *server, enum tls12_step step, uint8_t type,
                        struct bytes body)
{
    struct writer w;
    wr_init(&w, 0);
    wr_bytes(&w, body);
    send(server, step, type, &w);
}

/* ---- the first flight ---- */

static void send_hello(struct tls12_server *server)
{
    const struct tls12_options *options = &server->options;
    struct writer w;
    struct bytes nothing = bytes_of(NULL, 0);
    cr_assert_eq(ech_random_fill(&server->random, server->server_random, ECH_RANDOM_SIZE), ECH_OK);
    if (options->random_end.len > 0) {
        memcpy(server->server_random + ECH_RANDOM_SIZE - options->random_end.len,
               options->random_end.data, options->random_end.len);
    }
    wr_init(&w, 0);
    wr_u16(&w, options->version != 0 ? options->version : ECH_TLS12);
    wr_bytes(&w, bytes_of(server->server_random, ECH_RANDOM_SIZE));
    struct wr_mark mark = wr_open(&w, 1);
    wr_bytes(&w, options->echo);
    wr_close(&w, mark);
    wr_u16(&w, options->cipher_suite != 0 ? options->cipher_suite : 0xc02b);
    wr_u8(&w, options->compression);
    if (!options->no_extensions) {
        mark = wr_open(&w, 2);
        if (options->extended_master_secret) {
            ech_extension_write(&w, ECH_EXT_EXTENDED_MASTER_SECRET, nothing);
        }
        if (options->encrypt_then_mac) {
            ech_extension_write(&w, ECH_EXT_ENCRYPT_THEN_MAC, nothing);
        }
        if (options->ticket) {
            ech_extension_write(&w, ECH_EXT_SESSION_TICKET, nothing);
        }
        if (options->status) {
            ech_extension_write(&w, ECH_EXT_STATUS_REQUEST, nothing);
        }
        wr_bytes(&w, options->hello_more);
        wr_close(&w, mark);
    }
    send(server, TLS12_HELLO, ECH_HANDSHAKE_SERVER_HELLO, &w);
}

static void send_certificate(struct tls12_server *server)
{
    const struct bytes *chain = server->options.certificates;
    const struct bytes leaf = bytes_of("leaf", 4);
    struct writer w;
    wr_init(&w, 1 << 20);
    struct wr_mark list = wr_open(&w, 3);
    for (size_t i = 0; i == 0 || (i < 4 && chain[i].len > 0); i++) {
        struct wr_mark mark = wr_open(&w, 3);
        wr_bytes(&w, chain[i].len > 0 ? chain[i] : leaf);
        wr_close(&w, mark);
    }
    wr_close(&w, list);
    send(server, TLS12_CERTIFICATE, ECH_HANDSHAKE_CERTIFICATE, &w);
}

static void write_params(struct tls12_server *server, struct writer *w)
{
    const struct tls12_options *options = &server->options;
    uint16_t group = options->group != 0 ? options->group : ECH_GROUP_X25519;
    uint16_t usable = ech_dh_public_size(group) > 0 ? group : ECH_GROUP_X25519;
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    cr_assert_eq(ech_dh_generate(usable, &server->random, server->private_key, public_key), ECH_OK);
    wr_u8(w, options->curve_type != 0 ? options->curve_type : 3);
    wr_u16(w, group);
    struct wr_mark mark = wr_open(w, 1);
    wr_bytes(w, options->point.data != NULL ? options->point
                                            : bytes_of(public_key, ech_dh_public_size(usable)));
    wr_close(w, mark);
}

static void send_key_exchange(struct tls12_server *server)
{
    const struct tls12_options *options = &server->options;
    struct ech_client_hello client;
    struct writer params;
    struct writer content;
    struct writer w;
    uint16_t scheme = options->scheme != 0 ? options->scheme : 0x0403;
    cr_assert_eq(ech_client_hello_parse(octets_view(&server->hello), &client), ECH_OK);
    wr_init(&params, 0);
    wr_init(&content, 0);
    wr_init(&w, 0);
    write_params(server, &params);
    wr_bytes(&content, client.random);
    wr_bytes(&content, options->other_random ? client.random
                                             : bytes_of(server->server_random, ECH_RANDOM_SIZE));
    wr_bytes(&content, wr_view(&params));
    tls13_sign *sign = options->sign != NULL ? options->sign : tls13_test_sign;
    struct octets signature = sign(options->sign_context, scheme, wr_view(&content));
    wr_bytes(&w, wr_view(&params));
    wr_u16(&w, scheme);
    struct wr_mark mark = wr_open(&w, 2);
    wr_bytes(&w, octets_view(&signature));
    wr_close(&w, mark);
    octets_free(&signature);
    wr_free(&params);
    wr_free(&content);
    send(server, TLS12_KEY_EXCHANGE, ECH_HANDSHAKE_SERVER_KEY_EXCHANGE, &w);
}

static void send_first_flight(struct tls12_server *server)
{
    const struct tls12_options *options = &server->options;
    send_hello(server);
    send_certificate(server);
    if ((options->status && !options->no_status_message) || options->status_uninvited) {
        send_octets(server, TLS12_STATUS, ECH_HANDSHAKE_CERTIFICATE_STATUS, BYTES(1, 0, 0, 1, 9));
    }
    send_key_exchange(server);
    if (options->request_certificate) {
        send_octets(server, TLS12_REQUEST, ECH_HANDSHAKE_CERTIFICATE_REQUEST,
                    BYTES(1, 64, 0, 2, 4, 3, 0, 0));
    }
    send_octets(server, TLS12_DONE, ECH_HANDSHAKE_SERVER_HELLO_DONE, bytes_of(NULL, 0));
}

/* ---- the second flight ---- */

static void send_change_cipher_spec(struct tls12_server *server)
{
    const struct tls12_options *options = &server->options;
    enum tls13_fault fault =
        options->step == TLS12_CHANGE_CIPHER_SPEC ? options->fault : TLS13_OBEY;
    if (fault == TLS13_BODY) {
        put_plain(server, ECH_RECORD_CHANGE_CIPHER_SPEC, options->octets);
    } else if (fault == TLS13_BEFORE) {
        wr_bytes(&server->out, options->octets);
        ech_change_cipher_spec_write(&server->out);
    } else if (fault != TLS13_SKIP) {
        ech_change_cipher_spec_write(&server->out);
    }
    server->sends_protected = fault != TLS13_SKIP;
    if (fault == TLS13_TWICE) {
        put_record(server, ECH_RECORD_CHANGE_CIPHER_SPEC, BYTES(1));
    }
}

static void send_second_flight(struct tls12_server *server)
{
    const struct tls12_options *options = &server->options;
    uint8_t hash[ECH_HASH_MAX];
    uint8_t verify_data[ECH_TLS12_VERIFY_DATA];
    if ((options->ticket && !options->no_ticket_message) || options->ticket_uninvited) {
        send_octets(server, TLS12_TICKET, ECH_HANDSHAKE_NEW_SESSION_TICKET,
                    BYTES(0, 0, 1, 0, 0, 2, 7, 7));
    }
    cr_assert_eq(
        ech_tls12_verify_data(server->hash, server->master,
                              options->wrong_finished ? "client finished" : "server finished",
                              transcript_hash(server, hash), verify_data),
        ECH_OK);
    send_change_cipher_spec(server);
    send_octets(server, TLS12_FINISHED, ECH_HANDSHAKE_FINISHED,
                bytes_of(verify_data, sizeof verify_data));
}

/* ---- from the client ---- */

/* ClientKeyExchange, already in the transcript. */
static void take_key_exchange(struct tls12_server *server, struct bytes body)
{
    struct ech_client_hello client;
    struct reader r = rd_of(body);
    struct reader point;
    uint8_t shared[ECH_DH_SHARED_MAX];
    uint8_t hash[ECH_HASH_MAX];
    const struct tls12_options *options = &server->options;
    uint16_t group = options->group != 0 ? options->group : ECH_GROUP_X25519;
    cr_assert(rd_vec8(&r, &point) && rd_done(&r));
    cr_assert_eq(ech_dh(group, bytes_of(server->private_key, ech_dh_private_size(group)),
                        rd_rest(&point), shared),
                 ECH_OK);
    cr_assert_eq(ech_client_hello_parse(octets_view(&server->hello), &client), ECH_OK);
    struct bytes premaster = bytes_of(shared, ech_dh_shared_size(group));
    const struct ech_tls12_randoms randoms = {
        .client = client.random, .server = bytes_of(server->server_random, ECH_RANDOM_SIZE)};
    enum ech_status status =
        options->extended_master_secret
            ? ech_tls12_extended_master_secret(server->hash, premaster,
                                               transcript_hash(server, hash), server->master)
            : ech_tls12_master_secret(server->hash, premaster, &randoms, server->master);
    cr_assert_eq(status, ECH_OK);
    cr_assert_eq(ech_tls12_protection_start(server->suite, options->encrypt_then_mac,
                                            server->master, &randoms, &server->from_client,
                                            &server->to_client),
                 ECH_OK);
}

static void take_finished(struct tls12_server *server, struct bytes body, struct bytes message)
{
    uint8_t hash[ECH_HASH_MAX];
    uint8_t expected[ECH_TLS12_VERIFY_DATA];
    cr_assert(server->reads_protected);
    cr_assert_eq(ech_tls12_verify_data(server->hash, server->master, "client finished",
                                       transcript_hash(server, hash), expected),
                 ECH_OK);
    assert_octets(body, bytes_of(expected, sizeof expected), "Finished of the client");
    server->seen.finished = true;
    wr_bytes(&server->transcript, message);
    send_second_flight(server);
}

static void take_message(struct tls12_server *server, uint8_t type, struct bytes body,
                         struct bytes message)
{
    if (type == ECH_HANDSHAKE_FINISHED) {
        take_finished(server, body, message);
        return;
    }
    cr_assert(!server->reads_protected);
    wr_bytes(&server->transcript, message);
    switch (type) {
    case ECH_HANDSHAKE_CLIENT_HELLO:
        server->hello = octets_copy(message);
        send_first_flight(server);
        break;
    case ECH_HANDSHAKE_CERTIFICATE:
        assert_octets(body, BYTES(0, 0, 0), "Certificate of the client");
        server->seen.certificate = true;
        break;
    case ECH_HANDSHAKE_CLIENT_KEY_EXCHANGE:
        cr_assert_eq(server->seen.certificate, server->options.request_certificate);
        take_key_exchange(server, body);
        break;
    default:
        cr_assert_fail("message of type %u", type);
    }
}

static void take_content(struct tls12_server *server, uint8_t type, struct bytes content)
{
    if (type == ECH_RECORD_ALERT) {
        cr_assert_eq(content.len, 2);
        cr_assert_eq(content.data[0], ECH_ALERT_LEVEL_FATAL);
        *(server->reads_protected ? &server->seen.protected_alert : &server->seen.plain_alert) =
            content.data[1];
        return;
    }
    cr_assert_eq(type, ECH_RECORD_HANDSHAKE);
    wr_bytes(&server->assembled, content);
    for (;;) {
        struct ech_received received;
        bool whole;
        cr_assert_eq(ech_received_next(&server->assembled, &received, &whole), ECH_ALERT_NONE);
        if (!whole) {
            break;
        }
        struct octets message = octets_copy(received.message);
        wr_consume(&server->assembled, message.len);
        take_message(server, received.type, bytes_of(message.data + 4, message.len - 4),
                     octets_view(&message));
        octets_free(&message);
    }
}

void tls12_server_take(struct tls12_server *server, struct bytes in)
{
    struct reader r = rd_of(in);
    while (!rd_done(&r)) {
        struct ech_record record;
        struct bytes content;
        struct writer opened;
        bool whole;
        cr_assert_eq(ech_record_take(&server->records, &r, &record, &whole), ECH_OK);
        if (!whole) {
            return;
        }
        wr_init(&opened, 0);
        content = record.fragment;
        if (server->reads_protected) {
            cr_assert_eq(ech_tls12_unprotect(&server->from_client, &record, &opened, &content),
                         ECH_ALERT_NONE);
        }
        if (record.type == ECH_RECORD_CHANGE_CIPHER_SPEC) {
            cr_assert(!server->reads_protected && ech_is_change_cipher_spec(&record));
            server->reads_protected = true;
        } else {
            take_content(server, record.type, content);
        }
        wr_free(&opened);
        ech_record_drop(&server->records);
    }
}
