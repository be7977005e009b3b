/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/name.h"

#include <stdio.h>
#include <string.h>

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* RFC 1123 allows no underscore in host names, but many names in use have one. */
static bool is_host_octet(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
    return bytes_equal(dns_name_view(a), dns_name_view(b));
}

bool dns_name_is_root(const struct dns_name *name)
{
    return name->len == 1;
}

/* Appends one label; false if the name would leave no room for its root label. */
static bool add_label(struct dns_name *name, struct bytes label)
{
    if (label.len > DNS_LABEL_MAX || name->len + 1 + label.len > DNS_NAME_MAX - 1) {
        return false;
    }
    name->octets[name->len++] = (uint8_t)label.len;
    for (size_t i = 0; i < label.len; i++) {
        name->octets[name->len++] = dns_lower(label.data[i]);
    }
    return true;
}

static void add_root(struct dns_name *name)
{
    name->octets[name->len++] = 0;
}

enum ech_status dns_name_read(struct reader *r, struct dns_name *name)
{
    struct reader rest = *r;
    name->len = 0;
    for (;;) {
        struct reader label;
        if (!rd_vec8(&rest, &label)) {
            return ECH_ERR_DECODE;
        }
        if (rd_done(&label)) {
            add_root(name);
            *r = rest;
            return ECH_OK;
        }
        /* A length over 63 is a compression pointer or a label type that is no longer in use (RFC
         * 6891, 5). */
        if (!add_label(name, rd_rest(&label))) {
            return ECH_ERR_DECODE;
        }
    }
}

static bool is_host_label(struct bytes label)
{
    if (label.len == 0 || label.len > DNS_LABEL_MAX) {
        return false;
    }
    for (size_t i = 0; i < label.len; i++) {
        if (!is_host_octet(dns_lower(label.data[i]))) {
            return false;
        }
    }
    return true;
}

/* Decimal, or 0x and hexadecimal. Programs take a name that ends in such a number for an IPv4
 * address. No top-level domain is one. */
static bool is_number(struct bytes label)
{
    size_t i = 0;
    bool hexadecimal = label.len >= 2 && label.data[0] == '0' && dns_lower(label.data[1]) == 'x';
    for (i = hexadecimal ? 2 : 0; i < label.len; i++) {
        uint8_t c = dns_lower(label.data[i]);
        if (!is_digit(c) && !(hexadecimal && c >= 'a' && c <= 'f')) {
            return false;
        }
    }
    return true;
}

static bool label_is(struct bytes label, const char *word)
{
    return dns_host_equal_octets((const char *)label.data, label.len, word, strlen(word));
}

/* From RFC 6761, 6762, 7686 and 9476, from ICANN, and from RFC 6762, appendix G. */
static const char *const private_names[] = {
    "localhost", "test",    "invalid", "local", "onion", "alt",        "internal",
    "intranet",  "private", "corp",    "home",  "lan",   "localdomain"};

/* Also from RFC 8375. ("example" is not here: RFC 6761 lets clients treat it as any name.) */
static bool is_private(struct bytes last, struct bytes before_last)
{
    for (size_t i = 0; i < sizeof private_names / sizeof *private_names; i++) {
        if (label_is(last, private_names[i])) {
            return true;
        }
    }
    return label_is(last, "arpa") && label_is(before_last, "home");
}

/* Takes one label of a host name at *at, and the dot after it. */
static struct bytes take_host_label(const char **at)
{
    struct bytes label = bytes_of(*at, strcspn(*at, "."));
    *at += label.len;
    *at += **at == '.' ? 1 : 0;
    return label;
}

enum dns_name_kind dns_name_kind_of(const char *host)
{
    struct bytes label = {0};
    struct bytes before = {0};
    size_t labels = 0;
    const char *at = host;
    do {
        before = label;
        label = take_host_label(&at);
        if (!is_host_label(label)) {
            return DNS_NAME_NONE;
        }
        labels++;
    } while (*at != '\0');
    if (is_number(label)) {
        return DNS_NAME_NONE;
    }
    return labels < 2 || is_private(label, before) ? DNS_NAME_PRIVATE : DNS_NAME_GLOBAL;
}

/* Appends a host name, which dns_name_kind_of has checked, and the root. */
static enum ech_status add_host(struct dns_name *name, const char *host)
{
    for (const char *at = host; *at != '\0';) {
        if (!add_label(name, take_host_label(&at))) {
            return ECH_ERR_SPACE;
        }
    }
    add_root(name);
    return ECH_OK;
}

enum ech_status dns_name_of_origin(const char *host, uint16_t port, struct dns_name *name)
{
    name->len = 0;
    if (dns_name_kind_of(host) != DNS_NAME_GLOBAL) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (port != DNS_HTTPS_PORT) {
        char prefix[8];
        int len = snprintf(prefix, sizeof prefix, "_%u", (unsigned)port);
        if (!add_label(name, bytes_of(prefix, (size_t)len)) ||
            !add_label(name, bytes_of("_https", 6))) {
            return ECH_ERR_SPACE;
        }
    }
    return add_host(name, host);
}

enum ech_status dns_name_of_host(const char *host, struct dns_name *name)
{
    name->len = 0;
    return dns_name_kind_of(host) == DNS_NAME_NONE ? ECH_ERR_UNSUPPORTED : add_host(name, host);
}

bool dns_name_to_host(const struct dns_name *name, char host[DNS_HOST_SIZE])
{
    struct reader r = rd_of(dns_name_view(name));
    struct reader label;
    size_t len = 0;
    while (rd_vec8(&r, &label) && !rd_done(&label)) {
        struct bytes octets = rd_rest(&label);
        if (!is_host_label(octets)) {
            return false;
        }
        if (len > 0) {
            host[len++] = '.';
        }
        memcpy(host + len, octets.data, octets.len);
        len += octets.len;
    }
    host[len] = '\0';
    return len > 0;
}
