/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The filter BIO: for the time of the hello exchange it stands between an SSL and the application's
 * BIO, and carries octets between the two and the exchange. No protocol here.
 */
#include <errno.h>
#include <string.h>

#include "shim/openssl.h"

enum { CHUNK = 4096, RETRY = BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY };

/* Before the exchange is made and after it is drained the filter is not there. */
static bool transparent(const struct openssl_connection *connection)
{
    return connection->session == NULL ||
           ech_exchange_drained(shim_session_exchange(connection->session));
}

/* What the BIO below said about trying again becomes our own word. */
static void copy_retry(const struct openssl *openssl, BIO *bio, BIO *next)
{
    openssl->BIO_clear_flags(bio, RETRY);
    openssl->BIO_set_flags(bio, openssl->BIO_test_flags(next, RETRY));
    openssl->BIO_set_retry_reason(bio, openssl->BIO_get_retry_reason(next));
}

/* Hands what waits for the network to the BIO below. 1: all of it went; else what BIO_write said.
 */
static int flush_to_net(struct openssl_connection *connection, BIO *bio, BIO *next)
{
    const struct openssl *openssl = connection->openssl;
    struct ech_exchange *exchange = shim_session_exchange(connection->session);
    for (struct bytes out = ech_exchange_to_net(exchange); out.len > 0;
         out = ech_exchange_to_net(exchange)) {
        int part = out.len < INT32_MAX ? (int)out.len : INT32_MAX;
        int written = openssl->BIO_write(next, out.data, part);
        if (written <= 0) {
            copy_retry(openssl, bio, next);
            return written;
        }
        shim_session_net_took(connection->session, (size_t)written);
    }
    return 1;
}

/*
 * After a rejection the connection under the BIO below is a new one. What a memory BIO still holds
 * of the old one is stale.
 */
static void change_connection(struct openssl_connection *connection, BIO *next)
{
    const struct openssl *openssl = connection->openssl;
    shim_session_reconnect(connection->session, openssl->SSL_get_fd(connection->ssl));
    if (connection->late && shim_session_disabled(connection->session)) {
        /* The hello goes in clear, and a HelloRetryRequest to it does not come by us before libssl
         * begins the second one: like the first (openssl_extension_parse says why). */
        openssl_minimum_restore(connection);
    }
    if (openssl->BIO_method_type(next) == BIO_TYPE_MEM) {
        /* Only what it says it holds: curl's own BIO calls itself a memory BIO and reads a socket.
         */
        uint8_t stale[CHUNK];
        while (openssl->BIO_ctrl(next, BIO_CTRL_PENDING, 0, NULL) > 0 &&
               openssl->BIO_read(next, stale, sizeof stale) > 0) {
        }
    }
}

/*
 * The TLS library writes. The exchange takes everything at once; if the transport takes only a part
 * of what came of it, the same octets are asked for again, for libssl cannot be told "later" at a
 * flush.
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
    int flushed = flush_to_net(connection, bio, next);
    if (flushed <= 0) {
        return flushed;
    }
    connection->taken = 0;
    return length;
}

/* Hands the application what the exchange holds for it. */
static int take_for_app(struct openssl_connection *connection, char *out, int size)
{
    struct ech_exchange *exchange = shim_session_exchange(connection->session);
    struct bytes ready = ech_exchange_to_app(exchange);
    size_t octets = ready.len < (size_t)size ? ready.len : (size_t)size;
    memcpy(out, ready.data, octets);
    ech_exchange_app_took(exchange, octets);
    return (int)octets;
}

/* Where to write from a read: the two directions may be two BIOs. */
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
        struct ech_exchange *exchange = shim_session_exchange(connection->session);
        if (ech_exchange_to_app(exchange).len > 0) {
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
        size_t wanted = ech_exchange_net_wanted(exchange);
        if (wanted == 0) {
            return 0; /* failed, and the alert has been read: end of file */
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
        return 0;
    case BIO_CTRL_PENDING:
        held = transparent(connection)
                   ? 0
                   : ech_exchange_to_app(shim_session_exchange(connection->session)).len;
        break;
    case BIO_CTRL_WPENDING:
        held = transparent(connection)
                   ? 0
                   : ech_exchange_to_net(shim_session_exchange(connection->session)).len;
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

static int filter_destroy(struct openssl_connection *connection)
{
    connection->filters--;
    openssl_connection_release(connection);
    return 1;
}

/*
 * A callback is given a BIO and nothing else, and only its own library's BIO_get_data reads that.
 * So each library has callbacks of its own, which know its table: as many as there are slots.
 */
enum { SLOTS = 4 };
static struct openssl *slots[SLOTS];

#define SLOT_CALLBACKS(slot)                                                                       \
    static int write_##slot(BIO *bio, const char *data, int length)                                \
    {                                                                                              \
        return filter_write(slots[slot]->BIO_get_data(bio), bio, data, length);                    \
    }                                                                                              \
    static int read_##slot(BIO *bio, char *out, int size)                                          \
    {                                                                                              \
        return filter_read(slots[slot]->BIO_get_data(bio), bio, out, size);                        \
    }                                                                                              \
    static long ctrl_##slot(BIO *bio, int command, long number, void *pointer)                     \
    {                                                                                              \
        return filter_ctrl(slots[slot]->BIO_get_data(bio), bio, command, number, pointer);         \
    }                                                                                              \
    static long callback_ctrl_##slot(BIO *bio, int command, BIO_info_cb *callback)                 \
    {                                                                                              \
        return filter_callback_ctrl(slots[slot]->BIO_get_data(bio), bio, command, callback);       \
    }                                                                                              \
    static int create_##slot(BIO *bio)                                                             \
    {                                                                                              \
        slots[slot]->BIO_set_init(bio, 1);                                                         \
        return 1;                                                                                  \
    }                                                                                              \
    static int destroy_##slot(BIO *bio)                                                            \
    {                                                                                              \
        struct openssl_connection *connection = slots[slot]->BIO_get_data(bio);                    \
        return connection != NULL ? filter_destroy(connection) : 1;                                \
    }

SLOT_CALLBACKS(0)
SLOT_CALLBACKS(1)
SLOT_CALLBACKS(2)
SLOT_CALLBACKS(3)

struct slot_callbacks {
    int (*write)(BIO *, const char *, int);
    int (*read)(BIO *, char *, int);
    long (*ctrl)(BIO *, int, long, void *);
    long (*callback_ctrl)(BIO *, int, BIO_info_cb *);
    int (*create)(BIO *);
    int (*destroy)(BIO *);
};

#define SLOT(slot)                                                                                 \
    {                                                                                              \
        write_##slot, read_##slot, ctrl_##slot, callback_ctrl_##slot, create_##slot,               \
            destroy_##slot                                                                         \
    }
static const struct slot_callbacks callbacks[SLOTS] = {SLOT(0), SLOT(1), SLOT(2), SLOT(3)};

bool openssl_filter_init(struct openssl *openssl)
{
    size_t slot = 0;
    while (slot < SLOTS && slots[slot] != NULL) {
        slot++;
    }
    int index = slot < SLOTS ? openssl->BIO_get_new_index() : -1;
    if (index < 0) {
        return false;
    }
    openssl->filter_type = index | BIO_TYPE_FILTER;
    BIO_METHOD *method = openssl->BIO_meth_new(openssl->filter_type, "hello exchange");
    const struct slot_callbacks *own = &callbacks[slot];
    if (method == NULL || openssl->BIO_meth_set_write(method, own->write) != 1 ||
        openssl->BIO_meth_set_read(method, own->read) != 1 ||
        openssl->BIO_meth_set_ctrl(method, own->ctrl) != 1 ||
        openssl->BIO_meth_set_callback_ctrl(method, own->callback_ctrl) != 1 ||
        openssl->BIO_meth_set_create(method, own->create) != 1 ||
        openssl->BIO_meth_set_destroy(method, own->destroy) != 1) {
        return false;
    }
    openssl->filter_method = method;
    slots[slot] = openssl;
    return true;
}

static BIO *filter_new(struct openssl_connection *connection, BIO *next)
{
    const struct openssl *openssl = connection->openssl;
    BIO *filter = openssl->BIO_new(openssl->filter_method);
    if (filter != NULL) {
        atomic_fetch_add(&connection->references, 1);
        connection->filters++;
        openssl->BIO_set_data(filter, connection);
        /* Not BIO_push: it would leave a pointer to us in the application's BIO. The reference is
         * ours. */
        openssl->BIO_up_ref(next);
        openssl->BIO_set_next(filter, next);
    }
    return filter;
}

static void filter_discard(const struct openssl *openssl, BIO *filter)
{
    BIO *next = openssl->BIO_next(filter);
    openssl->BIO_free(filter);
    openssl->BIO_free(next);
}

bool openssl_filter_install(struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    SSL *ssl = connection->ssl;
    BIO *rbio = openssl->SSL_get_rbio(ssl);
    BIO *wbio = openssl->SSL_get_wbio(ssl);
    if (rbio == NULL || wbio == NULL) {
        return false;
    }
    BIO *read_filter = filter_new(connection, rbio);
    if (read_filter == NULL) {
        return false;
    }
    BIO *write_filter = read_filter;
    if (rbio == wbio) {
        openssl->BIO_up_ref(read_filter);
    } else {
        write_filter = filter_new(connection, wbio);
        if (write_filter == NULL) {
            filter_discard(openssl, read_filter);
            return false;
        }
    }
    openssl->SSL_set0_rbio(ssl, read_filter);
    openssl->SSL_set0_wbio(ssl, write_filter);
    return true;
}

static bool is_filter(const struct openssl *openssl, const BIO *bio)
{
    return bio != NULL && openssl->BIO_method_type(bio) == openssl->filter_type;
}

bool openssl_filter_installed(const struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    return connection->filters > 0 && is_filter(openssl, openssl->SSL_get_rbio(connection->ssl)) &&
           is_filter(openssl, openssl->SSL_get_wbio(connection->ssl));
}

BIO *openssl_filter_below(const struct openssl *openssl, BIO *bio)
{
    return is_filter(openssl, bio) ? openssl->BIO_next(bio) : bio;
}

void openssl_filter_remove(struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    SSL *ssl = connection->ssl;
    if (ssl == NULL || connection->filters == 0) {
        return;
    }
    BIO *rbio = openssl->SSL_get_rbio(ssl);
    BIO *wbio = openssl->SSL_get_wbio(ssl);
    BIO *rbelow = is_filter(openssl, rbio) ? openssl->BIO_next(rbio) : NULL;
    BIO *wbelow = is_filter(openssl, wbio) ? openssl->BIO_next(wbio) : NULL;
    /* The SSL's references first: freeing the filter frees its own. */
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
}
