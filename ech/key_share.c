/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/key_share.h"

bool ech_own_key_shares_possible(const struct ech_client_hello *inner)
{
    struct reader entries;
    struct ech_key_share_entry entry;
    size_t count = 0;
    const struct ech_extension *extension = ech_client_hello_find(inner, ECH_EXT_KEY_SHARE);
    if (extension == NULL) {
        return true;
    }
    if (extension->data.len > ECH_OWN_KEY_SHARE_OCTETS_MAX ||
        ech_client_hello_key_shares(inner, &entries) != ECH_OK) {
        return false;
    }
    while (ech_key_share_read(&entries, &entry)) {
        if (ech_dh_public_size(entry.group) == 0 || ++count > ECH_OWN_KEY_SHARES_MAX) {
            return false;
        }
    }
    return true;
}

static enum ech_status make_share(uint16_t group, const struct ech_random *random,
                                  struct ech_own_key_shares *own, struct writer *w)
{
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    enum ech_status status =
        ech_dh_generate(group, random, own->shares[own->count].private_key, public_key);
    if (status != ECH_OK) {
        return status;
    }
    own->shares[own->count].group = group;
    own->count++;
    wr_u16(w, group);
    struct wr_mark mark = wr_open(w, 2);
    wr_bytes(w, bytes_of(public_key, ech_dh_public_size(group)));
    wr_close(w, mark);
    return ECH_OK;
}

enum ech_status ech_own_key_shares_make(const struct ech_client_hello *inner,
                                        const struct ech_random *random,
                                        struct ech_own_key_shares *own,
                                        struct writer *extension_data)
{
    struct reader entries;
    struct ech_key_share_entry entry;
    own->count = 0;
    if (!ech_own_key_shares_possible(inner)) {
        return ECH_ERR_UNSUPPORTED;
    }
    enum ech_status status = ech_client_hello_key_shares(inner, &entries);
    if (status != ECH_OK) {
        return status;
    }
    struct wr_mark list = wr_open(extension_data, 2);
    while (ech_key_share_read(&entries, &entry)) {
        status = make_share(entry.group, random, own, extension_data);
        if (status != ECH_OK) {
            return status;
        }
    }
    wr_close(extension_data, list);
    return wr_finish(extension_data);
}

void ech_own_key_shares_wipe(struct ech_own_key_shares *own)
{
    ech_wipe(own, sizeof *own);
}
