/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sniff.h"
#include "require.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    PACKETS = 8192,
    PACKET = 2048,
    NAME = 256,
    IPV4_LEAST = 20,
    IPV6_HEADER = 40,
    UDP_HEADER = 8
};

struct query {
    char name[NAME];
    unsigned type;
};

static struct query queries[PACKETS];
static unsigned query_count;
static unsigned packet_count;
static int packets = -1;

/* Matches IPv4 and IPv6 to port 53 of UDP or TCP; begins at the IP header. */
static struct sock_filter to_port_53[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
    BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 5, 0),
    /* IPv4: the header has a variable length */
    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 53, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, PACKET),
    BPF_STMT(BPF_RET | BPF_K, 0),
    /* IPv6 */
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, IPV6_HEADER + 2),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 53, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, PACKET),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

void sniff_start(void)
{
    struct sock_fprog filter = {.len = sizeof to_port_53 / sizeof *to_port_53,
                                .filter = to_port_53};
    int size = 8 << 20;
    packets = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
    require(packets >= 0, "no packet socket: %s", strerror(errno));
    require(setsockopt(packets, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0, "%s",
            strerror(errno));
    (void)setsockopt(packets, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    query_count = 0;
    packet_count = 0;
}

/* The first question of a message, as text. */
static bool read_query(const uint8_t *message, size_t length, struct query *query)
{
    size_t at = 12;
    size_t name = 0;
    while (at < length && message[at] != 0 && message[at] < 64) {
        size_t label = message[at++];
        if (at + label >= length || name + label + 2 > NAME) {
            return false;
        }
        memcpy(query->name + name, message + at, label);
        name += label;
        query->name[name++] = '.';
        at += label;
    }
    if (at + 3 > length || message[at] != 0) {
        return false;
    }
    query->name[name > 0 ? name - 1 : 0] = '\0';
    query->type = (unsigned)message[at + 1] << 8 | message[at + 2];
    return true;
}

static void note(const uint8_t *packet, size_t length)
{
    bool v6 = packet[0] >> 4 == 6;
    size_t header = v6 ? IPV6_HEADER : (size_t)(packet[0] & 15) * 4;
    packet_count++;
    if (packet[v6 ? 6 : 9] != IPPROTO_UDP || length <= header + UDP_HEADER) {
        return;
    }
    require(query_count < PACKETS);
    if (read_query(packet + header + UDP_HEADER, length - header - UDP_HEADER,
                   &queries[query_count])) {
        query_count++;
    }
}

static void drain(void)
{
    uint8_t packet[PACKET];
    struct sockaddr_ll from;
    socklen_t size = sizeof from;
    ssize_t length;
    while ((length = recvfrom(packets, packet, sizeof packet, 0, (struct sockaddr *)&from, &size)) >
           0) {
        /* On loopback each packet goes out and comes in: count it once. */
        if (from.sll_pkttype != PACKET_OUTGOING && length >= IPV4_LEAST) {
            note(packet, (size_t)length);
        }
        size = sizeof from;
    }
}

static bool is_it(const struct query *query, const char *name, unsigned type)
{
    return (name == NULL || strcasecmp(query->name, name) == 0) &&
           (type == 0 || query->type == type);
}

unsigned sniff_queries(const char *name, unsigned type)
{
    unsigned count = 0;
    drain();
    for (unsigned i = 0; i < query_count; i++) {
        count += is_it(&queries[i], name, type) ? 1 : 0;
    }
    return count;
}

static bool is_below(const struct query *query, const char *name)
{
    size_t len = strlen(query->name);
    size_t name_len = strlen(name);
    return len >= name_len && strcasecmp(query->name + len - name_len, name) == 0 &&
           (len == name_len || query->name[len - name_len - 1] == '.');
}

unsigned sniff_queries_below(const char *name)
{
    unsigned count = 0;
    drain();
    for (unsigned i = 0; i < query_count; i++) {
        count += is_below(&queries[i], name) ? 1 : 0;
    }
    return count;
}

unsigned sniff_packets(void)
{
    drain();
    return packet_count;
}

int sniff_place(const char *name, unsigned type)
{
    drain();
    for (unsigned i = 0; i < query_count; i++) {
        if (is_it(&queries[i], name, type)) {
            return (int)i;
        }
    }
    return -1;
}
