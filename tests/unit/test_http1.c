/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parser of HTTP/1.1 responses, alone. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dns/encrypted/http1.h"

enum { BODY_MAX = 100 };

static struct http_response response;
static struct writer body;
static size_t used;

static enum http1_result parse(const char *text, size_t len, bool ended)
{
    /* In a block of that size, so that a sanitizer sees a read past the end. */
    uint8_t *copy = malloc(len + 1);
    wr_free(&body);
    wr_init(&body, BODY_MAX);
    memcpy(copy, text, len);
    copy = realloc(copy, len > 0 ? len : 1);
    enum http1_result result = http1_parse(bytes_of(copy, len), ended, &response, &body, &used);
    free(copy);
    return result;
}

/* The whole parses; no prefix does. */
static void expect_body(const char *text, const char *expected)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        cr_assert_eq(parse(text, i, false), HTTP1_PARTIAL, "%zu octets of: %s", i, text);
        cr_assert_eq(body.len, 0);
    }
    cr_assert_eq(parse(text, len, false), HTTP1_DONE, "%s", text);
    cr_assert_eq(used, len);
    cr_assert_eq(body.len, strlen(expected));
    if (body.len > 0) {
        cr_assert_arr_eq(body.data, expected, body.len);
    }
    wr_free(&body);
}

static void expect_bad(const char *text)
{
    cr_assert_eq(parse(text, strlen(text), false), HTTP1_BAD, "%s", text);
    wr_free(&body);
}

#define OK "HTTP/1.1 200 OK\r\n"

Test(http1, lengths_and_chunks)
{
    expect_body(OK "Content-Length: 5\r\n\r\nhello", "hello");
    expect_body(OK "content-length:5\r\nContent-Length: 5\r\n\r\nhello", "hello");
    expect_body("HTTP/1.1 200\nContent-Length:\t5 \n\nhello", "hello");
    expect_body(OK "Content-Length: 0\r\n\r\n", "");
    expect_body(OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=\"y\"\r\nllo\r\n0\r\n\r\n",
                "hello");
    expect_body(OK "Transfer-Encoding: Chunked\r\n\r\n5 \r\nhello\r\n00\r\nTrailer: x\r\n\r\n",
                "hello");
    expect_body("HTTP/1.1 204 No Content\r\n\r\n", "");
    expect_body("HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" OK "Content-Length: 1\r\n\r\nx", "x");
}

Test(http1, what_follows_is_not_read)
{
    const char *text = OK "Content-Length: 1\r\n\r\nxHTTP/1.1 200 OK";
    cr_assert_eq(parse(text, strlen(text), false), HTTP1_DONE);
    cr_assert_eq(used, strlen(text) - 15);
    wr_free(&body);
}

Test(http1, the_end_of_the_connection)
{
    const char *text = OK "\r\nhello";
    cr_assert_eq(parse(text, strlen(text), false), HTTP1_PARTIAL);
    cr_assert_eq(parse(text, strlen(text), true), HTTP1_DONE);
    cr_assert_eq(body.len, 5);
    cr_assert(response.closes);
    text = OK "Content-Length: 6\r\n\r\nhello";
    cr_assert_eq(parse(text, strlen(text), true), HTTP1_PARTIAL);
    wr_free(&body);
}

Test(http1, doh_6_doh_7_fields)
{
    const char *text = OK "Content-Type:  APPLICATION/dns-message ; x=y\r\nAge: 17\r\n"
                          "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n";
    cr_assert_eq(parse(text, strlen(text), false), HTTP1_DONE);
    cr_assert_eq(response.status, 200);
    cr_assert(response.is_dns_message);
    cr_assert_eq(response.age, 17);
    cr_assert_not(response.closes);
    text = "HTTP/1.1 503 Go away\r\nContent-Type: application/dns-messages\r\n"
           "Connection: x, close\r\nAge: -1\r\nContent-Length: 0\r\n\r\n";
    cr_assert_eq(parse(text, strlen(text), false), HTTP1_DONE);
    cr_assert_eq(response.status, 503);
    cr_assert_not(response.is_dns_message);
    cr_assert(response.closes);
    cr_assert_eq(response.age, 0);
    text = "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    cr_assert_eq(parse(text, strlen(text), false), HTTP1_DONE);
    cr_assert(response.closes);
    wr_free(&body);
}

Test(http1, broken_ones)
{
    static const char *const heads[] = {
        "\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "220 mail.example\r\n\r\n",
        OK "no colon\r\n\r\n",
        OK ": no name\r\n\r\n",
        OK "a blank : x\r\n\r\n",
        OK " folded: x\r\n\r\n",
        OK "Content-Length: x\r\n\r\n",
        OK "Content-Length: +1\r\n\r\n",
        OK "Content-Length: \r\n\r\n",
        OK "Content-Length: 1, 1\r\n\r\n",
        OK "Content-Length: 99999999999\r\n\r\n",
        OK "Content-Length: 101\r\n\r\n",
        OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\nx\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n12345678\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n65\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n",
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        expect_bad(heads[i]);
    }
}

static void expect_bounded(const char *start, const char *more)
{
    size_t size = 4 * HTTP1_HEAD_MAX;
    char *text = malloc(size);
    size_t len = strlen(start);
    memcpy(text, start, len);
    while (len + strlen(more) < size) {
        memcpy(text + len, more, strlen(more));
        len += strlen(more);
    }
    cr_assert_eq(parse(text, len, false), HTTP1_BAD, "%s%s", start, more);
    free(text);
    wr_free(&body);
}

Test(http1, heads_are_bounded)
{
    expect_bounded("", "x");
    expect_bounded(OK, "a: b\r\n");
    expect_bounded("", "HTTP/1.1 100 Continue\r\n\r\n");
    expect_bounded(OK "Transfer-Encoding: chunked\r\n\r\n", "0");
    expect_bounded(OK "Transfer-Encoding: chunked\r\n\r\n0\r\n", "a: b\r\n");
    expect_bounded(OK "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n");
    expect_bounded(OK "\r\n", "x");
}
