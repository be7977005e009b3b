/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/bio/bio_filter.h"

#include <errno.h>
#include <string.h>

#include "shim/common/frame.h"
#include "shim/common/hold.h"
#include "shim/engine/base/object_table.h"

enum {
    CHUNK = 1024,
    RETRY = BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY,
    SET_KTLS = 72, /* libssl's own number, which openssl/bio.h gives only in a comment */
};

/* Before the exchange is made, and after it is drained, octets pass as if there were no filter. */
static bool transparent(const struct shim_bio_filter *filter)
{
    return *filter->session == NULL || shim_session_drained(*filter->session);
}

/* Repeats what the BIO below said about trying again. */
static void copy_retry(const struct shim_bio_library *bios, BIO *bio, BIO *next)
{
    bios->BIO_clear_flags(bio, RETRY);
    bios->BIO_set_flags(bio, bios->BIO_test_flags(next, RETRY));
    bios->BIO_set_retry_reason(bio, bios->BIO_get_retry_reason(next));
}

/* The octets are the session's or libssl's, so they can be read. */
static int write_below(const struct shim_bio_filter *filter, BIO *next, const void *octets,
                       int length)
{
    shim_session_carry(*filter->session, bytes_of(octets, (size_t)length), SHIM_FRAME_HERE);
    int written = filter->bios->BIO_write(next, octets, length);
    shim_session_carried();
    return written;
}

/* Writes what waits for the network to the BIO below. 1: everything was written; else the result of
 * BIO_write. */
static int write_to_net(struct shim_bio_filter *filter, BIO *bio, BIO *next)
{
    const struct shim_bio_library *bios = filter->bios;
    for (struct bytes out = shim_session_to_net(*filter->session); out.len > 0;
         out = shim_session_to_net(*filter->session)) {
        int part = out.len < INT32_MAX ? (int)out.len : INT32_MAX;
        int written = write_below(filter, next, out.data, part);
        if (written <= 0) {
            copy_retry(bios, bio, next);
            return written;
        }
        shim_session_net_took(*filter->session, (size_t)written);
        filter->unflushed = true;
    }
    return 1;
}

/*
 * Like write_to_net, but also flushes the BIO below, which may gather octets (BIO_f_buffer). libssl
 * flushes its own writes, but knows nothing of a retry's hello or of the end of an outer handshake.
 */
static int flush_to_net(struct shim_bio_filter *filter, BIO *bio, BIO *next)
{
    const struct shim_bio_library *bios = filter->bios;
    if (next == NULL) { /* the program has removed the BIO below */
        return shim_session_to_net(*filter->session).len > 0 ? -1 : 1;
    }
    int written = write_to_net(filter, bio, next);
    if (written <= 0 || !filter->unflushed) {
        return written;
    }
    long flushed = bios->BIO_ctrl(next, BIO_CTRL_FLUSH, 0, NULL);
    if (flushed <= 0) {
        copy_retry(bios, bio, next);
        if (bios->BIO_test_flags(next, BIO_FLAGS_SHOULD_RETRY) != 0) {
            return -1;
        }
        /* A BIO that does not know the command has nothing to flush. If it failed, the next read
         * tells. */
    }
    filter->unflushed = false;
    return 1;
}

/* How many octets a BIO of the chain itself has read and not given out. Asks only OpenSSL's own
 * kinds, for others do not answer reliably: curl's BIO calls itself a memory BIO and reads a
 * socket, others say 1 to every question. */
static long held_octets(const struct shim_bio_library *bios, BIO *bio)
{
    long pending;
    long below = 0;
    switch (bios->BIO_method_type(bio)) {
    case BIO_TYPE_MEM:
    case BIO_TYPE_BIO:
        return bios->BIO_ctrl(bio, BIO_CTRL_PENDING, 0, NULL);
    case BIO_TYPE_BUFFER:
        /* A buffer BIO that is empty answers for the BIO below. */
        pending = bios->BIO_ctrl(bio, BIO_CTRL_PENDING, 0, NULL);
        if (bios->BIO_next(bio) != NULL) {
            below = bios->BIO_ctrl(bios->BIO_next(bio), BIO_CTRL_PENDING, 0, NULL);
        }
        return pending != below ? pending : 0;
    default:
        return 0;
    }
}

/* Drops what the BIOs below have read from the old connection. The lowest comes first, so that no
 * BIO reads the octets of another. */
static void drop_stale(const struct shim_bio_library *bios, BIO *bio)
{
    if (bio == NULL) {
        return;
    }
    drop_stale(bios, bios->BIO_next(bio));
    uint8_t stale[CHUNK];
    for (long held = held_octets(bios, bio); held > 0; held = held_octets(bios, bio)) {
        int part = held < (long)sizeof stale ? (int)held : (int)sizeof stale;
        if (bios->BIO_read(bio, stale, part) <= 0) {
            break;
        }
    }
}

/* After a rejection: puts a new connection under the BIO below. */
static void change_connection(struct shim_bio_filter *filter, BIO *next)
{
    const struct shim_bio_library *bios = filter->bios;
    shim_session_reconnect(*filter->session, bios->SSL_get_fd(*filter->ssl));
    drop_stale(bios, next);
}

/*
 * The TLS library writes. The exchange takes all octets at once. If the transport then takes only a
 * part of the exchange's octets, this asks libssl to write the same octets again: at a flush libssl
 * would not understand "later".
 */
static int filter_write(struct shim_bio_filter *filter, BIO *bio, const char *data, int length)
{
    const struct shim_bio_library *bios = filter->bios;
    BIO *next = bios->BIO_next(bio);
    if (next == NULL || length <= 0) {
        return 0;
    }
    bios->BIO_clear_flags(bio, RETRY);
    if (transparent(filter) && filter->taken == 0) {
        int written = write_below(filter, next, data, length);
        copy_retry(bios, bio, next);
        return written;
    }
    size_t octets = (size_t)length;
    if (filter->taken < octets) {
        if (bios->writes != NULL) {
            bios->writes(filter);
        }
        shim_session_from_app(*filter->session,
                              bytes_of(data + filter->taken, octets - filter->taken));
        filter->taken = octets;
    }
    int written = write_to_net(filter, bio, next);
    if (written <= 0) {
        return written;
    }
    filter->taken = 0;
    return length;
}

/* Hands the application octets that the exchange holds for it. */
static int take_for_app(struct shim_bio_filter *filter, char *out, int size)
{
    struct bytes ready = shim_session_to_app(*filter->session);
    size_t octets = ready.len < (size_t)size ? ready.len : (size_t)size;
    memcpy(out, ready.data, octets);
    shim_session_app_took(*filter->session, octets);
    return (int)octets;
}

/* The BIO to write to during a read: the two directions may have two BIOs. */
static BIO *write_side(const struct shim_bio_filter *filter)
{
    const struct shim_bio_library *bios = filter->bios;
    return shim_bio_below(bios, bios->SSL_get_wbio(*filter->ssl));
}

/* The reader's flags tell of the octets that it gets, not of this. */
static void send_last_words(struct shim_bio_filter *filter, BIO *bio)
{
    if (shim_session_has_last_words(*filter->session)) {
        int saved = errno;
        (void)flush_to_net(filter, bio, write_side(filter));
        filter->bios->BIO_clear_flags(bio, RETRY);
        errno = saved;
    }
}

static int filter_read(struct shim_bio_filter *filter, BIO *bio, char *out, int size)
{
    const struct shim_bio_library *bios = filter->bios;
    BIO *next = bios->BIO_next(bio);
    if (next == NULL || size <= 0) {
        return 0;
    }
    bios->BIO_clear_flags(bio, RETRY);
    while (!transparent(filter)) {
        if (shim_session_to_app(*filter->session).len > 0) {
            send_last_words(filter, bio);
            return take_for_app(filter, out, size);
        }
        if (shim_session_wants_connection(*filter->session)) {
            change_connection(filter, next);
            continue;
        }
        int flushed = flush_to_net(filter, bio, write_side(filter));
        if (flushed <= 0) {
            return flushed;
        }
        if (transparent(filter)) {
            break; /* ECH is disabled, and the hello has just gone out */
        }
        size_t wanted = shim_session_net_wanted(*filter->session);
        if (wanted == 0) {
            return 0; /* failed, and the alert was read: end of file */
        }
        uint8_t chunk[CHUNK];
        int got =
            bios->BIO_read(next, chunk, wanted < sizeof chunk ? (int)wanted : (int)sizeof chunk);
        if (got <= 0) {
            copy_retry(bios, bio, next);
            if (bios->BIO_test_flags(next, BIO_FLAGS_SHOULD_RETRY) == 0) {
                shim_session_net_closed(*filter->session);
            }
            return got;
        }
        shim_session_from_net(*filter->session, bytes_of(chunk, (size_t)got));
    }
    int got = bios->BIO_read(next, out, size);
    copy_retry(bios, bio, next);
    return got;
}

static long filter_ctrl(struct shim_bio_filter *filter, BIO *bio, int command, long number,
                        void *pointer)
{
    const struct shim_bio_library *bios = filter->bios;
    BIO *next = bios->BIO_next(bio);
    size_t held = 0;
    switch (command) {
    case BIO_CTRL_PUSH:
    case BIO_CTRL_POP:
    case BIO_CTRL_DUP:
    case SET_KTLS: /* the kernel would count records from here on, and miss those in the exchange */
        return 0;
    case BIO_CTRL_PENDING:
        held = transparent(filter) ? 0 : shim_session_to_app(*filter->session).len;
        break;
    case BIO_CTRL_WPENDING:
        held = transparent(filter) ? 0 : shim_session_to_net(*filter->session).len;
        break;
    default:
        break;
    }
    if (next == NULL) {
        return (long)held;
    }
    long result = bios->BIO_ctrl(next, command, number, pointer);
    copy_retry(bios, bio, next);
    return held > 0 ? result + (long)held : result;
}

static long filter_callback_ctrl(struct shim_bio_filter *filter, BIO *bio, int command,
                                 BIO_info_cb *callback)
{
    BIO *next = filter->bios->BIO_next(bio);
    return next != NULL ? filter->bios->BIO_callback_ctrl(next, command, callback) : 0;
}

/* ---- the BIO method ---- */

/*
 * Our filter BIOs, by address. The type of a BIO does not tell, for programs use type numbers that
 * were never given to them. And its data can only be read by its own library, which a callback is
 * not told.
 */
static struct shim_object_table filters;

/* NULL if the BIO is not ours. */
static struct shim_bio_filter *filter_of(const BIO *bio)
{
    struct shim_object_entry entry;
    return bio != NULL && shim_object_get(&filters, bio, &entry) ? entry.value : NULL;
}

static int on_write(BIO *bio, const char *data, int length)
{
    struct shim_bio_filter *filter = filter_of(bio);
    return filter != NULL ? filter_write(filter, bio, data, length) : -1;
}

static int on_read(BIO *bio, char *out, int size)
{
    struct shim_bio_filter *filter = filter_of(bio);
    return filter != NULL ? filter_read(filter, bio, out, size) : -1;
}

static long on_ctrl(BIO *bio, int command, long number, void *pointer)
{
    struct shim_bio_filter *filter = filter_of(bio);
    return filter != NULL ? filter_ctrl(filter, bio, command, number, pointer) : 0;
}

static long on_callback_ctrl(BIO *bio, int command, BIO_info_cb *callback)
{
    struct shim_bio_filter *filter = filter_of(bio);
    return filter != NULL ? filter_callback_ctrl(filter, bio, command, callback) : 0;
}

static int on_destroy(BIO *bio)
{
    struct shim_object_entry entry;
    if (shim_object_remove(&filters, bio, &entry)) {
        struct shim_bio_filter *filter = entry.value;
        filter->count--;
        filter->bios->release(filter);
    }
    return 1;
}

bool shim_bio_library_start(struct shim_bio_library *bios, int type)
{
    BIO_METHOD *method = bios->BIO_meth_new(type, "hello exchange");
    bios->method = method;
    return method != NULL && bios->BIO_meth_set_write(method, on_write) == 1 &&
           bios->BIO_meth_set_read(method, on_read) == 1 &&
           bios->BIO_meth_set_ctrl(method, on_ctrl) == 1 &&
           (bios->BIO_meth_set_callback_ctrl == NULL ||
            bios->BIO_meth_set_callback_ctrl(method, on_callback_ctrl) == 1) &&
           bios->BIO_meth_set_destroy(method, on_destroy) == 1;
}

/* ---- in and out ---- */

/* A filter over a BIO, which gets one more owner: the filter. */
static BIO *filter_over(struct shim_bio_filter *filter, BIO *next)
{
    const struct shim_bio_library *bios = filter->bios;
    const struct shim_object_entry entry = {.owner = bios->library, .value = filter};
    BIO *bio = bios->BIO_new(bios->method);
    if (bio == NULL) {
        return NULL;
    }
    if (!shim_object_put(&filters, bio, &entry)) {
        bios->BIO_free(bio);
        return NULL;
    }
    bios->hold(filter);
    filter->count++;
    bios->BIO_set_init(bio, 1);
    bios->BIO_up_ref(next);
    bios->set_next(bios, bio, next);
    return bio;
}

static void discard(const struct shim_bio_library *bios, BIO *bio)
{
    BIO *next = bios->BIO_next(bio);
    bios->BIO_free(bio);
    if (!bios->frees_next) {
        bios->BIO_free(next);
    }
}

static bool is_covered(const struct shim_bio_filter *filter, const BIO *bio)
{
    return bio == NULL || filter_of(bio) == filter;
}

static bool install(struct shim_bio_filter *filter)
{
    const struct shim_bio_library *bios = filter->bios;
    SSL *ssl = *filter->ssl;
    BIO *rbio = bios->SSL_get_rbio(ssl);
    BIO *wbio = bios->SSL_get_wbio(ssl);
    bool reads = !is_covered(filter, rbio);
    bool writes = !is_covered(filter, wbio);
    BIO *read_filter = reads ? filter_over(filter, rbio) : NULL;
    if (reads && read_filter == NULL) {
        return false;
    }
    BIO *write_filter = read_filter;
    if (writes && rbio != wbio) {
        write_filter = filter_over(filter, wbio);
    } else if (writes) {
        bios->BIO_up_ref(read_filter);
    }
    if (writes && write_filter == NULL) {
        if (reads) {
            discard(bios, read_filter);
        }
        return false;
    }
    if (reads) {
        bios->SSL_set0_rbio(ssl, read_filter);
    }
    if (writes) {
        bios->SSL_set0_wbio(ssl, write_filter);
    }
    return true;
}

bool shim_bio_filter_install(struct shim_bio_filter *filter)
{
    struct shim_hold hold;
    shim_hold_begin(&hold);
    bool installed = install(filter);
    shim_hold_end(&hold);
    return installed;
}

bool shim_bio_filter_installed(const struct shim_bio_filter *filter)
{
    const struct shim_bio_library *bios = filter->bios;
    return is_covered(filter, bios->SSL_get_rbio(*filter->ssl)) &&
           is_covered(filter, bios->SSL_get_wbio(*filter->ssl));
}

BIO *shim_bio_below(const struct shim_bio_library *bios, BIO *bio)
{
    return filter_of(bio) != NULL ? bios->BIO_next(bio) : bio;
}

static void take_out(struct shim_bio_filter *filter)
{
    const struct shim_bio_library *bios = filter->bios;
    SSL *ssl = *filter->ssl;
    BIO *rbio = bios->SSL_get_rbio(ssl);
    BIO *wbio = bios->SSL_get_wbio(ssl);
    BIO *rbelow = filter_of(rbio) != NULL ? bios->BIO_next(rbio) : NULL;
    BIO *wbelow = filter_of(wbio) != NULL ? bios->BIO_next(wbio) : NULL;
    /* First the SSL's references, for freeing the filter frees its own. */
    if (rbelow != NULL) {
        bios->BIO_up_ref(rbelow);
    }
    if (wbelow != NULL) {
        bios->BIO_up_ref(wbelow);
    }
    if (rbelow != NULL) {
        bios->SSL_set0_rbio(ssl, rbelow);
    }
    if (wbelow != NULL) {
        bios->SSL_set0_wbio(ssl, wbelow);
    }
}

void shim_bio_filter_remove(struct shim_bio_filter *filter)
{
    struct shim_hold hold;
    if (*filter->ssl != NULL && filter->count > 0) {
        shim_hold_begin(&hold);
        take_out(filter);
        shim_hold_end(&hold);
    }
}

void shim_bio_filter_reset(struct shim_bio_filter *filter)
{
    filter->taken = 0;
    filter->unflushed = false;
}
