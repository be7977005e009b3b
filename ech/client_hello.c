/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/client_hello.h"

bool ech_is_grease(uint16_t value)
{
    uint8_t high = (uint8_t)(value >> 8);
    return high == (uint8_t)(value & 0xff) && (high & 0x0f) == 0x0a;
}

bool ech_extension_read(struct reader *extensions, struct ech_extension *extension)
{
    struct reader from_here = *extensions;
    struct reader data;
    if (!rd_u16(extensions, &extension->type) || !rd_vec16(extensions, &data)) {
        return false;
    }
    extension->data = rd_rest(&data);
    return rd_bytes(&from_here, from_here.len - extensions->len, &extension->raw);
}

/* RFC 8446, 4.2: no type twice; 4.2.11: pre_shared_key is the last. */
static enum ech_status add_extension(struct ech_client_hello *hello, struct ech_extension extension)
{
    if (hello->extension_count == ECH_EXTENSIONS_MAX) {
        return ECH_ERR_SPACE;
    }
    if (ech_client_hello_find(hello, extension.type) != NULL ||
        ech_client_hello_find(hello, ECH_EXT_PRE_SHARED_KEY) != NULL) {
        return ECH_ERR_ILLEGAL;
    }
    hello->extensions[hello->extension_count++] = extension;
    return ECH_OK;
}

static enum ech_status read_extensions(struct reader *extensions, struct ech_client_hello *hello)
{
    while (!rd_done(extensions)) {
        struct ech_extension extension;
        if (!ech_extension_read(extensions, &extension)) {
            return ECH_ERR_DECODE;
        }
        enum ech_status status = add_extension(hello, extension);
        if (status != ECH_OK) {
            return status;
        }
    }
    return ECH_OK;
}

enum ech_status ech_client_hello_read_body(struct reader *r, struct ech_client_hello *hello)
{
    struct reader legacy_session_id;
    struct reader cipher_suites;
    struct reader legacy_compression_methods;
    struct reader extensions;
    hello->message = bytes_of(NULL, 0);
    hello->extension_count = 0;
    if (!rd_u16(r, &hello->legacy_version) || !rd_bytes(r, ECH_RANDOM_SIZE, &hello->random) ||
        !rd_vec8(r, &legacy_session_id) || legacy_session_id.len > ECH_SESSION_ID_MAX ||
        !rd_vec16(r, &cipher_suites) || cipher_suites.len < 2 || cipher_suites.len % 2 != 0 ||
        !rd_vec8(r, &legacy_compression_methods) || rd_done(&legacy_compression_methods) ||
        !rd_vec16(r, &extensions)) {
        return ECH_ERR_DECODE;
    }
    hello->legacy_session_id = rd_rest(&legacy_session_id);
    hello->cipher_suites = rd_rest(&cipher_suites);
    hello->legacy_compression_methods = rd_rest(&legacy_compression_methods);
    return read_extensions(&extensions, hello);
}

enum ech_status ech_client_hello_parse(struct bytes message, struct ech_client_hello *hello)
{
    struct reader r = rd_of(message);
    struct reader body;
    uint8_t type;
    if (!rd_u8(&r, &type) || type != ECH_HANDSHAKE_CLIENT_HELLO || !rd_vec24(&r, &body) ||
        !rd_done(&r)) {
        return ECH_ERR_DECODE;
    }
    enum ech_status status = ech_client_hello_read_body(&body, hello);
    if (status != ECH_OK) {
        return status;
    }
    hello->message = message;
    return rd_done(&body) ? ECH_OK : ECH_ERR_DECODE;
}

const struct ech_extension *ech_client_hello_find(const struct ech_client_hello *hello,
                                                  uint16_t type)
{
    for (size_t i = 0; i < hello->extension_count; i++) {
        if (hello->extensions[i].type == type) {
            return &hello->extensions[i];
        }
    }
    return NULL;
}

enum ech_status ech_client_hello_server_name(const struct ech_client_hello *hello,
                                             struct bytes *host_name)
{
    const struct ech_extension *extension = ech_client_hello_find(hello, ECH_EXT_SERVER_NAME);
    *host_name = bytes_of(NULL, 0);
    if (extension == NULL) {
        return ECH_OK;
    }
    struct reader r = rd_of(extension->data);
    struct reader list;
    struct reader name;
    uint8_t name_type;
    /* RFC 6066, 3: no type twice, and host_name is the only type, so the list has one entry. */
    if (!rd_vec16(&r, &list) || !rd_done(&r) || !rd_u8(&list, &name_type) || name_type != 0 ||
        !rd_vec16(&list, &name) || rd_done(&name) || !rd_done(&list)) {
        return ECH_ERR_DECODE;
    }
    *host_name = rd_rest(&name);
    return ECH_OK;
}

enum ech_status ech_client_hello_versions(const struct ech_client_hello *hello,
                                          struct reader *versions)
{
    const struct ech_extension *extension =
        ech_client_hello_find(hello, ECH_EXT_SUPPORTED_VERSIONS);
    *versions = rd_of(bytes_of(NULL, 0));
    if (extension == NULL) {
        return ECH_OK;
    }
    struct reader r = rd_of(extension->data);
    if (!rd_vec8(&r, versions) || !rd_done(&r) || rd_done(versions) || versions->len % 2 != 0) {
        return ECH_ERR_DECODE;
    }
    return ECH_OK;
}

bool ech_client_hello_offers_suite(const struct ech_client_hello *hello, uint16_t cipher_suite)
{
    struct reader suites = rd_of(hello->cipher_suites);
    uint16_t offered;
    while (rd_u16(&suites, &offered)) {
        if (offered == cipher_suite) {
            return true;
        }
    }
    return false;
}

bool ech_key_share_read(struct reader *entries, struct ech_key_share_entry *entry)
{
    struct reader key_exchange;
    if (!rd_u16(entries, &entry->group) || !rd_vec16(entries, &key_exchange) ||
        rd_done(&key_exchange)) {
        return false;
    }
    entry->key_exchange = rd_rest(&key_exchange);
    return true;
}

enum ech_status ech_client_hello_key_shares(const struct ech_client_hello *hello,
                                            struct reader *entries)
{
    const struct ech_extension *extension = ech_client_hello_find(hello, ECH_EXT_KEY_SHARE);
    *entries = rd_of(bytes_of(NULL, 0));
    if (extension == NULL) {
        return ECH_OK;
    }
    struct reader r = rd_of(extension->data);
    if (!rd_vec16(&r, entries) || !rd_done(&r)) {
        return ECH_ERR_DECODE;
    }
    struct reader probe = *entries;
    struct ech_key_share_entry entry;
    while (!rd_done(&probe)) {
        if (!ech_key_share_read(&probe, &entry)) {
            return ECH_ERR_DECODE;
        }
    }
    return ECH_OK;
}

enum ech_status ech_offered_psks_parse(struct bytes extension_data, struct ech_offered_psks *psks)
{
    struct reader r = rd_of(extension_data);
    if (!rd_vec16(&r, &psks->identities) || !rd_vec16(&r, &psks->binders) || !rd_done(&r)) {
        return ECH_ERR_DECODE;
    }
    struct reader identities = psks->identities;
    struct reader binders = psks->binders;
    do {
        struct reader identity;
        struct reader binder;
        uint32_t obfuscated_ticket_age;
        if (!rd_vec16(&identities, &identity) || rd_done(&identity) ||
            !rd_u32(&identities, &obfuscated_ticket_age) || !rd_vec8(&binders, &binder) ||
            binder.len < 32) {
            return ECH_ERR_DECODE;
        }
    } while (!rd_done(&identities));
    return rd_done(&binders) ? ECH_OK : ECH_ERR_DECODE;
}

enum ech_status ech_ech_client_hello_parse(struct bytes extension_data,
                                           struct ech_ech_client_hello *ech)
{
    struct reader r = rd_of(extension_data);
    uint8_t type;
    struct reader enc;
    struct reader payload;
    *ech = (struct ech_ech_client_hello){.type = ECH_CLIENT_HELLO_INNER};
    if (!rd_u8(&r, &type) || type > ECH_CLIENT_HELLO_INNER) {
        return ECH_ERR_DECODE;
    }
    if (type == ECH_CLIENT_HELLO_INNER) {
        return rd_done(&r) ? ECH_OK : ECH_ERR_DECODE;
    }
    if (!rd_u16(&r, &ech->kdf_id) || !rd_u16(&r, &ech->aead_id) || !rd_u8(&r, &ech->config_id) ||
        !rd_vec16(&r, &enc) || !rd_vec16(&r, &payload) || rd_done(&payload) || !rd_done(&r)) {
        return ECH_ERR_DECODE;
    }
    ech->type = ECH_CLIENT_HELLO_OUTER;
    ech->enc = rd_rest(&enc);
    ech->payload = rd_rest(&payload);
    return ECH_OK;
}

void ech_extension_write(struct writer *w, uint16_t type, struct bytes data)
{
    wr_u16(w, type);
    struct wr_mark mark = wr_open(w, 2);
    wr_bytes(w, data);
    wr_close(w, mark);
}

/* RFC 6066, 3 */
void ech_server_name_write(struct writer *w, struct bytes name)
{
    wr_u16(w, ECH_EXT_SERVER_NAME);
    struct wr_mark data = wr_open(w, 2);
    struct wr_mark list = wr_open(w, 2);
    wr_u8(w, 0);
    struct wr_mark host_name = wr_open(w, 2);
    wr_bytes(w, name);
    wr_close(w, host_name);
    wr_close(w, list);
    wr_close(w, data);
}

void ech_ech_client_hello_write(const struct ech_ech_client_hello *ech, struct writer *w)
{
    wr_u8(w, ECH_CLIENT_HELLO_OUTER);
    wr_u16(w, ech->kdf_id);
    wr_u16(w, ech->aead_id);
    wr_u8(w, ech->config_id);
    struct wr_mark mark = wr_open(w, 2);
    wr_bytes(w, ech->enc);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    wr_bytes(w, ech->payload);
    wr_close(w, mark);
}
