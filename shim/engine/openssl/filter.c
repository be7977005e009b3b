/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the filter BIO (shim/engine/bio/bio_filter.h) has to know of OpenSSL. */
#include <stddef.h>

#include "shim/engine/openssl/openssl.h"

static struct openssl_connection *connection_of(struct shim_bio_filter *filter)
{
    return (struct openssl_connection *)(void *)((char *)filter -
                                                 offsetof(struct openssl_connection, filter));
}

static void hold(struct shim_bio_filter *filter)
{
    atomic_fetch_add(&connection_of(filter)->references, 1);
}

static void release(struct shim_bio_filter *filter)
{
    openssl_connection_release(connection_of(filter));
}

/* Not by BIO_push, which would leave a pointer to us in the application's BIO. */
static void set_next(const struct shim_bio_library *bios, BIO *filter, BIO *next)
{
    const struct openssl *openssl =
        (const void *)((const char *)bios - offsetof(struct openssl, bios));
    openssl->BIO_set_next(filter, next);
}

bool openssl_filter_init(struct openssl *openssl)
{
    int index = openssl->BIO_get_new_index();
    openssl->bios =
        (struct shim_bio_library){.library = openssl->library,
                                  .set_next = set_next,
                                  .hold = hold,
                                  .release = release,
                                  .BIO_callback_ctrl = openssl->BIO_callback_ctrl,
                                  .BIO_meth_set_callback_ctrl = openssl->BIO_meth_set_callback_ctrl,
#define F(name) .name = openssl->name,
                                  SHIM_BIO_FUNCTIONS(F)
#undef F
        };
    return index >= 0 && shim_bio_library_start(&openssl->bios, index | BIO_TYPE_FILTER);
}
