/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/resolver.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
    DNS_PORT = 53,
    DNS_TLS_PORT = 853,
    ADDRESS_TEXT = INET6_ADDRSTRLEN + 1 + IF_NAMESIZE,
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
        return part_take(text, ":/#", host, sizeof host) && address_v4_parse(host, 0, server);
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

static void address_keep(struct dns_secure_server *secure, const struct dns_server *server)
{
    secure->address = server->address;
    secure->address_len = server->address_len;
}

static void address_format(const union dns_socket_address *address, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (address->any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &address->v4.sin_addr, text, sizeof text);
        (void)snprintf(out, size, "%s", text);
        return;
    }
    char scope[16] = "";
    if (address->v6.sin6_scope_id != 0) {
        (void)snprintf(scope, sizeof scope, "%%%u", (unsigned)address->v6.sin6_scope_id);
    }
    (void)inet_ntop(AF_INET6, &address->v6.sin6_addr, text, sizeof text);
    (void)snprintf(out, size, "[%s%s]", text, scope);
}

/* Different settings must have different ids, so a setting that does not fit is refused. */
static bool id_format(struct dns_secure_server *secure, bool https)
{
    char address[ADDRESS_TEXT + 2] = "";
    if (secure->address_len != 0) {
        address_format(&secure->address, address, sizeof address);
    }
    const char *host = https && secure->name[0] != '\0' ? secure->name : address;
    const char *beside = https ? address : secure->name;
    bool both = secure->name[0] != '\0' && address[0] != '\0';
    int wrote = snprintf(secure->id, sizeof secure->id, "%s://%s:%u%s%s%s", https ? "https" : "tls",
                         host, secure->port, secure->path, both ? "#" : "", both ? beside : "");
    return wrote > 0 && (size_t)wrote < sizeof secure->id;
}

/* IP[:PORT][#NAME] */
static bool tls_parse(const char *text, struct dns_secure_server *secure)
{
    struct dns_server server = {0};
    if (!address_take(&text, &server) || !port_take(&text, "#", DNS_TLS_PORT, &secure->port) ||
        secure->port == DNS_PORT) {
        return false;
    }
    address_keep(secure, &server);
    if (*text == '#') {
        ++text;
        if (!part_take(&text, "", secure->name, sizeof secure->name) ||
            !host_name_check(secure->name)) {
            return false;
        }
    }
    return id_format(secure, false);
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

/* HOST[:PORT]/PATH[#IP] */
static bool https_parse(const char *text, struct dns_secure_server *secure)
{
    struct dns_server server = {0};
    const char *start = text;
    bool address = address_take(&text, &server);
    if (address) {
        address_keep(secure, &server);
    } else {
        text = start;
        if (!part_take(&text, ":/#", secure->name, sizeof secure->name) ||
            !host_name_check(secure->name)) {
            return false;
        }
    }
    if (!port_take(&text, "/", DNS_HTTPS_PORT, &secure->port) || !path_take(&text, secure->path)) {
        return false;
    }
    if (*text == '#') {
        ++text;
        if (address || !address_take(&text, &server) || *text != '\0') {
            return false;
        }
        address_keep(secure, &server);
    }
    return id_format(secure, true);
}

static bool secure_parse(const char *setting, struct dns_resolver *resolver)
{
    struct dns_secure_server *secure = &resolver->secure;
    bool good = resolver->kind == DNS_RESOLVER_TLS ? tls_parse(setting + 6, secure)
                                                   : https_parse(setting + 8, secure);
    if (good && secure->address_len != 0) {
        port_set(&secure->address, secure->port);
    }
    return good;
}

bool dns_resolver_is_protected(const struct dns_resolver *resolver)
{
    return resolver->kind == DNS_RESOLVER_TLS || resolver->kind == DNS_RESOLVER_HTTPS;
}

enum ech_status dns_resolver_parse(const char *setting, struct dns_resolver *resolver)
{
    static const struct {
        const char *scheme;
        enum dns_resolver_kind kind;
    } schemes[] = {
        {"udp://", DNS_RESOLVER_FIXED},
        {"tcp://", DNS_RESOLVER_FIXED},
        {"tls://", DNS_RESOLVER_TLS},
        {"https://", DNS_RESOLVER_HTTPS},
    };
    *resolver = (struct dns_resolver){.kind = DNS_RESOLVER_SYSTEM};
    if (strcmp(setting, "system") == 0) {
        return ECH_OK;
    }
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strncmp(setting, schemes[i].scheme, strlen(schemes[i].scheme)) == 0) {
            resolver->kind = schemes[i].kind;
        }
    }
    if (dns_resolver_is_protected(resolver)) {
        return secure_parse(setting, resolver) ? ECH_OK : ECH_ERR_DECODE;
    }
    if (resolver->kind != DNS_RESOLVER_FIXED) {
        return ECH_ERR_DECODE;
    }
    resolver->fixed.count = 1;
    resolver->fixed.try_us = DNS_TRY_US;
    resolver->fixed.attempts = DNS_ATTEMPTS;
    resolver->fixed.server[0].tcp_only = *setting == 't';
    return authority_parse(setting + 6, &resolver->fixed.server[0]) ? ECH_OK : ECH_ERR_DECODE;
}

/* ---- the servers to ask ---- */

static void server_id(const struct dns_server *server, char id[DNS_SERVER_ID])
{
    char address[ADDRESS_TEXT + 2];
    address_format(&server->address, address, sizeof address);
    in_port_t port = server->address.any.sa_family == AF_INET ? server->address.v4.sin_port
                                                              : server->address.v6.sin6_port;
    (void)snprintf(id, DNS_SERVER_ID, "%s://%s:%u", server->tcp_only ? "tcp" : "udp", address,
                   ntohs(port));
}

void dns_servers_id(const struct dns_servers *servers, char id[DNS_RESOLVER_ID])
{
    size_t len = 0;
    id[0] = '\0';
    for (size_t i = 0; i < servers->count; i++) {
        char text[DNS_SERVER_ID];
        server_id(&servers->server[i], text);
        int wrote = snprintf(id + len, DNS_RESOLVER_ID - len, "%s%s", i > 0 ? "," : "", text);
        len += (size_t)wrote;
    }
}

/*
 * resolv.conf as it was read last. If another thread uses this just now, or did when the process
 * was forked, the file is read as if nothing were kept. Not thread-local: the loader has little
 * room for that in libraries that are opened late.
 */
static struct {
    bool known;
    const char *path;
    struct stat file;
    struct dns_servers servers;
    char id[DNS_RESOLVER_ID];
} kept;
static atomic_flag kept_in_use = ATOMIC_FLAG_INIT;

static bool take_kept(void)
{
    return !atomic_flag_test_and_set_explicit(&kept_in_use, memory_order_acquire);
}

static void give_kept_back(void)
{
    atomic_flag_clear_explicit(&kept_in_use, memory_order_release);
}

/* A file that has just been written may be written again without a new time: the clock of a file
 * system is coarse. */
static bool is_settled(const struct stat *file)
{
    enum { SETTLED_NS = 100 * 1000 * 1000, SECOND_NS = 1000 * 1000 * 1000 };
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = (int64_t)(now.tv_sec - file->st_ctim.tv_sec) * SECOND_NS + now.tv_nsec -
                  file->st_ctim.tv_nsec;
    return age > SETTLED_NS;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_kept(const char *path, const struct stat *file)
{
    return kept.known && strcmp(kept.path, path) == 0 && kept.file.st_dev == file->st_dev &&
           kept.file.st_ino == file->st_ino && kept.file.st_size == file->st_size &&
           same_time(&kept.file.st_mtim, &file->st_mtim) &&
           same_time(&kept.file.st_ctim, &file->st_ctim);
}

/* The number of an interface may change, and the file stay. */
static bool has_scope(const struct dns_servers *servers)
{
    for (size_t i = 0; i < servers->count; i++) {
        const struct dns_server *server = &servers->server[i];
        if (server->address.any.sa_family == AF_INET6 && server->address.v6.sin6_scope_id != 0) {
            return true;
        }
    }
    return false;
}

static void read_file(const char *path, struct stat *seen, struct dns_servers *servers)
{
    char text[8192];
    size_t len = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), seen) != 0) {
        seen->st_ino = 0;
    }
    if (file != NULL) {
        len = fread(text, 1, sizeof text, file);
        (void)fclose(file);
    }
    dns_resolv_conf_parse(bytes_of(text, len), servers);
}

static void keep(const char *path, const struct stat *file, const struct dns_servers *servers,
                 const char id[DNS_RESOLVER_ID])
{
    kept.known = file->st_ino != 0 && is_settled(file) && !has_scope(servers);
    kept.path = path;
    kept.file = *file;
    kept.servers = *servers;
    memcpy(kept.id, id, DNS_RESOLVER_ID);
}

void dns_resolver_servers(const struct dns_resolver *resolver, const char *resolv_conf,
                          struct dns_servers *servers, char id[DNS_RESOLVER_ID])
{
    struct stat file = {.st_ino = 0};
    if (dns_resolver_is_protected(resolver)) {
        *servers = (struct dns_servers){0};
        memcpy(id, resolver->secure.id, DNS_RESOLVER_ID);
        return;
    }
    if (resolver->kind == DNS_RESOLVER_FIXED) {
        *servers = resolver->fixed;
        dns_servers_id(servers, id);
        return;
    }
    bool taken = take_kept();
    if (taken && stat(resolv_conf, &file) == 0 && is_kept(resolv_conf, &file)) {
        *servers = kept.servers;
        memcpy(id, kept.id, DNS_RESOLVER_ID);
    } else {
        read_file(resolv_conf, &file, servers);
        dns_servers_id(servers, id);
        if (taken) {
            keep(resolv_conf, &file, servers, id);
        }
    }
    if (taken) {
        give_kept_back();
    }
}
