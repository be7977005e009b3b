/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "handshake_log.h"

#include "listen.h"

#include <openssl/bytestring.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ECH_REQUIRED = 121 }; /* RFC 9849, 11.2 */

static FILE *log_file;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int seen_index;

/* ---- what the server sees ---- */

static bool skip_to_extensions(CBS *hello, CBS *extensions)
{
    CBS skipped;
    return CBS_skip(hello, 4 + 2 + 32) && CBS_get_u8_length_prefixed(hello, &skipped) &&
           CBS_get_u16_length_prefixed(hello, &skipped) &&
           CBS_get_u8_length_prefixed(hello, &skipped) &&
           CBS_get_u16_length_prefixed(hello, extensions);
}

/* The server_name of a ClientHello as it was on the wire, or "". */
static void wire_name(const uint8_t *message, size_t len, char name[NAME_LEN])
{
    CBS hello;
    CBS extensions;
    CBS body;
    CBS list;
    CBS host;
    uint16_t type;
    uint8_t name_type;
    CBS_init(&hello, message, len);
    if (!skip_to_extensions(&hello, &extensions)) {
        return;
    }
    while (CBS_get_u16(&extensions, &type) && CBS_get_u16_length_prefixed(&extensions, &body)) {
        if (type == TLSEXT_TYPE_server_name && CBS_get_u16_length_prefixed(&body, &list) &&
            CBS_get_u8(&list, &name_type) && CBS_get_u16_length_prefixed(&list, &host) &&
            CBS_len(&host) < NAME_LEN) {
            memcpy(name, CBS_data(&host), CBS_len(&host));
            name[CBS_len(&host)] = '\0';
        }
    }
}

/* The data of an extension of a ClientHello; empty if there is none. */
static CBS extension_of(const struct message *message, uint16_t wanted)
{
    CBS hello;
    CBS extensions;
    CBS body;
    uint16_t type;
    CBS_init(&hello, message->data, message->len);
    if (skip_to_extensions(&hello, &extensions)) {
        while (CBS_get_u16(&extensions, &type) && CBS_get_u16_length_prefixed(&extensions, &body)) {
            if (type == wanted) {
                return body;
            }
        }
    }
    CBS_init(&body, NULL, 0);
    return body;
}

static bool have_same_share(const struct message *outer, const struct message *inner)
{
    CBS of_outer = extension_of(outer, TLSEXT_TYPE_key_share);
    CBS of_inner = extension_of(inner, TLSEXT_TYPE_key_share);
    return CBS_len(&of_outer) > 0 &&
           CBS_mem_equal(&of_outer, CBS_data(&of_inner), CBS_len(&of_inner));
}

static void note_refusal(void)
{
    pthread_mutex_lock(&log_lock);
    fputs("{\"ech_required\":true}\n", log_file);
    fflush(log_file);
    pthread_mutex_unlock(&log_lock);
}

static void keep(struct message *message, const void *data, size_t len)
{
    message->data = OPENSSL_memdup(data, len);
    message->len = message->data != NULL ? len : 0;
}

static void on_message(int is_write, int version, int type, const void *data, size_t len, SSL *ssl,
                       void *argument)
{
    (void)version;
    (void)argument;
    const uint8_t *message = data;
    struct seen *seen = SSL_get_ex_data(ssl, seen_index);
    /* The decrypted inner hello comes as another type (SSL3_RT_CLIENT_HELLO_INNER). */
    if (!is_write && type == SSL3_RT_HANDSHAKE && len > 4 && message[0] == SSL3_MT_CLIENT_HELLO) {
        if (seen->client_hellos++ == 0) {
            wire_name(message, len, seen->outer_name);
            keep(&seen->outer, data, len);
        }
    } else if (!is_write && type == SSL3_RT_CLIENT_HELLO_INNER && seen->inner_hellos < 2) {
        keep(&seen->inner[seen->inner_hellos], data, len);
        if (seen->inner_hellos++ == 0) {
            seen->same_share = have_same_share(&seen->outer, &seen->inner[0]);
        }
    } else if (!is_write && type == SSL3_RT_ALERT && len == 2 && message[1] == ECH_REQUIRED) {
        note_refusal();
    } else if (is_write && type == SSL3_RT_HANDSHAKE && len > 4 &&
               message[0] == SSL3_MT_SERVER_HELLO && seen->retry_request.data == NULL) {
        /* If this is a ServerHello, there is no second hello. */
        keep(&seen->retry_request, data, len);
    }
}

void handshake_log_attach(SSL_CTX *ctx)
{
    SSL_CTX_set_msg_callback(ctx, on_message);
}

bool handshake_log_follow(SSL *ssl, struct seen *seen)
{
    return SSL_set_ex_data(ssl, seen_index, seen) == 1;
}

void handshake_log_free(struct seen *seen)
{
    OPENSSL_free(seen->outer.data);
    OPENSSL_free(seen->inner[0].data);
    OPENSSL_free(seen->inner[1].data);
    OPENSSL_free(seen->retry_request.data);
}

/* ---- the log ---- */

void handshake_log_open(const char *file)
{
    log_file = file != NULL ? fopen(file, "ae") : stdout;
    if (log_file == NULL) {
        die("%s: cannot be written", file);
    }
    seen_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static void json_text(FILE *out, const char *key, const char *text)
{
    fprintf(out, ",\"%s\":", key);
    if (text == NULL || *text == '\0') {
        fputs("null", out);
        return;
    }
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e || *c == '"' || *c == '\\') {
            fprintf(out, "\\u%04x", *c);
        } else {
            fputc(*c, out);
        }
    }
    fputc('"', out);
}

static void json_octets(FILE *out, const struct message *message)
{
    fputc('"', out);
    for (size_t i = 0; i < message->len; i++) {
        fprintf(out, "%02x", message->data[i]);
    }
    fputc('"', out);
}

static void log_second_hello(FILE *out, const struct seen *seen)
{
    if (seen->inner_hellos == 2) {
        fputs(",\"inner_hellos\":[", out);
        json_octets(out, &seen->inner[0]);
        fputc(',', out);
        json_octets(out, &seen->inner[1]);
        fputs("],\"retry_request\":", out);
        json_octets(out, &seen->retry_request);
    }
}

void handshake_log_write(SSL *ssl, const struct seen *seen, bool done, const char *error)
{
    const uint8_t *alpn;
    unsigned alpn_len;
    char protocol[64] = "";
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
    snprintf(protocol, sizeof protocol, "%.*s", (int)alpn_len, (const char *)alpn);
    bool accepted = SSL_ech_accepted(ssl);
    /* With early data the server's handshake counts as done as soon as it may read that data. */
    bool early = SSL_in_early_data(ssl);
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    pthread_mutex_lock(&log_lock);
    FILE *out = log_file;
    fprintf(out,
            "{\"done\":%s,\"accepted\":%s,\"hrr\":%s,\"resumed\":%s,\"client_hellos\":%u"
            ",\"early\":%s,\"same_share\":%s",
            done ? "true" : "false", accepted ? "true" : "false",
            SSL_used_hello_retry_request(ssl) || seen->client_hellos > 1 ? "true" : "false",
            done && SSL_session_reused(ssl) ? "true" : "false", seen->client_hellos,
            early ? "true" : "false", seen->same_share ? "true" : "false");
    json_text(out, "name", name);
    json_text(out, "inner_name", accepted ? name : NULL);
    json_text(out, "outer_name", seen->outer_name);
    json_text(out, "version", done ? SSL_get_version(ssl) : NULL);
    json_text(out, "cipher", done ? SSL_get_cipher_name(ssl) : NULL);
    json_text(out, "alpn", protocol);
    json_text(out, "error", error);
    log_second_hello(out, seen);
    fputs("}\n", out);
    fflush(out);
    pthread_mutex_unlock(&log_lock);
}
