/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/sender.h"

#include <stdatomic.h>
#include <string.h>

/* On the stack, for what a usual config needs. */
enum { ROOM = 256 };

/* RFC 9849, 6.1: info is "tls ech" || 0x00 || ECHConfig. */
static enum ech_status set_up(struct ech_hpke *hpke, const struct ech_config_choice *choice,
                              const struct ech_random *random, uint8_t *enc)
{
    static const uint8_t prefix[] = {'t', 'l', 's', ' ', 'e', 'c', 'h', 0};
    struct writer info;
    uint8_t room[ROOM];
    wr_init_on(&info, 0, room, sizeof room);
    wr_bytes(&info, bytes_of(prefix, sizeof prefix));
    wr_bytes(&info, choice->config.raw);
    enum ech_status status = wr_finish(&info);
    if (status == ECH_OK) {
        status = ech_hpke_setup_sender(hpke, choice->suite, choice->config.public_key,
                                       wr_view(&info), choice->memo, random, enc);
    }
    wr_free(&info);
    return status;
}

static bool same_suite(struct ech_hpke_suite a, struct ech_hpke_suite b)
{
    return a.kem_id == b.kem_id && a.kdf_id == b.kdf_id && a.aead_id == b.aead_id;
}

static bool is_for(const struct ech_prepared_sender *prepared,
                   const struct ech_config_choice *choice)
{
    return prepared != NULL && prepared->ready && same_suite(prepared->hpke.suite, choice->suite) &&
           bytes_equal(bytes_of(prepared->config, prepared->config_length), choice->config.raw);
}

/* False: it was wiped meanwhile, by a fork. What was copied may be zeros then. */
static bool take(struct ech_prepared_sender *prepared, struct ech_hpke *hpke, uint8_t *enc)
{
    *hpke = prepared->hpke;
    memcpy(enc, prepared->enc, ech_hpke_enc_size(hpke->suite.kem_id));
    atomic_signal_fence(memory_order_seq_cst);
    bool whole = prepared->ready;
    ech_prepared_sender_wipe(prepared);
    return whole;
}

enum ech_status ech_sender_set_up(struct ech_hpke *hpke, const struct ech_config_choice *choice,
                                  const struct ech_random *random, uint8_t *enc)
{
    if (is_for(choice->prepared, choice) && take(choice->prepared, hpke, enc)) {
        return ECH_OK;
    }
    return set_up(hpke, choice, random, enc);
}

enum ech_status ech_sender_prepare(struct ech_prepared_sender *prepared,
                                   const struct ech_config_choice *choice,
                                   const struct ech_random *random)
{
    struct reader raw = rd_of(choice->config.raw);
    ech_prepared_sender_wipe(prepared);
    prepared->config_length = raw.len;
    if (raw.len > sizeof prepared->config || !rd_copy(&raw, prepared->config, raw.len)) {
        ech_prepared_sender_wipe(prepared);
        return ECH_ERR_SPACE;
    }
    enum ech_status status = set_up(&prepared->hpke, choice, random, prepared->enc);
    if (status != ECH_OK) {
        ech_prepared_sender_wipe(prepared);
        return status;
    }
    atomic_signal_fence(memory_order_seq_cst);
    prepared->ready = true;
    return ECH_OK;
}

void ech_prepared_sender_wipe(struct ech_prepared_sender *prepared)
{
    ech_wipe(prepared, sizeof *prepared);
}
