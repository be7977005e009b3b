/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log of ech_server: one JSON line for each handshake, with what the server saw of it, and one
 * for each alert ech_required. */
#ifndef HANDSHAKE_LOG_H
#define HANDSHAKE_LOG_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAME_LEN = 256 };

/* A handshake message, of any length. */
struct message {
    uint8_t *data;
    size_t len;
};

/* What the server saw of one handshake. */
struct seen {
    char outer_name[NAME_LEN];
    struct message outer; /* the first ClientHello, as it was on the wire */
    bool same_share;      /* it has the key_share of ClientHelloInner */
    unsigned client_hellos;
    /* After a HelloRetryRequest: both hellos as decrypted, and the message between them. */
    struct message inner[2];
    unsigned inner_hellos;
    struct message retry_request;
};

/* Opens the log for all handshakes; NULL: standard output. Ends the program if it cannot. */
void handshake_log_open(const char *file);

/* Makes connections of this context note their messages. */
void handshake_log_attach(SSL_CTX *ctx);

/* Notes the messages of this connection in *seen, which must outlive it. False: out of memory. */
bool handshake_log_follow(SSL *ssl, struct seen *seen);

/* Writes the line; error is NULL if the handshake is done. */
void handshake_log_write(SSL *ssl, const struct seen *seen, bool done, const char *error);

void handshake_log_free(struct seen *seen);

#endif
