/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The filter BIO for OpenSSL and BoringSSL. During the hello exchange it stands between an SSL and
 * the application's BIO, and carries octets between the two and the session. No protocol here. What
 * differs between the two libraries is data: their functions, and who owns the BIO behind another.
 */
#ifndef SHIM_ENGINE_BIO_BIO_FILTER_H
#define SHIM_ENGINE_BIO_BIO_FILTER_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "shim/common/abi.h"
#include "shim/engine/session/session.h"

/* Functions that have the same types in both. */
#define SHIM_BIO_FUNCTIONS(F)                                                                      \
    F(BIO_clear_flags)                                                                             \
    F(BIO_ctrl)                                                                                    \
    F(BIO_free)                                                                                    \
    F(BIO_get_retry_reason)                                                                        \
    F(BIO_meth_new)                                                                                \
    F(BIO_meth_set_ctrl)                                                                           \
    F(BIO_meth_set_destroy)                                                                        \
    F(BIO_meth_set_read)                                                                           \
    F(BIO_meth_set_write)                                                                          \
    F(BIO_method_type)                                                                             \
    F(BIO_new)                                                                                     \
    F(BIO_next)                                                                                    \
    F(BIO_read)                                                                                    \
    F(BIO_set_flags)                                                                               \
    F(BIO_set_init)                                                                                \
    F(BIO_set_retry_reason)                                                                        \
    F(BIO_test_flags)                                                                              \
    F(BIO_up_ref)                                                                                  \
    F(BIO_write)                                                                                   \
    F(SSL_get_fd)                                                                                  \
    F(SSL_get_rbio)                                                                                \
    F(SSL_get_wbio)                                                                                \
    F(SSL_set0_rbio)                                                                               \
    F(SSL_set0_wbio)

struct shim_bio_filter;

/* The filters of one library. */
struct shim_bio_library {
    struct shim_library *library;
    BIO_METHOD *method; /* from shim_bio_library_start */
    /* Puts `next` behind a filter, which has got a reference of it. */
    void (*set_next)(const struct shim_bio_library *bios, BIO *filter, BIO *next);
    /* Does BIO_free of a BIO free the one behind it too? */
    bool frees_next;
    /* A filter BIO is made and was freed: it keeps the connection alive. */
    void (*hold)(struct shim_bio_filter *filter);
    void (*release)(struct shim_bio_filter *filter);
    /* The session gets octets of the library. NULL: nothing to do. */
    void (*writes)(struct shim_bio_filter *filter);
#define F(name) __typeof__(&name) name;
    SHIM_BIO_FUNCTIONS(F)
    /* Of OpenSSL alone; NULL in BoringSSL. */
    F(BIO_callback_ctrl)
    F(BIO_meth_set_callback_ctrl)
#undef F
};

/* The filter of a connection: one BIO or two. A part of the adapter's connection. */
struct shim_bio_filter {
    const struct shim_bio_library *bios;
    /* Where the connection keeps its SSL, NULL once that is freed, and its session, NULL before the
     * exchange is made. */
    SSL *const *ssl;
    struct shim_session *const *session;
    int count;      /* number of living filter BIOs: 0, 1 or 2 */
    size_t taken;   /* octets of a write that the exchange took before the transport said "later" */
    bool unflushed; /* our octets were written and the transport has not been flushed since */
};

/* Makes the BIO_METHOD, with that type number. False for want of memory. */
bool shim_bio_library_start(struct shim_bio_library *bios, int type);

/* Puts the filter over each BIO that the SSL has and that it is not over yet. If one of the two
 * BIOs is missing, the library cannot write or read until the program sets it. False for want of
 * memory: nothing is changed then. */
bool shim_bio_filter_install(struct shim_bio_filter *filter);
/* Is the filter over each BIO that the SSL has now? */
bool shim_bio_filter_installed(const struct shim_bio_filter *filter);
/* Takes the filter out, so that the SSL has the application's BIOs again. */
void shim_bio_filter_remove(struct shim_bio_filter *filter);
/* Forgets what a write had left. */
void shim_bio_filter_reset(struct shim_bio_filter *filter);
/* The BIO under a filter of ours. Returns any other BIO itself. */
BIO *shim_bio_below(const struct shim_bio_library *bios, BIO *bio);

#endif
