/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Responses of HTTP/1.1 (RFC 9110, RFC 9112), as far as DNS over HTTPS needs them. Pure and
 * bounded. A parser of our own: of those in C, http-parser is abandoned, and llhttp and
 * picohttpparser are not packaged.
 */
#ifndef DNS_ENCRYPTED_HTTP1_H
#define DNS_ENCRYPTED_HTTP1_H

#include <stdbool.h>

#include "ech/wire.h"

enum {
    HTTP1_HEAD_MAX = 8192
}; /* octets of status line and fields, each of interim responses too */

/* What one response said. Also used for HTTP/2, where fields come one by one. */
struct http_response {
    unsigned status;
    bool is_dns_message; /* Content-Type (RFC 8484, 6) */
    uint32_t age;        /* seconds (RFC 9111, 5.1) */
    bool closes;         /* the connection cannot be used after it */
};

enum http1_result {
    HTTP1_PARTIAL, /* more octets are needed */
    HTTP1_DONE,
    HTTP1_BAD,
};

/*
 * Reads one whole response to a POST; interim ones (1xx) before it are skipped. ended: nothing more
 * will come and the connection ended in order, so a body without a length is complete. HTTP1_DONE:
 * the body was appended to *body, whose bound is the body's, and *used octets of `in` were read. A
 * body that passes the bound, and fields that contradict each other, are HTTP1_BAD.
 */
ECH_MUST_USE enum http1_result http1_parse(struct bytes in, bool ended,
                                           struct http_response *response, struct writer *body,
                                           size_t *used);

/* Notes what matters in one field of a response, of either version of HTTP. The name may be in
 * upper or lower case. */
void http_field(struct http_response *response, struct bytes name, struct bytes value);

#endif
