/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capture.h"
#include "require.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { DNS_PORT = 53, PACKETS_MAX = 4096, PACKET_SIZE = 2048 };

static int sniffer = -1;
static struct packet {
    size_t len;
    uint8_t octets[PACKET_SIZE];
} * packets;
static size_t packet_count;

void capture_start(void)
{
    int size = 16 << 20;
    sniffer = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
    require(sniffer >= 0, "no packet socket: %s", strerror(errno));
    setsockopt(sniffer, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    packets = calloc(PACKETS_MAX, sizeof *packets);
    require(packets != NULL, "no memory");
}

/* IPv4 or IPv6 without options, then UDP or TCP: is one of the ports DNS's? */
static bool is_dns(const uint8_t *octets, size_t len)
{
    size_t header = len > 0 && octets[0] >> 4 == 4 ? (size_t)(octets[0] & 15) * 4 : 40;
    if (len < header + 4) {
        return false;
    }
    return (octets[header] << 8 | octets[header + 1]) == DNS_PORT ||
           (octets[header + 2] << 8 | octets[header + 3]) == DNS_PORT;
}

static void drain(void)
{
    ssize_t got;
    while (packet_count < PACKETS_MAX &&
           (got = recv(sniffer, packets[packet_count].octets, PACKET_SIZE, 0)) > 0) {
        packets[packet_count].len = (size_t)got;
        packet_count += is_dns(packets[packet_count].octets, (size_t)got) ? 1 : 0;
    }
    require(packet_count < PACKETS_MAX, "more packets than there is room for");
}

unsigned capture_count(const char *name, uint16_t type)
{
    uint8_t question[300];
    size_t len = 0;
    unsigned count = 0;
    for (const char *label = name; *label != '\0';) {
        size_t octets = strcspn(label, ".");
        question[len++] = (uint8_t)octets;
        memcpy(question + len, label, octets);
        len += octets;
        label += octets + (label[octets] == '.' ? 1 : 0);
    }
    question[len++] = 0;
    if (type != 0) {
        question[len++] = (uint8_t)(type >> 8);
        question[len++] = (uint8_t)type;
    }
    drain();
    for (size_t i = 0; i < packet_count; i++) {
        count += memmem(packets[i].octets, packets[i].len, question, len) != NULL ? 1 : 0;
    }
    return count;
}
