/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ech/wire.h"

enum {
    LINES_MAX = 4096, /* of one file; a router with a full table lists its default routes first */
    LINE_SIZE = 256,
    FIELDS_MAX = 12,
    ROUTERS_MAX = 8,
    HEXADECIMAL = 16,
    IPV6_HEX = 32,
    IPV6_LINK_BITS = 64,
    IPV6_DEFAULT_BITS = 3, /* 2000::/3 is all of the global address space */
    ARP_COMPLETE = 2,
};

struct network {
    uint64_t sum; /* so that the order of lines does not matter */
    struct {
        char device[IF_NAMESIZE];
        uint32_t address; /* in network order */
    } routers[ROUTERS_MAX];
    size_t router_count;
};

/* The next word of a line, which is cut up in place; NULL: no more. */
struct fields {
    char *at[FIELDS_MAX];
};

static struct fields split(char *line)
{
    struct fields fields = {{NULL}};
    char *state = NULL;
    char *word = strtok_r(line, " \t\n", &state);
    for (size_t i = 0; i < FIELDS_MAX && word != NULL; i++) {
        fields.at[i] = word;
        word = strtok_r(NULL, " \t\n", &state);
    }
    return fields;
}

/* A word of hexadecimal digits alone. */
static bool number(const char *word, uint32_t *value)
{
    if (word == NULL || *word == '\0' || strspn(word, "0123456789abcdefABCDEFx") != strlen(word)) {
        return false;
    }
    char *end;
    unsigned long long parsed = strtoull(word, &end, HEXADECIMAL);
    *value = (uint32_t)parsed;
    return *end == '\0' && parsed <= UINT32_MAX;
}

/* FNV-1a over the words with their ends. */
static uint64_t hash_words(const char *const *words, size_t count)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++) {
        struct reader r = rd_of(bytes_of(words[i], strlen(words[i]) + 1));
        uint8_t octet;
        while (rd_u8(&r, &octet)) {
            hash = (hash ^ octet) * UINT64_C(0x100000001b3);
        }
    }
    return hash;
}

#define ADD(network, ...)                                                                          \
    ((network)->sum += hash_words((const char *const[]){__VA_ARGS__},                              \
                                  sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

/* Iface Destination Gateway Flags RefCnt Use Metric Mask ... */
static void route_line(struct network *network, char *line)
{
    struct fields f = split(line);
    uint32_t gateway;
    uint32_t flags;
    uint32_t mask;
    if (!number(f.at[2], &gateway) || !number(f.at[3], &flags) || !number(f.at[7], &mask) ||
        (flags & RTF_UP) == 0 || (flags & RTF_REJECT) != 0 || __builtin_popcount(mask) > 1) {
        return;
    }
    ADD(network, "route", f.at[0], f.at[1], f.at[2], f.at[7]);
    if (gateway != 0 && network->router_count < ROUTERS_MAX && strlen(f.at[0]) < IF_NAMESIZE) {
        size_t i = network->router_count++;
        memcpy(network->routers[i].device, f.at[0], strlen(f.at[0]) + 1);
        network->routers[i].address = gateway;
    }
}

/* IP-address HW-type Flags HW-address Mask Device */
static void arp_line(struct network *network, char *line)
{
    struct fields f = split(line);
    struct in_addr address;
    uint32_t flags;
    if (f.at[5] == NULL || inet_pton(AF_INET, f.at[0], &address) != 1 || !number(f.at[2], &flags) ||
        (flags & ARP_COMPLETE) == 0) {
        return;
    }
    for (size_t i = 0; i < network->router_count; i++) {
        if (network->routers[i].address == address.s_addr &&
            strcmp(network->routers[i].device, f.at[5]) == 0) {
            ADD(network, "router", f.at[5], f.at[0], f.at[3]);
        }
    }
}

/*
 * Destination Bits Source Bits NextHop Metric RefCnt Use Flags Iface. The router's address is often
 * fe80::1, and its link-layer address is not in this file. So the links' own prefixes count too.
 */
static void ipv6_line(struct network *network, char *line)
{
    static const char none[] = "00000000000000000000000000000000";
    struct fields f = split(line);
    uint32_t bits;
    uint32_t flags;
    if (f.at[9] == NULL || strlen(f.at[0]) != IPV6_HEX || !number(f.at[1], &bits) ||
        !number(f.at[8], &flags) || (flags & RTF_UP) == 0 || (flags & RTF_REJECT) != 0 ||
        strcmp(f.at[9], "lo") == 0) {
        return;
    }
    bool link =
        bits == IPV6_LINK_BITS && strcmp(f.at[4], none) == 0 && strncmp(f.at[0], "fe80", 4) != 0;
    if (bits <= IPV6_DEFAULT_BITS || link) {
        ADD(network, "ipv6", f.at[0], f.at[1], f.at[4], f.at[9]);
    }
}

static bool each_line(const char *folder, const char *name,
                      void (*take)(struct network *network, char *line), struct network *network)
{
    char path[PATH_MAX];
    char line[LINE_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    for (unsigned i = 0; i < LINES_MAX && fgets(line, sizeof line, file) != NULL; i++) {
        take(network, line);
    }
    (void)fclose(file);
    return true;
}

bool dns_network_id_of(const char *folder, uint64_t *id)
{
    int saved = errno;
    struct network network = {.sum = 0};
    bool known = each_line(folder, "route", route_line, &network);
    if (known) {
        (void)each_line(folder, "arp", arp_line, &network);
        (void)each_line(folder, "ipv6_route", ipv6_line, &network);
    }
    *id = network.sum;
    errno = saved;
    return known;
}

bool dns_network_id(uint64_t *id)
{
    return dns_network_id_of("/proc/net", id);
}
