/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/address.h"

#include <netinet/in.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

struct shim_address shim_address_of_ipv4(const uint8_t octets[4])
{
    struct shim_address address;
    memcpy(address.octets, mapped, sizeof mapped);
    memcpy(address.octets + sizeof mapped, octets, 4);
    return address;
}

struct shim_address shim_address_of_ipv6(const uint8_t octets[16])
{
    struct shim_address address;
    memcpy(address.octets, octets, sizeof address.octets);
    return address;
}

bool shim_address_of(const struct sockaddr *from, struct shim_address *address)
{
    if (from != NULL && from->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
        *address = shim_address_of_ipv4((const uint8_t *)&v4->sin_addr);
        return true;
    }
    if (from != NULL && from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;
        *address = shim_address_of_ipv6(v6->sin6_addr.s6_addr);
        return true;
    }
    return false;
}

uint16_t shim_address_port(const struct sockaddr *from)
{
    switch (from->sa_family) {
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)(const void *)from)->sin_port);
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)(const void *)from)->sin6_port);
    default:
        return 0;
    }
}

int shim_address_family(const struct shim_address *address)
{
    return memcmp(address->octets, mapped, sizeof mapped) == 0 ? AF_INET : AF_INET6;
}

socklen_t shim_address_write(const struct shim_address *address, uint16_t port,
                             struct sockaddr_storage *to)
{
    memset(to, 0, sizeof *to);
    if (shim_address_family(address) == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)to;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        memcpy(&v4->sin_addr, address->octets + sizeof mapped, 4);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)to;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    memcpy(&v6->sin6_addr, address->octets, sizeof address->octets);
    return sizeof *v6;
}

bool shim_address_equal(const struct shim_address *a, const struct shim_address *b)
{
    return memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}

bool shim_addresses_hold(const struct shim_addresses *addresses, const struct shim_address *address)
{
    for (size_t i = 0; i < addresses->count; i++) {
        if (shim_address_equal(&addresses->list[i], address)) {
            return true;
        }
    }
    return false;
}

void shim_addresses_add(struct shim_addresses *addresses, const struct shim_address *address)
{
    if (addresses->count < SHIM_ADDRESSES_MAX && !shim_addresses_hold(addresses, address)) {
        addresses->list[addresses->count++] = *address;
    }
}

/* A block of addresses, which share their first `bits`. */
struct block {
    uint8_t prefix[16];
    unsigned bits;
};

#define IPV4(a, b, length)                                                                         \
    {                                                                                              \
        {[10] = 0xff, [11] = 0xff, [12] = (a), [13] = (b)}, 96 + (length)                          \
    }

static const struct block private_blocks[] = {
    IPV4(0, 0, 8),      IPV4(10, 0, 8),     IPV4(100, 64, 10),  IPV4(127, 0, 8),
    IPV4(169, 254, 16), IPV4(172, 16, 12),  IPV4(192, 168, 16), {{[0] = 0}, 127}, /* :: and ::1 */
    {{0xfc}, 7},        {{0xfe, 0x80}, 10}, {{0xfe, 0xc0}, 10},
};

static bool lies_in(const struct shim_address *address, const struct block *block)
{
    size_t whole = block->bits / 8;
    uint8_t mask = (uint8_t)(0xff00 >> block->bits % 8);
    return memcmp(address->octets, block->prefix, whole) == 0 &&
           (mask == 0 || ((address->octets[whole] ^ block->prefix[whole]) & mask) == 0);
}

bool shim_address_is_private(const struct shim_address *address)
{
    for (size_t i = 0; i < sizeof private_blocks / sizeof *private_blocks; i++) {
        if (lies_in(address, &private_blocks[i])) {
            return true;
        }
    }
    return false;
}
