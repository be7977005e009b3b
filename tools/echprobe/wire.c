/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echprobe/wire.h"

#include "ech/client_hello.h"
#include "ech/server_hello.h"

enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22 };

static void stream_init(struct probe_stream *stream)
{
    ech_record_reader_init(&stream->records);
    wr_init(&stream->message, ECH_HELLO_MAX);
    stream->done = false;
}

static void stream_free(struct probe_stream *stream)
{
    ech_record_reader_wipe(&stream->records);
    wr_free(&stream->message);
}

void probe_wire_init(struct probe_wire *wire, json_t *events)
{
    *wire = (struct probe_wire){.events = events};
    stream_init(&wire->sent);
    stream_init(&wire->received);
}

void probe_wire_free(struct probe_wire *wire)
{
    stream_free(&wire->sent);
    stream_free(&wire->received);
}

void probe_wire_restart(struct probe_wire *wire)
{
    json_t *events = wire->events;
    probe_wire_free(wire);
    probe_wire_init(wire, events);
}

static void add_event(struct probe_wire *wire, uint64_t time_us, json_t *event)
{
    json_object_set_new(event, "us", json_integer((json_int_t)time_us));
    json_array_append_new(wire->events, event);
}

static void add_ech(json_t *event, const struct ech_client_hello *hello)
{
    const struct ech_extension *extension =
        ech_client_hello_find(hello, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    struct ech_ech_client_hello ech;
    if (extension == NULL || ech_ech_client_hello_parse(extension->data, &ech) != ECH_OK) {
        return;
    }
    if (ech.type == ECH_CLIENT_HELLO_INNER) {
        json_object_set_new(event, "ech", json_string("inner"));
        return;
    }
    json_object_set_new(event, "ech",
                        json_pack("{s:i,s:i,s:i,s:i,s:i}", "config_id", ech.config_id, "kdf",
                                  ech.kdf_id, "aead", ech.aead_id, "enc", (int)ech.enc.len,
                                  "payload", (int)ech.payload.len));
}

static void client_hello(struct probe_wire *wire, struct bytes message, uint64_t time_us)
{
    struct ech_client_hello hello;
    struct bytes name;
    if (ech_client_hello_parse(message, &hello) != ECH_OK ||
        ech_client_hello_server_name(&hello, &name) != ECH_OK) {
        return;
    }
    json_t *event = json_pack("{s:s,s:i,s:b}", "event", "client_hello", "octets", (int)message.len,
                              "second", wire->second_hello);
    if (name.len > 0) {
        json_object_set_new(event, "server_name", json_stringn((const char *)name.data, name.len));
    }
    add_ech(event, &hello);
    add_event(wire, time_us, event);
}

static void server_hello(struct probe_wire *wire, struct bytes message, uint64_t time_us)
{
    struct ech_server_hello hello;
    if (ech_server_hello_parse(message, &hello) != ECH_OK) {
        return;
    }
    const char *name = hello.is_hello_retry_request ? "hello_retry_request" : "server_hello";
    unsigned version = hello.has_supported_versions ? hello.selected_version : hello.legacy_version;
    add_event(wire, time_us,
              json_pack("{s:s,s:i,s:i,s:i}", "event", name, "octets", (int)message.len, "version",
                        (int)version, "cipher_suite", hello.cipher_suite));
    wire->second_hello = hello.is_hello_retry_request;
    /* After a HelloRetryRequest both sides send one more hello in the clear. */
    wire->sent.done = !hello.is_hello_retry_request;
    wire->received.done = !hello.is_hello_retry_request;
}

/* RFC 8446, 6: level and description. */
static void alert(struct probe_wire *wire, struct bytes fragment, const char *from,
                  uint64_t time_us)
{
    struct reader r = rd_of(fragment);
    uint8_t level;
    uint8_t description;
    if (rd_u8(&r, &level) && rd_u8(&r, &description) && rd_done(&r)) {
        add_event(
            wire, time_us,
            json_pack("{s:s,s:s,s:i}", "event", "alert", "from", from, "description", description));
    }
}

static void take_record(struct probe_wire *wire, bool sent, const struct ech_record *record,
                        uint64_t time_us)
{
    struct probe_stream *stream = sent ? &wire->sent : &wire->received;
    struct bytes message;
    if (record->type == RECORD_ALERT) {
        alert(wire, record->fragment, sent ? "client" : "server", time_us);
        return;
    }
    if (record->type != RECORD_HANDSHAKE) {
        return;
    }
    uint8_t type = sent ? ECH_HANDSHAKE_CLIENT_HELLO : ECH_HANDSHAKE_SERVER_HELLO;
    switch (ech_handshake_add(&stream->message, record->fragment, type, &message)) {
    case ECH_ASSEMBLY_MORE:
        return;
    case ECH_ASSEMBLY_WHOLE:
    case ECH_ASSEMBLY_EXCESS:
        if (sent) {
            client_hello(wire, message, time_us);
        } else {
            server_hello(wire, message, time_us);
        }
        break;
    default:
        stream->done = true;
        break;
    }
    wr_free(&stream->message);
    wr_init(&stream->message, ECH_HELLO_MAX);
}

static void take(struct probe_wire *wire, bool sent, struct bytes octets, uint64_t time_us)
{
    struct probe_stream *stream = sent ? &wire->sent : &wire->received;
    struct reader in = rd_of(octets);
    struct ech_record record;
    bool whole = true;
    while (!stream->done && whole && !rd_done(&in)) {
        if (ech_record_take(&stream->records, &in, &record, &whole) != ECH_OK) {
            stream->done = true;
        } else if (whole) {
            take_record(wire, sent, &record, time_us);
            ech_record_drop(&stream->records);
        }
    }
}

void probe_wire_sent(struct probe_wire *wire, struct bytes octets, uint64_t time_us)
{
    take(wire, true, octets, time_us);
}

void probe_wire_received(struct probe_wire *wire, struct bytes octets, uint64_t time_us)
{
    take(wire, false, octets, time_us);
}
