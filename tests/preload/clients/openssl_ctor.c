/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A library whose constructor makes a whole TLS connection: before the constructors of all that
 * depends on it, and perhaps before the shim's own. */
#include "openssl_client.h"

#include <stdio.h>

int openssl_ctor_done(void);

static int done;

/* glibc hands main's arguments to constructors. */
__attribute__((constructor(101))) static void connect_early(int argc, char **argv)
{
    if (argc >= 4) {
        struct target target = {argv[1], argv[2], argv[3], "."};
        fetch_plainly(&target);
        done = 1;
    }
}

int openssl_ctor_done(void)
{
    return done;
}
