/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The filter BIO. During the hello exchange it stands between an SSL and the application's BIO, and
 * carries octets between the two and the exchange. No protocol here.
 */
#include <errno.h>
#include <string.h>

#include "shim/common/hold.h"
#include "shim/engine/base/object_table.h"
#include "shim/engine/openssl/openssl.h"

enum {
    CHUNK = 1024,
    RETRY = BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY,
    SET_KTLS = 72, /* libssl's own number, which openssl/bio.h gives only in a comment */
};

/* Before the exchange is made, and after it is drained, octets pass as if there were no filter. */
static bool transparent(const struct openssl_connection *connection)
{
    return connection->session == NULL || shim_session_drained(connection->session);
}

/* Repeats what the BIO below said about trying again. */
static void copy_retry(const struct openssl *openssl, BIO *bio, BIO *next)
{
    openssl->BIO_clear_flags(bio, RETRY);
    openssl->BIO_set_flags(bio, openssl->BIO_test_flags(next, RETRY));
    openssl->BIO_set_retry_reason(bio, openssl->BIO_get_retry_reason(next));
}

/* Writes what waits for the network to the BIO below. 1: everything was written; else the result of
 * BIO_write. */
static int write_to_net(struct openssl_connection *connection, BIO *bio, BIO *next)
{
    const struct openssl *openssl = connection->openssl;
    for (struct bytes out = shim_session_to_net(connection->session); out.len > 0;
         out = shim_session_to_net(connection->session)) {
        int part = out.len < INT32_MAX ? (int)out.len : INT32_MAX;
        int written = openssl->BIO_write(next, out.data, part);
        if (written <= 0) {
            copy_retry(openssl, bio, next);
            return written;
        }
        shim_session_net_took(connection->session, (size_t)written);
        connection->unflushed = true;
    }
    return 1;
}

/*
 * Like write_to_net, but also flushes the BIO below, which may gather octets (BIO_f_buffer). libssl
 * flushes its own writes, but knows nothing of a retry's hello or of the end of an outer handshake.
 */
static int flush_to_net(struct openssl_connection *connection, BIO *bio, BIO *next)
{
    const struct openssl *openssl = connection->openssl;
    if (next == NULL) { /* the program has removed the BIO below */
        return shim_session_to_net(connection->session).len > 0 ? -1 : 1;
    }
    int written = write_to_net(connection, bio, next);
    if (written <= 0 || !connection->unflushed) {
        return written;
    }
    long flushed = openssl->BIO_ctrl(next, BIO_CTRL_FLUSH, 0, NULL);
    if (flushed <= 0) {
        copy_retry(openssl, bio, next);
        if (openssl->BIO_test_flags(next, BIO_FLAGS_SHOULD_RETRY) != 0) {
            return -1;
        }
        /* A BIO that does not know the command has nothing to flush. If it failed, the next read
         * tells. */
    }
    connection->unflushed = false;
    return 1;
}

/* How many octets a BIO of the chain itself has read and not given out. Asks only OpenSSL's own
 * kinds, for others do not answer reliably: curl's BIO calls itself a memory BIO and reads a
 * socket, others say 1 to every question. */
static long held_octets(const struct openssl *openssl, BIO *bio)
{
    long pending;
    long below = 0;
    switch (openssl->BIO_method_type(bio)) {
    case BIO_TYPE_MEM:
    case BIO_TYPE_BIO:
        return openssl->BIO_ctrl(bio, BIO_CTRL_PENDING, 0, NULL);
    case BIO_TYPE_BUFFER:
        /* A buffer BIO that is empty answers for the BIO below. */
        pending = openssl->BIO_ctrl(bio, BIO_CTRL_PENDING, 0, NULL);
        if (openssl->BIO_next(bio) != NULL) {
            below = openssl->BIO_ctrl(openssl->BIO_next(bio), BIO_CTRL_PENDING, 0, NULL);
        }
        return pending != below ? pending : 0;
    default:
        return 0;
    }
}

/* Drops what the BIOs below have read from the old connection. The lowest comes first, so that no
 * BIO reads the octets of another. */
static void drop_stale(const struct openssl *openssl, BIO *bio)
{
    if (bio == NULL) {
        return;
    }
    drop_stale(openssl, openssl->BIO_next(bio));
    uint8_t stale[CHUNK];
    for (long held = held_octets(openssl, bio); held > 0; held = held_octets(openssl, bio)) {
        int part = held < (long)sizeof stale ? (int)held : (int)sizeof stale;
        if (openssl->BIO_read(bio, stale, part) <= 0) {
            break;
        }
    }
}

/* After a rejection: puts a new connection under the BIO below. */
static void change_connection(struct openssl_connection *connection, BIO *next)
{
    const struct openssl *openssl = connection->openssl;
    shim_session_reconnect(connection->session, openssl->SSL_get_fd(connection->ssl));
    if (connection->late && shim_session_disabled(connection->session)) {
        /* The hello goes out in the clear. libssl begins a second one before we see the
         * HelloRetryRequest, so set now what the second has to list: the same as the first
         * (openssl_extension_parse says why). */
        connection->versions = OPENSSL_VERSIONS_OWN;
    }
    drop_stale(openssl, next);
}

/*
 * The TLS library writes. The exchange takes all octets at once. If the transport then takes only a
 * part of the exchange's octets, this asks libssl to write the same octets again: at a flush libssl
 * would not understand "later".
 */
static int filter_write(struct openssl_connection *connection, BIO *bio, const char *data,
                        int length)
{
    const struct openssl *openssl = connection->openssl;
    BIO *next = openssl->BIO_next(bio);
    if (next == NULL || length <= 0) {
        return 0;
    }
    openssl->BIO_clear_flags(bio, RETRY);
    if (transparent(connection) && connection->taken == 0) {
        int written = openssl->BIO_write(next, data, length);
        copy_retry(openssl, bio, next);
        return written;
    }
    size_t octets = (size_t)length;
    if (connection->taken < octets) {
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

/* Hands the application octets that the exchange holds for it. */
static int take_for_app(struct openssl_connection *connection, char *out, int size)
{
    struct bytes ready = shim_session_to_app(connection->session);
    size_t octets = ready.len < (size_t)size ? ready.len : (size_t)size;
    memcpy(out, ready.data, octets);
    shim_session_app_took(connection->session, octets);
    return (int)octets;
}

/* The BIO to write to during a read: the two directions may have two BIOs. */
static BIO *write_side(const struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    return openssl_filter_below(openssl, openssl->SSL_get_wbio(connection->ssl));
}

static int filter_read(struct openssl_connection *connection, BIO *bio, char *out, int size)
{
    const struct openssl *openssl = connection->openssl;
    BIO *next = openssl->BIO_next(bio);
    if (next == NULL || size <= 0) {
        return 0;
    }
    openssl->BIO_clear_flags(bio, RETRY);
    while (!transparent(connection)) {
        if (shim_session_to_app(connection->session).len > 0) {
            return take_for_app(connection, out, size);
        }
        if (shim_session_wants_connection(connection->session)) {
            change_connection(connection, next);
            continue;
        }
        int flushed = flush_to_net(connection, bio, write_side(connection));
        if (flushed <= 0) {
            return flushed;
        }
        if (transparent(connection)) {
            break; /* ECH is disabled, and the hello has just gone out */
        }
        size_t wanted = shim_session_net_wanted(connection->session);
        if (wanted == 0) {
            return 0; /* failed, and the alert was read: end of file */
        }
        uint8_t chunk[CHUNK];
        int got =
            openssl->BIO_read(next, chunk, wanted < sizeof chunk ? (int)wanted : (int)sizeof chunk);
        if (got <= 0) {
            copy_retry(openssl, bio, next);
            if (openssl->BIO_test_flags(next, BIO_FLAGS_SHOULD_RETRY) == 0) {
                shim_session_net_closed(connection->session);
            }
            return got;
        }
        shim_session_from_net(connection->session, bytes_of(chunk, (size_t)got));
    }
    int got = openssl->BIO_read(next, out, size);
    copy_retry(openssl, bio, next);
    return got;
}

static long filter_ctrl(struct openssl_connection *connection, BIO *bio, int command, long number,
                        void *pointer)
{
    const struct openssl *openssl = connection->openssl;
    BIO *next = openssl->BIO_next(bio);
    size_t held = 0;
    switch (command) {
    case BIO_CTRL_PUSH:
    case BIO_CTRL_POP:
    case BIO_CTRL_DUP:
    case SET_KTLS: /* the kernel would count records from here on, and miss those in the exchange */
        return 0;
    case BIO_CTRL_PENDING:
        held = transparent(connection) ? 0 : shim_session_to_app(connection->session).len;
        break;
    case BIO_CTRL_WPENDING:
        held = transparent(connection) ? 0 : shim_session_to_net(connection->session).len;
        break;
    default:
        break;
    }
    if (next == NULL) {
        return (long)held;
    }
    long result = openssl->BIO_ctrl(next, command, number, pointer);
    copy_retry(openssl, bio, next);
    return held > 0 ? result + (long)held : result;
}

static long filter_callback_ctrl(struct openssl_connection *connection, BIO *bio, int command,
                                 BIO_info_cb *callback)
{
    BIO *next = connection->openssl->BIO_next(bio);
    return next != NULL ? connection->openssl->BIO_callback_ctrl(next, command, callback) : 0;
}

/* ---- the BIO method ---- */

/*
 * Our filter BIOs, by address. The type of a BIO does not tell, for programs use type numbers that
 * were never given to them. And its data can only be read by its own library, which a callback is
 * not told.
 */
static struct shim_object_table filters;

/* NULL if the BIO is not ours. */
static struct openssl_connection *connection_of(const BIO *bio)
{
    struct shim_object_entry entry;
    return bio != NULL && shim_object_get(&filters, bio, &entry) ? entry.value : NULL;
}

static int on_write(BIO *bio, const char *data, int length)
{
    struct openssl_connection *connection = connection_of(bio);
    return connection != NULL ? filter_write(connection, bio, data, length) : -1;
}

static int on_read(BIO *bio, char *out, int size)
{
    struct openssl_connection *connection = connection_of(bio);
    return connection != NULL ? filter_read(connection, bio, out, size) : -1;
}

static long on_ctrl(BIO *bio, int command, long number, void *pointer)
{
    struct openssl_connection *connection = connection_of(bio);
    return connection != NULL ? filter_ctrl(connection, bio, command, number, pointer) : 0;
}

static long on_callback_ctrl(BIO *bio, int command, BIO_info_cb *callback)
{
    struct openssl_connection *connection = connection_of(bio);
    return connection != NULL ? filter_callback_ctrl(connection, bio, command, callback) : 0;
}

static int on_destroy(BIO *bio)
{
    struct shim_object_entry entry;
    if (shim_object_remove(&filters, bio, &entry)) {
        struct openssl_connection *connection = entry.value;
        connection->filters--;
        openssl_connection_release(connection);
    }
    return 1;
}

bool openssl_filter_init(struct openssl *openssl)
{
    int index = openssl->BIO_get_new_index();
    BIO_METHOD *method =
        index >= 0 ? openssl->BIO_meth_new(index | BIO_TYPE_FILTER, "hello exchange") : NULL;
    if (method == NULL || openssl->BIO_meth_set_write(method, on_write) != 1 ||
        openssl->BIO_meth_set_read(method, on_read) != 1 ||
        openssl->BIO_meth_set_ctrl(method, on_ctrl) != 1 ||
        openssl->BIO_meth_set_callback_ctrl(method, on_callback_ctrl) != 1 ||
        openssl->BIO_meth_set_destroy(method, on_destroy) != 1) {
        return false;
    }
    openssl->filter_method = method;
    return true;
}

static BIO *filter_new(struct openssl_connection *connection, BIO *next)
{
    const struct openssl *openssl = connection->openssl;
    const struct shim_object_entry entry = {.owner = openssl->library, .value = connection};
    BIO *filter = openssl->BIO_new(openssl->filter_method);
    if (filter == NULL) {
        return NULL;
    }
    if (!shim_object_put(&filters, filter, &entry)) {
        openssl->BIO_free(filter);
        return NULL;
    }
    atomic_fetch_add(&connection->references, 1);
    connection->filters++;
    openssl->BIO_set_init(filter, 1);
    /* Not by BIO_push, which would leave a pointer to us in the application's BIO. This reference
     * is ours. */
    openssl->BIO_up_ref(next);
    openssl->BIO_set_next(filter, next);
    return filter;
}

static void filter_discard(const struct openssl *openssl, BIO *filter)
{
    BIO *next = openssl->BIO_next(filter);
    openssl->BIO_free(filter);
    openssl->BIO_free(next);
}

static bool install(struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    SSL *ssl = connection->ssl;
    BIO *rbio = openssl->SSL_get_rbio(ssl);
    BIO *wbio = openssl->SSL_get_wbio(ssl);
    BIO *read_filter = rbio != NULL ? filter_new(connection, rbio) : NULL;
    if (rbio != NULL && read_filter == NULL) {
        return false;
    }
    BIO *write_filter = read_filter;
    if (rbio != wbio) {
        write_filter = wbio != NULL ? filter_new(connection, wbio) : NULL;
    } else if (read_filter != NULL) {
        openssl->BIO_up_ref(read_filter);
    }
    if (wbio != NULL && write_filter == NULL) {
        if (read_filter != NULL) {
            filter_discard(openssl, read_filter);
        }
        return false;
    }
    if (read_filter != NULL) {
        openssl->SSL_set0_rbio(ssl, read_filter);
    }
    if (write_filter != NULL) {
        openssl->SSL_set0_wbio(ssl, write_filter);
    }
    return true;
}

bool openssl_filter_install(struct openssl_connection *connection)
{
    struct shim_hold hold;
    shim_hold_begin(&hold);
    bool installed = install(connection);
    shim_hold_end(&hold);
    return installed;
}

static bool is_covered(const struct openssl_connection *connection, const BIO *bio)
{
    return bio == NULL || connection_of(bio) == connection;
}

bool openssl_filter_installed(const struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    return is_covered(connection, openssl->SSL_get_rbio(connection->ssl)) &&
           is_covered(connection, openssl->SSL_get_wbio(connection->ssl));
}

BIO *openssl_filter_below(const struct openssl *openssl, BIO *bio)
{
    return connection_of(bio) != NULL ? openssl->BIO_next(bio) : bio;
}

void openssl_filter_remove(struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    SSL *ssl = connection->ssl;
    if (ssl == NULL || connection->filters == 0) {
        return;
    }
    struct shim_hold hold;
    shim_hold_begin(&hold);
    BIO *rbio = openssl->SSL_get_rbio(ssl);
    BIO *wbio = openssl->SSL_get_wbio(ssl);
    BIO *rbelow = connection_of(rbio) != NULL ? openssl->BIO_next(rbio) : NULL;
    BIO *wbelow = connection_of(wbio) != NULL ? openssl->BIO_next(wbio) : NULL;
    /* First the SSL's references, for freeing the filter frees its own. */
    if (rbelow != NULL) {
        openssl->BIO_up_ref(rbelow);
    }
    if (wbelow != NULL) {
        openssl->BIO_up_ref(wbelow);
    }
    if (rbelow != NULL) {
        openssl->SSL_set0_rbio(ssl, rbelow);
    }
    if (wbelow != NULL) {
        openssl->SSL_set0_wbio(ssl, wbelow);
    }
    shim_hold_end(&hold);
}
