/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/hello.h"

#include <string.h>

#include "dns/host_name.h"
#include "ech/client_hello.h"

/* Larger hellos are not those of TLS clients. Two key shares of ML-KEM-1024 need 4 KiB. */
enum { RECORD_HANDSHAKE = 22, RECORD_MAX = 1 << 14, MESSAGE_MAX = 1 << 16 };

/* Joins the fragments of handshake records (RFC 8446, 5.1) to one message. */
static enum relay_speech join(struct bytes octets, struct writer *message)
{
    struct reader in = rd_of(octets);
    uint8_t type;
    while (rd_u8(&in, &type)) {
        uint16_t version;
        uint16_t length;
        struct bytes fragment;
        if (type != RECORD_HANDSHAKE) {
            return RELAY_SPEECH_OTHER;
        }
        if (!rd_u16(&in, &version)) {
            return in.len == 1 && in.data[0] != 3 ? RELAY_SPEECH_OTHER : RELAY_SPEECH_MORE;
        }
        if (version >> 8 != 3) {
            return RELAY_SPEECH_OTHER;
        }
        if (!rd_u16(&in, &length)) {
            return RELAY_SPEECH_MORE;
        }
        if (length == 0 || length > RECORD_MAX) {
            return RELAY_SPEECH_OTHER;
        }
        bool whole = rd_bytes(&in, length, &fragment);
        if (!whole) {
            fragment = rd_rest(&in);
        }
        wr_bytes(message, fragment);
        if (message->failed) {
            return RELAY_SPEECH_OTHER;
        }
        struct reader header = rd_of(bytes_of(message->data, message->len));
        uint8_t kind;
        uint32_t size;
        if (rd_u8(&header, &kind) && kind != ECH_HANDSHAKE_CLIENT_HELLO) {
            return RELAY_SPEECH_OTHER;
        }
        if (rd_u24(&header, &size)) {
            if (size > MESSAGE_MAX) {
                return RELAY_SPEECH_OTHER;
            }
            if (header.len >= size) {
                message->len = ECH_HANDSHAKE_HEADER + size;
                return RELAY_SPEECH_HELLO;
            }
        }
        if (!whole) {
            break;
        }
    }
    return RELAY_SPEECH_MORE;
}

/* A list that we cannot hold is none: the server then chooses nothing. */
static void take_alpn(const struct ech_client_hello *parsed, struct relay_hello *hello)
{
    const struct ech_extension *extension = ech_client_hello_find(parsed, ECH_EXT_ALPN);
    if (extension == NULL || extension->data.len > sizeof hello->alpn_octets) {
        return;
    }
    memcpy(hello->alpn_octets, extension->data.data, extension->data.len);
    struct reader in = rd_of(bytes_of(hello->alpn_octets, extension->data.len));
    struct reader list;
    struct reader name;
    if (!rd_vec16(&in, &list)) {
        return;
    }
    while (hello->alpn_count < RELAY_ALPN_MAX && rd_vec8(&list, &name) && name.len > 0) {
        hello->alpn[hello->alpn_count++] = rd_rest(&name);
    }
}

static bool take_name(const struct ech_client_hello *parsed, struct relay_hello *hello)
{
    struct bytes name;
    if (ech_client_hello_server_name(parsed, &name) != ECH_OK || name.len >= sizeof hello->name ||
        (name.len > 0 && memchr(name.data, '\0', name.len) != NULL)) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        hello->name[i] = (char)dns_lower(name.data[i]);
    }
    return true;
}

enum relay_speech relay_hello_read(struct bytes octets, struct relay_hello *hello)
{
    struct ech_client_hello parsed;
    struct writer message;
    wr_init(&message, MESSAGE_MAX + ECH_HANDSHAKE_HEADER + RECORD_MAX);
    memset(hello, 0, sizeof *hello);
    enum relay_speech speech = join(octets, &message);
    if (speech == RELAY_SPEECH_HELLO) {
        if (ech_client_hello_parse(bytes_of(message.data, message.len), &parsed) == ECH_OK &&
            take_name(&parsed, hello)) {
            take_alpn(&parsed, hello);
        } else {
            speech = RELAY_SPEECH_OTHER;
        }
    }
    wr_free(&message);
    return speech;
}
