/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/probe.h"

/* Writes the contents of supported_groups; returns the first group, which gets the key share. */
static uint16_t write_groups(const struct ech_client_hello *inner, struct writer *w)
{
    const struct ech_extension *extension = ech_client_hello_find(inner, ECH_EXT_SUPPORTED_GROUPS);
    uint16_t first = 0;
    struct wr_mark list = wr_open(w, 2);
    if (extension != NULL) {
        struct reader r = rd_of(extension->data);
        struct reader groups;
        uint16_t group;
        if (rd_vec16(&r, &groups)) {
            while (rd_u16(&groups, &group)) {
                if (ech_dh_public_size(group) != 0) {
                    wr_u16(w, group);
                    first = first == 0 ? group : first;
                }
            }
        }
    }
    if (first == 0) {
        first = ECH_GROUP_X25519;
        wr_u16(w, first);
    }
    wr_close(w, list);
    return first;
}

/*
 * The share in the inner hello is never used: ClientHelloOuter gets keys of its own, and an
 * accepted probe is dropped.
 */
static enum ech_status write_key_share(uint16_t group, const struct ech_random *random,
                                       struct writer *w)
{
    uint8_t private_key[ECH_DH_PRIVATE_MAX];
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    enum ech_status status = ech_dh_generate(group, random, private_key, public_key);
    ech_wipe(private_key, sizeof private_key);
    if (status != ECH_OK) {
        return status;
    }
    struct wr_mark list = wr_open(w, 2);
    wr_u16(w, group);
    struct wr_mark key = wr_open(w, 2);
    wr_bytes(w, bytes_of(public_key, ech_dh_public_size(group)));
    wr_close(w, key);
    wr_close(w, list);
    return wr_finish(w);
}

struct probe_parts {
    struct bytes public_name;
    struct bytes supported_groups;
    struct bytes key_share;
};

static void write_extensions(const struct ech_client_hello *inner, const struct probe_parts *parts,
                             struct writer *w)
{
    bool named = false;
    for (size_t i = 0; i < inner->extension_count; i++) {
        const struct ech_extension *extension = &inner->extensions[i];
        switch (extension->type) {
        case ECH_EXT_SERVER_NAME:
            ech_server_name_write(w, parts->public_name);
            named = true;
            break;
        case ECH_EXT_SUPPORTED_GROUPS:
            ech_extension_write(w, extension->type, parts->supported_groups);
            break;
        case ECH_EXT_KEY_SHARE:
            ech_extension_write(w, extension->type, parts->key_share);
            break;
        case ECH_EXT_PRE_SHARED_KEY:
        case ECH_EXT_EARLY_DATA:
        case ECH_EXT_COOKIE:
        case ECH_EXT_COMPRESS_CERTIFICATE: /* the engine may lack the algorithms */
            break;
        default:
            wr_bytes(w, extension->raw);
            break;
        }
    }
    if (!named) {
        ech_server_name_write(w, parts->public_name);
    }
}

static void write_message(const struct ech_client_hello *inner, struct bytes random,
                          struct bytes session_id, const struct probe_parts *parts,
                          struct writer *w)
{
    wr_u8(w, ECH_HANDSHAKE_CLIENT_HELLO);
    struct wr_mark body = wr_open(w, 3);
    wr_u16(w, inner->legacy_version);
    wr_bytes(w, random);
    struct wr_mark mark = wr_open(w, 1);
    wr_bytes(w, session_id);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    wr_bytes(w, inner->cipher_suites);
    wr_close(w, mark);
    mark = wr_open(w, 1);
    wr_bytes(w, inner->legacy_compression_methods);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    write_extensions(inner, parts, w);
    wr_close(w, mark);
    wr_close(w, body);
}

enum ech_status ech_probe_hello(const struct ech_client_hello *client_hello_inner,
                                struct bytes public_name, const struct ech_random *random,
                                struct writer *message)
{
    uint8_t fresh[ECH_RANDOM_SIZE];
    uint8_t session_id[ECH_SESSION_ID_MAX];
    struct writer groups;
    struct writer key_share;
    wr_init(&groups, 0);
    wr_init(&key_share, 0);
    uint16_t group = write_groups(client_hello_inner, &groups);
    enum ech_status status = write_key_share(group, random, &key_share);
    if (status == ECH_OK) {
        status = ech_random_fill(random, fresh, sizeof fresh);
    }
    if (status == ECH_OK) {
        status = ech_random_fill(random, session_id, sizeof session_id);
    }
    if (status == ECH_OK) {
        struct probe_parts parts = {.public_name = public_name,
                                    .supported_groups = wr_view(&groups),
                                    .key_share = wr_view(&key_share)};
        /* It is empty if the application does not use compatibility mode (RFC 8446, D.4). */
        write_message(client_hello_inner, bytes_of(fresh, sizeof fresh),
                      bytes_of(session_id, client_hello_inner->legacy_session_id.len), &parts,
                      message);
        status = wr_finish(message);
    }
    wr_free(&groups);
    wr_free(&key_share);
    return status;
}
