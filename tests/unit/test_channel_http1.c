/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The channel by DNS over HTTPS with HTTP/1.1. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/tls_responder.h"

#define BY_NAME "https://dns.test:%u/dns-query#127.0.0.1"

static const char *http1_head; /* of a response, with a number for the length */
static unsigned http1_whole;   /* connections that answer so; others answer as usual */
static bool http1_byte_by_byte;
static bool http1_closes;
static char http1_request[2048];

static void serve_http1(struct tls_peer *peer)
{
    char *request;
    size_t len;
    while ((request = peer_read_until(peer, "\r\n\r\n", &len)) != NULL) {
        size_t head = (size_t)(strstr(request, "\r\n\r\n") + 4 - request);
        while (len < head + 128) {
            ssize_t got = gnutls_record_recv(peer->session, request + len, head + 128 - len);
            if (got <= 0) {
                break;
            }
            len += (size_t)got;
        }
        atomic_fetch_add(&peer->responder->queries, 1);
        snprintf(http1_request, sizeof http1_request, "%.*s", (int)head, request);
        struct writer answer;
        wr_init(&answer, 0);
        answer_make(bytes_of(request + head, 128), &answer);
        char text[1024];
        const char *format = peer->number < http1_whole
                                 ? http1_head
                                 : "HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\n"
                                   "Content-Length: %zu\r\n\r\n";
        snprintf(text, sizeof text, format, answer.len);
        if (http1_byte_by_byte) {
            for (const char *at = text; *at != '\0'; at++) {
                (void)peer_write(peer, at, 1);
            }
        } else {
            (void)peer_write(peer, text, strlen(text));
        }
        (void)peer_write(peer, answer.data, answer.len);
        if (strstr(text, "chunked") != NULL) {
            (void)peer_write(peer, "\r\n0\r\n\r\n", 7);
        }
        wr_free(&answer);
        free(request);
        if (http1_closes && peer->number < http1_whole) {
            gnutls_bye(peer->session, GNUTLS_SHUT_WR);
            return;
        }
    }
}

static void start_http1(const char *head, const char *alpn)
{
    http1_head = head;
    http1_whole = head != NULL ? 100 : 0;
    START(BY_NAME, .serve = serve_http1, .alpn = alpn);
}

Test(channel_http1, doh_8_http1_if_alpn_says_so)
{
    char expected[512];
    start_http1(NULL, "http/1.1");
    for (unsigned i = 0; i < 5; i++) {
        client_expect("a.example", 2000, DNS_REASON_OK);
    }
    cr_assert_eq(atomic_load(&server.connections), 1);
    snprintf(expected, sizeof expected,
             "POST /dns-query HTTP/1.1\r\nHost: dns.test:%u\r\n"
             "Accept: application/dns-message\r\nContent-Type: application/dns-message\r\n"
             "Content-Length: 128\r\n\r\n",
             server.port);
    cr_assert_str_eq(http1_request, expected);
    client_stop();
}

Test(channel_http1, doh_8_http1_without_alpn_and_with_many_threads)
{
    start_http1(NULL, NULL);
    client_eight_threads();
    cr_assert_eq(atomic_load(&server.connections), 1);
    cr_assert_eq(atomic_load(&server.queries), 200);
    client_stop();
}

#define DNS_TYPE "Content-Type: application/dns-message\r\n"

#define HTTP1_SAYS(test, head, expected)                                                           \
    Test(channel_http1, test)                                                                      \
    {                                                                                              \
        start_http1(head, "http/1.1");                                                             \
        client_expect("a.example", 2000, expected);                                                \
        client_stop();                                                                             \
    }

HTTP1_SAYS(interim_responses,
           "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
           "HTTP/1.1 200 OK\r\n" DNS_TYPE "Content-Length: %zu\r\n\r\n",
           DNS_REASON_OK)
HTTP1_SAYS(http1_chunks,
           "HTTP/1.1 200 OK\r\n" DNS_TYPE "Transfer-Encoding: chunked\r\n\r\n%zx;a=b\r\n",
           DNS_REASON_OK)
HTTP1_SAYS(http1_404, "HTTP/1.1 404 Not Found\r\nContent-Length: %zu\r\n\r\n",
           DNS_REASON_HTTP_STATUS)
HTTP1_SAYS(http1_redirect,
           "HTTP/1.1 302 Found\r\nLocation: /x\r\n" DNS_TYPE "Content-Length: %zu\r\n\r\n",
           DNS_REASON_HTTP_STATUS)
HTTP1_SAYS(http1_media_type,
           "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %zu\r\n\r\n",
           DNS_REASON_HTTP_ANSWER)
HTTP1_SAYS(http1_two_lengths,
           "HTTP/1.1 200 OK\r\n" DNS_TYPE "Content-Length: 1\r\nContent-Length: %zu\r\n\r\n",
           DNS_REASON_HTTP_ANSWER)
HTTP1_SAYS(http1_length_and_chunks,
           "HTTP/1.1 200 OK\r\n" DNS_TYPE
           "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
           DNS_REASON_HTTP_ANSWER)
HTTP1_SAYS(http1_a_huge_length, "HTTP/1.1 200 OK\r\n" DNS_TYPE "Content-Length: 65536\r\n\r\n%zx",
           DNS_REASON_HTTP_ANSWER)
HTTP1_SAYS(http1_garbage, "220 mail.example ESMTP %zu\r\n\r\n", DNS_REASON_HTTP_ANSWER)

Test(channel_http1, http1_octet_by_octet)
{
    http1_byte_by_byte = true;
    start_http1("HTTP/1.1 200 OK\r\n" DNS_TYPE "Content-Length: %zu\r\n\r\n", "http/1.1");
    client_expect("a.example", 2000, DNS_REASON_OK);
    client_stop();
}

Test(channel_http1, http1_closed_after_each_answer)
{
    start_http1("HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\n" DNS_TYPE
                "Content-Length: %zu\r\n\r\n",
                "http/1.1");
    client_expect("a.example", 2000, DNS_REASON_OK);
    client_expect("b.example", 2000, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.connections), 2);
    client_stop();
}

Test(channel_http1, http1_a_body_without_length_ends_with_the_connection)
{
    http1_closes = true;
    start_http1("HTTP/1.0 200 OK\r\n" DNS_TYPE "X: %zu\r\n\r\n", "http/1.1");
    client_expect("a.example", 2000, DNS_REASON_OK);
    client_expect("b.example", 2000, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.connections), 2);
    client_stop();
}
