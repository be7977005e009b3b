/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dns/message.h"
#include "tests/unit/dns_messages.h"
#include "tests/unit/vectors.h"

enum { ID = 0xbeef, FLAGS = MSG_QR | MSG_RA_RD };

/* Parses in a block of exactly the message's size. *copy lives as long as the answer. */
static enum ech_status parse(struct message *m, const char *qname, struct octets *copy,
                             struct dns_answer *answer)
{
    struct dns_question question = {name_of(qname), DNS_TYPE_HTTPS};
    *copy = octets_copy(message_finish(m));
    message_free(m);
    cr_assert(dns_answer_matches(octets_view(copy), &question, ID));
    return dns_answer_parse(octets_view(copy), &question, answer);
}

static bool owner_is(const struct dns_answer *answer, const char *text)
{
    struct dns_name name = name_of(text);
    return dns_name_equal(&answer->owner, &name);
}

Test(dns_message, query_on_the_wire)
{
    struct dns_question question = {name_of("example.com"), DNS_TYPE_HTTPS};
    struct writer w;
    wr_init(&w, 0);
    cr_assert_eq(dns_query_encode(&question, 0x1234, DNS_EDNS_0, &w), ECH_OK);
    /* RD; one question, type 65, class IN; OPT with 1,232 octets. */
    assert_hex(wr_view(&w),
               "123401000001000000000001076578616d706c6503636f6d000041000100002904d0000000000000",
               "query");
    wr_free(&w);
    wr_init(&w, 20);
    cr_assert_eq(dns_query_encode(&question, 0x1234, DNS_EDNS_0, &w), ECH_ERR_SPACE);
    wr_free(&w);
}

Test(dns_message, svcb_16_type_64_is_ignored)
{
    struct message m;
    struct octets copy;
    struct dns_answer answer;
    message_begin(&m, ID, FLAGS, "example.com", TYPE_HTTPS);
    message_answer(&m, NULL, TYPE_SVCB, 60, bytes_of("\0\1\0", 3));
    message_soa(&m, "example.com", 30, 20);
    cr_assert_eq(parse(&m, "example.com", &copy, &answer), ECH_OK);
    cr_assert_eq(answer.rdata_count, 0);
    cr_assert(answer.has_soa);
    cr_assert_eq(answer.negative_ttl, 20);
    octets_free(&copy);
}

Test(dns_message, answers_match_on_id_kind_and_question)
{
    static const struct {
        uint16_t id;
        uint16_t flags;
        const char *qname;
        uint16_t type;
        bool matches;
    } cases[] = {
        {ID, FLAGS, "example.com", TYPE_HTTPS, true},
        {ID, FLAGS, "eXample.COM", TYPE_HTTPS, true},
        {ID + 1, FLAGS, "example.com", TYPE_HTTPS, false},
        {ID, MSG_RA_RD, "example.com", TYPE_HTTPS, false},
        {ID, FLAGS | 0x800, "example.com", TYPE_HTTPS, false},
        {ID, FLAGS, "example.net", TYPE_HTTPS, false},
        {ID, FLAGS, "example.com", TYPE_SVCB, false},
    };
    struct dns_question question = {name_of("example.com"), DNS_TYPE_HTTPS};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct message m;
        message_begin(&m, cases[i].id, cases[i].flags, cases[i].qname, cases[i].type);
        cr_assert_eq(dns_answer_matches(message_finish(&m), &question, ID), cases[i].matches, "%zu",
                     i);
        message_free(&m);
    }
    /* The class, and the number of questions. */
    for (size_t i = 0; i < 2; i++) {
        struct message m;
        message_begin(&m, ID, FLAGS, "example.com", TYPE_HTTPS);
        struct bytes wire = message_finish(&m);
        m.w.data[i == 0 ? wire.len - 1 : 5] = 3;
        cr_assert_not(dns_answer_matches(wire, &question, ID));
        message_free(&m);
    }
}

Test(dns_message, svcb_17_cname_chain_in_any_order)
{
    struct message m;
    struct octets copy;
    struct dns_answer answer;
    message_begin(&m, ID, FLAGS, "a.example", TYPE_HTTPS);
    message_https(&m, "C.example", 90, 1, ".", "");
    message_https(&m, "other.example", 1, 1, ".", "");
    message_cname(&m, "b.example", "c.example", 50);
    message_answer(&m, "a.example", TYPE_DNAME, 7, bytes_of("\0", 1));
    message_cname(&m, NULL, "b.example", 70);
    message_https(&m, "c.example", 80, 2, ".", "");
    cr_assert_eq(parse(&m, "a.example", &copy, &answer), ECH_OK);
    cr_assert(owner_is(&answer, "c.example"));
    cr_assert_eq(answer.rdata_count, 2);
    cr_assert_eq(answer.cnames, 2);
    cr_assert_eq(answer.ttl, 50);
    octets_free(&copy);
}

Test(dns_message, cname_loops_and_long_chains_end)
{
    struct message m;
    struct octets copy;
    struct dns_answer answer;
    message_begin(&m, ID, FLAGS, "a.example", TYPE_HTTPS);
    message_cname(&m, NULL, "b.example", 70);
    message_cname(&m, "b.example", "a.example", 70);
    cr_assert_eq(parse(&m, "a.example", &copy, &answer), ECH_OK);
    cr_assert(answer.cname_loop);
    octets_free(&copy);
    for (unsigned links = DNS_CNAME_MAX; links <= DNS_CNAME_MAX + 1; links++) {
        message_begin(&m, ID, FLAGS, "n0.example", TYPE_HTTPS);
        for (unsigned i = 0; i < links; i++) {
            char from[32];
            char to[32];
            (void)snprintf(from, sizeof from, "n%u.example", i);
            (void)snprintf(to, sizeof to, "n%u.example", i + 1);
            message_cname(&m, from, to, 70);
        }
        cr_assert_eq(parse(&m, "n0.example", &copy, &answer), ECH_OK);
        cr_assert_eq(answer.cname_loop, links > DNS_CNAME_MAX);
        octets_free(&copy);
    }
}

Test(dns_message, ttl_with_the_top_bit_is_none)
{
    struct message m;
    struct octets copy;
    struct dns_answer answer;
    message_begin(&m, ID, FLAGS, "a.example", TYPE_HTTPS);
    message_https(&m, NULL, 0x80000001, 1, ".", "");
    cr_assert_eq(parse(&m, "a.example", &copy, &answer), ECH_OK);
    cr_assert_eq(answer.ttl, 0);
    octets_free(&copy);
}

Test(dns_message, extended_rcode)
{
    struct message m;
    struct octets copy;
    struct dns_answer answer;
    message_begin(&m, ID, FLAGS | 3, "a.example", TYPE_HTTPS);
    message_opt(&m, 1);
    cr_assert_eq(parse(&m, "a.example", &copy, &answer), ECH_OK);
    cr_assert_eq(answer.rcode, 19);
    octets_free(&copy);
}

Test(dns_message, truncated_answers_are_not_looked_into)
{
    struct message m;
    struct octets copy;
    struct dns_answer answer;
    message_begin(&m, ID, FLAGS | MSG_TC, "a.example", TYPE_HTTPS);
    m.answers = 9;
    cr_assert_eq(parse(&m, "a.example", &copy, &answer), ECH_OK);
    cr_assert(answer.truncated);
    octets_free(&copy);
}

Test(dns_message, bounds)
{
    struct message m;
    struct octets copy;
    struct dns_answer answer;
    for (unsigned i = 0; i < 2; i++) {
        unsigned count = i == 0 ? DNS_RDATA_MAX : DNS_RDATA_MAX + 1;
        message_begin(&m, ID, FLAGS, "a.example", TYPE_HTTPS);
        for (unsigned n = 0; n < count; n++) {
            message_https(&m, NULL, 60, 1, ".", "");
        }
        cr_assert_eq(parse(&m, "a.example", &copy, &answer), i == 0 ? ECH_OK : ECH_ERR_SPACE);
        octets_free(&copy);
    }
    message_begin(&m, ID, FLAGS, "a.example", TYPE_HTTPS);
    m.authorities = 65535;
    cr_assert_eq(parse(&m, "a.example", &copy, &answer), ECH_ERR_SPACE);
    octets_free(&copy);
}

Test(dns_message, compression_pointer_loops)
{
    static const uint16_t pointers[] = {0xc01b, 0xc01d, 0xffff, 0xc000};
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) {
        struct message m;
        struct octets copy;
        struct dns_answer answer;
        message_begin(&m, ID, FLAGS, "a.example", TYPE_HTTPS); /* the answer begins at 0x1b */
        wr_u16(&m.w, pointers[i]);
        wr_u16(&m.w, i == 1 ? 0xc01b : TYPE_HTTPS);
        wr_u16(&m.w, 1);
        wr_u32(&m.w, 60);
        wr_u16(&m.w, 0);
        m.answers = 1;
        cr_assert_eq(parse(&m, "a.example", &copy, &answer), ECH_ERR_DECODE, "%zu", i);
        octets_free(&copy);
    }
}

/* RFC 9460, 2.2: a compressed TargetName reaches the RDATA parser as sent, and is refused there. */
Test(dns_message, svcb_1_rdata_is_not_expanded)
{
    struct message m;
    struct octets copy;
    struct dns_answer answer;
    message_begin(&m, ID, FLAGS, "a.example", TYPE_HTTPS);
    message_answer(&m, NULL, TYPE_HTTPS, 60, bytes_of("\0\1\xc0\x0c", 4));
    cr_assert_eq(parse(&m, "a.example", &copy, &answer), ECH_OK);
    cr_assert_eq(answer.rdata_count, 1);
    cr_assert_eq(answer.rdata[0].len, 4);
    octets_free(&copy);
}

Test(dns_message, rdata_of_cname_and_soa_is_filled_exactly)
{
    static const uint8_t two_names[] = {1, 'b', 0, 0};
    struct message m;
    struct octets copy;
    struct dns_answer answer;
    message_begin(&m, ID, FLAGS, "a.example", TYPE_HTTPS);
    message_answer(&m, NULL, TYPE_CNAME, 60, bytes_of(two_names, sizeof two_names));
    cr_assert_eq(parse(&m, "a.example", &copy, &answer), ECH_ERR_DECODE);
    octets_free(&copy);
    message_begin(&m, ID, FLAGS, "a.example", TYPE_HTTPS);
    message_answer(&m, NULL, TYPE_CNAME, 60, bytes_of(NULL, 0));
    cr_assert_eq(parse(&m, "a.example", &copy, &answer), ECH_ERR_DECODE);
    octets_free(&copy);
    message_begin(&m, ID, FLAGS, "a.example", TYPE_HTTPS);
    message_answer(&m, NULL, TYPE_SOA, 60, bytes_of(two_names, sizeof two_names));
    m.answers = 0;
    m.authorities = 1;
    cr_assert_eq(parse(&m, "a.example", &copy, &answer), ECH_ERR_DECODE);
    octets_free(&copy);
}

Test(dns_message, every_prefix_fails_cleanly)
{
    struct message m;
    struct dns_answer answer;
    struct dns_question question = {name_of("a.example"), DNS_TYPE_HTTPS};
    message_begin(&m, ID, FLAGS, "a.example", TYPE_HTTPS);
    message_cname(&m, NULL, "b.example", 70);
    message_https(&m, "b.example", 60, 1, "pool.example", "000300020050");
    message_soa(&m, "example", 60, 60);
    message_opt(&m, 0);
    struct bytes whole = message_finish(&m);
    cr_assert_eq(dns_answer_parse(whole, &question, &answer), ECH_OK);
    for (size_t len = 0; len < whole.len; len++) {
        struct octets cut = octets_copy(bytes_of(whole.data, len));
        cr_assert_eq(dns_answer_parse(octets_view(&cut), &question, &answer), ECH_ERR_DECODE, "%zu",
                     len);
        (void)!dns_answer_matches(octets_view(&cut), &question, ID);
        octets_free(&cut);
    }
    wr_u8(&m.w, 0);
    cr_assert_eq(dns_answer_parse(message_finish(&m), &question, &answer), ECH_ERR_DECODE);
    message_free(&m);
}
