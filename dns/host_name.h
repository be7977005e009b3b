/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The normal form of host names. "Example.ORG" and "example.org." are one name (RFC 1034, 3.1):
 * names are compared, and used as keys, in this form alone. Pure; independent of the locale.
 */
#ifndef DNS_HOST_NAME_H
#define DNS_HOST_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DNS_HOST_SIZE = 254,  /* octets of a host name as text with its NUL: 253 is the longest */
    DNS_HTTPS_PORT = 443, /* the port of a host that is named without one (RFC 9110, 4.2.2) */
};

/* The octet in lower case, by ASCII alone. */
static inline uint8_t dns_lower(uint8_t octet)
{
    return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet - 'A' + 'a') : octet;
}

/* The length of the name without a dot at its end. */
size_t dns_host_length(const char *host);

/* Do both spell the same name? */
bool dns_host_equal(const char *a, const char *b);
/* The same for names that have no NUL at their end. */
bool dns_host_equal_octets(const char *a, size_t a_length, const char *b, size_t b_length);

/* Writes the normal form: lower case, without the dot. False if it does not fit; *out is "" then.
 */
bool dns_host_normal(const char *host, char out[DNS_HOST_SIZE]);

/* Equal for names that are equal (FNV-1a). */
uint64_t dns_host_hash(const char *host, size_t length);

#endif
