/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
        cr_assert_eq(dns_resolver_parse(cases[i].setting, &resolver, NULL), ECH_OK, "%s",
                     cases[i].setting);
        cr_assert_eq(resolver.kind, DNS_RESOLVER_FIXED);
        dns_resolver_servers(&resolver, "/nonexistent", &servers, id);
        cr_assert_str_eq(id, cases[i].id);
    }
    struct dns_resolver resolver;
    cr_assert_eq(dns_resolver_parse("system", &resolver, NULL), ECH_OK);
    cr_assert_eq(resolver.kind, DNS_RESOLVER_SYSTEM);
}

static void check_secure(const char *setting, bool https, const char *id, const char *name,
                         const char *path)
{
    struct dns_resolver resolver;
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_OK, "%s", setting);
    cr_assert_eq(resolver.kind, DNS_RESOLVER_ENCRYPTED);
    cr_assert_eq(resolver.secure_count, 1);
    cr_assert_eq(resolver.secure[0].https, https);
    cr_assert(dns_resolver_is_protected(&resolver));
    struct dns_servers servers;
    char own_id[DNS_RESOLVER_ID];
    dns_resolver_servers(&resolver, "/etc/resolv.conf", &servers, own_id);
    cr_assert_eq(servers.count, 0); /* never plain DNS instead */
    cr_assert_str_eq(own_id, id);
    cr_assert_str_eq(resolver.secure[0].id, id, "%s", resolver.secure[0].id);
    cr_assert_str_eq(resolver.secure[0].name, name);
    cr_assert_str_eq(resolver.secure[0].path, path);
    cr_assert_eq(resolver.secure[0].address_count == 0,
                 strpbrk(id + 8, "#[") == NULL && *name != '\0');
    /* The resulting id is a valid setting again. */
    struct dns_resolver again;
    cr_assert_eq(dns_resolver_parse(id, &again, NULL), ECH_OK);
    cr_assert_str_eq(again.secure[0].id, id);
}

/* DOT-1, DOT-16, DOH-1, DOH-11 */
Test(resolver, dot_1_dot_16_settings_of_dns_over_tls)
{
    static const bool kind = false;
    struct dns_resolver resolver;
    check_secure("tls://192.0.2.1", kind, "tls://192.0.2.1:853", "", "");
    check_secure("tls://192.0.2.1#dns.example", kind, "tls://192.0.2.1:853#dns.example",
                 "dns.example", "");
    check_secure("tls://192.0.2.1:8853#DNS.Example.", kind, "tls://192.0.2.1:8853#dns.example",
                 "dns.example", "");
    check_secure("tls://[2001:DB8::1]#dns", kind, "tls://[2001:db8::1]:853#dns", "dns", "");
    check_secure("tls://[fe80::1%1]:853", kind, "tls://[fe80::1%1]:853", "", "");
    cr_assert_eq(dns_resolver_parse("tls://192.0.2.1:8853", &resolver, NULL), ECH_OK);
    cr_assert_eq(resolver.secure[0].address[0].v4.sin_port, htons(8853));
    cr_assert_eq(resolver.secure[0].address_len[0], sizeof resolver.secure[0].address[0].v4);
    cr_assert_eq(dns_resolver_parse("system", &resolver, NULL), ECH_OK);
    cr_assert_not(dns_resolver_is_protected(&resolver));
    cr_assert_eq(dns_resolver_parse("tcp://192.0.2.1", &resolver, NULL), ECH_OK);
    cr_assert_not(dns_resolver_is_protected(&resolver));
}

Test(resolver, doh_1_doh_11_settings_of_dns_over_https)
{
    static const bool kind = true;
    check_secure("https://dns.example/dns-query", kind, "https://dns.example:443/dns-query",
                 "dns.example", "/dns-query");
    check_secure("https://DNS.example:8443/q#192.0.2.1", kind,
                 "https://dns.example:8443/q#192.0.2.1", "dns.example", "/q");
    check_secure("https://dns.example/#[2001:db8::1]", kind,
                 "https://dns.example:443/#[2001:db8::1]", "dns.example", "/");
    check_secure("https://192.0.2.1/dns-query", kind, "https://192.0.2.1:443/dns-query", "",
                 "/dns-query");
    check_secure("https://[2001:db8::1]:444/a%20b?c=d", kind, "https://[2001:db8::1]:444/a%20b?c=d",
                 "", "/a%20b?c=d");
    check_secure("https://dns.example/dns-query{?dns}#192.0.2.1", kind,
                 "https://dns.example:443/dns-query#192.0.2.1", "dns.example", "/dns-query");
    check_secure("https://1.example/q", kind, "https://1.example:443/q", "1.example", "/q");
}

Test(resolver, anything_else_is_an_error)
{
    static const char *const settings[] = {
        "",
        "System",
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
        "tls://",
        "tls://dns.example",
        "tls://#dns.example",
        "tls://192.0.2.1#",
        "tls://192.0.2.1:53",
        "tls://192.0.2.1:0#dns.example",
        "tls://192.0.2.1:8853x",
        "tls://192.0.2.1/#dns.example",
        "tls://192.0.2.1#dns..example",
        "tls://192.0.2.1#.",
        "tls://192.0.2.1#-dns.example",
        "tls://192.0.2.1#dns-.example",
        "tls://192.0.2.1#192.0.2.1",
        "tls://192.0.2.1#dns.example:853",
        "tls://192.0.2.1#dns.example#x",
        "tls://2001:db8::1",
        "TLS://192.0.2.1",
        "https://",
        "https:///dns-query",
        "https://dns.example",
        "https://dns.example#192.0.2.1",
        "https://dns.example:443",
        "https://dns.example:/dns-query",
        "https://dns.example:0/dns-query",
        "https://dns.example:65536/dns-query",
        "https://dns.example/dns-query{?name}",
        "https://dns.example/{?dns}/x",
        "https://dns.example/dns-query#",
        "https://dns.example/dns-query#dns.example",
        "https://dns.example/dns-query#2001:db8::1",
        "https://dns.example/dns-query#192.0.2.1:443",
        "https://dns.example/dns-query#192.0.2.1#",
        "https://192.0.2.1/dns-query#192.0.2.2",
        "https://192.0.2.300/dns-query",
        "https://[2001:db8::1/dns-query",
        "https://user@dns.example/dns-query",
        "http://dns.example/dns-query",
        "udp://"
        "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "a]",
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        struct dns_resolver resolver;
        cr_assert_eq(dns_resolver_parse(settings[i], &resolver, NULL), ECH_ERR_DECODE, "'%s'",
                     settings[i]);
    }
}

/* ---- lists ---- */

static char told[1024];

static void remember(void *context, const char *item, const char *why)
{
    (void)context;
    size_t len = strlen(told);
    (void)snprintf(told + len, sizeof told - len, "[%s: %s]", item != NULL ? item : "", why);
}

/* `id` NULL: the list cannot be used. */
static void check_list(const char *setting, const char *id, const char *problem)
{
    static const struct dns_resolver_problems problems = {.tell = remember};
    struct dns_resolver resolver;
    struct dns_servers servers;
    char all[DNS_RESOLVER_ID];
    told[0] = '\0';
    enum ech_status status = dns_resolver_parse(setting, &resolver, &problems);
    cr_expect_eq(status, id != NULL ? ECH_OK : ECH_ERR_DECODE, "%s", setting);
    cr_expect(*problem == '\0' ? *told == '\0' : strstr(told, problem) != NULL, "%s: %s", setting,
              told);
    if (id != NULL && status == ECH_OK) {
        dns_resolver_servers(&resolver, "/nonexistent", &servers, all);
        cr_expect_str_eq(all, id, "%s: %s", setting, all);
        cr_expect(!dns_resolver_is_protected(&resolver) || servers.count == 0);
    }
}

#define A "tls://192.0.2.1:853#a.example"
#define B "https://b.example:443/q#192.0.2.2,[2001:db8::2]"

Test(resolver, lists)
{
    check_list(A " https://b.example/q#192.0.2.2,[2001:DB8::2]", A "," B, "");
    check_list(A "," B, A "," B, "");
    check_list("  " B ",\t" A ", ", B "," A, "");
    check_list("udp://192.0.2.1,tcp://192.0.2.2", "udp://192.0.2.1:53,tcp://192.0.2.2:53", "");
    check_list("udp://192.0.2.1,system", "udp://192.0.2.1:53,udp://127.0.0.1:53", "");
    check_list("system udp://192.0.2.1", "udp://127.0.0.1:53,udp://192.0.2.1:53", "");
    check_list("system", "udp://127.0.0.1:53", "");
    check_list("https://b.example/a,b", "https://b.example:443/a,b", "");
}

/* The rest of a list is used, unless it would be weaker than what was meant. */
Test(resolver, lists_with_elements_that_cannot_be_used)
{
    check_list(A " quic://192.0.2.3", A, "[quic://192.0.2.3: ");
    check_list("nonsense," A, A, "[nonsense: ");
    check_list("nonsense, " A, A, "[nonsense: ");
    check_list(A " udp://192.0.2.1", A, "never falls back to plain DNS");
    check_list("system," A, A, "never falls back to plain DNS");
    check_list("udp://192.0.2.1 tls://dns.example", NULL, "[tls://dns.example: ");
    check_list("udp://192.0.2.1 htps://dns.example/q", NULL, "[htps://dns.example/q: ");
    check_list("system 192.0.2.1", NULL, "[192.0.2.1: ");
    check_list("udp://192.0.2.1 udp://dns.example", "udp://192.0.2.1:53", "[udp://dns.example: ");
    check_list(A "," A, A, "it is in the list already");
    check_list("system,system", "udp://127.0.0.1:53", "it is in the list already");
    check_list(" , ", NULL, "");
    check_list("udp://192.0.2.1 udp://192.0.2.2 udp://192.0.2.3 udp://192.0.2.4 udp://192.0.2.5 "
               "udp://192.0.2.6 udp://192.0.2.7",
               "udp://192.0.2.1:53,udp://192.0.2.2:53,udp://192.0.2.3:53,udp://192.0.2.4:53,"
               "udp://192.0.2.5:53,udp://192.0.2.6:53",
               "[udp://192.0.2.7: a list has at most six");
}

Test(resolver, several_addresses)
{
    check_list("https://dns.example/q#192.0.2.1,192.0.2.2,192.0.2.1",
               "https://dns.example:443/q#192.0.2.1,192.0.2.2", "");
    check_list("tls://dns.example#192.0.2.1", "tls://192.0.2.1:853#dns.example", "");
    check_list("tls://dns.example:8853#192.0.2.1,[2001:db8::1]",
               "tls://dns.example:8853#192.0.2.1,[2001:db8::1]", "");
    check_list("tls://192.0.2.1,192.0.2.2#dns.example", "tls://dns.example:853#192.0.2.1,192.0.2.2",
               "");
    check_list("tls://192.0.2.1,192.0.2.2:8853", "tls://192.0.2.1,192.0.2.2:8853", "");
    check_list("https://dns.example/q#192.0.2.1,dns.example", NULL, "");
    check_list("https://dns.example/q#1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,"
               "1.1.1.8,1.1.1.9",
               NULL, "");
    struct dns_resolver resolver;
    cr_assert_eq(dns_resolver_parse("tls://dns.example:99#192.0.2.1,192.0.2.2", &resolver, NULL),
                 ECH_OK);
    cr_assert_eq(resolver.secure[0].address_count, 2);
    cr_assert_eq(resolver.secure[0].address[1].v4.sin_port, htons(99));
}

/* A truncated id could equal that of another setting. */
Test(resolver, settings_that_are_too_long)
{
    char setting[1200];
    struct dns_resolver resolver;
    (void)snprintf(setting, sizeof setting, "https://dns.example/%0300d", 1);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_ERR_DECODE);
    (void)snprintf(setting, sizeof setting, "https://a.example/q#192.0.2.1 %01100d", 1);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_OK);
    (void)snprintf(setting, sizeof setting, "udp://192.0.2.1 %01100d", 1);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_ERR_DECODE);
    (void)snprintf(setting, sizeof setting, "tls://192.0.2.1#%0300d.a", 1);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_ERR_DECODE);
    (void)snprintf(setting, sizeof setting, "tls://192.0.2.1#%064d.a", 1);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_ERR_DECODE);
}

Test(resolver, resolv_conf)
{
    check_conf("", "udp://127.0.0.1:53", 5000000, 2);
    check_conf("nameserver 192.0.2.1\nnameserver\t2001:db8::1 # x\nnameserver "
               "192.0.2.3\nnameserver 192.0.2.4\n",
               "udp://192.0.2.1:53,udp://[2001:db8::1]:53,udp://192.0.2.3:53", 5000000, 2);
    check_conf("; a\n# nameserver 192.0.2.9\nsearch example.org\nnameserver "
               "nonsense\nnameserver\nnameserver 192.0.2.1",
               "udp://192.0.2.1:53", 5000000, 2);
    check_conf("nameserver fe80::1%1\noptions ndots:2 timeout:1 attempts:3 rotate\n",
               "udp://[fe80::1%1]:53", 1000000, 3);
    check_conf("options timeout:99 attempts:0 use-vc\nnameserver 192.0.2.1\n", "tcp://192.0.2.1:53",
               30000000, 1);
    check_conf("options timeout:x attempts:-1\noptions\n", "udp://127.0.0.1:53", 1000000, 1);
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

/* The only nameserver that the file names now. */
static uint32_t server_of(const char *path)
{
    struct dns_resolver resolver;
    struct dns_servers servers;
    char id[DNS_RESOLVER_ID];
    char expected[DNS_RESOLVER_ID];
    cr_assert_eq(dns_resolver_parse("system", &resolver, NULL), ECH_OK);
    dns_resolver_servers(&resolver, path, &servers, id);
    dns_servers_id(&servers, expected);
    cr_assert_str_eq(id, expected);
    cr_assert_eq(servers.count, 1);
    return ntohl(servers.server[0].address.v4.sin_addr.s_addr);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

Test(resolver, system_sees_every_change_of_the_file)
{
    enum { SETTLED_US = 150000 };
    char path[] = "/tmp/echshim-resolv-XXXXXX";
    char other[sizeof path + 2];
    struct stat before;
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    for (int settled = 0; settled < 2; settled++) {
        write_file(path, "nameserver 192.0.2.7\n");
        cr_assert_eq(stat(path, &before), 0);
        usleep(settled ? SETTLED_US : 0);
        cr_assert_eq(server_of(path), 0xc0000207);
        cr_assert_eq(server_of(path), 0xc0000207);
        /* As long as before, and as old. */
        write_file(path, "nameserver 192.0.2.8\n");
        cr_assert_eq(
            utimensat(AT_FDCWD, path, (struct timespec[]){before.st_atim, before.st_mtim}, 0), 0);
        cr_assert_eq(server_of(path), 0xc0000208);
        usleep(settled ? SETTLED_US : 0);
        cr_assert_eq(server_of(path), 0xc0000208);
        /* Another file in its place. */
        snprintf(other, sizeof other, "%s.2", path);
        write_file(other, "nameserver 192.0.2.9\n");
        cr_assert_eq(rename(other, path), 0);
        cr_assert_eq(server_of(path), 0xc0000209);
        usleep(settled ? SETTLED_US : 0);
        cr_assert_eq(server_of(path), 0xc0000209);
        /* Another file's name. */
        cr_assert_eq(server_of("/nonexistent"), 0x7f000001);
    }
    unlink(path);
    cr_assert_eq(server_of(path), 0x7f000001);
}

static void recent_id(const char *path, char id[DNS_RESOLVER_ID])
{
    struct dns_resolver resolver;
    struct dns_servers servers;
    cr_assert_eq(dns_resolver_parse("system", &resolver, NULL), ECH_OK);
    dns_resolver_recent_servers(&resolver, path, &servers, id);
}

/* Who asks sees a change at once, and a look-up in the cache after a moment. */
/* A pipe would keep us waiting for a writer, with all signals blocked. */
Test(resolver, system_does_not_wait_for_a_pipe, .timeout = 5)
{
    enum { THIS_MACHINE = 0x7f000001 }; /* as if the file were empty */
    char folder[] = "/tmp/echshim-test.XXXXXX";
    char pipe[64];
    cr_assert_not_null(mkdtemp(folder));
    snprintf(pipe, sizeof pipe, "%s/resolv.conf", folder);
    cr_assert_eq(mkfifo(pipe, 0600), 0);
    cr_assert_eq(server_of(pipe), THIS_MACHINE);
    cr_assert_eq(server_of(folder), THIS_MACHINE);
    unlink(pipe);
    rmdir(folder);
}

Test(resolver, what_was_recent_is_soon_the_new_one)
{
    enum { SOON_US = (DNS_RESOLV_CONF_FRESH_MS + 50) * 1000 };
    char path[] = "/tmp/echshim-resolv-XXXXXX";
    char id[DNS_RESOLVER_ID];
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    write_file(path, "nameserver 192.0.2.7\n");
    usleep(SOON_US);
    recent_id(path, id);
    cr_assert_str_eq(id, "udp://192.0.2.7:53");
    write_file(path, "nameserver 192.0.2.8\n");
    cr_assert_eq(server_of(path), 0xc0000208);
    recent_id(path, id);
    cr_assert_str_eq(id, "udp://192.0.2.8:53");
    usleep(SOON_US);
    recent_id(path, id);
    cr_assert_str_eq(id, "udp://192.0.2.8:53");
    write_file(path, "nameserver 192.0.2.9\n");
    usleep(SOON_US);
    recent_id(path, id);
    cr_assert_str_eq(id, "udp://192.0.2.9:53");
    unlink(path);
}
