/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The setting ECHSHIM_RESOLVER as text: one resolver, or a list of them. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "dns/resolver.h"
#include "dns/resolver_items.h"

enum {
    DNS_PORT = 53,
    DNS_TLS_PORT = 853,
    ADDRESS_TEXT = DNS_ADDRESS_TEXT,
    ITEM_SIZE = 1024, /* octets of one resolver with its NUL */
};

/* Decimal digits only, no sign, no leading blank; at most `max`. */
static bool number_parse(const char *text, unsigned max, unsigned *out)
{
    unsigned value = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(*text - '0');
        if (value > max) {
            return false;
        }
    }
    *out = value;
    return true;
}

/* RFC 4007, 11: ADDRESS%SCOPE, the scope a name of an interface or its number. */
static bool scope_parse(const char *text, uint32_t *scope)
{
    unsigned number = if_nametoindex(text);
    if (number == 0 && !number_parse(text, INT32_MAX, &number)) {
        return false;
    }
    *scope = number;
    return true;
}

static bool address_v6_parse(const char *text, uint16_t port, struct dns_server *server)
{
    char copy[ADDRESS_TEXT];
    size_t len = strlen(text);
    if (len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, len + 1);
    char *percent = strchr(copy, '%');
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (percent != NULL) {
        *percent = '\0';
        if (!scope_parse(percent + 1, &v6.sin6_scope_id)) {
            return false;
        }
    }
    if (inet_pton(AF_INET6, copy, &v6.sin6_addr) != 1) {
        return false;
    }
    server->address.v6 = v6;
    server->address_len = sizeof v6;
    return true;
}

static bool address_v4_parse(const char *text, uint16_t port, struct dns_server *server)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, text, &v4.sin_addr) != 1) {
        return false;
    }
    server->address.v4 = v4;
    server->address_len = sizeof v4;
    return true;
}

/* Takes the text before the first of `ends`, or all of it. False if it is empty or too long. */
static bool part_take(const char **text, const char *ends, char *out, size_t size)
{
    size_t len = strcspn(*text, ends);
    if (len == 0 || len >= size) {
        return false;
    }
    memcpy(out, *text, len);
    out[len] = '\0';
    *text += len;
    return true;
}

/* Takes an address, IPv6 in brackets, and stops after it. The port is 0. */
static bool address_take(const char **text, struct dns_server *server)
{
    char host[ADDRESS_TEXT];
    if (**text != '[') {
        return part_take(text, ":/#,", host, sizeof host) && address_v4_parse(host, 0, server);
    }
    ++*text;
    return part_take(text, "]", host, sizeof host) && *(*text)++ == ']' &&
           address_v6_parse(host, 0, server);
}

/* [:PORT], up to the end or one of `ends`. */
static bool port_take(const char **text, const char *ends, uint16_t usual, uint16_t *port)
{
    char digits[6];
    unsigned number = usual;
    if (**text == ':') {
        ++*text;
        if (!part_take(text, ends, digits, sizeof digits) ||
            !number_parse(digits, UINT16_MAX, &number) || number == 0) {
            return false;
        }
    }
    *port = (uint16_t)number;
    return **text == '\0' || strchr(ends, **text) != NULL;
}

static void port_set(union dns_socket_address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET) {
        address->v4.sin_port = htons(port);
    } else {
        address->v6.sin6_port = htons(port);
    }
}

/* IP[:PORT], and nothing else. */
static bool authority_parse(const char *text, struct dns_server *server)
{
    uint16_t port;
    if (!address_take(&text, server) || !port_take(&text, "", DNS_PORT, &port)) {
        return false;
    }
    port_set(&server->address, port);
    return true;
}

/* ---- encrypted resolvers ---- */

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/*
 * A host name in lower case, in place: labels of letters, digits, hyphens and underscores, the last
 * one not a number (that would be an address in some notation). A dot at the end is dropped.
 */
static bool host_name_check(char *name)
{
    size_t len = strlen(name);
    size_t label = 0;
    bool number = true;
    if (len > 0 && name[len - 1] == '.') {
        name[--len] = '\0';
    }
    for (size_t i = 0; i < len; i++) {
        char c = (char)dns_lower((uint8_t)name[i]);
        name[i] = c;
        if (c == '.') {
            if (label == 0 || name[i - 1] == '-') {
                return false;
            }
            label = 0;
            number = true;
            continue;
        }
        if ((!is_letter_or_digit(c) && c != '_' && (c != '-' || label == 0)) ||
            ++label > DNS_LABEL_MAX) {
            return false;
        }
        number = number && c >= '0' && c <= '9';
    }
    return label > 0 && !number && name[len - 1] != '-';
}

static bool same_address(const union dns_socket_address *a, const union dns_socket_address *b)
{
    if (a->any.sa_family != b->any.sa_family) {
        return false;
    }
    if (a->any.sa_family == AF_INET) {
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    }
    return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0 &&
           a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

/* An address that stands there twice is kept once. False: there are too many. */
static bool address_keep(struct dns_secure_server *secure, const struct dns_server *server)
{
    for (size_t i = 0; i < secure->address_count; i++) {
        if (same_address(&secure->address[i], &server->address)) {
            return true;
        }
    }
    if (secure->address_count == DNS_ADDRESS_MAX) {
        return false;
    }
    secure->address_len[secure->address_count] = server->address_len;
    secure->address[secure->address_count++] = server->address;
    return true;
}

/* IP[,IP]... up to the end */
static bool addresses_take(const char *text, struct dns_secure_server *secure)
{
    struct dns_server server = {0};
    do {
        if (!address_take(&text, &server) || !address_keep(secure, &server)) {
            return false;
        }
    } while (*text == ',' && *++text != '\0');
    return *text == '\0';
}

/* All addresses, comma-separated. */
static void addresses_format(const struct dns_secure_server *secure, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < secure->address_count && len + 1 < size; i++) {
        if (i > 0) {
            out[len++] = ',';
        }
        dns_address_format(&secure->address[i], out + len, size - len);
        len += strlen(out + len);
    }
}

/* Different settings must have different ids, so a setting that does not fit is refused. */
static bool id_format(struct dns_secure_server *secure)
{
    char addresses[DNS_ADDRESS_MAX * DNS_ADDRESS_TEXT];
    addresses_format(secure, addresses, sizeof addresses);
    bool named = secure->name[0] != '\0';
    bool name_first = named && (secure->https || secure->address_count != 1);
    const char *host = name_first ? secure->name : addresses;
    const char *beside = name_first ? addresses : secure->name;
    int wrote =
        snprintf(secure->id, sizeof secure->id, "%s://%s:%u%s%s%s", secure->https ? "https" : "tls",
                 host, secure->port, secure->path, *beside != '\0' ? "#" : "", beside);
    return wrote > 0 && (size_t)wrote < sizeof secure->id;
}

static bool name_take(const char **text, const char *ends, struct dns_secure_server *secure)
{
    return part_take(text, ends, secure->name, sizeof secure->name) &&
           host_name_check(secure->name);
}

/* IP[,IP]...[:PORT][#NAME] or NAME[:PORT]#IP[,IP]... */
static bool tls_parse(const char *text, struct dns_secure_server *secure)
{
    struct dns_server server = {0};
    const char *start = text;
    bool address = address_take(&text, &server) && address_keep(secure, &server);
    while (address && *text == ',') {
        ++text;
        if (!address_take(&text, &server) || !address_keep(secure, &server)) {
            return false;
        }
    }
    if (!address) {
        text = start;
        if (!name_take(&text, ":/#", secure)) {
            return false;
        }
    }
    if (!port_take(&text, "#", DNS_TLS_PORT, &secure->port) || secure->port == DNS_PORT) {
        return false;
    }
    if (!address) {
        return *text == '#' && addresses_take(text + 1, secure);
    }
    return *text == '\0' || (++text, name_take(&text, "", secure));
}

/* The characters of a path and a query (RFC 3986, 3.3 and 3.4), unchanged. */
static bool path_check(const char *path)
{
    static const char others[] = "/?-._~!$&'()*+,;=:@%";
    for (; *path != '\0'; path++) {
        if (!is_letter_or_digit((char)dns_lower((uint8_t)*path)) && strchr(others, *path) == NULL) {
            return false;
        }
    }
    return true;
}

static bool path_take(const char **text, char path[DNS_PATH_SIZE])
{
    static const char variable[] = "{?dns}";
    size_t tail = sizeof variable - 1;
    if (**text != '/' || !part_take(text, "#", path, DNS_PATH_SIZE)) {
        return false;
    }
    size_t len = strlen(path);
    if (len > tail && strcmp(path + len - tail, variable) == 0) {
        path[len - tail] = '\0';
    }
    return path_check(path);
}

/* HOST[:PORT]/PATH[#IP[,IP]...] */
static bool https_parse(const char *text, struct dns_secure_server *secure)
{
    struct dns_server server = {0};
    const char *start = text;
    bool address = address_take(&text, &server) && address_keep(secure, &server);
    if (!address) {
        text = start;
        if (!name_take(&text, ":/#", secure)) {
            return false;
        }
    }
    if (!port_take(&text, "/", DNS_HTTPS_PORT, &secure->port) || !path_take(&text, secure->path)) {
        return false;
    }
    return *text == '\0' || (!address && *text == '#' && addresses_take(text + 1, secure));
}

static bool secure_parse(const char *setting, struct dns_secure_server *secure)
{
    *secure = (struct dns_secure_server){.https = *setting == 'h'};
    bool good = secure->https ? https_parse(setting + strlen("https://"), secure)
                              : tls_parse(setting + strlen("tls://"), secure);
    for (size_t i = 0; i < secure->address_count; i++) {
        port_set(&secure->address[i], secure->port);
    }
    return good && id_format(secure);
}

/* ---- one resolver, and lists of them ---- */

enum item_kind { ITEM_UNKNOWN, ITEM_SYSTEM, ITEM_PLAIN, ITEM_SECURE };

static enum item_kind kind_of(const char *item)
{
    if (strcmp(item, "system") == 0) {
        return ITEM_SYSTEM;
    }
    if (strncmp(item, "udp://", 6) == 0 || strncmp(item, "tcp://", 6) == 0) {
        return ITEM_PLAIN;
    }
    bool secure = strncmp(item, "tls://", 6) == 0 || strncmp(item, "https://", 8) == 0;
    return secure ? ITEM_SECURE : ITEM_UNKNOWN;
}

/* What is known while a list is read. */
struct list {
    struct dns_resolver *resolver;
    const struct dns_resolver_problems *problems;
    struct dns_secure_server secure; /* room for one */
    bool several;                    /* more than one item: single ones are not told by name */
    size_t plain;                    /* how many plain ones, `system` included */
    bool lost; /* an item that was perhaps meant to be encrypted cannot be used */
};

static void tell(const struct list *list, const char *item, const char *why)
{
    if (list->problems != NULL && list->several) {
        list->problems->tell(list->problems->context, item, why);
    }
}

static void add_secure(struct list *list, const char *item)
{
    struct dns_resolver *resolver = list->resolver;
    for (size_t i = 0; i < resolver->secure_count; i++) {
        if (strcmp(resolver->secure[i].id, list->secure.id) == 0) {
            tell(list, item, "it is in the list already");
            return;
        }
    }
    if (resolver->secure_count == DNS_RESOLVERS_MAX) {
        tell(list, item, "a list has at most six resolvers");
        return;
    }
    resolver->secure[resolver->secure_count++] = list->secure;
}

static void add_plain(struct list *list, const char *item, const struct dns_server *server)
{
    struct dns_resolver *resolver = list->resolver;
    bool again = server == NULL && resolver->has_system;
    if (again || list->plain == DNS_RESOLVERS_MAX) {
        tell(list, item, again ? "it is in the list already" : "a list has at most six resolvers");
        return;
    }
    list->plain++;
    if (server != NULL) {
        resolver->fixed.server[resolver->fixed.count++] = *server;
    } else {
        resolver->has_system = true;
        resolver->system_place = resolver->fixed.count;
    }
}

static bool has_several(const char *setting)
{
    const char *item;
    size_t length;
    size_t count = 0;
    while (count < 2 && dns_resolver_item_next(&setting, &item, &length)) {
        count++;
    }
    return count == 2;
}

static void read_item(struct list *list, const char *item)
{
    struct dns_server server = {.tcp_only = *item == 't'};
    enum item_kind kind = kind_of(item);
    if (kind == ITEM_SYSTEM) {
        add_plain(list, item, NULL);
    } else if (kind == ITEM_PLAIN && authority_parse(item + 6, &server)) {
        add_plain(list, item, &server);
    } else if (kind == ITEM_SECURE && secure_parse(item, &list->secure)) {
        add_secure(list, item);
    } else {
        list->lost = list->lost || kind != ITEM_PLAIN;
        tell(list, item, "it is no resolver that can be used");
    }
}

/* What the list means as a whole. */
static enum ech_status settle(struct list *list)
{
    struct dns_resolver *resolver = list->resolver;
    if (resolver->secure_count > 0) {
        resolver->kind = DNS_RESOLVER_ENCRYPTED;
        if (list->plain > 0) {
            tell(list, NULL,
                 "an encrypted resolver never falls back to plain DNS, so the plain "
                 "ones are not asked");
        }
        return ECH_OK;
    }
    if (list->plain == 0 || list->lost) {
        return ECH_ERR_DECODE;
    }
    resolver->kind = resolver->fixed.count > 0 ? DNS_RESOLVER_FIXED : DNS_RESOLVER_SYSTEM;
    resolver->fixed.try_us = list->plain > 1 ? DNS_NEXT_US : DNS_TRY_US;
    resolver->fixed.attempts = list->plain > 1 ? DNS_LIST_ATTEMPTS : DNS_ATTEMPTS;
    return ECH_OK;
}

bool dns_resolver_is_protected(const struct dns_resolver *resolver)
{
    return resolver->kind == DNS_RESOLVER_ENCRYPTED;
}

enum ech_status dns_resolver_parse(const char *setting, struct dns_resolver *resolver,
                                   const struct dns_resolver_problems *problems)
{
    struct list list = {
        .resolver = resolver, .problems = problems, .several = has_several(setting)};
    const char *item;
    size_t length;
    *resolver = (struct dns_resolver){.kind = DNS_RESOLVER_SYSTEM};
    while (dns_resolver_item_next(&setting, &item, &length)) {
        char text[ITEM_SIZE];
        (void)snprintf(text, sizeof text, "%.*s", (int)(length < ITEM_SIZE ? length : ITEM_SIZE),
                       item);
        if (length < sizeof text) {
            read_item(&list, text);
        } else {
            list.lost = true;
            tell(&list, text, "it is too long");
        }
    }
    return settle(&list);
}
