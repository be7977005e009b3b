/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads requests to proxies in what a client writes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "shim/engine/settings/proxy_environment.h"
#include "shim/stub/proxy_request.h"

enum { TARGETS_MAX = 8 };

/* How a stream was read. */
struct seen {
    struct shim_proxy_target targets[TARGETS_MAX];
    size_t count;
    size_t requests; /* octets that belong to requests */
    bool over;
    bool unread;
};

static struct seen read_all(const void *data, size_t length)
{
    const uint8_t *octets = data;
    struct shim_proxy_reader reader = {0};
    struct seen seen = {0};
    for (; seen.requests < length && !seen.over; seen.requests += !seen.over) {
        struct shim_proxy_target target;
        enum shim_proxy_event event = shim_proxy_read(&reader, octets[seen.requests], &target);
        if (event == SHIM_PROXY_TARGET) {
            cr_assert_lt(seen.count, (size_t)TARGETS_MAX);
            seen.targets[seen.count++] = target;
        }
        seen.unread = seen.unread || event == SHIM_PROXY_UNREAD;
        seen.over = event == SHIM_PROXY_OVER || event == SHIM_PROXY_UNREAD;
    }
    return seen;
}

static void expect_target(const struct shim_proxy_target *target, const char *host, unsigned port)
{
    cr_assert(target->port_known);
    cr_assert_eq(target->port, port);
    cr_assert_eq(target->host, host != NULL ? shim_proxy_host_hash(host) : 0u);
}

/* One request, read as a whole: then another may follow, or a hello. */
static void expect_request(const void *data, size_t length, const char *host, unsigned port)
{
    uint8_t octets[2048];
    memcpy(octets, data, length);
    octets[length] = 22;
    struct seen seen = read_all(octets, length + 1);
    cr_assert(seen.over && !seen.unread);
    cr_assert_eq(seen.requests, length);
    cr_assert_eq(seen.count, 1u);
    expect_target(&seen.targets[0], host, port);
    /* No proper prefix is a whole request. */
    for (size_t cut = 0; cut < length; cut++) {
        seen = read_all(data, cut);
        cr_assert(!seen.over && !seen.unread);
        cr_assert_eq(seen.requests, cut);
    }
}

#define EXPECT_TEXT(text, host, port) expect_request(text, sizeof(text) - 1, host, port)

Test(proxy_request, connect)
{
    EXPECT_TEXT("CONNECT a.example:443 HTTP/1.1\r\n\r\n", "a.example", 443);
    EXPECT_TEXT("CONNECT a.Example.:8443 HTTP/1.1\r\nHost: b.example:1\r\n\r\n", "A.example", 8443);
    EXPECT_TEXT("CONNECT a.example:443 HTTP/1.0\r\nX: y\r\nZ:\r\n z\r\n\r\n", "a.example.", 443);
    EXPECT_TEXT("CONNECT a.example:443\r\n\r\n", "a.example", 443);
    EXPECT_TEXT("CONNECT a.example:443 HTTP/1.1\n\n", "a.example", 443);
    EXPECT_TEXT("CONNECT a.example:443\n\n", "a.example", 443);
    EXPECT_TEXT("\r\n\r\n CONNECT a.example:443 HTTP/1.1\r\n\r\n", "a.example", 443);
    EXPECT_TEXT("connect\ta.example:443 HTTP/1.1\r\n\r\n", "a.example", 443);
    EXPECT_TEXT("Connect \t  a.example:00000443  HTTP/1.1\r\n\r\n", "a.example", 443);
    EXPECT_TEXT("CONNECT a.example:0 HTTP/1.1\r\n\r\n", "a.example", 0);
    EXPECT_TEXT("CONNECT a.example:65535 HTTP/1.1\r\n\r\n", "a.example", 65535);
}

Test(proxy_request, connect_in_other_forms)
{
    EXPECT_TEXT("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n", "[2001:db8::1]", 443);
    EXPECT_TEXT("CONNECT http://a.example:443/ HTTP/1.1\r\n\r\n", "a.example", 443);
    EXPECT_TEXT("CONNECT https://a.example:443/b:80/c HTTP/1.1\r\n\r\n", "a.example", 443);
    EXPECT_TEXT("CONNECT user:80@a.example:443 HTTP/1.1\r\n\r\n", "a.example", 443);
    EXPECT_TEXT("CONNECT http://user:80@[::1]:443 HTTP/1.1\r\n\r\n", "[::1]", 443);
}

/* The reader still reports that there is a target. */
Test(proxy_request, connect_to_a_port_that_cannot_be_read)
{
    static const char *const targets[] = {"a.example",
                                          "a.example:",
                                          "a.example:4x",
                                          "a.example:-443",
                                          "a.example:65536",
                                          "[::1]",
                                          "a.example:+443",
                                          "https://a.example/",
                                          "/",
                                          "a.example:99999999999999999999",
                                          "a.example:%34%34%33"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char request[200];
        int length = snprintf(request, sizeof request, "CONNECT %s HTTP/1.1\r\n\r\n", targets[i]);
        struct seen seen = read_all(request, (size_t)length);
        cr_assert_eq(seen.count, 1u, "%s", targets[i]);
        cr_assert_not(seen.targets[0].port_known, "%s", targets[i]);
    }
}

/* After a 407, and to the next proxy of a chain. */
Test(proxy_request, one_after_another)
{
    static const char stream[] = "CONNECT a.example:80 HTTP/1.1\r\n\r\n"
                                 "CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: x\r\n\r\n"
                                 "\5\1\0"
                                 "\5\1\0\3\1b\x20\xfb"
                                 "\4\1\1\xbb\0\0\0\1u\0c.example\0"
                                 "\26\3\1";
    struct seen seen = read_all(stream, sizeof stream - 1);
    cr_assert_eq(seen.count, 4u);
    cr_assert(seen.over);
    cr_assert_eq(seen.requests, sizeof stream - 1 - 3);
    expect_target(&seen.targets[0], "a.example", 80);
    expect_target(&seen.targets[1], "a.example", 443);
    expect_target(&seen.targets[2], "b", 8443);
    expect_target(&seen.targets[3], "c.example", 443);
}

Test(proxy_request, socks4)
{
    EXPECT_TEXT("\4\1\1\xbb\x7f\0\0\1\0", NULL, 443);
    EXPECT_TEXT("\4\1\1\xbb\x7f\0\0\1user\0", NULL, 443);
    EXPECT_TEXT("\4\2\1\xbb\x7f\0\0\1\0", NULL, 443);
    EXPECT_TEXT("\4\1\1\xbb\0\0\0\0user\0", NULL, 443);
    EXPECT_TEXT("\4\1\1\xbb\0\0\0\1user\0a.example\0", "a.example", 443);
    EXPECT_TEXT("\4\1\x20\xfb\0\0\0\xff\0a.example\0", "a.example", 8443);
    char request[1200] = "\4\1\1\xbb\x7f\0\0\1";
    memcpy(request, "\4\1\1\xbb\x7f\0\0\1", 8);
    memset(request + 8, 'u', 1000);
    expect_request(request, 8 + 1000 + 1, NULL, 443);
}

Test(proxy_request, socks5)
{
    EXPECT_TEXT("\5\1\0\5\1\0\1\x7f\0\0\1\1\xbb", NULL, 443);
    EXPECT_TEXT("\5\3\0\1\2\5\1\0\3\11a.example\1\xbb", "a.example", 443);
    EXPECT_TEXT("\5\1\0\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\1\xbb", NULL, 443);
    EXPECT_TEXT("\5\1\2\1\4user\4pass\5\1\0\3\11A.EXAMPLE\x20\xfb", "a.example", 8443);
    EXPECT_TEXT("\5\2\0\2\1\0\0\5\1\0\1\x7f\0\0\1\1\xbb", NULL, 443);
    EXPECT_TEXT("\5\1\0\5\xf0\0\3\11a.example\0\0", "a.example", 0);
    EXPECT_TEXT("\5\1\0\5\1\0\3\0\1\xbb", NULL, 443);
    char request[300] = "\5\1\0\5\1\0\3\xff";
    memcpy(request, "\5\1\0\5\1\0\3\xff", 8);
    memset(request + 8, 'h', 255);
    memcpy(request + 8 + 255, "\1\xbb", 2);
    char host[256] = "";
    memset(host, 'h', 255);
    expect_request(request, 8 + 255 + 2, host, 443);
}

/* GSSAPI, private methods, unknown kinds of addresses: it is for a proxy, and its target is
 * unknown. */
Test(proxy_request, socks5_that_cannot_be_read)
{
    static const char *const streams[] = {"\5\1\1\1\1\1\1\1", "\5\1\x80\x22", "\5\1\2\1\1u\1p\1",
                                          "\5\1\2\2", "\5\1\1\x16\3\1"};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct seen seen = read_all(streams[i], strlen(streams[i]));
        cr_assert(seen.over && seen.unread, "%zu", i);
    }
    struct seen seen = read_all("\5\1\0\5\1\0\2\1", 8);
    cr_assert(seen.over && seen.unread);
    cr_assert_eq(seen.requests, 6u, "what cannot be read belongs to no request");
}

Test(proxy_request, what_is_no_request)
{
    static const char *const streams[] = {"GET / HTTP/1.1\r\n",  "\26\3\1",           "EHLO a\r\n",
                                          "CONNECTED a:443\r\n", "CONNECT\r\n",       "CONN\n",
                                          "a1 STARTTLS\r\n",     "\r\nSSH-2.0-x\r\n", "\1\2\3"};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct seen seen = read_all(streams[i], strlen(streams[i]));
        cr_assert(seen.over && !seen.unread, "%s", streams[i]);
        cr_assert_eq(seen.count, 0u);
    }
    struct seen seen = read_all("\5\0", 2);
    cr_assert(seen.over && !seen.unread, "no methods are no greeting");
}

/* A program that omits the empty line. */
Test(proxy_request, a_hello_within_a_request)
{
    static const char stream[] = "CONNECT a.example:443 HTTP/1.1\r\n\26\3\1";
    struct seen seen = read_all(stream, sizeof stream - 1);
    cr_assert(seen.over);
    cr_assert_eq(seen.requests, sizeof stream - 1 - 3);
    cr_assert_eq(seen.count, 1u);
}

Test(proxy_request, spellings_of_a_name)
{
    cr_assert_eq(shim_proxy_host_hash("a.Example"), shim_proxy_host_hash("A.example."));
    cr_assert_neq(shim_proxy_host_hash("a.example"), shim_proxy_host_hash("b.example"));
    cr_assert_neq(shim_proxy_host_hash(""), 0u);
}

Test(proxy_request, octets_that_may_begin_one)
{
    static const char all[] = "\1\4\5cC \t\r\n";
    for (unsigned octet = 0; octet < 256; octet++) {
        bool expected =
            octet == '\v' || octet == '\f' || (octet != 0 && strchr(all, (int)octet) != NULL);
        cr_assert_eq(shim_proxy_may_begin((uint8_t)octet), expected, "%u", octet);
    }
}

Test(proxy_request, datagrams)
{
    static const struct {
        const char *octets;
        size_t length;
        size_t header;
        uint16_t port;
    } good[] = {
        {"\0\0\0\1\x7f\0\0\1\1\xbb\xc0", 11, 10, 443},
        {"\0\0\1\3\11a.example\1\xbb", 16, 16, 443},
        {"\0\0\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x20\xfb", 22, 22, 8443},
    };
    size_t header;
    uint16_t port;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const uint8_t *octets = (const uint8_t *)good[i].octets;
        cr_assert(shim_proxy_datagram(octets, good[i].length, &header, &port));
        cr_assert_eq(header, good[i].header);
        cr_assert_eq(port, good[i].port);
        for (size_t cut = 0; cut < good[i].header; cut++) {
            cr_assert_not(shim_proxy_datagram(octets, cut, &header, &port));
        }
    }
    cr_assert_not(
        shim_proxy_datagram((const uint8_t *)"\0\0\0\2\x7f\0\0\1\1\xbb", 10, &header, &port));
    cr_assert_not(
        shim_proxy_datagram((const uint8_t *)"\1\0\0\1\x7f\0\0\1\1\xbb", 10, &header, &port));
}

/* ---- the proxies that the environment names ---- */

static unsigned port_named(const char *value, const char *host)
{
    uint16_t port = 1;
    return shim_proxy_value_names(value, host, &port) ? port : 0;
}

Test(proxy_request, values_of_the_environment)
{
    cr_assert_eq(port_named("http://proxy.example:3128", "proxy.example"), 3128);
    cr_assert_eq(port_named("http://proxy.example:3128/", "PROXY.example."), 3128);
    cr_assert_eq(port_named("proxy.example:3128", "proxy.example"), 3128);
    cr_assert_eq(port_named("http://u:p@w@proxy.example:3128", "proxy.example"), 3128);
    cr_assert_eq(port_named("https://proxy.example", "proxy.example"), 443);
    cr_assert_eq(port_named("http://proxy.example", "proxy.example"), 80);
    cr_assert_eq(port_named("socks5h://proxy.example", "proxy.example"), 1080);
    cr_assert_eq(port_named("http://[::1]:3128", "[::1]"), 3128);
    cr_assert_eq(port_named("http://proxy.example:x", "proxy.example"), 80);
    cr_assert_eq(port_named("http://proxy.example:99999", "proxy.example"), 80);
    cr_assert_eq(port_named("http://proxy.example:3128", "a.example"), 0);
    cr_assert_eq(port_named("http://proxy.example:3128", "proxy.exampl"), 0);
    cr_assert_eq(port_named("", "proxy.example"), 0);
    cr_assert_eq(port_named("", ""), 0);
    cr_assert_eq(port_named("://", ""), 0);
    cr_assert_eq(port_named("http://[::1", "x"), 0);
}
