/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host_name.h"

#include <string.h>

/* "a.." is not a name, and must not become one. */
static size_t without_dot(const char *host, size_t length)
{
    bool dot = length > 0 && host[length - 1] == '.' && (length == 1 || host[length - 2] != '.');
    return dot ? length - 1 : length;
}

size_t dns_host_length(const char *host)
{
    return without_dot(host, strlen(host));
}

bool dns_host_equal_octets(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t length = without_dot(a, a_length);
    if (length != without_dot(b, b_length)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (dns_lower((uint8_t)a[i]) != dns_lower((uint8_t)b[i])) {
            return false;
        }
    }
    return true;
}

bool dns_host_equal(const char *a, const char *b)
{
    return dns_host_equal_octets(a, strlen(a), b, strlen(b));
}

bool dns_host_normal(const char *host, char out[DNS_HOST_SIZE])
{
    size_t length = dns_host_length(host);
    out[0] = '\0';
    if (length >= DNS_HOST_SIZE) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        out[i] = (char)dns_lower((uint8_t)host[i]);
    }
    out[length] = '\0';
    return true;
}

uint64_t dns_host_hash(const char *host, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    length = without_dot(host, length);
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ dns_lower((uint8_t)host[i])) * UINT64_C(0x100000001b3);
    }
    return hash;
}
