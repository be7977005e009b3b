/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An HTTPS server with ECH, on BoringSSL: the peer of the tests. It logs one JSON line for each
 * handshake, so that a test can see what the server saw. */
#include "ech_keys.h"
#include "handshake_log.h"
#include "http.h"
#include "listen.h"

#include <getopt.h>
#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { NAMES_MAX = 16, HANDSHAKE_SECONDS = 20, LINGER_MS = 2000 };

/* A certificate for a name; the first one serves every other name too. */
struct identity {
    const char *name;
    SSL_CTX *ctx;
};

struct server {
    struct identity identities[NAMES_MAX];
    size_t identity_count;
    /* Each of the first `renewals` connections finds a new ECH key. After `ech_connections` the
     * server has no ECH any more (0: it keeps ECH). */
    unsigned renewals;
    unsigned ech_connections;
    struct ech_options ech;
    const char *root;
    bool one_by_one;
    pthread_mutex_t turn;
    /* Instead of serving HTTP: forwards the decrypted data there, and the answers back. Closes a
     * connection that is idle for so long (0: never). */
    const char *forward;
    const char *alpn; /* the only protocol, with its length */
    int forward_idle_ms;
    /* Compressed certificates (zlib) for clients that take them: "good", "more" (stands for an
     * octet more than the server says), "garbage". NULL: none. */
    const char *compression;
};

static struct server the_server = {.turn = PTHREAD_MUTEX_INITIALIZER, .alpn = "\x08http/1.1"};

/* A stream of zlib with one stored block (RFC 1950, RFC 1951): nothing gets shorter. */
static int on_compress(SSL *ssl, CBB *out, const uint8_t *in, size_t length)
{
    (void)ssl;
    bool garbage = strcmp(the_server.compression, "garbage") == 0;
    bool more = strcmp(the_server.compression, "more") == 0;
    uint32_t a = 1;
    uint32_t b = 0;
    uint16_t stored = (uint16_t)(length + more);
    for (size_t i = 0; i < stored; i++) {
        a = (a + (i < length ? in[i] : 0)) % 65521;
        b = (b + a) % 65521;
    }
    return length < UINT16_MAX && CBB_add_u16(out, garbage ? 0 : 0x7801) && CBB_add_u8(out, 1) &&
           CBB_add_u16le(out, stored) && CBB_add_u16le(out, (uint16_t)~stored) &&
           CBB_add_bytes(out, in, length) && (!more || CBB_add_u8(out, 0)) &&
           CBB_add_u32(out, b << 16 | a);
}

static int on_servername(SSL *ssl, int *alert, void *argument)
{
    (void)alert;
    (void)argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    for (size_t i = 0; name != NULL && i < the_server.identity_count; i++) {
        if (strcasecmp(the_server.identities[i].name, name) == 0) {
            SSL_set_SSL_CTX(ssl, the_server.identities[i].ctx);
        }
    }
    return SSL_TLSEXT_ERR_OK;
}

static int on_alpn(SSL *ssl, const uint8_t **out, uint8_t *out_len, const uint8_t *in,
                   unsigned in_len, void *argument)
{
    (void)ssl;
    (void)argument;
    const uint8_t *ours = (const uint8_t *)the_server.alpn;
    uint8_t *chosen;
    if (SSL_select_next_proto(&chosen, out_len, ours, 1U + ours[0], in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Ends the connection so that the client gets everything sent: closing a socket with unread input
 * would reset it. */
static void hang_up(SSL *ssl, int fd)
{
    char rest[4096];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    SSL_shutdown(ssl);
    shutdown(fd, SHUT_WR);
    while (poll(&ready, 1, LINGER_MS) == 1 && recv(fd, rest, sizeof rest, 0) > 0) {
    }
}

/* Carries the client's octets to another server, and its answers back, until one of them ends. */
static void forward(SSL *ssl, int fd)
{
    char octets[16384];
    int other = connect_to(the_server.forward);
    int wait_ms = the_server.forward_idle_ms != 0 ? the_server.forward_idle_ms : -1;
    for (;;) {
        struct pollfd ready[2] = {{.fd = fd, .events = POLLIN}, {.fd = other, .events = POLLIN}};
        if (SSL_pending(ssl) == 0 && poll(ready, 2, wait_ms) <= 0) {
            break;
        }
        if (SSL_pending(ssl) > 0 || ready[0].revents != 0) {
            int got = SSL_read(ssl, octets, sizeof octets);
            if (got <= 0 || send(other, octets, (size_t)got, MSG_NOSIGNAL) != got) {
                break;
            }
        } else if (ready[1].revents != 0) {
            ssize_t got = recv(other, octets, sizeof octets, 0);
            if (got <= 0 || SSL_write(ssl, octets, (int)got) != (int)got) {
                break;
            }
        }
    }
    close(other);
}

/* The context with which a connection starts. */
static SSL_CTX *context_for(unsigned number)
{
    SSL_CTX *first = the_server.identities[0].ctx;
    if (the_server.ech_connections != 0 && number > the_server.ech_connections) {
        return the_server.identities[1].ctx;
    }
    if (number <= the_server.renewals) {
        ech_keys_renew(first, &the_server.ech);
    }
    return first;
}

static void serve_connection(int fd, unsigned number)
{
    struct seen seen = {0};
    struct timeval limit = {.tv_sec = HANDSHAKE_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    SSL *ssl = SSL_new(context_for(number));
    if (ssl == NULL || !SSL_set_fd(ssl, fd) || !handshake_log_follow(ssl, &seen)) {
        die("out of memory");
    }
    int result = SSL_accept(ssl);
    if (result == 1) {
        const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        handshake_log_write(ssl, &seen, true, NULL);
        if (the_server.forward != NULL) {
            forward(ssl, fd);
        } else {
            http_serve(ssl, name != NULL ? name : "nobody", the_server.root);
        }
    } else {
        char error[256] = "connection closed";
        uint32_t code = ERR_get_error();
        if (code != 0) {
            ERR_error_string_n(code, error, sizeof error);
        }
        handshake_log_write(ssl, &seen, false, error);
    }
    hang_up(ssl, fd);
    SSL_free(ssl);
    close(fd);
    handshake_log_free(&seen);
}

static void serve(int fd, void *argument, unsigned number)
{
    (void)argument;
    if (the_server.one_by_one) {
        pthread_mutex_lock(&the_server.turn);
    }
    serve_connection(fd, number);
    if (the_server.one_by_one) {
        pthread_mutex_unlock(&the_server.turn);
    }
}

/* NAME=CERTIFICATE=KEY */
static void add_identity(char *text)
{
    char *certificate = strchr(text, '=');
    char *key = certificate != NULL ? strchr(certificate + 1, '=') : NULL;
    if (key == NULL || the_server.identity_count == NAMES_MAX) {
        die("%s: not NAME=CERTIFICATE=KEY", text);
    }
    *certificate++ = '\0';
    *key++ = '\0';
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL || !SSL_CTX_use_certificate_chain_file(ctx, certificate) ||
        !SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM)) {
        die("%s, %s: not a certificate and its key", certificate, key);
    }
    the_server.identities[the_server.identity_count++] = (struct identity){text, ctx};
}

static void parse_aeads(char *text, uint16_t aeads[4])
{
    static const char *const names[] = {"aes128", "aes256", "chacha20"};
    size_t count = 0;
    memset(aeads, 0, 4 * sizeof *aeads);
    for (char *name = strtok(text, ","); name != NULL && count < 3; name = strtok(NULL, ",")) {
        for (uint16_t i = 0; i < 3; i++) {
            if (strcmp(name, names[i]) == 0) {
                aeads[count++] = (uint16_t)(i + 1);
            }
        }
    }
    if (count == 0) {
        die("--aead takes aes128,aes256,chacha20");
    }
}

static void usage(void)
{
    die("usage: ech_server --listen ADDRESS:PORT --cert NAME=CERTIFICATE=KEY... [--log FILE]\n"
        "  [--root FOLDER] [--groups LIST] [--tls12] [--no-ech]\n"
        "  [--public-name NAME] [--maximum-name-length N] [--config-id N]\n"
        "  [--aead aes128,aes256,chacha20] [--configs FILE] [--retry-configs FILE]\n"
        "  [--load-key FILE] [--save-key FILE] [--stale CONFIG_ID] [--renew N] [--forget N]\n"
        "  [--one-by-one] [--early-data] [--compress-certificate good|more|garbage] "
        "[--ask-certificate]\n"
        "  [--forward ADDRESS:PORT [--alpn h2] [--idle-ms N]]\n"
        "--configs takes the published ECHConfigList in base64. --stale publishes a config of a\n"
        "key that the server does not have; --groups P-384 makes it ask most clients to retry.\n"
        "--renew makes a new ECH key for each of the first N connections; --forget knows nothing\n"
        "of ECH after N connections, which takes a second certificate. --one-by-one lets a\n"
        "connection wait until the one before it has ended.");
}

struct options {
    const char *listen;
    const char *log;
    const char *groups;
    bool tls12;
    bool no_ech;
    bool early_data;
    bool ask_certificate;
    struct ech_options ech;
};

static void parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"listen", 1, NULL, 'l'},
        {"cert", 1, NULL, 'c'},
        {"log", 1, NULL, 'L'},
        {"root", 1, NULL, 'r'},
        {"groups", 1, NULL, 'g'},
        {"tls12", 0, NULL, '2'},
        {"no-ech", 0, NULL, 'n'},
        {"public-name", 1, NULL, 'p'},
        {"config-id", 1, NULL, 'i'},
        {"maximum-name-length", 1, NULL, 'm'},
        {"aead", 1, NULL, 'a'},
        {"configs", 1, NULL, 'o'},
        {"load-key", 1, NULL, 'k'},
        {"retry-configs", 1, NULL, 'R'},
        {"save-key", 1, NULL, 'K'},
        {"stale", 1, NULL, 's'},
        {"renew", 1, NULL, 'N'},
        {"forget", 1, NULL, 'f'},
        {"one-by-one", 0, NULL, '1'},
        {"early-data", 0, NULL, 'e'},
        {"forward", 1, NULL, 'F'},
        {"alpn", 1, NULL, 'A'},
        {"idle-ms", 1, NULL, 'I'},
        {"compress-certificate", 1, NULL, 'C'},
        {"ask-certificate", 0, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'l':
            options->listen = optarg;
            break;
        case 'c':
            add_identity(optarg);
            break;
        case 'L':
            options->log = optarg;
            break;
        case 'r':
            the_server.root = optarg;
            break;
        case 'g':
            options->groups = optarg;
            break;
        case '2':
            options->tls12 = true;
            break;
        case 'n':
            options->no_ech = true;
            break;
        case 'p':
            options->ech.public_name = optarg;
            break;
        case 'i':
            options->ech.config_id = (unsigned)atoi(optarg) & 0xff;
            break;
        case 'm':
            options->ech.maximum_name_length = (unsigned)atoi(optarg) & 0xff;
            break;
        case 'a':
            parse_aeads(optarg, options->ech.aeads);
            break;
        case 'o':
            options->ech.publish = optarg;
            break;
        case 'R':
            options->ech.publish_retry = optarg;
            break;
        case 'k':
            options->ech.load_key = optarg;
            break;
        case 'K':
            options->ech.save_key = optarg;
            break;
        case 's':
            options->ech.stale = true;
            options->ech.stale_config_id = (unsigned)atoi(optarg) & 0xff;
            break;
        case 'N':
            the_server.renewals = (unsigned)atoi(optarg);
            break;
        case 'e':
            options->early_data = true;
            break;
        case 'f':
            the_server.ech_connections = (unsigned)atoi(optarg);
            break;
        case '1':
            the_server.one_by_one = true;
            break;
        case 'F':
            the_server.forward = optarg;
            break;
        case 'A':
            the_server.alpn = strcmp(optarg, "h2") == 0 ? "\x02h2" : the_server.alpn;
            break;
        case 'I':
            the_server.forward_idle_ms = atoi(optarg);
            break;
        case 'C':
            the_server.compression = optarg;
            break;
        case 'V':
            options->ask_certificate = true;
            break;
        default:
            usage();
        }
    }
    if (options->listen == NULL || optind != argc ||
        the_server.identity_count < (the_server.ech_connections != 0 ? 2 : 1)) {
        usage();
    }
}

/* A certificate of the client, and none, are both good. */
static enum ssl_verify_result_t on_certificate(SSL *ssl, uint8_t *alert)
{
    (void)ssl, (void)alert;
    return ssl_verify_ok;
}

static void set_up(SSL_CTX *ctx, const struct options *options)
{
    if (options->ask_certificate) {
        SSL_CTX_set_custom_verify(ctx, SSL_VERIFY_PEER, on_certificate);
    }
    SSL_CTX_set_tlsext_servername_callback(ctx, on_servername);
    handshake_log_attach(ctx);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
    SSL_CTX_set_max_proto_version(ctx, options->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_early_data_enabled(ctx, options->early_data);
    if (options->groups != NULL && !SSL_CTX_set1_curves_list(ctx, options->groups)) {
        die("%s: not a list of groups", options->groups);
    }
}

/* Each certificate is compressed by its own context. */
static void set_up_compression(void)
{
    for (size_t i = 0; i < the_server.identity_count; i++) {
        if (!SSL_CTX_add_cert_compression_alg(the_server.identities[i].ctx,
                                              TLSEXT_cert_compression_zlib, on_compress, NULL)) {
            die("--compress-certificate");
        }
    }
}

int main(int argc, char **argv)
{
    struct options options = {
        .ech = {.public_name = "public.example", .config_id = 7, .aeads = {1, 2, 3}}};
    parse_options(argc, argv, &options);
    handshake_log_open(options.log);
    /* Every connection starts with the first context, so that one has the tickets, groups and ECH
     * keys; the others only lend their certificates. */
    set_up(the_server.identities[0].ctx, &options);
    if (!options.no_ech) {
        ech_keys_set(the_server.identities[0].ctx, &options.ech);
    }
    if (the_server.ech_connections != 0) {
        set_up(the_server.identities[1].ctx, &options);
    }
    if (the_server.compression != NULL) {
        set_up_compression();
    }
    the_server.ech = options.ech;
    serve_forever(listen_on(options.listen), serve, NULL);
}
