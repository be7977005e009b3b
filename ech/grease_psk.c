/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/grease_psk.h"

static enum ech_status write_random(struct writer *w, size_t len, const struct ech_random *random)
{
    uint8_t octets[64];
    while (len > 0) {
        size_t n = len < sizeof octets ? len : sizeof octets;
        enum ech_status status = ech_random_fill(random, octets, n);
        if (status != ECH_OK) {
            return status;
        }
        wr_bytes(w, bytes_of(octets, n));
        len -= n;
    }
    return ECH_OK;
}

static enum ech_status write_identities(struct writer *w, struct reader inner,
                                        const struct ech_random *random)
{
    struct wr_mark list = wr_open(w, 2);
    while (!rd_done(&inner)) {
        struct reader identity;
        uint32_t obfuscated_ticket_age;
        if (!rd_vec16(&inner, &identity) || !rd_u32(&inner, &obfuscated_ticket_age)) {
            return ECH_ERR_DECODE;
        }
        wr_u16(w, (uint16_t)identity.len);
        /* The identity, and 32 bits for obfuscated_ticket_age. */
        enum ech_status status = write_random(w, identity.len + sizeof(uint32_t), random);
        if (status != ECH_OK) {
            return status;
        }
    }
    wr_close(w, list);
    return ECH_OK;
}

static enum ech_status write_binders(struct writer *w, struct reader inner,
                                     const struct ech_random *random)
{
    struct wr_mark list = wr_open(w, 2);
    while (!rd_done(&inner)) {
        struct reader binder;
        if (!rd_vec8(&inner, &binder)) {
            return ECH_ERR_DECODE;
        }
        wr_u8(w, (uint8_t)binder.len);
        enum ech_status status = write_random(w, binder.len, random);
        if (status != ECH_OK) {
            return status;
        }
    }
    wr_close(w, list);
    return ECH_OK;
}

enum ech_status ech_grease_psk(struct bytes inner_extension_data, const struct ech_random *random,
                               struct writer *w)
{
    struct ech_offered_psks psks;
    enum ech_status status = ech_offered_psks_parse(inner_extension_data, &psks);
    if (status == ECH_OK) {
        status = write_identities(w, psks.identities, random);
    }
    if (status == ECH_OK) {
        status = write_binders(w, psks.binders, random);
    }
    return status == ECH_OK ? wr_finish(w) : status;
}
