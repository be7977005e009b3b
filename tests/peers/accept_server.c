/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A server that accepts or rejects ECH and then sends what no real server would: unrequested
 * extensions, in HelloRetryRequest, ServerHello or EncryptedExtensions. It is the unit tests'
 * server behind a socket, so that real TLS libraries and programs can judge the result. Tells how
 * each handshake ended: "done", "alert N", "done, alert N" or "closed".
 */
#include <criterion/criterion.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/peers/listen.h"
#include "tests/unit/certificates.h"
#include "tests/unit/hello_tools.h"

enum { RECORD_HEADER = 5, RECORD_MAX = RECORD_HEADER + (1 << 14) };

static struct tls13_options options;

static struct octets read_file(const char *name)
{
    gnutls_datum_t file;
    if (gnutls_load_file(name, &file) != GNUTLS_E_SUCCESS) {
        die("%s: cannot be read", name);
    }
    struct octets octets = octets_copy(bytes_of(file.data, file.size));
    gnutls_free(file.data);
    return octets;
}

static void load_identity(const char *certificate_file, const char *key_file)
{
    static struct test_certificate identity;
    static struct octets der;
    struct octets certificate = read_file(certificate_file);
    struct octets key = read_file(key_file);
    const gnutls_datum_t certificate_data = {certificate.data, (unsigned)certificate.len};
    const gnutls_datum_t key_data = {key.data, (unsigned)key.len};
    if (gnutls_x509_crt_init(&identity.certificate) != GNUTLS_E_SUCCESS ||
        gnutls_x509_privkey_init(&identity.key) != GNUTLS_E_SUCCESS ||
        gnutls_x509_crt_import(identity.certificate, &certificate_data, GNUTLS_X509_FMT_PEM) !=
            GNUTLS_E_SUCCESS ||
        gnutls_x509_privkey_import2(identity.key, &key_data, GNUTLS_X509_FMT_PEM, NULL, 0) !=
            GNUTLS_E_SUCCESS) {
        die("%s, %s: not a certificate and its key", certificate_file, key_file);
    }
    der = test_certificate_der(&identity);
    options.certificates[0] = octets_view(&der);
    options.sign = test_certificate_sign;
    options.sign_context = &identity;
    octets_free(&certificate);
    octets_free(&key);
}

static void publish(const char *file)
{
    struct test_server server;
    gnutls_datum_t text;
    test_server_init(&server, 0);
    const gnutls_datum_t list = {server.list.data, (unsigned)server.list.len};
    FILE *out = fopen(file, "w");
    if (gnutls_base64_encode2(&list, &text) != GNUTLS_E_SUCCESS || out == NULL ||
        fprintf(out, "%.*s\n", (int)text.size, (const char *)text.data) < 0 || fclose(out) != 0) {
        die("%s: cannot be written", file);
    }
    gnutls_free(text.data);
    test_server_free(&server);
}

/* Reads one record. Gives its length with the header; 0: there is none. */
static size_t read_record(int fd, uint8_t *record)
{
    if (recv(fd, record, RECORD_HEADER, MSG_WAITALL) != RECORD_HEADER) {
        return 0;
    }
    size_t length = (size_t)(record[3] << 8 | record[4]);
    if (length > RECORD_MAX - RECORD_HEADER ||
        recv(fd, record + RECORD_HEADER, length, MSG_WAITALL) != (ssize_t)length) {
        return 0;
    }
    return RECORD_HEADER + length;
}

/* Passes on the inner hello of a record that holds a whole outer one. */
static void take_inner(struct test_server *ech, struct bytes outer, struct tls13_server *server)
{
    struct writer record;
    struct octets inner = test_server_open(ech, outer);
    wr_init(&record, 0);
    ech_records_write(&record, ECH_TLS12, octets_view(&inner));
    tls13_server_take(server, wr_view(&record));
    wr_free(&record);
    octets_free(&inner);
}

/* Sends all that the server has to say so far. */
static void put(int fd, struct tls13_server *server)
{
    struct bytes out = wr_view(&server->out);
    if (out.len > 0) {
        (void)!send(fd, out.data, out.len, MSG_NOSIGNAL);
        wr_free(&server->out);
    }
}

static void tell(const struct tls13_seen *seen)
{
    if (seen->finished && seen->application_alert > 0) {
        printf("done, alert %d\n", seen->application_alert);
    } else if (seen->finished) {
        printf("done\n");
    } else if (seen->handshake_alert >= 0 || seen->plain_alert >= 0) {
        /* OpenSSL encrypts nothing before it has read the server's Finished. */
        printf("alert %d\n",
               seen->handshake_alert >= 0 ? seen->handshake_alert : seen->plain_alert);
    } else {
        printf("closed\n");
    }
    fflush(stdout);
}

/* The hellos of a client, and what comes between them. */
static bool take_hellos(int fd, struct tls13_server *server)
{
    uint8_t record[RECORD_MAX];
    struct test_server ech;
    size_t length;
    test_server_init(&ech, 0);
    while (!server->is_protected && server->seen.plain_alert < 0 &&
           (length = read_record(fd, record)) > 0) {
        if (record[0] == ECH_RECORD_HANDSHAKE && options.accept) {
            take_inner(&ech, bytes_of(record + RECORD_HEADER, length - RECORD_HEADER), server);
        } else {
            tls13_server_take(server, bytes_of(record, length));
        }
        put(fd, server);
    }
    test_server_free(&ech);
    return server->is_protected;
}

/* This server ignores what follows Finished, except for the alert after a rejection. */
static bool has_ended(const struct tls13_seen *seen)
{
    return seen->handshake_alert >= 0 || seen->plain_alert >= 0 ||
           (seen->finished && (options.accept || seen->application_alert >= 0));
}

static void serve(int fd, void *argument, unsigned number)
{
    struct test_source source = {.state = number};
    struct tls13_server server;
    uint8_t piece[4096];
    ssize_t got = 1;
    (void)argument;
    tls13_server_init(&server, &options, test_random(&source));
    if (take_hellos(fd, &server)) {
        while (got > 0 && !has_ended(&server.seen)) {
            got = recv(fd, piece, sizeof piece, 0);
            for (ssize_t i = 0; i < got && !has_ended(&server.seen); i++) {
                tls13_server_take(&server, bytes_of(piece + i, 1));
            }
        }
    }
    tell(&server.seen);
    tls13_server_free(&server);
    close(fd);
}

/* Extensions as encoded, in hexadecimal, or "none". */
static struct bytes parse_extensions(const char *text)
{
    if (strcmp(text, "none") == 0) {
        return bytes_of(NULL, 0);
    }
    struct octets octets = octets_of_hex(text); /* lives as long as the process */
    return octets_view(&octets);
}

int main(int argc, char **argv)
{
    if (argc != 9 || (strcmp(argv[5], "accept") != 0 && strcmp(argv[5], "reject") != 0)) {
        die("usage: accept_server ADDRESS:PORT CERTIFICATE KEY CONFIGS accept|reject "
            "RETRY_REQUEST\n"
            "  SERVER_HELLO ENCRYPTED_EXTENSIONS\n"
            "CONFIGS takes the ECHConfigList in base64. The last three are more extensions in\n"
            "hexadecimal, or \"none\". With RETRY_REQUEST, which may be empty, the server asks "
            "for\n"
            "P-384.");
    }
    load_identity(argv[2], argv[3]);
    publish(argv[4]);
    options.accept = strcmp(argv[5], "accept") == 0;
    options.retry = strcmp(argv[6], "none") != 0;
    options.retry_group = ECH_GROUP_P384;
    options.retry_more = parse_extensions(argv[6]);
    options.hello_more = parse_extensions(argv[7]);
    options.extensions_more = parse_extensions(argv[8]);
    serve_forever(listen_on(argv[1]), serve, NULL);
}
