/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/tls13_server_parts.h"

#include <criterion/criterion.h>
#include <string.h>

#include "ech/tls13_messages.h"

void tls13_server_init(struct tls13_server *server, const struct tls13_options *options,
                       struct ech_random random)
{
    *server = (struct tls13_server){.options = *options, .random = random};
    server->seen =
        (struct tls13_seen){.plain_alert = -1, .handshake_alert = -1, .application_alert = -1};
    wr_init(&server->transcript, 1 << 20);
    wr_init(&server->flight, 1 << 20);
    wr_init(&server->assembled, 0);
    wr_init(&server->out, 1 << 20);
    ech_record_reader_init(&server->records);
}

void tls13_server_free(struct tls13_server *server)
{
    wr_free(&server->transcript);
    wr_free(&server->flight);
    wr_free(&server->assembled);
    wr_free(&server->out);
    ech_record_reader_wipe(&server->records);
    octets_free(&server->first_hello);
    octets_free(&server->second_hello);
    octets_free(&server->retry_request);
}

void tls13_server_transcript_hash(struct tls13_server *server, uint8_t *out)
{
    struct bytes messages = wr_view(&server->transcript);
    cr_assert_eq(ech_hash_parts(server->hash, &messages, 1, out), ECH_OK);
}

/* ---- records ---- */

void tls13_server_send(struct tls13_server *server, uint8_t type, struct bytes content)
{
    if (server->is_protected) {
        cr_assert_eq(ech_tls13_protect(&server->to_client, type, content, server->options.padding,
                                       &server->out),
                     ECH_OK);
        return;
    }
    wr_u8(&server->out, type);
    wr_u16(&server->out, ECH_TLS12);
    struct wr_mark mark = wr_open(&server->out, 2);
    wr_bytes(&server->out, content);
    wr_close(&server->out, mark);
}

/* ---- from the client ---- */

static void take_finished(struct tls13_server *server, struct bytes body)
{
    uint8_t hash[ECH_HASH_MAX];
    uint8_t expected[ECH_HASH_MAX];
    tls13_server_transcript_hash(server, hash);
    cr_assert_eq(ech_tls13_verify_data(server->hash, server->client_handshake, hash, expected),
                 ECH_OK);
    assert_octets(body, bytes_of(expected, ech_hash_size(server->hash)), "the client's Finished");
    server->seen.finished = true;
    cr_assert_eq(ech_tls13_protection_start(&server->from_client, server->cipher_suite,
                                            server->secrets.client),
                 ECH_OK);
}

static void take_message(struct tls13_server *server, struct bytes message)
{
    struct bytes body = bytes_of(message.data + 4, message.len - 4);
    switch (message.data[0]) {
    case ECH_HANDSHAKE_CLIENT_HELLO:
        cr_assert_not(server->is_protected);
        tls13_server_answer(server, message);
        break;
    case ECH_HANDSHAKE_CERTIFICATE:
        cr_assert(server->is_protected && server->options.request_certificate);
        assert_hex(body, "00000000", "the client's Certificate");
        server->seen.certificate = true;
        wr_bytes(&server->transcript, message);
        break;
    case ECH_HANDSHAKE_FINISHED:
        cr_assert(server->flight_done && !server->seen.finished);
        cr_assert_eq(server->seen.certificate, server->options.request_certificate);
        take_finished(server, body);
        break;
    default:
        cr_assert_fail("message %u of the client", message.data[0]);
    }
}

static void take_content(struct tls13_server *server, uint8_t type, struct bytes content,
                         bool was_protected)
{
    struct tls13_seen *seen = &server->seen;
    cr_assert(seen->plain_alert < 0 && seen->handshake_alert < 0 && seen->application_alert < 0,
              "the client goes on after its alert");
    if (type == ECH_RECORD_ALERT) {
        cr_assert(content.len == 2 && content.data[0] == 2);
        int *where = !was_protected   ? &seen->plain_alert
                     : seen->finished ? &seen->application_alert
                                      : &seen->handshake_alert;
        *where = content.data[1];
        return;
    }
    cr_assert_eq(type, ECH_RECORD_HANDSHAKE, "record of type %u", type);
    struct reader r = rd_of(content);
    uint8_t first;
    struct reader body;
    cr_assert(rd_u8(&r, &first) && rd_vec24(&r, &body) && rd_done(&r));
    take_message(server, content);
}

void tls13_server_take(struct tls13_server *server, struct bytes in)
{
    struct reader r = rd_of(in);
    while (!rd_done(&r)) {
        struct ech_record record;
        struct ech_tls13_plaintext plaintext;
        struct writer opened;
        bool whole;
        cr_assert_eq(ech_record_take(&server->records, &r, &record, &whole), ECH_OK);
        if (!whole) {
            return;
        }
        wr_init(&opened, 0);
        if (record.type == ECH_RECORD_CHANGE_CIPHER_SPEC) {
            cr_assert(ech_is_change_cipher_spec(&record) && server->seen.hellos > 0);
            server->seen.change_cipher_specs++;
        } else if (record.type == ECH_RECORD_APPLICATION_DATA) {
            bool opens = ech_tls13_unprotect(&server->from_client, &record, &opened, &plaintext) ==
                         ECH_ALERT_NONE;
            cr_assert(opens || server->options.other_secret, "the client's record does not open");
            server->seen.unreadable += !opens;
            if (opens) {
                take_content(server, plaintext.type, plaintext.content, true);
            }
        } else {
            take_content(server, record.type, record.fragment, false);
        }
        wr_free(&opened);
        ech_record_drop(&server->records);
    }
}
