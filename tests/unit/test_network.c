/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/network.h"

#define ROUTE_HEAD                                                                                 \
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT    \n"
/* 192.168.1.0/24 and the router 192.168.1.1, as a little-endian machine prints them. */
#define LINK "wlan0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0    \n"
#define DEFAULT "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0    \n"
#define ARP_HEAD "IP address       HW type     Flags       HW address            Mask     Device\n"
#define ARP(address, flags, router, device)                                                        \
    address "      0x1         " flags "         " router "     *        " device "\n"
#define ROUTER_A ARP("192.168.1.1", "0x2", "02:00:00:00:00:01", "wlan0")
#define ROUTER_B ARP("192.168.1.1", "0x2", "02:00:00:00:00:02", "wlan0")
#define ZEROS "00000000000000000000000000000000"
#define IPV6(destination, bits, next, flags, device)                                               \
    destination " " bits " " ZEROS " 00 " next " 00000400 00000001 00000000 " flags "    " device  \
                "\n"
#define FE80_1 "fe800000000000000000000000000001"

static char folder[] = "/tmp/echshim-network.XXXXXX";

static void setup(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void write_or_remove(const char *name, const char *text)
{
    char path[100];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (text == NULL) {
        (void)unlink(path);
        return;
    }
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    cr_assert_eq(fclose(file), 0);
}

static void teardown(void)
{
    write_or_remove("route", NULL);
    write_or_remove("arp", NULL);
    write_or_remove("ipv6_route", NULL);
    cr_assert_eq(rmdir(folder), 0);
}

TestSuite(network, .init = setup, .fini = teardown);

static uint64_t id_of(const char *route, const char *arp, const char *ipv6_route)
{
    uint64_t id;
    write_or_remove("route", route);
    write_or_remove("arp", arp);
    write_or_remove("ipv6_route", ipv6_route);
    errno = 4711;
    cr_assert(dns_network_id_of(folder, &id));
    cr_assert_eq(errno, 4711);
    return id;
}

/* Two routers with one address: their link addresses tell them apart. */
Test(network, svcb_53_routers_of_one_address)
{
    uint64_t home = id_of(ROUTE_HEAD LINK DEFAULT, ARP_HEAD ROUTER_A, NULL);
    uint64_t cafe = id_of(ROUTE_HEAD LINK DEFAULT, ARP_HEAD ROUTER_B, NULL);
    cr_assert_neq(home, cafe);
    cr_assert_eq(home, id_of(ROUTE_HEAD LINK DEFAULT, ARP_HEAD ROUTER_A, NULL));
    cr_assert_neq(home, id_of(ROUTE_HEAD LINK, ARP_HEAD ROUTER_A, NULL), "without the route");
    cr_assert_neq(home, id_of(ROUTE_HEAD LINK DEFAULT, ARP_HEAD, NULL), "not known on the link");
}

Test(network, what_makes_no_difference)
{
    uint64_t home = id_of(ROUTE_HEAD LINK DEFAULT, ARP_HEAD ROUTER_A, NULL);
    cr_assert_eq(home, id_of(ROUTE_HEAD DEFAULT LINK, ARP_HEAD ROUTER_A, NULL), "order");
    cr_assert_eq(home,
                 id_of(ROUTE_HEAD DEFAULT
                       "br-1\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n",
                       ARP_HEAD ROUTER_A, NULL),
                 "a bridge of containers");
    cr_assert_eq(home,
                 id_of(ROUTE_HEAD DEFAULT,
                       ARP_HEAD ROUTER_A ARP("192.168.1.7", "0x2", "02:00:00:00:00:07", "wlan0"),
                       NULL),
                 "a neighbour");
    cr_assert_eq(home,
                 id_of(ROUTE_HEAD DEFAULT,
                       ARP_HEAD ROUTER_A ARP("192.168.1.1", "0x0", "00:00:00:00:00:00", "wlan1"),
                       NULL),
                 "no answer on another link");
    cr_assert_eq(home,
                 id_of(ROUTE_HEAD DEFAULT, ARP_HEAD ROUTER_A,
                       IPV6(ZEROS, "00", ZEROS, "00200200", "lo")
                           IPV6("fe80000000000000"
                                "0000000000000000",
                                "40", ZEROS, "00000001", "wlan0")),
                 "what every machine has of IPv6");
}

Test(network, a_tunnel_for_everything)
{
    uint64_t home = id_of(ROUTE_HEAD LINK DEFAULT, ARP_HEAD ROUTER_A, NULL);
    uint64_t halves = id_of(ROUTE_HEAD LINK DEFAULT
                            "tun0\t00000000\t00000000\t0001\t0\t0\t50\t00000080\t0\t0\t0\n"
                            "tun0\t00000080\t00000000\t0001\t0\t0\t50\t00000080\t0\t0\t0\n",
                            ARP_HEAD ROUTER_A, NULL);
    cr_assert_neq(home, halves);
}

Test(network, ipv6)
{
    uint64_t none = id_of(ROUTE_HEAD, ARP_HEAD, NULL);
    uint64_t router = id_of(ROUTE_HEAD, ARP_HEAD, IPV6(ZEROS, "00", FE80_1, "00000003", "eth0"));
    uint64_t there =
        id_of(ROUTE_HEAD, ARP_HEAD,
              IPV6(ZEROS, "00", FE80_1, "00000003", "eth0")
                  IPV6("20010db8000000010000000000000000", "40", ZEROS, "00000001", "eth0"));
    uint64_t elsewhere =
        id_of(ROUTE_HEAD, ARP_HEAD,
              IPV6(ZEROS, "00", FE80_1, "00000003", "eth0")
                  IPV6("20010db8000000020000000000000000", "40", ZEROS, "00000001", "eth0"));
    cr_assert_neq(none, router);
    cr_assert_neq(router, there);
    cr_assert_neq(there, elsewhere, "fe80::1 is everywhere, the prefix is not");
}

/* The kernel makes these files, but /proc may be a fake. */
Test(network, lines_of_any_kind)
{
    static char line[5000];
    uint64_t empty = id_of(ROUTE_HEAD, NULL, NULL);
    cr_assert_eq(empty, id_of("", "", ""));
    cr_assert_eq(empty, id_of("\n\n \t\n", "x\n", "y"));
    cr_assert_eq(empty, id_of("eth0\t0\tz\t3\t0\t0\t0\t0\n", "1.2.3.4 1 2\n", "0 0 0 0 0\n"));
    cr_assert_eq(empty, id_of("eth0\t0\t123456789\t3\t0\t0\t0\t0\n", NULL, NULL));
    memset(line, 'a', sizeof line - 1);
    cr_assert_eq(empty, id_of(line, line, line));
}

Test(network, nothing_to_read)
{
    uint64_t id;
    errno = 4711;
    cr_assert_not(dns_network_id_of(folder, &id));
    cr_assert_eq(errno, 4711);
}

Test(network, this_machine)
{
    uint64_t one;
    uint64_t two;
    cr_assert(dns_network_id(&one));
    cr_assert(dns_network_id(&two));
    cr_assert_eq(one, two);
}
