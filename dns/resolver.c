/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/resolver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the servers to ask ---- */

void dns_address_format(const union dns_socket_address *address, char *out, size_t size)
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

void dns_server_id(const struct dns_server *server, char id[DNS_SERVER_ID])
{
    char address[DNS_ADDRESS_TEXT];
    dns_address_format(&server->address, address, sizeof address);
    in_port_t port = server->address.any.sa_family == AF_INET ? server->address.v4.sin_port
                                                              : server->address.v6.sin6_port;
    (void)snprintf(id, DNS_SERVER_ID, "%s://%s:%u", server->tcp_only ? "tcp" : "udp", address,
                   ntohs(port));
}

void dns_resolver_id_copy(char to[DNS_RESOLVER_ID], const char *from)
{
    memcpy(to, from, strlen(from) + 1);
}

void dns_servers_id(const struct dns_servers *servers, char id[DNS_RESOLVER_ID])
{
    size_t len = 0;
    id[0] = '\0';
    for (size_t i = 0; i < servers->count; i++) {
        char text[DNS_SERVER_ID];
        dns_server_id(&servers->server[i], text);
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
    uint64_t looked_ms; /* when the file was last found to be this one */
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

/* By a clock that costs no system call. */
static uint64_t coarse_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Was the file looked at a moment ago? */
static bool is_fresh(const char *path)
{
    return kept.known && strcmp(kept.path, path) == 0 &&
           coarse_ms() - kept.looked_ms < DNS_RESOLV_CONF_FRESH_MS;
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

/* NULL: it cannot be opened, or is no ordinary file, which could make us wait for ever. */
static FILE *open_file(const char *path, struct stat *seen)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    FILE *file = fd >= 0 && fstat(fd, seen) == 0 && S_ISREG(seen->st_mode) ? fdopen(fd, "r") : NULL;
    if (file == NULL) {
        seen->st_ino = 0;
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return file;
}

static void read_file(const char *path, struct stat *seen, struct dns_servers *servers)
{
    char text[8192];
    size_t len = 0;
    FILE *file = open_file(path, seen);
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
    kept.looked_ms = coarse_ms();
    kept.file = *file;
    kept.servers = *servers;
    dns_resolver_id_copy(kept.id, id);
}

/* The servers that resolv.conf names now, or (recent) did a moment ago. */
static void system_servers(const char *resolv_conf, bool recent, struct dns_servers *servers,
                           char id[DNS_RESOLVER_ID])
{
    struct stat file = {.st_ino = 0};
    bool taken = take_kept();
    if (taken && recent && is_fresh(resolv_conf)) {
        *servers = kept.servers;
        dns_resolver_id_copy(id, kept.id);
    } else if (taken && stat(resolv_conf, &file) == 0 && is_kept(resolv_conf, &file)) {
        kept.looked_ms = coarse_ms();
        *servers = kept.servers;
        dns_resolver_id_copy(id, kept.id);
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

/* A list of plain servers, with those of the system where `system` stands. */
static void fixed_servers(const struct dns_resolver *resolver, const char *resolv_conf, bool recent,
                          struct dns_servers *servers, char id[DNS_RESOLVER_ID])
{
    *servers = resolver->fixed;
    if (resolver->has_system) {
        struct dns_servers system;
        system_servers(resolv_conf, recent, &system, id);
        servers->count = resolver->system_place;
        for (size_t i = 0; i < system.count; i++) {
            servers->server[servers->count++] = system.server[i];
        }
        for (size_t i = resolver->system_place; i < resolver->fixed.count; i++) {
            servers->server[servers->count++] = resolver->fixed.server[i];
        }
    }
    dns_servers_id(servers, id);
}

static void secure_ids(const struct dns_resolver *resolver, char id[DNS_RESOLVER_ID])
{
    size_t len = 0;
    id[0] = '\0';
    for (size_t i = 0; i < resolver->secure_count; i++) {
        const char *next = resolver->secure[i].id;
        if (len + 1 + strlen(next) < DNS_RESOLVER_ID) {
            len +=
                (size_t)snprintf(id + len, DNS_RESOLVER_ID - len, "%s%s", len > 0 ? "," : "", next);
        }
    }
}

static void servers_of(const struct dns_resolver *resolver, const char *resolv_conf, bool recent,
                       struct dns_servers *servers, char id[DNS_RESOLVER_ID])
{
    switch (resolver->kind) {
    case DNS_RESOLVER_ENCRYPTED:
        *servers = (struct dns_servers){0};
        secure_ids(resolver, id);
        break;
    case DNS_RESOLVER_FIXED:
        fixed_servers(resolver, resolv_conf, recent, servers, id);
        break;
    case DNS_RESOLVER_SYSTEM:
        system_servers(resolv_conf, recent, servers, id);
        break;
    }
}

void dns_resolver_servers(const struct dns_resolver *resolver, const char *resolv_conf,
                          struct dns_servers *servers, char id[DNS_RESOLVER_ID])
{
    servers_of(resolver, resolv_conf, false, servers, id);
}

void dns_resolver_recent_servers(const struct dns_resolver *resolver, const char *resolv_conf,
                                 struct dns_servers *servers, char id[DNS_RESOLVER_ID])
{
    servers_of(resolver, resolv_conf, true, servers, id);
}
