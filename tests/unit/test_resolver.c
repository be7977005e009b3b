/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dns/resolver.h"

static void check_conf(const char *text, const char *expected_id, uint64_t try_us,
                       unsigned attempts)
{
    struct dns_servers servers;
    char id[DNS_RESOLVER_ID];
    dns_resolv_conf_parse(bytes_of(text, strlen(text)), &servers);
    dns_servers_id(&servers, id);
    cr_assert_str_eq(id, expected_id, "%s: %s", text, id);
    cr_assert_eq(servers.try_us, try_us);
    cr_assert_eq(servers.attempts, attempts);
}

Test(resolver, settings)
{
    static const struct {
        const char *setting;
        const char *id;
    } cases[] = {
        {"udp://192.0.2.1", "udp://192.0.2.1:53"},
        {"udp://192.0.2.1:5353", "udp://192.0.2.1:5353"},
        {"tcp://192.0.2.1:65535", "tcp://192.0.2.1:65535"},
        {"udp://[2001:db8::1]", "udp://[2001:db8::1]:53"},
        {"tcp://[2001:DB8:0::1]:54", "tcp://[2001:db8::1]:54"},
        {"udp://[fe80::1%1]:54", "udp://[fe80::1%1]:54"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dns_resolver resolver;
        struct dns_servers servers;
        char id[DNS_RESOLVER_ID];
        cr_assert_eq(dns_resolver_parse(cases[i].setting, &resolver), ECH_OK, "%s",
                     cases[i].setting);
        cr_assert_eq(resolver.kind, DNS_RESOLVER_FIXED);
        dns_resolver_servers(&resolver, "/nonexistent", &servers);
        dns_servers_id(&servers, id);
        cr_assert_str_eq(id, cases[i].id);
    }
    struct dns_resolver resolver;
    cr_assert_eq(dns_resolver_parse("system", &resolver), ECH_OK);
    cr_assert_eq(resolver.kind, DNS_RESOLVER_SYSTEM);
}

Test(resolver, what_this_build_does_not_speak_is_told_apart)
{
    struct dns_resolver resolver;
    cr_assert_eq(dns_resolver_parse("tls://192.0.2.1#dns.example", &resolver), ECH_ERR_UNSUPPORTED);
    cr_assert_eq(dns_resolver_parse("https://dns.example/dns-query", &resolver),
                 ECH_ERR_UNSUPPORTED);
}

Test(resolver, anything_else_is_an_error)
{
    static const char *const settings[] = {
        "",
        "System",
        "system ",
        "192.0.2.1",
        "udp://",
        "udp:192.0.2.1",
        "UDP://192.0.2.1",
        "udp://dns.example",
        "udp://192.0.2.1:",
        "udp://192.0.2.1:0",
        "udp://192.0.2.1:65536",
        "udp://192.0.2.1:53x",
        "udp://192.0.2.1:+53",
        "udp://192.0.2.1/",
        "udp://192.0.2",
        "udp://2001:db8::1",
        "udp://[2001:db8::1",
        "udp://[2001:db8::1]53",
        "udp://[2001:db8::1]:",
        "udp://[192.0.2.1]",
        "udp://[fe80::1%]",
        "udp://[fe80::1%nosuchinterface]",
        "udp://[]",
        "quic://192.0.2.1",
        "udp://"
        "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "a]",
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        struct dns_resolver resolver;
        cr_assert_eq(dns_resolver_parse(settings[i], &resolver), ECH_ERR_DECODE, "'%s'",
                     settings[i]);
    }
}

Test(resolver, resolv_conf)
{
    check_conf("", "udp://127.0.0.1:53", 5000000, 2);
    check_conf("nameserver 192.0.2.1\nnameserver\t2001:db8::1 # x\n  nameserver "
               "192.0.2.3\nnameserver 192.0.2.4\n",
               "udp://192.0.2.1:53,udp://[2001:db8::1]:53,udp://192.0.2.3:53", 5000000, 2);
    check_conf("; a\n# nameserver 192.0.2.9\nsearch example.org\nnameserver "
               "nonsense\nnameserver\nnameserver 192.0.2.1",
               "udp://192.0.2.1:53", 5000000, 2);
    check_conf("nameserver fe80::1%1\r\noptions ndots:2 timeout:1 attempts:3 rotate\r\n",
               "udp://[fe80::1%1]:53", 1000000, 3);
    check_conf("options timeout:99 attempts:0 use-vc\nnameserver 192.0.2.1\n", "tcp://192.0.2.1:53",
               30000000, 1);
    check_conf("options timeout:x attempts:-1\noptions\n", "udp://127.0.0.1:53", 5000000, 2);
}

Test(resolver, resolv_conf_with_any_octets)
{
    char text[2000];
    struct dns_servers servers;
    memset(text, 'x', sizeof text);
    dns_resolv_conf_parse(bytes_of(text, sizeof text), &servers);
    cr_assert_eq(servers.count, 1);
    memset(text, 0, sizeof text);
    dns_resolv_conf_parse(bytes_of(text, sizeof text), &servers);
    cr_assert_eq(servers.count, 1);
}

Test(resolver, system_reads_the_file_each_time)
{
    char path[] = "/tmp/echshim-resolv-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    struct dns_resolver resolver;
    struct dns_servers servers;
    cr_assert_eq(dns_resolver_parse("system", &resolver), ECH_OK);
    cr_assert_eq(dprintf(fd, "nameserver 192.0.2.7\n"), 21);
    dns_resolver_servers(&resolver, path, &servers);
    cr_assert_eq(ntohl(servers.server[0].address.v4.sin_addr.s_addr), 0xc0000207);
    cr_assert_eq(dprintf(fd, "nameserver 192.0.2.8\n"), 21);
    dns_resolver_servers(&resolver, path, &servers);
    cr_assert_eq(servers.count, 2);
    close(fd);
    unlink(path);
    dns_resolver_servers(&resolver, path, &servers);
    cr_assert_eq(ntohl(servers.server[0].address.v4.sin_addr.s_addr), 0x7f000001);
}
