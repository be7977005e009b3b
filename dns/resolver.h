/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which servers are asked: the setting ECHSHIM_RESOLVER, and resolv.conf for the value `system`. */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "dns/name.h"
#include "ech/status.h"
#include "ech/wire.h"

enum {
    DNS_RESOLVERS_MAX = 6,                                        /* of one list */
    DNS_RESOLV_CONF_MAX = 3,                                      /* servers, like glibc's MAXNS */
    DNS_SERVER_MAX = DNS_RESOLVERS_MAX + DNS_RESOLV_CONF_MAX - 1, /* one of a list is `system` */
    DNS_ADDRESS_MAX = 8,                                          /* of one encrypted resolver */
    DNS_ADDRESS_TEXT = 72, /* octets of one address as text with its NUL, and more */
    DNS_SERVER_ID = 96,    /* octets of one server as text with its NUL */
    DNS_RESOLVER_ID = DNS_SERVER_MAX * DNS_SERVER_ID,
    DNS_RESOLV_CONF_FRESH_MS = 100, /* see dns_resolver_recent_servers */
    /* Defaults: microseconds for one try at one server, and rounds through all servers. */
    DNS_TRY_US = 5000000,
    DNS_ATTEMPTS = 2,
    /* The same for a list of plain servers, whose user wants the next one to be asked soon. */
    DNS_NEXT_US = 250000,
    DNS_LIST_ATTEMPTS = 4,
    DNS_PATH_SIZE = 192, /* octets of the path of an https:// resolver with its NUL */
};

union dns_socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct dns_server {
    union dns_socket_address address;
    socklen_t address_len;
    bool tcp_only;
};

/* Plain DNS servers in the order in which they are asked, and how long each gets. */
struct dns_servers {
    struct dns_server server[DNS_SERVER_MAX];
    size_t count;
    uint64_t try_us;   /* bound of one try at one server */
    unsigned attempts; /* rounds through all servers */
};

enum dns_resolver_kind {
    DNS_RESOLVER_SYSTEM,    /* what resolv.conf says at the time of each look-up */
    DNS_RESOLVER_FIXED,     /* udp:// or tcp://, or a list of these that may have `system` in it */
    DNS_RESOLVER_ENCRYPTED, /* tls:// (RFC 7858), https:// (RFC 8484), or a list of these */
};

/*
 * An encrypted resolver. Its certificate is checked for the configured name, or for the address if
 * there is no name, whatever a look-up said (RFC 8310, 7; RFC 8484, 9).
 */
struct dns_secure_server {
    bool https;
    char name[DNS_HOST_SIZE]; /* lower-case, without a trailing dot; "": the address counts */
    uint16_t port;            /* host order */
    union dns_socket_address address[DNS_ADDRESS_MAX];
    socklen_t address_len[DNS_ADDRESS_MAX];
    size_t address_count;     /* 0: the system looks up the name */
    char path[DNS_PATH_SIZE]; /* of https://, with its slash */
    char id[DNS_RESOLVER_ID]; /* the setting in full, for the report and as a part of cache keys */
};

struct dns_resolver {
    enum dns_resolver_kind kind;
    struct dns_servers fixed; /* of DNS_RESOLVER_FIXED */
    bool has_system;          /* that list has `system` in it, before the server of this number */
    size_t system_place;
    /* Of DNS_RESOLVER_ENCRYPTED, in the order in which they are asked. */
    struct dns_secure_server secure[DNS_RESOLVERS_MAX];
    size_t secure_count;
};

/* Where problems of a list go. `item`: the resolver that cannot be used, or NULL; valid during the
 * call. `why`: half a sentence, static. */
struct dns_resolver_problems {
    void (*tell)(void *context, const char *item, const char *why);
    void *context;
};

/*
 * Parses a setting: one resolver, or several, separated as dns/resolver_items.h says. IPv6 stands
 * in brackets, with a scope if need be:
 *   system
 *   udp://IP[:PORT], tcp://IP[:PORT]    port 53
 *   tls://IP[,IP]...[:PORT][#NAME], tls://NAME[:PORT]#IP[,IP]...
 *                                       port 853, never 53 (RFC 7858, 3.1)
 *   https://HOST[:PORT]/PATH[#IP[,IP]...]
 *                                       port 443; HOST is a name or an IP, which takes no #IP. PATH
 *                                       may end in {?dns} (RFC 8484, 4.1), which is left out: what
 *                                       is made is POST requests
 * Resolvers of a list that cannot be used are told, and the others are used. With an encrypted one
 * among them, plain ones are never asked. ECH_ERR_DECODE: none is left, or only plain ones are, and
 * one that is lost was perhaps meant to be encrypted; the caller must then send no questions.
 * `problems` may be NULL.
 */
ECH_MUST_USE enum ech_status dns_resolver_parse(const char *setting, struct dns_resolver *resolver,
                                                const struct dns_resolver_problems *problems);

/* Is the connection to the resolver encrypted and authenticated (RFC 9460, 3.1)? */
ECH_MUST_USE bool dns_resolver_is_protected(const struct dns_resolver *resolver);

/* The address as in a setting: IPv6 in brackets. No port. */
void dns_address_format(const union dns_socket_address *address, char *out, size_t size);

/*
 * Reads the text of a resolv.conf as glibc reads it: at most three `nameserver` lines with an
 * address in any form of inet_aton or IPv6 ("127.53" is 127.0.0.53), `options timeout:N` (1 to 30
 * s), `attempts:N` (1 to 5) and `use-vc`. Skips what does not parse. Without any server: 127.0.0.1.
 * (`rotate`, `search` and `ndots` do not matter here: the names are complete.)
 */
void dns_resolv_conf_parse(struct bytes text, struct dns_servers *servers);

/*
 * The plain servers of this resolver now; none for an encrypted one. `resolv_conf` is the path of
 * the file that `system` reads ("/etc/resolv.conf"), and stays valid; a file that cannot be read
 * counts as empty. Each call asks for the file's times, because networks change; each thread reads
 * it again when they have. `id`: of the resolver (dns_servers_id; of a list of encrypted ones: as
 * many of their ids as fit).
 */
void dns_resolver_servers(const struct dns_resolver *resolver, const char *resolv_conf,
                          struct dns_servers *servers, char id[DNS_RESOLVER_ID]);

/*
 * The same as of a moment ago: resolv.conf is not looked at again if that was done within
 * DNS_RESOLV_CONF_FRESH_MS. For look-ups in the cache, by which no name is told to anybody. Who
 * asks a resolver calls dns_resolver_servers, which sees every change.
 */
void dns_resolver_recent_servers(const struct dns_resolver *resolver, const char *resolv_conf,
                                 struct dns_servers *servers, char id[DNS_RESOLVER_ID]);

/* One server as text. */
void dns_server_id(const struct dns_server *server, char id[DNS_SERVER_ID]);
/* The servers as text, such as "udp://[::1]:53": for the report, and as a part of cache keys (RFC
 * 9460, 12). */
void dns_servers_id(const struct dns_servers *servers, char id[DNS_RESOLVER_ID]);
/* Copies such a text, and not the rest of its array, which is long: this runs for each handshake.
 */
void dns_resolver_id_copy(char to[DNS_RESOLVER_ID], const char *from);

#endif
