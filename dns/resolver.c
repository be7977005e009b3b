/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/resolver.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

enum {
    DNS_PORT = 53,
    ADDRESS_TEXT = INET6_ADDRSTRLEN + 1 + IF_NAMESIZE,
    DEFAULT_TRY_US = 5000000,
    DEFAULT_ATTEMPTS = 2,
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

/* IP[:PORT] with IPv6 in brackets, and nothing else. */
static bool authority_parse(const char *text, struct dns_server *server)
{
    char host[ADDRESS_TEXT];
    bool bracket = *text == '[';
    const char *start = bracket ? text + 1 : text;
    size_t len = strcspn(start, bracket ? "]" : ":");
    const char *rest = start + len;
    if (len >= sizeof host || (bracket && *rest++ != ']')) {
        return false;
    }
    memcpy(host, start, len);
    host[len] = '\0';
    unsigned port = DNS_PORT;
    if (*rest != '\0' &&
        (*rest != ':' || !number_parse(rest + 1, UINT16_MAX, &port) || port == 0)) {
        return false;
    }
    return bracket ? address_v6_parse(host, (uint16_t)port, server)
                   : address_v4_parse(host, (uint16_t)port, server);
}

enum ech_status dns_resolver_parse(const char *setting, struct dns_resolver *resolver)
{
    *resolver = (struct dns_resolver){.kind = DNS_RESOLVER_SYSTEM};
    if (strcmp(setting, "system") == 0) {
        return ECH_OK;
    }
    if (strncmp(setting, "tls://", 6) == 0 || strncmp(setting, "https://", 8) == 0) {
        return ECH_ERR_UNSUPPORTED;
    }
    bool tcp = strncmp(setting, "tcp://", 6) == 0;
    if (!tcp && strncmp(setting, "udp://", 6) != 0) {
        return ECH_ERR_DECODE;
    }
    resolver->kind = DNS_RESOLVER_FIXED;
    resolver->fixed.count = 1;
    resolver->fixed.try_us = DEFAULT_TRY_US;
    resolver->fixed.attempts = DEFAULT_ATTEMPTS;
    resolver->fixed.server[0].tcp_only = tcp;
    return authority_parse(setting + 6, &resolver->fixed.server[0]) ? ECH_OK : ECH_ERR_DECODE;
}

static void add_server(struct dns_servers *servers, const char *address)
{
    struct dns_server server = {0};
    if (servers->count < DNS_SERVER_MAX && (address_v4_parse(address, DNS_PORT, &server) ||
                                            address_v6_parse(address, DNS_PORT, &server))) {
        servers->server[servers->count++] = server;
    }
}

static unsigned at_least_one(unsigned value, unsigned max)
{
    if (value == 0) {
        return 1;
    }
    return value < max ? value : max;
}

static void add_option(struct dns_servers *servers, const char *option, bool *tcp_only)
{
    unsigned value;
    if (strncmp(option, "timeout:", 8) == 0 && number_parse(option + 8, INT32_MAX / 10, &value)) {
        servers->try_us = (uint64_t)at_least_one(value, 30) * 1000000U;
    } else if (strncmp(option, "attempts:", 9) == 0 &&
               number_parse(option + 9, INT32_MAX / 10, &value)) {
        servers->attempts = at_least_one(value, 5);
    } else if (strcmp(option, "use-vc") == 0) {
        *tcp_only = true;
    }
}

static void line_parse(char *line, struct dns_servers *servers, bool *tcp_only)
{
    static const char blanks[] = " \t\r";
    char *state = NULL;
    char *keyword = strtok_r(line, blanks, &state);
    if (keyword == NULL) {
        return;
    }
    bool nameserver = strcmp(keyword, "nameserver") == 0;
    bool options = strcmp(keyword, "options") == 0;
    char *word = strtok_r(NULL, blanks, &state);
    if (nameserver && word != NULL) {
        add_server(servers, word);
    }
    for (; options && word != NULL; word = strtok_r(NULL, blanks, &state)) {
        add_option(servers, word, tcp_only);
    }
}

/* Takes the next line out of the text, as a string; one that is too long for any meaning of ours
 * comes cut. */
static bool line_next(struct reader *text, char *line, size_t size)
{
    if (rd_done(text)) {
        return false;
    }
    size_t len = 0;
    uint8_t c = 0;
    while (rd_u8(text, &c) && c != '\n') {
        if (len + 1 < size) {
            line[len++] = (char)c;
        }
    }
    line[len] = '\0';
    return true;
}

void dns_resolv_conf_parse(struct bytes text, struct dns_servers *servers)
{
    *servers = (struct dns_servers){.try_us = DEFAULT_TRY_US, .attempts = DEFAULT_ATTEMPTS};
    struct reader r = rd_of(text);
    bool tcp_only = false;
    char line[512];
    while (line_next(&r, line, sizeof line)) {
        line_parse(line, servers, &tcp_only);
    }
    if (servers->count == 0) {
        add_server(servers, "127.0.0.1");
    }
    for (size_t i = 0; i < servers->count; i++) {
        servers->server[i].tcp_only = tcp_only;
    }
}

void dns_resolver_servers(const struct dns_resolver *resolver, const char *resolv_conf,
                          struct dns_servers *servers)
{
    if (resolver->kind == DNS_RESOLVER_FIXED) {
        *servers = resolver->fixed;
        return;
    }
    char text[8192];
    size_t len = 0;
    FILE *file = fopen(resolv_conf, "re");
    if (file != NULL) {
        len = fread(text, 1, sizeof text, file);
        (void)fclose(file);
    }
    dns_resolv_conf_parse(bytes_of(text, len), servers);
}

static void server_id(const struct dns_server *server, char id[DNS_SERVER_ID])
{
    const char *scheme = server->tcp_only ? "tcp" : "udp";
    char address[INET6_ADDRSTRLEN] = "";
    if (server->address.any.sa_family == AF_INET) {
        const struct sockaddr_in *v4 = &server->address.v4;
        (void)inet_ntop(AF_INET, &v4->sin_addr, address, sizeof address);
        (void)snprintf(id, DNS_SERVER_ID, "%s://%s:%u", scheme, address, ntohs(v4->sin_port));
        return;
    }
    const struct sockaddr_in6 *v6 = &server->address.v6;
    char scope[16] = "";
    if (v6->sin6_scope_id != 0) {
        (void)snprintf(scope, sizeof scope, "%%%u", (unsigned)v6->sin6_scope_id);
    }
    (void)inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof address);
    (void)snprintf(id, DNS_SERVER_ID, "%s://[%s%s]:%u", scheme, address, scope,
                   ntohs(v6->sin6_port));
}

void dns_servers_id(const struct dns_servers *servers, char id[DNS_RESOLVER_ID])
{
    size_t len = 0;
    id[0] = '\0';
    for (size_t i = 0; i < servers->count; i++) {
        char one[DNS_SERVER_ID];
        server_id(&servers->server[i], one);
        int wrote = snprintf(id + len, DNS_RESOLVER_ID - len, "%s%s", i > 0 ? "," : "", one);
        len += (size_t)wrote;
    }
}
