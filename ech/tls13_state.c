/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls13_state.h"

enum ech_alert ech_tls13_check(struct ech_tls13 *x, enum ech_status status)
{
    if (status == ECH_OK) {
        return ECH_ALERT_NONE;
    }
    x->facts.failure = ECH_OUTER_FAILURE_INTERNAL;
    return ECH_ALERT_INTERNAL_ERROR;
}

void ech_tls13_change_cipher_spec(struct ech_tls13 *x)
{
    if (x->change_cipher_spec_due) {
        ech_change_cipher_spec_write(&x->to_net);
        x->change_cipher_spec_due = false;
    }
}

enum ech_status ech_tls13_transcript(const struct ech_tls13 *x, uint8_t *out)
{
    enum ech_status status = wr_finish(&x->transcript);
    struct bytes messages = wr_view(&x->transcript);
    return status == ECH_OK ? ech_hash_parts(x->hash, &messages, 1, out) : status;
}
