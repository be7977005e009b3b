/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transports that gather octets: a flush sends what was written, and reads may have read ahead. */
#include "openssl_client.h"

#include <string.h>
#include <unistd.h>

/* NULL: the library's own. */
static const char *groups;

static void fetch_over_two(const struct target *target, BIO *rbio, BIO *bio, int fd)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    if (groups != NULL && SSL_set1_groups_list(ssl, groups) != 1) {
        fail_ssl("SSL_set1_groups_list");
    }
    SSL_set_bio(ssl, rbio, bio);
    if (SSL_connect(ssl) != 1) {
        fail_ssl("SSL_connect");
    }
    if (SSL_get_rbio(ssl) != rbio || SSL_get_wbio(ssl) != bio) {
        fail("after the handshake the transport is not what the program gave");
    }
    /* libssl flushes after a flight of the handshake, not after data. */
    send_request(ssl, target);
    if (BIO_flush(bio) != 1) {
        fail_ssl("BIO_flush");
    }
    read_response(ssl, target);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
}

static void fetch_over(const struct target *target, BIO *bio, int fd)
{
    fetch_over_two(target, bio, bio, fd);
}

/* The application's own filter under the SSL. */
void run_buffered(const struct target *target)
{
    int fd = dial(target);
    fetch_over(target, BIO_push(BIO_new(BIO_f_buffer()), BIO_new_socket(fd, BIO_NOCLOSE)), fd);
}

/* Only libssl can finish with this key share: after a rejection most of the server's flight is
 * still in the buffer. */
void run_buffered_ahead(const struct target *target)
{
    groups = "ffdhe2048:X25519:P-384";
    run_buffered(target);
}

void run_null_filter(const struct target *target)
{
    int fd = dial(target);
    fetch_over(target, BIO_push(BIO_new(BIO_f_null()), BIO_new_socket(fd, BIO_NOCLOSE)), fd);
}

/* Only for writing: a BIO_f_buffer over another waits for more than what has come. */
void run_nested_filters(const struct target *target)
{
    int fd = dial(target);
    BIO *bio = BIO_push(BIO_new(BIO_f_buffer()), BIO_new_socket(fd, BIO_NOCLOSE));
    bio = BIO_push(BIO_new(BIO_f_null()), bio);
    bio = BIO_push(BIO_new(BIO_f_buffer()), bio);
    BIO_set_write_buffer_size(bio, 20000);
    fetch_over_two(target, BIO_new_socket(fd, BIO_NOCLOSE), bio, fd);
}

/* ---- the program's own filter, which writes only at a flush ---- */

enum { GATHERED_MAX = 1 << 16 };

struct gathered {
    char octets[GATHERED_MAX];
    int length;
};

static int gather_write(BIO *bio, const char *data, int length)
{
    struct gathered *gathered = BIO_get_data(bio);
    if (length > GATHERED_MAX - gathered->length) {
        return -1;
    }
    memcpy(gathered->octets + gathered->length, data, (size_t)length);
    gathered->length += length;
    return length;
}

static int gather_read(BIO *bio, char *out, int size)
{
    return BIO_read(BIO_next(bio), out, size);
}

/* It claims that octets are always pending, so its answer is no guide. */
static long gather_ctrl(BIO *bio, int command, long number, void *pointer)
{
    struct gathered *gathered = BIO_get_data(bio);
    if (command == BIO_C_GET_FD) {
        return BIO_ctrl(BIO_next(bio), command, number, pointer);
    }
    if (command == BIO_CTRL_FLUSH && gathered->length > 0) {
        int length = gathered->length;
        gathered->length = 0;
        return BIO_write(BIO_next(bio), gathered->octets, length) == length;
    }
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_PENDING;
}

void run_own_buffer(const struct target *target)
{
    static struct gathered gathered;
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "gathers");
    BIO_meth_set_write(method, gather_write);
    BIO_meth_set_read(method, gather_read);
    BIO_meth_set_ctrl(method, gather_ctrl);
    int fd = dial(target);
    BIO *bio = BIO_new(method);
    BIO_set_data(bio, &gathered);
    BIO_set_init(bio, 1);
    fetch_over(target, BIO_push(bio, BIO_new_socket(fd, BIO_NOCLOSE)), fd);
    BIO_meth_free(method);
}

/* ---- the program carries the octets of buffered memory BIOs ---- */

/* One pass after any call: sends what is waiting, then reads what has come if the call said
 * "later". */
static void carry(SSL *ssl, int result, BIO *in, BIO *out, int fd)
{
    char chunk[2000];
    int got;
    while ((got = BIO_read(out, chunk, sizeof chunk)) > 0) {
        if (write(fd, chunk, (size_t)got) != got) {
            fail("write");
        }
    }
    if (result <= 0) {
        ssize_t came = read(fd, chunk, sizeof chunk);
        if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ || came <= 0 ||
            BIO_write(in, chunk, (int)came) != came) {
            fail_ssl("a call on buffered memory");
        }
    }
}

void run_buffered_memory(const struct target *target)
{
    char chunk[1000];
    struct response response = {.len = 0};
    int result;
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    BIO *buffer = BIO_push(BIO_new(BIO_f_buffer()), out);
    SSL_set_bio(ssl, BIO_push(BIO_new(BIO_f_buffer()), in), buffer);
    while ((result = SSL_connect(ssl)) != 1) {
        carry(ssl, result, in, out, fd);
    }
    send_request(ssl, target);
    (void)BIO_flush(buffer);
    carry(ssl, 1, in, out, fd);
    while ((result = SSL_read(ssl, chunk, sizeof chunk)) > 0 ||
           SSL_get_error(ssl, result) != SSL_ERROR_ZERO_RETURN) {
        if (result > 0) {
            response_add(&response, chunk, (size_t)result);
        } else {
            carry(ssl, result, in, out, fd);
        }
    }
    response_check(&response, target);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
}
