/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/program_keys.h"

/* The entry of this group in the hello's key_share. */
static bool find_entry(const struct ech_client_hello *hello, uint16_t group,
                       struct ech_key_share_entry *entry)
{
    struct reader entries;
    if (ech_client_hello_key_shares(hello, &entries) != ECH_OK) {
        return false;
    }
    while (ech_key_share_read(&entries, entry)) {
        if (entry->group == group) {
            return true;
        }
    }
    return false;
}

static bool have(const struct ech_program_keys *keys, const struct ech_key_share_entry *entry)
{
    return keys->have != NULL && keys->have(keys->context, entry->group, entry->key_exchange);
}

enum ech_keys_known ech_program_keys_known(const struct ech_program_keys *keys,
                                           const struct ech_client_hello *hello)
{
    struct reader entries;
    struct ech_key_share_entry entry;
    size_t known = 0;
    size_t count = 0;
    if (ech_client_hello_find(hello, ECH_EXT_KEY_SHARE) == NULL ||
        ech_client_hello_key_shares(hello, &entries) != ECH_OK) {
        return ECH_KEYS_NONE;
    }
    while (ech_key_share_read(&entries, &entry)) {
        count++;
        known += have(keys, &entry);
    }
    if (known == 0) {
        return ECH_KEYS_NONE;
    }
    return known == count ? ECH_KEYS_ALL : ECH_KEYS_SOME;
}

/* The group that the server names in its key_share: its choice, or what it asks for. */
static bool group_of(const struct ech_server_hello *answer, uint16_t *group)
{
    struct reader extensions = rd_of(answer->extensions);
    struct ech_extension extension;
    while (ech_extension_read(&extensions, &extension)) {
        if (extension.type == ECH_EXT_KEY_SHARE) {
            struct reader data = rd_of(extension.data);
            return rd_u16(&data, group);
        }
    }
    return false;
}

bool ech_program_keys_suffice(const struct ech_program_keys *keys,
                              const struct ech_client_hello *hello,
                              const struct ech_server_hello *answer)
{
    uint16_t group;
    struct ech_key_share_entry entry;
    bool named = group_of(answer, &group);
    if (answer->is_hello_retry_request) {
        /* Without a group the second hello has the same entries again. The server may still choose
         * one whose key is known. */
        return named ? ech_dh_public_size(group) != 0 || keys->make != NULL
                     : ech_program_keys_known(keys, hello) != ECH_KEYS_NONE;
    }
    return !named || !find_entry(hello, group, &entry) || have(keys, &entry);
}

enum ech_status ech_program_keys_agree(const struct ech_program_keys *keys,
                                       const struct ech_client_hello *hello,
                                       const struct ech_key_share_entry *peer,
                                       struct writer *shared_secret)
{
    struct ech_key_share_entry entry;
    if (!find_entry(hello, peer->group, &entry)) {
        return ECH_ERR_ILLEGAL;
    }
    if (keys->agree == NULL) {
        return ECH_ERR_CRYPTO;
    }
    enum ech_status status = keys->agree(keys->context, entry.group, entry.key_exchange,
                                         peer->key_exchange, shared_secret);
    if (status == ECH_OK && wr_finish(shared_secret) == ECH_OK && wr_view(shared_secret).len == 0) {
        return ECH_ERR_CRYPTO; /* everybody knows the empty secret */
    }
    return status == ECH_OK ? wr_finish(shared_secret) : status;
}
