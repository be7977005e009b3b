/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls13_state.h"

void ech_tls13_change_cipher_spec(struct ech_tls13 *x)
{
    if (x->change_cipher_spec_due) {
        ech_change_cipher_spec_write(&x->outer.to_net);
        x->change_cipher_spec_due = false;
    }
}
