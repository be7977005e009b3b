/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plug-in that does TLS; its program does not know libssl. */
#include "openssl_client.h"

int plugin_fetch(const struct target *target);

int plugin_fetch(const struct target *target)
{
    fetch_plainly(target);
    return 0;
}
