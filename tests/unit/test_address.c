/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "shim/common/address.h"

static struct shim_address address_of(const char *text)
{
    uint8_t octets[16];
    if (inet_pton(AF_INET, text, octets) == 1) {
        return shim_address_of_ipv4(octets);
    }
    cr_assert_eq(inet_pton(AF_INET6, text, octets), 1, "%s", text);
    return shim_address_of_ipv6(octets);
}

Test(address, private_ones)
{
    static const char *const private[] = {"0.0.0.0",
                                          "0.1.2.3",
                                          "10.0.0.0",
                                          "10.255.255.255",
                                          "100.64.0.0",
                                          "100.127.255.255",
                                          "127.0.0.1",
                                          "127.255.1.1",
                                          "169.254.0.1",
                                          "172.16.0.1",
                                          "172.31.255.255",
                                          "192.168.0.1",
                                          "::",
                                          "::1",
                                          "fe80::1",
                                          "febf::1",
                                          "fec0::1",
                                          "feff::1",
                                          "fc00::1",
                                          "fdff:1::1",
                                          "::ffff:10.1.2.3",
                                          "::ffff:127.0.0.1"};
    static const char *const public[] = {"1.1.1.1",        "9.255.255.255", "11.0.0.0",
                                         "100.63.255.255", "100.128.0.0",   "126.1.1.1",
                                         "128.0.0.1",      "169.253.1.1",   "169.255.1.1",
                                         "172.15.255.255", "172.32.0.0",    "192.167.1.1",
                                         "192.169.0.0",    "::2",           "2001:db8::1",
                                         "fbff::1",        "fe00::1",       "ff02::1",
                                         "::ffff:8.8.8.8", "64:ff9b::a00:1"};
    for (size_t i = 0; i < sizeof private / sizeof *private; i++) {
        struct shim_address address = address_of(private[i]);
        cr_assert(shim_address_is_private(&address), "%s", private[i]);
    }
    for (size_t i = 0; i < sizeof public / sizeof *public; i++) {
        struct shim_address address = address_of(public[i]);
        cr_assert_not(shim_address_is_private(&address), "%s", public[i]);
    }
}

Test(address, to_a_socket_address_and_back)
{
    static const char *const both[] = {"192.0.2.1", "2001:db8::1"};
    for (size_t i = 0; i < 2; i++) {
        struct shim_address address = address_of(both[i]);
        struct shim_address back;
        struct sockaddr_storage written;
        int family = i == 0 ? AF_INET : AF_INET6;
        socklen_t length = shim_address_write(&address, 8443, &written);
        cr_assert_eq(shim_address_family(&address), family);
        cr_assert_eq(written.ss_family, family);
        cr_assert_eq(length, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        cr_assert_eq(ntohs(((struct sockaddr_in *)&written)->sin_port), 8443);
        cr_assert_eq(shim_address_port((struct sockaddr *)&written), 8443);
        cr_assert(shim_address_of((struct sockaddr *)&written, &back));
        cr_assert(shim_address_equal(&address, &back));
    }
    struct shim_address mapped = address_of("::ffff:192.0.2.1");
    struct shim_address plain = address_of("192.0.2.1");
    cr_assert(shim_address_equal(&mapped, &plain), "one host, two ways to write it");
    cr_assert_not(shim_address_of(NULL, &plain));
    cr_assert_not(shim_address_of(&(struct sockaddr){.sa_family = AF_UNIX}, &plain));
}

Test(address, a_list_holds_each_once_and_no_more_than_fit)
{
    struct shim_addresses addresses = {.count = 0};
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < SHIM_ADDRESSES_MAX + 3; i++) {
            struct shim_address address = address_of("192.0.2.0");
            address.octets[15] = (uint8_t)i;
            shim_addresses_add(&addresses, &address);
            cr_assert_eq(shim_addresses_hold(&addresses, &address), i < SHIM_ADDRESSES_MAX);
        }
    }
    cr_assert_eq(addresses.count, (size_t)SHIM_ADDRESSES_MAX);
}
