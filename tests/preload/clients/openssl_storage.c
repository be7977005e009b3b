/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that use what OpenSSL lends to all (ex_data, numbers of BIO types) as if it were theirs
 * alone. They must get back what they put there, and it must harm no other user. */
#include "openssl_client.h"

#include <openssl/err.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INDEXES = 24, BIO_TYPES = 12 };

/* Not an address: code that takes it for a pointer crashes. */
static void *tag(int index)
{
    return (void *)(uintptr_t)(0x11 + 2 * (unsigned)index);
}

static void fill(SSL *ssl, int from, int to)
{
    for (int i = from; i < to; i++) {
        if (SSL_set_ex_data(ssl, i, tag(i)) != 1) {
            fail_ssl("SSL_set_ex_data");
        }
    }
}

static void check(SSL *ssl, int from, int to)
{
    for (int i = from; i < to; i++) {
        if (SSL_get_ex_data(ssl, i) != tag(i)) {
            fail("index %d has %p", i, SSL_get_ex_data(ssl, i));
        }
    }
}

static int taken_from;

static void fill_in_callback(const SSL *ssl, int where, int result)
{
    (void)where, (void)result;
    fill((SSL *)(uintptr_t)ssl, taken_from, taken_from + 3);
}

static void fetch_with(const struct target *target, SSL_CTX *ctx, int from, int to)
{
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    fill(ssl, from, to);
    connect_and_exchange(ssl, target, fd);
    check(ssl, from, to);
    fill(ssl, from, to);
    SSL_shutdown(ssl);
    check(ssl, from, to);
    SSL_free(ssl);
    close(fd);
}

/* As Qt 5 and 6 do: it asks for one index, before any context exists, and uses three. */
void run_qt(const struct target *target)
{
    int index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    SSL_CTX *ctx = make_ctx(target);
    fetch_with(target, ctx, index, index + 3);
    taken_from = index;
    SSL_CTX_set_info_callback(ctx, fill_in_callback);
    fetch_with(target, ctx, index, index + 3);
    SSL_CTX_free(ctx);
}

/* The same when the context, and so the shim, comes first; and when others have taken indexes
 * before (libtorrent). */
void run_qt_later(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    int index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    fetch_with(target, ctx, index, index + 3);
    fetch_with(target, ctx, index > 2 ? index - 2 : 0, index + 1);
    SSL_CTX_free(ctx);
}

/* Every index that any library may have, of SSLs and of contexts. */
void run_all_indexes(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    for (int i = 0; i < INDEXES; i++) {
        SSL_CTX_set_ex_data(ctx, i, tag(i));
    }
    fetch_with(target, ctx, 0, INDEXES);
    /* An emptied slot, and an SSL that never had one. */
    SSL_CTX_set_ex_data(ctx, 1, NULL);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    connect_and_exchange(ssl, target, fd);
    fill(ssl, 0, INDEXES);
    SSL *copy = SSL_dup(ssl);
    check(copy, 0, INDEXES);
    SSL_free(ssl);
    SSL_free(copy);
    close(fd);
    for (int i = 2; i < INDEXES; i++) {
        if (SSL_CTX_get_ex_data(ctx, i) != tag(i)) {
            fail("index %d of the context has %p", i, SSL_CTX_get_ex_data(ctx, i));
        }
    }
    SSL_CTX_free(ctx);
}

static unsigned made;
static unsigned freed;
static unsigned copied;

static void on_new(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long number,
                   void *argument)
{
    (void)ptr, (void)data, (void)index, (void)number;
    made += parent != NULL && argument == &made;
}

static void on_free(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long number,
                    void *argument)
{
    (void)data, (void)number;
    freed += parent != NULL && argument == &made && (ptr == NULL || ptr == tag(index));
}

static int on_copy(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, copied_value value, int index,
                   long number, void *argument)
{
    (void)to, (void)from, (void)index, (void)number, (void)argument;
    void *const *copy = value;
    copied += *copy == tag(index);
    return 1;
}

/* OpenSSL calls the program's callbacks for the indexes around ours as without the shim. */
void run_index_callbacks(const struct target *target)
{
    enum { EACH = 3 };
    int indexes[2 * EACH];
    for (int i = 0; i < EACH; i++) {
        indexes[i] = SSL_get_ex_new_index(0, &made, on_new, on_copy, on_free);
    }
    SSL_CTX *ctx = make_ctx(target);
    for (int i = EACH; i < 2 * EACH; i++) {
        indexes[i] = SSL_get_ex_new_index(0, &made, on_new, on_copy, on_free);
    }
    SSL *ssl = make_ssl(ctx, target);
    for (int i = 0; i < 2 * EACH; i++) {
        SSL_set_ex_data(ssl, indexes[i], tag(indexes[i]));
    }
    SSL *copy = SSL_dup(ssl);
    name_peer(copy, target);
    SSL_free(ssl);
    int fd = dial(target);
    connect_and_exchange(copy, target, fd);
    SSL_free(copy);
    close(fd);
    SSL_CTX_free(ctx);
    if (made != 4 * EACH || freed != 4 * EACH || copied != 2 * EACH) {
        fail("%u made, %u freed, %u copied", made, freed, copied);
    }
}

/* ---- BIO types ---- */

static int type_read(BIO *bio, char *out, int size)
{
    ssize_t got = recv((int)(intptr_t)BIO_get_data(bio), out, (size_t)size, 0);
    return (int)got;
}

static int type_write(BIO *bio, const char *data, int length)
{
    return (int)send((int)(intptr_t)BIO_get_data(bio), data, (size_t)length, MSG_NOSIGNAL);
}

static long type_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO *watched_bio;

static void check_bio_in_callback(const SSL *ssl, int where, int result)
{
    (void)where, (void)result;
    if (SSL_get_rbio(ssl) != watched_bio || SSL_get_wbio(ssl) != watched_bio) {
        fail("the program sees a BIO that is not its own");
    }
}

/* A program's own filter BIOs, with made-up types: one of the numbers is the shim's. */
void run_bio_types(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL_CTX_set_info_callback(ctx, check_bio_in_callback);
    for (int i = 0; i < BIO_TYPES; i++) {
        BIO_METHOD *method = BIO_meth_new((127 + i) | BIO_TYPE_FILTER, "made up");
        BIO_meth_set_read(method, type_read);
        BIO_meth_set_write(method, type_write);
        BIO_meth_set_ctrl(method, type_ctrl);
        int fd = dial(target);
        SSL *ssl = make_ssl(ctx, target);
        watched_bio = BIO_new(method);
        BIO_set_data(watched_bio, (void *)(intptr_t)fd);
        BIO_set_init(watched_bio, 1);
        SSL_set_bio(ssl, watched_bio, watched_bio);
        if (SSL_connect(ssl) != 1) {
            fail_ssl("SSL_connect");
        }
        check_bio_in_callback(ssl, 0, 0);
        exchange(ssl, target);
        SSL_free(ssl);
        BIO_meth_free(method);
        close(fd);
    }
    SSL_CTX_free(ctx);
}

/* ---- objects made and freed in every order ---- */

/* Frees contexts before and after their SSLs: SSLs after a handshake, before one, and half-way. The
 * same addresses come again and again. */
void run_orders(const struct target *target)
{
    for (int i = 0; i < 6; i++) {
        SSL_CTX *ctx = make_ctx(target);
        SSL *unused = make_ssl(ctx, target);
        SSL *ssl = make_ssl(ctx, target);
        int fd = dial(target);
        if (i % 2 == 0) {
            SSL_CTX_free(ctx);
        }
        connect_and_exchange(ssl, target, fd);
        if (i % 3 == 0) {
            SSL_free(unused);
        }
        SSL_free(ssl);
        if (i % 3 != 0) {
            SSL_free(unused);
        }
        if (i % 2 != 0) {
            SSL_CTX_free(ctx);
        }
        close(fd);
    }
}

static void fetch_like_qt(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    fetch_with(target, ctx, taken_from, taken_from + 3);
    SSL_CTX_free(ctx);
}

void run_qt_threads(const struct target *target)
{
    taken_from = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    in_threads(target, fetch_like_qt);
}

void run_qt_fork(const struct target *target)
{
    taken_from = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    across_fork(target, fetch_like_qt);
}
