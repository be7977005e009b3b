/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way to an encrypted resolver through a proxy: SOCKS5 (RFC 1928, RFC 1929) or CONNECT of HTTP
 * (RFC 9110, 9.3.6). Pure: octets in, octets out.
 */
#ifndef DNS_ENCRYPTED_PROXY_H
#define DNS_ENCRYPTED_PROXY_H

#include "dns/resolver.h"
#include "ech/wire.h"

enum { DNS_PROXY_WORD = 256 }; /* octets of a user's name or a password, with its NUL */

struct dns_proxy {
    bool http;                /* else SOCKS5 */
    char name[DNS_HOST_SIZE]; /* "": the address counts */
    uint16_t port;            /* host order */
    union dns_socket_address address;
    socklen_t address_len;
    char user[DNS_PROXY_WORD]; /* "": none */
    char password[DNS_PROXY_WORD];
};

/*
 * Parses socks5h://[USER:PASSWORD@]HOST[:PORT] (port 1080; socks5:// is the same), or http://...
 * (port 8080). The proxy resolves the resolver's name if that has no address. ECH_ERR_DECODE:
 * anything else.
 */
ECH_MUST_USE enum ech_status dns_proxy_parse(const char *setting, struct dns_proxy *proxy);

/* Where the proxy has to connect to. */
struct dns_proxy_target {
    const char *name; /* NULL: the address */
    const union dns_socket_address *address;
    uint16_t port;
};

enum dns_proxy_stage {
    DNS_PROXY_START,
    DNS_PROXY_METHOD, /* waits for the choice of a method */
    DNS_PROXY_LOGIN,
    DNS_PROXY_REPLY,
    DNS_PROXY_OPEN, /* everything from now on is between us and the resolver */
    DNS_PROXY_FAILED,
};

/* What has come is `in`, from the start of the present answer; *used says how much of it was an
 * answer. Appends what has to be sent. Call it first with nothing. The next stage. */
ECH_MUST_USE enum dns_proxy_stage dns_proxy_step(const struct dns_proxy *proxy,
                                                 const struct dns_proxy_target *target,
                                                 enum dns_proxy_stage stage, struct bytes in,
                                                 size_t *used, struct writer *out);

#endif
