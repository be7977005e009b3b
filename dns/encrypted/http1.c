/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/encrypted/http1.h"

#include <string.h>

#include "dns/host_name.h"

enum { INTERIM_MAX = 8, DIGITS_MAX = 9 };

/* How the body of a response is framed (RFC 9112, 6.3). */
struct framing {
    bool has_length;
    size_t length;
    bool chunked;
    bool bad;
};

/* `text` is in lower case. */
static bool is(struct bytes value, const char *text)
{
    struct reader r = rd_of(value);
    uint8_t octet;
    for (; *text != '\0' && rd_u8(&r, &octet); text++) {
        if (dns_lower(octet) != (uint8_t)*text) {
            return false;
        }
    }
    return *text == '\0' && rd_done(&r);
}

static bool is_blank(uint8_t octet)
{
    return octet == ' ' || octet == '\t';
}

/* Without the blanks at both ends. */
static struct bytes trimmed(struct bytes value)
{
    struct reader r = rd_of(value);
    struct reader before = r;
    uint8_t octet;
    while (rd_u8(&r, &octet) && is_blank(octet)) {
        before = r;
    }
    struct bytes rest = rd_rest(&before);
    size_t len = 0;
    for (size_t i = 0; rd_u8(&before, &octet); i++) {
        len = is_blank(octet) ? len : i + 1;
    }
    return bytes_of(rest.data, len);
}

/* Takes the octets before this one, and this one too; everything if it does not occur. False at the
 * end. */
static bool part_take(struct reader *r, uint8_t end, struct bytes *part)
{
    struct bytes start = rd_rest(r);
    uint8_t octet;
    if (rd_done(r)) {
        return false;
    }
    while (rd_u8(r, &octet)) {
        if (octet == end) {
            *part = bytes_of(start.data, start.len - r->len - 1);
            return true;
        }
    }
    *part = start;
    return true;
}

/* A line that ends in CRLF, or in LF alone (RFC 9112, 2.2). False if its end is missing. */
static bool line_take(struct reader *r, struct bytes *line)
{
    struct reader at = *r;
    uint8_t octet;
    uint8_t last = 0;
    size_t len = 0;
    while (rd_u8(&at, &octet)) {
        if (octet == '\n') {
            *line = bytes_of(r->data, len - (last == '\r' ? 1 : 0));
            *r = at;
            return true;
        }
        last = octet;
        len++;
    }
    return false;
}

static bool number_parse(struct bytes text, unsigned base, uint32_t *out)
{
    static const char digits[] = "0123456789abcdef";
    struct reader r = rd_of(text);
    uint8_t octet;
    uint32_t value = 0;
    if (text.len == 0 || text.len > (base == 16 ? DIGITS_MAX - 2 : DIGITS_MAX)) {
        return false;
    }
    while (rd_u8(&r, &octet)) {
        const char *at = octet != 0 ? strchr(digits, dns_lower(octet)) : NULL;
        if (at == NULL || at - digits >= (ptrdiff_t)base) {
            return false;
        }
        value = value * base + (uint32_t)(at - digits);
    }
    *out = value;
    return true;
}

/* ---- fields ---- */

/* Does a list with commas hold this word? */
static bool list_has(struct bytes list, const char *word)
{
    struct reader r = rd_of(list);
    struct bytes item;
    while (part_take(&r, ',', &item)) {
        if (is(trimmed(item), word)) {
            return true;
        }
    }
    return false;
}

void http_field(struct http_response *response, struct bytes name, struct bytes value)
{
    if (is(name, "content-type")) {
        struct reader r = rd_of(value);
        struct bytes type;
        response->is_dns_message =
            part_take(&r, ';', &type) && is(trimmed(type), "application/dns-message");
    } else if (is(name, "age")) {
        /* An unreadable value counts as no age; more digits than we read, as a very old answer. */
        uint32_t age;
        struct bytes text = trimmed(value);
        if (number_parse(text, 10, &age)) {
            response->age = age;
        } else if (text.len > DIGITS_MAX) {
            response->age = UINT32_MAX;
        }
    } else if (is(name, "connection")) {
        response->closes = response->closes || list_has(value, "close");
    }
}

static void framing_field(struct framing *framing, struct bytes name, struct bytes value)
{
    uint32_t length;
    if (is(name, "content-length")) {
        bool good = number_parse(value, 10, &length);
        /* RFC 9112, 6.3: lengths that differ are an error without recovery. */
        framing->bad = framing->bad || !good || (framing->has_length && framing->length != length);
        framing->has_length = true;
        framing->length = good ? length : 0;
    } else if (is(name, "transfer-encoding")) {
        framing->bad = framing->bad || framing->chunked || !is(value, "chunked");
        framing->chunked = true;
    }
}

/* HTTP/1.x, a blank, three digits, and a reason, which is ignored. */
static bool status_parse(struct bytes line, struct http_response *response)
{
    struct reader r = rd_of(line);
    struct bytes version;
    struct bytes digits;
    uint8_t minor;
    uint8_t blank;
    uint32_t status;
    if (!rd_bytes(&r, 7, &version) || !bytes_equal(version, bytes_of("HTTP/1.", 7)) ||
        !rd_u8(&r, &minor) || minor < '0' || minor > '9' || !rd_u8(&r, &blank) || blank != ' ' ||
        !rd_bytes(&r, 3, &digits) || !number_parse(digits, 10, &status) || status < 100 ||
        (rd_u8(&r, &blank) && blank != ' ')) {
        return false;
    }
    response->status = status;
    response->closes = minor == '0';
    return true;
}

/* A name of the characters of a token (RFC 9110, 5.6.2), without a blank before the colon. */
static bool field_parse(struct bytes line, struct bytes *name, struct bytes *value)
{
    static const char separators[] = "()<>@,;:\\\"/[]?={} \t";
    struct reader r = rd_of(line);
    if (!part_take(&r, ':', name) || name->len == 0 || name->len == line.len) {
        return false;
    }
    *value = trimmed(rd_rest(&r));
    struct reader octets = rd_of(*name);
    uint8_t octet;
    while (rd_u8(&octets, &octet)) {
        if (octet <= ' ' || octet >= 0x7f || strchr(separators, octet) != NULL) {
            return false;
        }
    }
    return true;
}

static enum http1_result head_parse(struct reader *r, struct http_response *response,
                                    struct framing *framing)
{
    struct bytes start = rd_rest(r);
    struct bytes line;
    struct bytes name;
    struct bytes value;
    *response = (struct http_response){0};
    *framing = (struct framing){0};
    bool first = true;
    while (line_take(r, &line)) {
        if (start.len - r->len > HTTP1_HEAD_MAX) {
            return HTTP1_BAD;
        }
        if (first) {
            if (!status_parse(line, response)) {
                return HTTP1_BAD;
            }
            first = false;
        } else if (line.len == 0) {
            return HTTP1_DONE;
        } else if (!field_parse(line, &name, &value)) {
            return HTTP1_BAD;
        } else {
            http_field(response, name, value);
            framing_field(framing, name, value);
        }
    }
    return start.len > HTTP1_HEAD_MAX ? HTTP1_BAD : HTTP1_PARTIAL;
}

/* ---- bodies ---- */

static enum http1_result body_write(struct writer *body, struct bytes octets)
{
    wr_bytes(body, octets);
    return wr_finish(body) == ECH_OK ? HTTP1_DONE : HTTP1_BAD;
}

/* RFC 9112, 7.1; what follows the last chunk is skipped. */
static enum http1_result chunks_parse(struct reader *r, struct writer *body)
{
    struct bytes all = rd_rest(r);
    struct bytes line;
    size_t lines = 0; /* octets of everything that is not a chunk */
    for (;;) {
        struct reader before = *r;
        struct bytes size;
        struct bytes chunk;
        uint32_t length;
        if (!line_take(r, &line)) {
            /* No line of it is that long. */
            return before.len > HTTP1_HEAD_MAX ? HTTP1_BAD : HTTP1_PARTIAL;
        }
        lines += before.len - r->len;
        struct reader text = rd_of(line);
        if (lines > all.len || lines > (size_t)2 * HTTP1_HEAD_MAX ||
            !part_take(&text, ';', &size) || !number_parse(trimmed(size), 16, &length) ||
            length > body->max) {
            return HTTP1_BAD;
        }
        if (length == 0) {
            break;
        }
        if (!rd_bytes(r, length, &chunk)) {
            return HTTP1_PARTIAL;
        }
        before = *r;
        if (!line_take(r, &line)) {
            return before.len > 1 ? HTTP1_BAD : HTTP1_PARTIAL;
        }
        if (line.len != 0 || body_write(body, chunk) != HTTP1_DONE) {
            return HTTP1_BAD;
        }
    }
    struct bytes trailer = rd_rest(r);
    while (line_take(r, &line)) {
        if (line.len == 0) {
            return HTTP1_DONE;
        }
    }
    return trailer.len > HTTP1_HEAD_MAX ? HTTP1_BAD : HTTP1_PARTIAL;
}

static enum http1_result body_parse(struct reader *r, bool ended, struct http_response *response,
                                    const struct framing *framing, struct writer *body)
{
    struct bytes octets;
    if (framing->bad || (framing->chunked && framing->has_length)) {
        return HTTP1_BAD;
    }
    if (framing->chunked) {
        return chunks_parse(r, body);
    }
    if (response->status == 204 || response->status == 304) {
        return HTTP1_DONE;
    }
    if (framing->has_length) {
        if (framing->length > body->max) {
            return HTTP1_BAD;
        }
        return rd_bytes(r, framing->length, &octets) ? body_write(body, octets) : HTTP1_PARTIAL;
    }
    response->closes = true;
    if (r->len > body->max) {
        return HTTP1_BAD;
    }
    return ended && rd_bytes(r, r->len, &octets) ? body_write(body, octets) : HTTP1_PARTIAL;
}

enum http1_result http1_parse(struct bytes in, bool ended, struct http_response *response,
                              struct writer *body, size_t *used)
{
    struct reader r = rd_of(in);
    struct framing framing;
    *used = 0;
    for (unsigned i = 0; i < INTERIM_MAX; i++) {
        enum http1_result result = head_parse(&r, response, &framing);
        if (result != HTTP1_DONE) {
            return result;
        }
        if (response->status == 101) {
            return HTTP1_BAD; /* we asked for no other protocol */
        }
        if (response->status >= 200) {
            size_t before = body->len;
            result = body_parse(&r, ended, response, &framing, body);
            if (result == HTTP1_DONE) {
                *used = in.len - r.len;
            } else {
                body->len = before;
            }
            return result;
        }
    }
    return HTTP1_BAD;
}
