/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls12_state.h"

enum ech_alert ech_tls12_check(struct ech_tls12 *x, enum ech_status status)
{
    if (status == ECH_OK) {
        return ECH_ALERT_NONE;
    }
    x->facts.failure = ECH_OUTER_FAILURE_INTERNAL;
    return ECH_ALERT_INTERNAL_ERROR;
}
