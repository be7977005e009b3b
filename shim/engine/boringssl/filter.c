/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the filter BIO (shim/engine/bio/bio_filter.h) has to know of BoringSSL. */
#include <stddef.h>

#include "shim/engine/boringssl/boringssl.h"

static struct boringssl_connection *connection_of(struct shim_bio_filter *filter)
{
    return (struct boringssl_connection *)(void *)((char *)filter -
                                                   offsetof(struct boringssl_connection, filter));
}

static void hold(struct shim_bio_filter *filter)
{
    atomic_fetch_add(&connection_of(filter)->references, 1);
}

static void release(struct shim_bio_filter *filter)
{
    boringssl_release(connection_of(filter));
}

/* BoringSSL's BIOs have no pointer back, so nothing of us is left in the application's BIO. */
static void set_next(const struct shim_bio_library *bios, BIO *filter, BIO *next)
{
    const struct boringssl *boringssl =
        (const void *)((const char *)bios - offsetof(struct boringssl, bios));
    boringssl->BIO_push(filter, next);
}

static void writes(struct shim_bio_filter *filter)
{
    struct boringssl_connection *connection = connection_of(filter);
    connection->phase = BORINGSSL_STARTED;
    connection->hello_made = true;
}

bool boringssl_filter_init(struct boringssl *boringssl)
{
    boringssl->bios = (struct shim_bio_library){.library = boringssl->library,
                                                .set_next = set_next,
                                                .frees_next = true,
                                                .hold = hold,
                                                .release = release,
                                                .writes = writes,
#define F(name) .name = boringssl->name,
                                                SHIM_BIO_FUNCTIONS(F)
#undef F
    };
    return shim_bio_library_start(&boringssl->bios, 0);
}
