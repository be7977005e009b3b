/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/client_facing.h"

#include <stdlib.h>

#include "ech/config.h"
#include "ech/encoded_inner.h"

void ech_client_facing_init(struct ech_client_facing *server)
{
    *server = (struct ech_client_facing){.has_context = false};
    wr_init(&server->ech_config_list, 0);
    wr_init(&server->seen, 0);
}

void ech_client_facing_wipe(struct ech_client_facing *server)
{
    ech_local_key_wipe(&server->key);
    ech_hpke_wipe(&server->hpke);
    wr_wipe(&server->ech_config_list);
    wr_wipe(&server->seen);
    ech_client_facing_init(server);
}

enum ech_status ech_client_facing_start(struct ech_client_facing *server,
                                        const struct ech_local_key *key, struct bytes public_name,
                                        uint8_t maximum_name_length)
{
    ech_client_facing_wipe(server);
    server->key = *key;
    return ech_local_config_list_write(key, public_name, maximum_name_length,
                                       &server->ech_config_list);
}

/* The extension of the outer hello, which must be sealed to our config. */
static enum ech_status find_sealed(const struct ech_client_facing *server,
                                   const struct ech_client_hello *outer,
                                   struct ech_ech_client_hello *ech)
{
    const struct ech_hpke_suite suite = ech_local_suite();
    const struct ech_extension *extension =
        ech_client_hello_find(outer, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    /* RFC 9849, 5.1: ech_outer_extensions occurs in EncodedClientHelloInner only. */
    if (extension == NULL || ech_client_hello_find(outer, ECH_EXT_ECH_OUTER_EXTENSIONS) != NULL) {
        return ECH_ERR_ILLEGAL;
    }
    enum ech_status status = ech_ech_client_hello_parse(extension->data, ech);
    if (status != ECH_OK) {
        return status;
    }
    /* RFC 9849, 7.1.1: the second hello has an empty enc. */
    size_t enc_size = server->opened ? 0 : ech_hpke_enc_size(suite.kem_id);
    bool ours = ech->type == ECH_CLIENT_HELLO_OUTER && ech->config_id == server->key.config_id &&
                ech->kdf_id == suite.kdf_id && ech->aead_id == suite.aead_id &&
                ech->enc.len == enc_size && ech->payload.len > ECH_AEAD_TAG;
    return ours ? ECH_OK : ECH_ERR_ILLEGAL;
}

/* RFC 9180, 7.1.4: the result of Diffie-Hellman, here enc itself, must not be zero. */
static bool is_zero(struct bytes octets)
{
    uint8_t all = 0;
    for (size_t i = 0; i < octets.len; i++) {
        all |= octets.data[i];
    }
    return all == 0;
}

/* RFC 9849, 6.1: info is "tls ech" || 0x00 || ECHConfig. */
static enum ech_status set_up_context(struct ech_client_facing *server, struct bytes enc)
{
    struct reader list = rd_of(wr_view(&server->ech_config_list));
    struct reader ech_config;
    struct writer info;
    if (!rd_vec16(&list, &ech_config)) {
        return ECH_ERR_DECODE;
    }
    if (is_zero(enc)) {
        return ECH_ERR_CRYPTO;
    }
    wr_init(&info, 0);
    wr_bytes(&info, bytes_of("tls ech", sizeof "tls ech"));
    wr_bytes(&info, rd_rest(&ech_config));
    enum ech_status status = wr_finish(&info);
    if (status == ECH_OK) {
        status = ech_hpke_setup_receiver_with(&server->hpke, ech_local_suite(), enc,
                                              ech_local_public_key(), enc, wr_view(&info));
    }
    wr_wipe(&info);
    server->has_context = status == ECH_OK;
    return status;
}

/* RFC 9849, 5.2: ClientHelloOuterAAD is the outer hello, without handshake header, and with as many
 * zeros in the payload's place. */
static enum ech_status write_aad(const struct ech_client_hello *outer, struct bytes payload,
                                 struct writer *aad)
{
    struct reader body = rd_of(outer->message);
    struct bytes header;
    struct bytes before;
    struct bytes zeroed;
    if (!rd_bytes(&body, ECH_HANDSHAKE_HEADER, &header) ||
        !rd_bytes(&body, (size_t)(payload.data - rd_rest(&body).data), &before) ||
        !rd_bytes(&body, payload.len, &zeroed)) {
        return ECH_ERR_DECODE;
    }
    wr_bytes(aad, before);
    wr_zeros(aad, zeroed.len);
    wr_bytes(aad, rd_rest(&body));
    return wr_finish(aad);
}

static enum ech_status decode(struct bytes opened, const struct ech_client_hello *outer,
                              struct writer *encoded, struct writer *client_hello_inner)
{
    struct reader r = rd_of(opened);
    struct bytes without_padding;
    size_t unpadded = 0;
    enum ech_status status = ech_decode_inner(opened, outer, &unpadded, client_hello_inner);
    if (status == ECH_OK && !rd_bytes(&r, unpadded, &without_padding)) {
        return ECH_ERR_DECODE;
    }
    if (status == ECH_OK) {
        wr_bytes(encoded, without_padding);
    }
    return status == ECH_OK ? wr_finish(encoded) : status;
}

/* Opens the payload and decodes what was in it. */
static enum ech_status open_payload(struct ech_client_facing *server,
                                    const struct ech_client_hello *outer, struct bytes payload,
                                    struct writer *encoded, struct writer *client_hello_inner)
{
    struct writer aad;
    size_t length = payload.len - ECH_AEAD_TAG;
    uint8_t *opened = malloc(length);
    if (opened == NULL) {
        return ECH_ERR_NOMEM;
    }
    wr_init(&aad, 0);
    enum ech_status status = write_aad(outer, payload, &aad);
    if (status == ECH_OK) {
        status = ech_hpke_open(&server->hpke, wr_view(&aad), payload, opened);
    }
    if (status == ECH_OK) {
        status = decode(bytes_of(opened, length), outer, encoded, client_hello_inner);
        ech_wipe(opened, length);
    }
    wr_free(&aad);
    free(opened);
    return status;
}

/* ---- a hello that was sealed to the server ---- */

void ech_client_facing_saw(struct ech_client_facing *server, const struct ech_seen_sealing *seen)
{
    wr_wipe(&server->seen);
    wr_bytes(&server->seen, seen->ech_config);
    wr_bytes(&server->seen, seen->payload);
    wr_bytes(&server->seen, seen->encoded_client_hello_inner);
    server->seen_ech_config = seen->ech_config.len;
    server->seen_payload = seen->payload.len;
}

/* What was seen, if that is a hello with this payload. */
static bool was_seen(const struct ech_client_facing *server, struct bytes payload,
                     struct ech_seen_sealing *seen)
{
    struct reader octets = rd_of(wr_view(&server->seen));
    if (wr_finish(&server->seen) != ECH_OK ||
        !rd_bytes(&octets, server->seen_ech_config, &seen->ech_config) ||
        !rd_bytes(&octets, server->seen_payload, &seen->payload)) {
        return false;
    }
    seen->encoded_client_hello_inner = rd_rest(&octets);
    return payload.len > 0 && bytes_equal(seen->payload, payload);
}

/* By the key of the local config. */
static enum ech_status open_own(struct ech_client_facing *server,
                                const struct ech_client_hello *outer,
                                const struct ech_ech_client_hello *ech, struct writer *encoded,
                                struct writer *client_hello_inner)
{
    enum ech_status status = ECH_OK;
    if (!server->has_context) {
        /* After a first hello to the server's config no second one is for ours. */
        status = server->opened ? ECH_ERR_ILLEGAL : set_up_context(server, ech->enc);
    }
    return status == ECH_OK ? open_payload(server, outer, ech->payload, encoded, client_hello_inner)
                            : status;
}

enum ech_status ech_client_facing_open(struct ech_client_facing *server,
                                       struct bytes client_hello_outer,
                                       struct writer *encoded_client_hello_inner,
                                       struct writer *sealed_to, struct writer *client_hello_inner)
{
    struct ech_client_hello outer;
    struct ech_ech_client_hello ech = {.payload = bytes_of(NULL, 0)};
    struct ech_seen_sealing seen;
    enum ech_status status = ech_client_hello_parse(client_hello_outer, &outer);
    if (status == ECH_OK) {
        status = find_sealed(server, &outer, &ech);
    }
    if (status == ECH_OK && was_seen(server, ech.payload, &seen)) {
        status = decode(seen.encoded_client_hello_inner, &outer, encoded_client_hello_inner,
                        client_hello_inner);
        wr_bytes(sealed_to, seen.ech_config);
        status = status == ECH_OK ? wr_finish(sealed_to) : status;
    } else if (status == ECH_OK) {
        status = open_own(server, &outer, &ech, encoded_client_hello_inner, client_hello_inner);
    }
    wr_wipe(&server->seen);
    server->opened = server->opened || status == ECH_OK;
    return status;
}
