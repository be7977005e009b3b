/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/bad_answers.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A well-formed list of one config of an unknown version; and one that is cut short. */
#define ECH_HEX "0005000800060aaa0002bbcc"
#define BAD_ECH_HEX "0005000800060aaa0003bbcc"

enum { FLAGS = MSG_QR | MSG_RA_RD, OPCODE_NOTIFY = 0x2000, CLASS_CHAOS = 3, QUESTION = 12 };

#define MALFORMED DNS_FAILED, DNS_REASON_MALFORMED_ANSWER, 0

const struct bad_case bad_cases[] = {
    /* ---- the message ---- */
    {"garbage", BY_TCP, MALFORMED},
    {"nothing", BY_TCP, MALFORMED},
    {"lying-tc", BY_ALL, MALFORMED},
    {"record-cut", BY_ALL, MALFORMED},
    {"counts-lie", BY_ALL, MALFORMED},
    {"counts-huge", BY_ALL, MALFORMED},
    {"trailing", BY_ALL, MALFORMED},
    {"name-loop", BY_ALL, MALFORMED},
    {"name-forward", BY_ALL, MALFORMED},
    {"cname-rdata-loop", BY_ALL, MALFORMED},
    {"cname-rdata-over", BY_ALL, MALFORMED},
    {"too-many", BY_ALL, MALFORMED},
    {"half", BY_TCP, DNS_FAILED, DNS_REASON_NETWORK, 0},
    {"half", BY_TLS | BY_HTTPS, DNS_FAILED, DNS_REASON_RESOLVER_CLOSED, 0},
    /* ---- forged answers: messages that match no question do not count ---- */
    {"forged-id", BY_UDP, DNS_FOUND, DNS_REASON_OK, 1},
    {"forged-name", BY_UDP | BY_TLS, DNS_FOUND, DNS_REASON_OK, 1},
    {"forged-type", BY_UDP | BY_TLS, DNS_FOUND, DNS_REASON_OK, 1},
    {"forged-class", BY_UDP | BY_TLS, DNS_FOUND, DNS_REASON_OK, 1},
    {"forged-query", BY_UDP | BY_TLS, DNS_FOUND, DNS_REASON_OK, 1},
    {"forged-opcode", BY_UDP | BY_TLS, DNS_FOUND, DNS_REASON_OK, 1},
    {"forged-questions", BY_UDP | BY_TLS, DNS_FOUND, DNS_REASON_OK, 1},
    {"forged-garbage", BY_UDP, DNS_FOUND, DNS_REASON_OK, 1},
    {"forged-nothing", BY_UDP, DNS_FOUND, DNS_REASON_OK, 1},
    {"elsewhere", BY_UDP, DNS_FAILED, DNS_REASON_TIMEOUT, 0},
    /* ---- response codes, and silence ---- */
    {"formerr", BY_ALL, DNS_FAILED, DNS_REASON_FORMERR, 0},
    {"servfail", BY_ALL, DNS_FAILED, DNS_REASON_SERVFAIL, 0},
    {"notimp", BY_ALL, DNS_FAILED, DNS_REASON_RCODE, 0},
    {"refused", BY_ALL, DNS_FAILED, DNS_REASON_REFUSED, 0},
    {"badvers", BY_ALL, DNS_FAILED, DNS_REASON_RCODE, 0},
    {"silent", BY_ALL, DNS_FAILED, DNS_REASON_TIMEOUT, 0},
    {"late", BY_ALL, DNS_FAILED, DNS_REASON_TIMEOUT, 0},
    /* ---- nothing there ---- */
    {"empty", BY_ALL, DNS_NONE, DNS_REASON_NODATA, 0},
    {"nodata", BY_ALL, DNS_NONE, DNS_REASON_NODATA, 0},
    {"nxdomain", BY_ALL, DNS_NONE, DNS_REASON_NXDOMAIN, 0},
    {"other-owner", BY_ALL, DNS_NONE, DNS_REASON_NODATA, 0},
    {"other-class", BY_ALL, DNS_NONE, DNS_REASON_NODATA, 0},
    {"other-type", BY_ALL, DNS_NONE, DNS_REASON_NODATA, 0},
    /* ---- aliases and CNAMEs ---- */
    {"cname-self", BY_ALL, DNS_NONE, DNS_REASON_ALIAS_LIMIT, 0},
    {"cname-circle", BY_ALL, DNS_NONE, DNS_REASON_ALIAS_LIMIT, 0},
    {"cname-long", BY_ALL, DNS_NONE, DNS_REASON_ALIAS_LIMIT, 0},
    {"cname-ever", BY_ALL, DNS_NONE, DNS_REASON_ALIAS_LIMIT, 0},
    {"alias-self", BY_ALL, DNS_NONE, DNS_REASON_ALIAS_LIMIT, 0},
    {"alias-circle", BY_ALL, DNS_NONE, DNS_REASON_ALIAS_LIMIT, 0},
    {"alias-root", BY_ALL, DNS_NONE, DNS_REASON_NO_SERVICE, 0},
    {"alias-servfail", BY_ALL, DNS_FAILED, DNS_REASON_SERVFAIL, 0},
    {"dname", BY_ALL, DNS_FOUND, DNS_REASON_OK, 1},
    /* ---- the records ---- */
    {"rdata-none", BY_ALL, DNS_NONE, DNS_REASON_MALFORMED_RECORD, 0},
    {"rdata-cut", BY_ALL, DNS_NONE, DNS_REASON_MALFORMED_RECORD, 0},
    {"rdata-pointer", BY_ALL, DNS_NONE, DNS_REASON_MALFORMED_RECORD, 0},
    {"rdata-order", BY_ALL, DNS_NONE, DNS_REASON_MALFORMED_RECORD, 0},
    {"ech-cut", BY_ALL, DNS_NONE, DNS_REASON_MALFORMED_RECORD, 0},
    {"ech-one-of-two", BY_ALL, DNS_NONE, DNS_REASON_MALFORMED_RECORD, 0},
    {"mandatory", BY_ALL, DNS_NONE, DNS_REASON_INCOMPATIBLE, 0},
    {"mandatory-one-of-two", BY_ALL, DNS_FOUND, DNS_REASON_OK, 1},
    {"sixty", BY_ALL, DNS_FOUND, DNS_REASON_OK, 60},
};
const size_t bad_case_count = sizeof bad_cases / sizeof bad_cases[0];

static bool is(const struct dns_query *q, const char *label)
{
    size_t len = strlen(label);
    return strncmp(q->name, label, len) == 0 && (q->name[len] == '.' || q->name[len] == '\0');
}

static bool begins(const struct dns_query *q, const char *prefix)
{
    return strncmp(q->name, prefix, strlen(prefix)) == 0;
}

static void begin(const struct dns_query *q, uint16_t flags, struct message *m)
{
    message_begin(m, q->id, FLAGS | flags, q->name, q->type);
}

static void good(const struct dns_query *q, struct message *m)
{
    begin(q, 0, m);
    message_https(m, NULL, 60, 1, ".", ECH_HEX);
}

/* Length of the message so far. */
static void overwrite(struct message *m, size_t at, uint16_t value)
{
    m->w.data[at] = (uint8_t)(value >> 8);
    m->w.data[at + 1] = (uint8_t)value;
}

/* ---- messages that are broken ---- */

static enum responder_act no_message(const struct dns_query *q, struct message *m)
{
    wr_init(&m->w, 0);
    if (strstr(q->name, "garbage") != NULL) {
        wr_zeros(&m->w, 17);
    }
    m->raw = true;
    return RESPONDER_SEND;
}

static void broken(const struct dns_query *q, struct message *m)
{
    static const uint8_t two_names[] = {1, 'b', 0, 0};
    begin(q, is(q, "lying-tc") ? MSG_TC : 0, m);
    size_t start = m->w.len;
    uint8_t here[] = {(uint8_t)(0xc0 | (start + 12) >> 8), (uint8_t)(start + 12)};
    if (is(q, "record-cut")) {
        message_https(m, NULL, 60, 1, ".", ECH_HEX);
        overwrite(m, start + 10, 200); /* RDLENGTH */
    } else if (is(q, "counts-lie")) {
        message_https(m, NULL, 60, 1, ".", ECH_HEX);
        m->answers = 2;
    } else if (is(q, "counts-huge")) {
        m->answers = 65535;
        m->authorities = 65535;
        m->additionals = 65535;
    } else if (is(q, "trailing")) {
        message_https(m, NULL, 60, 1, ".", ECH_HEX);
        wr_u8(&m->w, 0);
    } else if (is(q, "name-loop") || is(q, "name-forward")) {
        message_https(m, NULL, 60, 1, ".", ECH_HEX);
        overwrite(m, start, (uint16_t)(0xc000 | (is(q, "name-loop") ? start : start + 40)));
    } else if (is(q, "cname-rdata-loop")) {
        message_answer(m, NULL, TYPE_CNAME, 60, bytes_of(here, sizeof here));
    } else if (is(q, "cname-rdata-over")) {
        message_answer(m, NULL, TYPE_CNAME, 60, bytes_of(two_names, sizeof two_names));
    } else if (is(q, "too-many")) {
        for (unsigned i = 0; i < 129; i++) {
            message_https(m, NULL, 60, 1, ".", "");
        }
    }
}

/* A message that does not match, and then the right one. */
static enum responder_act forged(const struct dns_query *q, unsigned round, struct message *m)
{
    struct dns_query other = *q;
    if (round > 0) {
        good(q, m);
        return RESPONDER_SEND;
    }
    if (is(q, "forged-garbage") || is(q, "forged-nothing")) {
        (void)no_message(q, m);
        return RESPONDER_AGAIN;
    }
    if (is(q, "forged-id")) {
        other.id ^= 1;
    } else if (is(q, "forged-name")) {
        other.name[0] = 'g';
    } else if (is(q, "forged-type")) {
        other.type = TYPE_SVCB;
    }
    begin(&other, 0, m);
    message_https(m, NULL, 60, 0, ".", "");
    size_t question_end = QUESTION + strlen(q->name) + 2 + 4;
    if (is(q, "forged-class")) {
        overwrite(m, question_end - 2, CLASS_CHAOS);
    } else if (is(q, "forged-query")) {
        overwrite(m, 2, MSG_RA_RD);
    } else if (is(q, "forged-opcode")) {
        overwrite(m, 2, FLAGS | OPCODE_NOTIFY);
    } else if (is(q, "forged-questions")) {
        overwrite(m, 4, 0);
    }
    return RESPONDER_AGAIN;
}

/* ---- messages that are well-formed ---- */

static bool codes(const struct dns_query *q, struct message *m)
{
    static const struct {
        const char *label;
        uint16_t rcode;
        uint8_t extended;
    } list[] = {{"formerr", 1, 0}, {"servfail", 2, 0}, {"nxdomain", 3, 0},
                {"notimp", 4, 0},  {"refused", 5, 0},  {"badvers", 0, 1}};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (is(q, list[i].label)) {
            begin(q, list[i].rcode, m);
            if (list[i].rcode == 3) {
                message_soa(m, "example", 300, 90);
            }
            message_opt(m, list[i].extended);
            return true;
        }
    }
    return false;
}

static void nothing(const struct dns_query *q, struct message *m)
{
    begin(q, 0, m);
    size_t start = m->w.len;
    if (is(q, "other-owner")) {
        message_https(m, "somebody-else.example", 60, 1, ".", ECH_HEX);
    } else if (is(q, "other-class")) {
        message_https(m, NULL, 60, 1, ".", ECH_HEX);
        overwrite(m, start + 4, CLASS_CHAOS);
    } else if (is(q, "other-type")) {
        message_answer(m, NULL, TYPE_SVCB, 60, bytes_of("\0\1\0", 3));
    }
    if (is(q, "nodata")) {
        message_soa(m, "example", 300, 90);
    }
}

static void cnames(const struct dns_query *q, struct message *m)
{
    unsigned n = 0;
    char from[32];
    char to[32];
    begin(q, 0, m);
    if (is(q, "cname-self")) {
        message_cname(m, NULL, q->name, 30);
    } else if (is(q, "cname-circle")) {
        message_cname(m, NULL, "b.example", 30);
        message_cname(m, "b.example", "c.example", 30);
        message_cname(m, "c.example", q->name, 30);
    } else if (is(q, "cname-long")) {
        message_cname(m, NULL, "n0.example", 30);
        for (; n < 17; n++) {
            (void)snprintf(from, sizeof from, "n%u.example", n);
            (void)snprintf(to, sizeof to, "n%u.example", n + 1);
            message_cname(m, from, to, 30);
        }
        message_https(m, to, 60, 1, ".", ECH_HEX);
    } else { /* cname-ever: each answer leads to another name */
        (void)sscanf(q->name, "cname-ever%u", &n);
        (void)snprintf(to, sizeof to, "cname-ever%u.example", n + 1);
        message_cname(m, NULL, to, 30);
    }
}

static void aliases(const struct dns_query *q, struct message *m)
{
    const char *to = is(q, "alias-self")     ? q->name
                     : is(q, "alias-circle") ? "alias-back.example"
                     : is(q, "alias-back")   ? "alias-circle.example"
                     : is(q, "alias-root")   ? "."
                                             : "servfail.example";
    begin(q, 0, m);
    message_https(m, NULL, 60, 0, to, "");
}

static void records(const struct dns_query *q, struct message *m)
{
    begin(q, 0, m);
    if (is(q, "rdata-none")) {
        message_answer(m, NULL, TYPE_HTTPS, 60, bytes_of(NULL, 0));
    } else if (is(q, "rdata-cut")) {
        message_answer(m, NULL, TYPE_HTTPS, 60, bytes_of("\0\1", 2));
    } else if (is(q, "rdata-pointer")) {
        message_answer(m, NULL, TYPE_HTTPS, 60, bytes_of("\0\1\xc0\x0c", 4));
    } else if (is(q, "rdata-order")) {
        message_https(m, NULL, 60, 1, ".", "00030002005000010003026832");
    } else if (is(q, "ech-cut")) {
        message_https(m, NULL, 60, 1, ".", BAD_ECH_HEX);
    } else if (is(q, "ech-one-of-two")) {
        message_https(m, NULL, 60, 1, ".", ECH_HEX);
        message_https(m, NULL, 60, 2, ".", BAD_ECH_HEX);
    } else if (begins(q, "mandatory")) {
        message_https(m, NULL, 60, 1, ".", "00000002ff78ff780000");
        if (is(q, "mandatory-one-of-two")) {
            message_https(m, NULL, 60, 2, ".", ECH_HEX);
        }
    } else if (is(q, "dname")) {
        message_answer(m, "example", TYPE_DNAME, 60, bytes_of("\3net\0", 5));
        message_cname(m, NULL, "dname.net", 0);
        message_https(m, "dname.net", 60, 1, ".", ECH_HEX);
    }
}

static void sixty(const struct dns_query *q, struct message *m)
{
    begin(q, q->tcp ? 0 : MSG_TC, m);
    for (uint16_t i = 0; i < 60 && q->tcp; i++) {
        message_https(m, NULL, 60, (uint16_t)(60 - i), ".", ECH_HEX);
    }
}

/* Sends a good answer in a bad way. */
static enum responder_act badly(const struct dns_query *q, struct message *m)
{
    if (is(q, "silent")) {
        return RESPONDER_DROP;
    }
    if (is(q, "late")) {
        usleep(BAD_LATE_MS * 1000);
    }
    good(q, m);
    return is(q, "elsewhere") ? RESPONDER_SEND_ELSEWHERE
           : is(q, "half")    ? RESPONDER_SEND_HALF
                              : RESPONDER_SEND;
}

enum responder_act bad_answer(const struct dns_query *q, unsigned round, struct message *m)
{
    static const struct {
        const char *prefix;
        void (*make)(const struct dns_query *q, struct message *m);
    } makers[] = {{"empty", nothing},  {"nodata", nothing}, {"other-", nothing},
                  {"rdata-", records}, {"ech-", records},   {"mandatory", records},
                  {"dname", records},  {"sixty", sixty},    {"cname-rdata", broken},
                  {"cname-", cnames},  {"alias-", aliases}};
    if (is(q, "garbage") || is(q, "nothing")) {
        return no_message(q, m);
    }
    if (begins(q, "forged-")) {
        return forged(q, round, m);
    }
    if (is(q, "silent") || is(q, "late") || is(q, "elsewhere") || is(q, "half")) {
        return badly(q, m);
    }
    if (codes(q, m)) {
        return RESPONDER_SEND;
    }
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        if (begins(q, makers[i].prefix)) {
            makers[i].make(q, m);
            return RESPONDER_SEND;
        }
    }
    broken(q, m);
    return RESPONDER_SEND;
}
