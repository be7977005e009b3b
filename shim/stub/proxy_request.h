/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client asks of proxies, read from the octets that it writes on a connection: CONNECT (RFC
 * 9110, 9.3.6), SOCKS4, SOCKS4a and SOCKS5 (RFC 1928, RFC 1929). Pure, so that tests and fuzzers
 * need no sockets. It reads octet by octet, because a program may cut its writes anywhere.
 */
#ifndef SHIM_STUB_PROXY_REQUEST_H
#define SHIM_STUB_PROXY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where a connection stands. All zero: nothing has been written yet. After each whole request the
 * reader is back at its start. Another request may follow: CONNECT again after a 407, or one for
 * the next proxy of a chain.
 */
struct shim_proxy_reader {
    uint64_t host;     /* hash of the octets of the host so far */
    uint64_t undotted; /* the same, up to the last dot */
    uint64_t named;    /* hash of the host up to the last colon */
    uint32_t number;   /* of a port, as far as it is read */
    uint16_t left;     /* octets still to come of the current item */
    uint8_t phase;
    uint8_t matched; /* octets of "CONNECT"; the first two of SOCKS requests */
    uint8_t flags;
    uint8_t methods; /* of authentication that SOCKS5 offers, as bits */
};

/* What one more octet meant. */
enum shim_proxy_event {
    SHIM_PROXY_MORE,   /* it belongs to a request, as far as we know */
    SHIM_PROXY_TARGET, /* the same, and the target of the request is known now */
    SHIM_PROXY_OVER,   /* it belongs to no request, and no later octet is for a proxy */
    SHIM_PROXY_UNREAD, /* the same, but a request was begun that cannot be read: the connection may
                          lead anywhere */
};

/* Where a request wants to be connected to. */
struct shim_proxy_target {
    uint64_t host; /* shim_proxy_host_hash of a name; 0: an address, or not read */
    uint16_t port;
    bool port_known; /* false: the port cannot be read */
};

/* Reads one octet. Sets *target only with SHIM_PROXY_TARGET. After SHIM_PROXY_OVER or
 * SHIM_PROXY_UNREAD every octet is SHIM_PROXY_OVER. */
enum shim_proxy_event shim_proxy_read(struct shim_proxy_reader *reader, uint8_t octet,
                                      struct shim_proxy_target *target);

/* May a request begin with this octet, or go on with it after an answer of the proxy? */
bool shim_proxy_may_begin(uint8_t octet);

/* A hash of a host's name, never 0. All spellings of a name (case, a dot at the end) have the same
 * hash. Two names may share a hash. */
uint64_t shim_proxy_host_hash(const char *host);

/*
 * Is the datagram one for a SOCKS5 proxy (RFC 1928, 7)? Sets *header to the octets before the
 * contents, and *port to the port that these go to.
 */
bool shim_proxy_datagram(const uint8_t *octets, size_t length, size_t *header, uint16_t *port);

/* No such header is longer. */
enum { SHIM_PROXY_DATAGRAM_HEADER_MAX = 4 + 1 + 255 + 2 };

#endif
