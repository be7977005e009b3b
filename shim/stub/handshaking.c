/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/handshaking.h"

static __thread enum shim_family handshaking __attribute__((tls_model("initial-exec")));

void stub_handshake_by(enum shim_family family)
{
    handshaking = family;
}

enum shim_family stub_handshake_seen(void)
{
    enum shim_family family = handshaking;
    handshaking = SHIM_FAMILY_LIBC;
    return family;
}
