/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolv.conf, read as glibc reads it. If we read it differently, we would ask other servers than
 * the program does, and tell its names to a stranger.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "dns/resolver.h"

enum { DNS_PORT = 53 };

/*
 * An address as glibc's resolv.conf takes it: IPv4 in every form of inet_aton ("127.53" is
 * 127.0.0.53), but nothing may follow it.
 */
static bool conf_v4_parse(const char *text, struct dns_server *server)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
    /* inet_aton lets white space end the address. */
    if (strpbrk(text, "\t\n\v\f\r ") != NULL || inet_aton(text, &v4.sin_addr) == 0) {
        return false;
    }
    server->address.v4 = v4;
    server->address_len = sizeof v4;
    return true;
}

static bool is_of_one_link(const struct in6_addr *address)
{
    return IN6_IS_ADDR_LINKLOCAL(address) || IN6_IS_ADDR_MC_NODELOCAL(address) ||
           IN6_IS_ADDR_MC_LINKLOCAL(address);
}

/* Digits and nothing else. */
static bool scope_number(const char *text, unsigned *scope)
{
    char *end = NULL;
    unsigned long number = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : ULONG_MAX;
    *scope = (unsigned)number;
    return end != NULL && *end == '\0' && number <= UINT32_MAX;
}

/* An IPv6 address with a scope. As in glibc, an interface name counts only for link-local addresses
 * and a number for all; any other scope is 0. */
static bool conf_v6_parse(char *text, struct dns_server *server)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT)};
    char *percent = strchr(text, '%');
    if (percent != NULL) {
        *percent = '\0';
    }
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1) {
        return false;
    }
    if (percent != NULL) {
        unsigned scope = is_of_one_link(&v6.sin6_addr) ? if_nametoindex(percent + 1) : 0;
        if (scope != 0 || scope_number(percent + 1, &scope)) {
            v6.sin6_scope_id = scope;
        }
    }
    server->address.v6 = v6;
    server->address_len = sizeof v6;
    return true;
}

static void add_server(struct dns_servers *servers, char *address)
{
    struct dns_server server = {0};
    if (servers->count < DNS_RESOLV_CONF_MAX &&
        (conf_v4_parse(address, &server) || conf_v6_parse(address, &server))) {
        servers->server[servers->count++] = server;
    }
}

/* The number after an option, as atoi reads it, brought within 1 and max. */
static unsigned option_value(const char *text, long max)
{
    long value = strtol(text, NULL, 10);
    value = value < 1 ? 1 : value;
    return (unsigned)(value > max ? max : value);
}

static bool begins_with(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

static void add_option(struct dns_servers *servers, const char *option, bool *tcp_only)
{
    if (begins_with(option, "timeout:")) {
        servers->try_us = (uint64_t)option_value(option + strlen("timeout:"), 30) * 1000000U;
    } else if (begins_with(option, "attempts:")) {
        servers->attempts = option_value(option + strlen("attempts:"), 5);
    } else if (begins_with(option, "use-vc")) {
        *tcp_only = true;
    }
}

/* What follows a keyword at the start of the line and a blank; NULL: another kind of line. */
static char *words_behind(char *line, const char *keyword)
{
    size_t length = strlen(keyword);
    if (strncmp(line, keyword, length) != 0 || strspn(line + length, " \t") == 0) {
        return NULL;
    }
    return line + length;
}

static void line_parse(char *line, struct dns_servers *servers, bool *tcp_only)
{
    static const char blanks[] = " \t";
    char *state = NULL;
    char *words = words_behind(line, "nameserver");
    if (words != NULL) {
        char *word = strtok_r(words, blanks, &state);
        if (word != NULL) {
            add_server(servers, word);
        }
        return;
    }
    /* Not cut into words: atoi reads "timeout: 3" as 3. */
    const char *option = words_behind(line, "options");
    while (option != NULL && *option != '\0') {
        option += strspn(option, blanks);
        add_option(servers, option, tcp_only);
        option += strcspn(option, blanks);
    }
}

/* Takes the next line out of the text, as a string. A line longer than any that matters here is
 * cut. */
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
    *servers = (struct dns_servers){.try_us = DNS_TRY_US, .attempts = DNS_ATTEMPTS};
    struct reader r = rd_of(text);
    bool tcp_only = false;
    char line[512] = "";
    while (line_next(&r, line, sizeof line)) {
        line_parse(line, servers, &tcp_only);
    }
    if (servers->count == 0) {
        char loopback[] = "127.0.0.1";
        add_server(servers, loopback);
    }
    for (size_t i = 0; i < servers->count; i++) {
        servers->server[i].tcp_only = tcp_only;
    }
}
