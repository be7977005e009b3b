/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The filter BIO of BoringSSL (shim/engine/openssl/filter.c says what a filter does). BoringSSL's
 * chains differ from OpenSSL's: a BIO owns the one behind it, and has no pointer back.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/common/hold.h"
#include "shim/engine/base/object_table.h"
#include "shim/engine/boringssl/boringssl.h"

enum { CHUNK = 1024, RETRY = BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY, TYPE_MEMORY = 0x401 };

static bool transparent(const struct boringssl_connection *connection)
{
    return connection->session == NULL || shim_session_drained(connection->session);
}

static void copy_retry(const struct boringssl *boringssl, BIO *bio, BIO *next)
{
    boringssl->BIO_clear_flags(bio, RETRY);
    boringssl->BIO_set_flags(bio, boringssl->BIO_test_flags(next, RETRY));
    boringssl->BIO_set_retry_reason(bio, boringssl->BIO_get_retry_reason(next));
}

/* Writes what waits for the network. 1: everything was written; else the result of BIO_write. */
static int write_to_net(struct boringssl_connection *connection, BIO *bio, BIO *next)
{
    const struct boringssl *boringssl = connection->boringssl;
    for (struct bytes out = shim_session_to_net(connection->session); out.len > 0;
         out = shim_session_to_net(connection->session)) {
        int part = out.len < INT32_MAX ? (int)out.len : INT32_MAX;
        int written = boringssl->BIO_write(next, out.data, part);
        if (written <= 0) {
            copy_retry(boringssl, bio, next);
            return written;
        }
        shim_session_net_took(connection->session, (size_t)written);
        connection->unflushed = true;
    }
    return 1;
}

/* BoringSSL flushes its own writes, but knows nothing of a retry's hello. */
static int flush_to_net(struct boringssl_connection *connection, BIO *bio, BIO *next)
{
    const struct boringssl *boringssl = connection->boringssl;
    if (next == NULL) { /* the program has removed the BIO below */
        return shim_session_to_net(connection->session).len > 0 ? -1 : 1;
    }
    int written = write_to_net(connection, bio, next);
    if (written <= 0 || !connection->unflushed) {
        return written;
    }
    if (boringssl->BIO_ctrl(next, BIO_CTRL_FLUSH, 0, NULL) <= 0) {
        copy_retry(boringssl, bio, next);
        if (boringssl->BIO_test_flags(next, BIO_FLAGS_SHOULD_RETRY) != 0) {
            return -1;
        }
    }
    connection->unflushed = false;
    return 1;
}

/* Drops what a memory BIO has from the old connection. */
static void drop_stale(const struct boringssl *boringssl, BIO *bio)
{
    uint8_t stale[CHUNK];
    while (bio != NULL && boringssl->BIO_method_type(bio) == TYPE_MEMORY &&
           boringssl->BIO_ctrl(bio, BIO_CTRL_PENDING, 0, NULL) > 0 &&
           boringssl->BIO_read(bio, stale, sizeof stale) > 0) {
    }
}

static int filter_write(struct boringssl_connection *connection, BIO *bio, const char *data,
                        int length)
{
    const struct boringssl *boringssl = connection->boringssl;
    BIO *next = boringssl->BIO_next(bio);
    if (next == NULL || length <= 0) {
        return 0;
    }
    boringssl->BIO_clear_flags(bio, RETRY);
    if (transparent(connection) && connection->taken == 0) {
        int written = boringssl->BIO_write(next, data, length);
        copy_retry(boringssl, bio, next);
        return written;
    }
    size_t octets = (size_t)length;
    if (connection->taken < octets) {
        connection->phase = BORINGSSL_STARTED;
        connection->hello_made = true;
        shim_session_from_app(connection->session,
                              bytes_of(data + connection->taken, octets - connection->taken));
        connection->taken = octets;
    }
    int written = write_to_net(connection, bio, next);
    if (written <= 0) {
        return written;
    }
    connection->taken = 0;
    return length;
}

static int take_for_app(struct boringssl_connection *connection, char *out, int size)
{
    struct bytes ready = shim_session_to_app(connection->session);
    size_t octets = ready.len < (size_t)size ? ready.len : (size_t)size;
    memcpy(out, ready.data, octets);
    shim_session_app_took(connection->session, octets);
    return (int)octets;
}

/* Reads from the network for the exchange. 1: go on; else the result of BIO_read. */
static int feed_from_net(struct boringssl_connection *connection, BIO *bio, BIO *next)
{
    const struct boringssl *boringssl = connection->boringssl;
    uint8_t chunk[CHUNK];
    size_t wanted = shim_session_net_wanted(connection->session);
    if (wanted == 0) {
        return 0; /* failed, and the alert was read: end of file */
    }
    int got =
        boringssl->BIO_read(next, chunk, wanted < sizeof chunk ? (int)wanted : (int)sizeof chunk);
    if (got > 0) {
        shim_session_from_net(connection->session, bytes_of(chunk, (size_t)got));
        return 1;
    }
    copy_retry(boringssl, bio, next);
    if (boringssl->BIO_test_flags(next, BIO_FLAGS_SHOULD_RETRY) == 0) {
        shim_session_net_closed(connection->session);
    }
    return got;
}

static int filter_read(struct boringssl_connection *connection, BIO *bio, char *out, int size)
{
    const struct boringssl *boringssl = connection->boringssl;
    BIO *next = boringssl->BIO_next(bio);
    if (next == NULL || size <= 0) {
        return 0;
    }
    boringssl->BIO_clear_flags(bio, RETRY);
    while (!transparent(connection)) {
        if (shim_session_to_app(connection->session).len > 0) {
            return take_for_app(connection, out, size);
        }
        if (shim_session_wants_connection(connection->session)) {
            shim_session_reconnect(connection->session, boringssl->SSL_get_fd(connection->ssl));
            drop_stale(boringssl, next);
            continue;
        }
        BIO *write_side =
            boringssl_filter_below(boringssl, boringssl->SSL_get_wbio(connection->ssl));
        int result = flush_to_net(connection, bio, write_side);
        if (result > 0 && !transparent(connection)) {
            result = feed_from_net(connection, bio, next);
        }
        if (result <= 0) {
            return result;
        }
    }
    int got = boringssl->BIO_read(next, out, size);
    copy_retry(boringssl, bio, next);
    return got;
}

static long filter_ctrl(struct boringssl_connection *connection, BIO *bio, int command, long number,
                        void *pointer)
{
    const struct boringssl *boringssl = connection->boringssl;
    BIO *next = boringssl->BIO_next(bio);
    size_t held = 0;
    if (command == BIO_CTRL_PENDING && !transparent(connection)) {
        held = shim_session_to_app(connection->session).len;
    } else if (command == BIO_CTRL_WPENDING && !transparent(connection)) {
        held = shim_session_to_net(connection->session).len;
    }
    long result = 0;
    if (next != NULL) {
        result = boringssl->BIO_ctrl(next, command, number, pointer);
        copy_retry(boringssl, bio, next);
    }
    return held > 0 ? result + (long)held : result;
}

/* ---- the BIO method ---- */

/* Our filter BIOs, by address: a BIO's data can only be read by its own library, which a callback
 * is not told. */
static struct shim_object_table filters;

static struct boringssl_connection *connection_of(const BIO *bio)
{
    struct shim_object_entry entry;
    return bio != NULL && shim_object_get(&filters, bio, &entry) ? entry.value : NULL;
}

static int on_write(BIO *bio, const char *data, int length)
{
    struct boringssl_connection *connection = connection_of(bio);
    return connection != NULL ? filter_write(connection, bio, data, length) : -1;
}

static int on_read(BIO *bio, char *out, int size)
{
    struct boringssl_connection *connection = connection_of(bio);
    return connection != NULL ? filter_read(connection, bio, out, size) : -1;
}

static long on_ctrl(BIO *bio, int command, long number, void *pointer)
{
    struct boringssl_connection *connection = connection_of(bio);
    return connection != NULL ? filter_ctrl(connection, bio, command, number, pointer) : 0;
}

static int on_destroy(BIO *bio)
{
    struct shim_object_entry entry;
    if (shim_object_remove(&filters, bio, &entry)) {
        boringssl_release(entry.value);
    }
    return 1;
}

bool boringssl_filter_init(struct boringssl *boringssl)
{
    boringssl->filter_method = boringssl->BIO_meth_new(0, "hello exchange");
    return boringssl->filter_method != NULL &&
           boringssl->BIO_meth_set_write(boringssl->filter_method, on_write) == 1 &&
           boringssl->BIO_meth_set_read(boringssl->filter_method, on_read) == 1 &&
           boringssl->BIO_meth_set_ctrl(boringssl->filter_method, on_ctrl) == 1 &&
           boringssl->BIO_meth_set_destroy(boringssl->filter_method, on_destroy) == 1;
}

/* A filter over a BIO. The BIO gets one more owner: the filter. */
static BIO *filter_over(struct boringssl_connection *connection, BIO *next)
{
    const struct boringssl *boringssl = connection->boringssl;
    const struct shim_object_entry entry = {.owner = boringssl->library, .value = connection};
    BIO *filter = boringssl->BIO_new(boringssl->filter_method);
    if (filter == NULL || !shim_object_put(&filters, filter, &entry)) {
        boringssl->BIO_free(filter);
        return NULL;
    }
    atomic_fetch_add(&connection->references, 1);
    boringssl->BIO_set_init(filter, 1);
    boringssl->BIO_up_ref(next);
    boringssl->BIO_push(filter, next);
    return filter;
}

bool boringssl_filter_install(struct boringssl_connection *connection)
{
    const struct boringssl *boringssl = connection->boringssl;
    SSL *ssl = connection->ssl;
    BIO *rbio = boringssl->SSL_get_rbio(ssl);
    BIO *wbio = boringssl->SSL_get_wbio(ssl);
    bool reads = rbio != NULL && connection_of(rbio) == NULL;
    bool writes = wbio != NULL && connection_of(wbio) == NULL;
    BIO *read_filter = reads ? filter_over(connection, rbio) : NULL;
    BIO *write_filter = read_filter;
    if (reads && writes && rbio == wbio && read_filter != NULL) {
        boringssl->BIO_up_ref(read_filter);
    } else {
        write_filter = writes ? filter_over(connection, wbio) : NULL;
    }
    bool whole = (!reads || read_filter != NULL) && (!writes || write_filter != NULL);
    if (reads && read_filter != NULL) {
        boringssl->SSL_set0_rbio(ssl, read_filter);
    }
    if (writes && write_filter != NULL) {
        boringssl->SSL_set0_wbio(ssl, write_filter);
    }
    return whole;
}

void boringssl_filter_remove(struct boringssl_connection *connection)
{
    const struct boringssl *boringssl = connection->boringssl;
    SSL *ssl = connection->ssl;
    BIO *rbio = ssl != NULL ? boringssl->SSL_get_rbio(ssl) : NULL;
    BIO *wbio = ssl != NULL ? boringssl->SSL_get_wbio(ssl) : NULL;
    BIO *read_below = boringssl_filter_below(boringssl, rbio);
    BIO *write_below = boringssl_filter_below(boringssl, wbio);
    if (read_below != NULL) {
        boringssl->BIO_up_ref(read_below);
    }
    if (write_below != NULL) {
        boringssl->BIO_up_ref(write_below);
    }
    if (read_below != rbio) {
        boringssl->SSL_set0_rbio(ssl, read_below);
    } else if (read_below != NULL) {
        boringssl->BIO_free(read_below);
    }
    if (write_below != wbio) {
        boringssl->SSL_set0_wbio(ssl, write_below);
    } else if (write_below != NULL) {
        boringssl->BIO_free(write_below);
    }
}

BIO *boringssl_filter_below(const struct boringssl *boringssl, BIO *bio)
{
    return connection_of(bio) != NULL ? boringssl->BIO_next(bio) : bio;
}
