/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An encrypted resolver through a proxy. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/tls_responder.h"

#define BY_NAME "tls://dns.test:%u#127.0.0.1"

/* ---- the setting ---- */

static void good(const char *setting, bool http, const char *name, unsigned port, const char *user,
                 const char *password)
{
    struct dns_proxy proxy;
    cr_assert_eq(dns_proxy_parse(setting, &proxy), ECH_OK, "%s", setting);
    cr_expect_eq(proxy.http, http, "%s", setting);
    cr_expect_str_eq(proxy.name, name, "%s", setting);
    cr_expect_eq(proxy.address_len == 0, *name != '\0', "%s", setting);
    cr_expect_eq(proxy.port, port, "%s: %u", setting, proxy.port);
    cr_expect_str_eq(proxy.user, user, "%s", setting);
    cr_expect_str_eq(proxy.password, password, "%s", setting);
}

Test(resolver_proxy, settings)
{
    struct dns_proxy proxy;
    static const char *const bad[] = {"",
                                      "192.0.2.1:1080",
                                      "socks4://192.0.2.1",
                                      "https://192.0.2.1",
                                      "socks5h://",
                                      "socks5h://192.0.2.1:0",
                                      "http://a.example/x",
                                      "http://@a.example",
                                      "socks5h://192.0.2.1, http://a",
                                      "socks5h://[2001:db8::1"};
    good("socks5h://127.0.0.1:9050", false, "", 9050, "", "");
    good("socks5://[::1]", false, "", 1080, "", "");
    good("http://Proxy.Example:3128/", true, "proxy.example", 3128, "", "");
    good("http://me:pass@word@192.0.2.1", true, "", 8080, "me", "pass@word");
    good("socks5h://me@a.example", false, "a.example", 1080, "me", "");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(dns_proxy_parse(bad[i], &proxy), ECH_ERR_DECODE, "%s", bad[i]);
    }
}

/* ---- a proxy ---- */

enum how { SOCKS, HTTP, REFUSES, SILENT };

static struct fake {
    enum how how;
    int listener;
    pthread_t thread;
    char asked[512]; /* the request as it came */
    size_t length;
} fake;

static void pass_on(int client, int server)
{
    char octets[16384];
    struct pollfd wait[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    for (;;) {
        (void)poll(wait, 2, -1);
        for (int i = 0; i < 2; i++) {
            ssize_t got = wait[i].revents != 0 ? recv(wait[i].fd, octets, sizeof octets, 0) : -2;
            if (got == 0 || got == -1) {
                return;
            }
            if (got > 0) {
                (void)!send(wait[1 - i].fd, octets, (size_t)got, MSG_NOSIGNAL);
            }
        }
    }
}

/* Sends in single octets: the answers come in pieces. */
static void say(int client, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        (void)!send(client, text + i, 1, MSG_NOSIGNAL);
        usleep(1000);
    }
}

#define SAY(client, text) say(client, text, sizeof(text) - 1)

static void talk(int client)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(server.port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char octets[512];
    if (fake.how == SILENT) {
        (void)!recv(client, octets, sizeof octets, 0);
        (void)!recv(client, octets, sizeof octets, 0);
        return;
    }
    if (fake.how == SOCKS || fake.how == REFUSES) {
        (void)!recv(client, octets, sizeof octets, 0);
        SAY(client, "\5\0");
    }
    ssize_t got = recv(client, fake.asked, sizeof fake.asked - 1, 0);
    fake.length = got > 0 ? (size_t)got : 0;
    if (fake.how == REFUSES) {
        SAY(client, "\5\5\0\1\0\0\0\0\0\0");
        return;
    }
    if (fake.how == SOCKS) {
        SAY(client, "\5\0\0\3\3abc\0\0");
    } else {
        SAY(client, "HTTP/1.1 200 Go\r\nX: y\r\n\r\n");
    }
    int there = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(there, (struct sockaddr *)&to, sizeof to) == 0) {
        pass_on(client, there);
    }
    (void)close(there);
}

static void *serve_proxy(void *nothing)
{
    (void)nothing;
    int client;
    while ((client = accept(fake.listener, NULL, NULL)) >= 0) {
        talk(client);
        (void)close(client);
    }
    return NULL;
}

static void start(enum how how, const char *scheme, const char *setting)
{
    static struct dns_proxy proxy;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof at;
    char text[64];
    fake = (struct fake){.how = how, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    cr_assert_eq(bind(fake.listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(fake.listener, 8), 0);
    cr_assert_eq(getsockname(fake.listener, (struct sockaddr *)&at, &length), 0);
    cr_assert_eq(pthread_create(&fake.thread, NULL, serve_proxy, NULL), 0);
    (void)snprintf(text, sizeof text, "%s127.0.0.1:%u", scheme, ntohs(at.sin_port));
    cr_assert_eq(dns_proxy_parse(text, &proxy), ECH_OK);
    client_proxy = &proxy;
    START(setting, .serve = peer_obey);
}

static void stop(void)
{
    client_stop();
    (void)shutdown(fake.listener, SHUT_RDWR);
    pthread_join(fake.thread, NULL);
    (void)close(fake.listener);
    client_proxy = NULL;
}

Test(resolver_proxy, socks5, .timeout = 30)
{
    start(SOCKS, "socks5h://", BY_NAME);
    client_expect("a.example", 2000, DNS_REASON_OK);
    client_expect("b.example", 2000, DNS_REASON_OK);
    cr_assert_eq(fake.length, 10);
    cr_assert_arr_eq(fake.asked, "\5\1\0\1\177\0\0\1", 8, "the address goes to the proxy");
    cr_assert_eq(atomic_load(&server.connections), 1);
    stop();
}

Test(resolver_proxy, http, .timeout = 30)
{
    char expected[64];
    start(HTTP, "http://me:secret@", BY_NAME);
    client_expect("a.example", 2000, DNS_REASON_OK);
    (void)snprintf(expected, sizeof expected, "CONNECT 127.0.0.1:%u HTTP/1.1\r\n", server.port);
    cr_assert_eq(strncmp(fake.asked, expected, strlen(expected)), 0, "%s", fake.asked);
    cr_assert_not_null(strstr(fake.asked, "\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"));
    stop();
}

/* The proxy resolves the name: nobody here is asked for it. */
Test(resolver_proxy, the_proxy_resolves_a_name, .timeout = 30)
{
    char expected[64];
    start(HTTP, "http://", "https://dns.test:%u/q");
    (void)client_ask(channel, "a.example", 2000);
    (void)snprintf(expected, sizeof expected, "CONNECT dns.test:%u HTTP/1.1\r\n", server.port);
    cr_assert_eq(strncmp(fake.asked, expected, strlen(expected)), 0, "%s", fake.asked);
    stop();
}

static void fails(enum how how, const char *scheme, enum dns_reason reason)
{
    start(how, scheme, BY_NAME);
    client_expect("a.example", 500, reason);
    cr_assert_eq(atomic_load(&server.connections), 0, "never past the proxy");
    stop();
}

Test(resolver_proxy, a_proxy_that_refuses, .timeout = 30)
{
    fails(REFUSES, "socks5h://", DNS_REASON_NETWORK);
}

Test(resolver_proxy, a_proxy_that_is_silent, .timeout = 30)
{
    fails(SILENT, "socks5h://", DNS_REASON_TIMEOUT);
}

Test(resolver_proxy, a_proxy_that_asks_for_a_login, .timeout = 30)
{
    fails(SOCKS, "socks5h://me:secret@", DNS_REASON_NETWORK);
}

Test(resolver_proxy, a_proxy_that_is_away, .timeout = 30)
{
    static struct dns_proxy proxy;
    cr_assert_eq(dns_proxy_parse("socks5h://127.0.0.1:1", &proxy), ECH_OK);
    client_proxy = &proxy;
    START(BY_NAME, .serve = peer_obey);
    client_expect("a.example", 2000, DNS_REASON_NETWORK);
    cr_assert_eq(atomic_load(&server.connections), 0, "never past the proxy");
    client_stop();
    client_proxy = NULL;
}
