/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/session/stale.h"

#include <string.h>

enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, SERVER_HELLO = 2, ALERT_LENGTH = 2 };

void shim_stale_begin(struct shim_stale *stale)
{
    *stale = (struct shim_stale){.skipping = true};
}

/* Can a first record begin with these octets? */
static bool may_begin(const uint8_t *head, size_t length)
{
    bool alert = length > 0 && head[0] == RECORD_ALERT;
    if (length > 0 && !alert && head[0] != RECORD_HANDSHAKE) {
        return false;
    }
    if ((length > 1 && head[1] != 3) || (length > 2 && (head[2] < 1 || head[2] > 4))) {
        return false;
    }
    if (alert) { /* in the clear: its length, and a level */
        return (length <= 3 || head[3] == 0) && (length <= 4 || head[4] == ALERT_LENGTH) &&
               (length <= 5 || head[5] == 1 || head[5] == 2);
    }
    return (length <= 3 || head[3] <= 0x40) && (length <= 5 || head[5] == SERVER_HELLO);
}

bool shim_stale_skip(struct shim_stale *stale, struct bytes *in)
{
    while (in->len > 0 && stale->length < SHIM_STALE_HEAD && stale->skipped < SHIM_STALE_MAX) {
        stale->head[stale->length++] = *in->data;
        *in = (struct bytes){in->data + 1, in->len - 1};
        while (!may_begin(stale->head, stale->length)) {
            memmove(stale->head, stale->head + 1, --stale->length);
            stale->skipped++;
        }
    }
    stale->skipping = stale->length < SHIM_STALE_HEAD && stale->skipped < SHIM_STALE_MAX;
    return !stale->skipping;
}
