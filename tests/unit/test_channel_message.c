/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Padding of queries, and other operations on messages of encrypted transports. */
#include <criterion/criterion.h>
#include <string.h>

#include "dns/encrypted/message.h"
#include "tests/unit/dns_messages.h"
#include "tests/unit/vectors.h"

enum { OPT_HEAD = 11, OPTION_HEAD = 4, HEADER = 12 };

/* A query, with an OPT record if `opt`, and options in it. */
static void make_query(struct writer *w, const char *name, bool opt, const char *options_hex)
{
    struct dns_name wire = name_of(name);
    struct octets options = octets_of_hex(options_hex);
    wr_u16(w, 0xbeef);
    wr_u16(w, 0x0100);
    wr_u16(w, 1);
    wr_u32(w, 0);
    wr_u16(w, opt ? 1 : 0);
    wr_bytes(w, dns_name_view(&wire));
    wr_u16(w, TYPE_HTTPS);
    wr_u16(w, 1);
    if (opt) {
        wr_u8(w, 0);
        wr_u16(w, TYPE_OPT);
        wr_u16(w, DNS_UDP_SIZE);
        wr_u32(w, 0x8000);
        wr_u16(w, (uint16_t)options.len);
        wr_bytes(w, octets_view(&options));
    }
    octets_free(&options);
}

/* The padded query for a name; free it. */
static struct writer padded(const char *name, bool opt, const char *options_hex)
{
    struct writer query;
    struct writer out;
    uint16_t id;
    wr_init(&query, 0);
    wr_init(&out, 0);
    make_query(&query, name, opt, options_hex);
    cr_assert_eq(dns_message_pad(wr_view(&query), &id, &out), ECH_OK);
    cr_assert_eq(id, 0xbeef);
    cr_assert_eq(out.data[0] << 8 | out.data[1], 0); /* DOH-4 */
    wr_free(&query);
    return out;
}

/* Counts the options of this code; *len is the length of the last one. */
static unsigned count_options(struct bytes message, size_t name_len, uint16_t code, size_t *len)
{
    struct reader r = rd_of(message);
    struct reader options;
    struct reader value;
    struct bytes skipped;
    uint16_t type;
    unsigned count = 0;
    cr_assert(rd_bytes(&r, HEADER + name_len + 4 + OPT_HEAD - 2, &skipped));
    cr_assert(rd_vec16(&r, &options));
    cr_assert(rd_done(&r)); /* the OPT record comes last */
    while (rd_u16(&options, &type) && rd_vec16(&options, &value)) {
        if (type == code) {
            count++;
            *len = value.len;
            uint8_t octet;
            while (rd_u8(&value, &octet)) {
                cr_assert(code != 12 || octet == 0); /* PAD-2 */
            }
        }
    }
    return count;
}

/* Every length of a name: the padded size is 128 or 256, never a block more than needed. */
Test(channel_message, pad_1_pad_2_pad_5_queries_are_multiples_of_128)
{
    char name[253] = "";
    for (size_t len = 1; len < 250; len++) {
        name[len - 1] = len % 60 == 0 ? '.' : 'a';
        if (name[len - 1] == '.') {
            continue;
        }
        struct writer out = padded(name, true, "");
        size_t bare = HEADER + len + 2 + 4 + OPT_HEAD;
        size_t padding = 0;
        cr_assert_eq(count_options(wr_view(&out), len + 2, 12, &padding), 1);
        cr_assert_eq(padding, (128 - (bare + OPTION_HEAD) % 128) % 128);
        cr_assert_eq(out.len, bare + OPTION_HEAD + padding);
        cr_assert_eq(out.len % 128, 0);
        cr_assert_leq(out.len, bare + OPTION_HEAD + 127);
        wr_free(&out);
    }
}

Test(channel_message, pad_1_at_most_one_padding_option)
{
    size_t len = 0;
    struct writer out = padded("a.example", true, "000c0003000000");
    cr_assert_eq(count_options(wr_view(&out), 11, 12, &len), 1);
    cr_assert_eq(len, 3);
    wr_free(&out);
}

Test(channel_message, pad_5_other_options_stay_and_a_missing_opt_is_made)
{
    size_t len = 0;
    struct writer out = padded("a.example", true, "0003000161");
    cr_assert_eq(count_options(wr_view(&out), 11, 3, &len), 1);
    cr_assert_eq(len, 1);
    cr_assert_eq(out.len, 128);
    wr_free(&out);
    out = padded("a.example", false, "");
    cr_assert_eq(count_options(wr_view(&out), 11, 12, &len), 1);
    cr_assert_eq(out.len, 128);
    cr_assert_eq(out.data[11], 1); /* ARCOUNT */
    wr_free(&out);
}

/* Each prefix, and a message with extra octets. */
Test(channel_message, what_is_no_query)
{
    struct writer query;
    struct writer out;
    uint16_t id;
    wr_init(&query, 0);
    make_query(&query, "a.example", true, "0003000161");
    for (size_t len = 0; len < query.len; len++) {
        wr_init(&out, 0);
        cr_assert_eq(dns_message_pad(bytes_of(query.data, len), &id, &out), ECH_ERR_DECODE, "%zu",
                     len);
        wr_free(&out);
    }
    wr_u8(&query, 0);
    wr_init(&out, 0);
    cr_assert_eq(dns_message_pad(wr_view(&query), &id, &out), ECH_ERR_DECODE);
    wr_free(&out);
    wr_free(&query);
}

/* Plain DNS sends what dns_query_encode makes. */
Test(channel_message, pad_4_no_padding_without_encryption)
{
    struct writer query;
    struct dns_question question = {.qname = name_of("a.example"), .type = DNS_TYPE_HTTPS};
    wr_init(&query, 0);
    cr_assert_eq(dns_query_encode(&question, 7, DNS_EDNS_0, &query), ECH_OK);
    cr_assert_eq(query.len, HEADER + 11 + 4 + OPT_HEAD);
    wr_free(&query);
}

/* The channel sends that very query, so it has no option but padding. */
Test(channel_message, doh_14_no_option_but_padding)
{
    struct writer query;
    struct writer out;
    struct dns_question question = {.qname = name_of("a.example"), .type = DNS_TYPE_HTTPS};
    uint16_t id;
    size_t len = 0;
    wr_init(&query, 0);
    wr_init(&out, 0);
    cr_assert_eq(dns_query_encode(&question, 7, DNS_EDNS_0, &query), ECH_OK);
    cr_assert_eq(dns_message_pad(wr_view(&query), &id, &out), ECH_OK);
    cr_assert_eq(count_options(wr_view(&out), 11, 12, &len), 1);
    cr_assert_eq(len, 128 - HEADER - 11 - 4 - OPT_HEAD - OPTION_HEAD);
    wr_free(&query);
    wr_free(&out);
}

/* ---- answers ---- */

static struct message an_answer(void)
{
    struct message m;
    message_begin(&m, 7, MSG_QR | MSG_RA_RD, "a.example", TYPE_HTTPS);
    message_https(&m, NULL, 60, 1, "b.example", "");
    message_cname(&m, "c.example", "d.example", 10);
    message_soa(&m, "example", 3600, 77);
    message_opt(&m, 0);
    return m;
}

Test(channel_message, dot_6_answers_are_matched_by_their_question)
{
    struct writer query;
    struct message m = an_answer();
    struct bytes answer = message_finish(&m);
    wr_init(&query, 0);
    make_query(&query, "A.Example", true, "");
    cr_assert(dns_message_answers(answer, wr_view(&query)));
    m.w.data[HEADER + 1] = 'A';
    cr_assert(dns_message_answers(answer, wr_view(&query)));
    m.w.data[HEADER + 1] = 'b';
    cr_assert_not(dns_message_answers(answer, wr_view(&query)));
    m.w.data[HEADER + 1] = 'a';
    m.w.data[HEADER + 11 + 1] ^= 1; /* the type */
    cr_assert_not(dns_message_answers(answer, wr_view(&query)));
    m.w.data[HEADER + 11 + 1] ^= 1;
    m.w.data[HEADER + 11 + 3] ^= 2; /* the class */
    cr_assert_not(dns_message_answers(answer, wr_view(&query)));
    m.w.data[HEADER + 11 + 3] ^= 2;
    m.w.data[2] ^= 0x80; /* QR */
    cr_assert_not(dns_message_answers(answer, wr_view(&query)));
    m.w.data[2] ^= 0x80;
    m.w.data[2] ^= 0x08; /* opcode */
    cr_assert_not(dns_message_answers(answer, wr_view(&query)));
    m.w.data[2] ^= 0x08;
    cr_assert(dns_message_answers(answer, wr_view(&query)));
    for (size_t len = 0; len < HEADER + 11 + 4; len++) {
        cr_assert_not(dns_message_answers(bytes_of(answer.data, len), wr_view(&query)));
    }
    message_free(&m);
    wr_free(&query);
}

static uint32_t aged_ttl(struct bytes message, uint32_t age)
{
    struct writer out;
    struct dns_question question = {.qname = name_of("a.example"), .type = DNS_TYPE_HTTPS};
    static struct dns_answer parsed;
    wr_init(&out, 0);
    cr_assert_eq(dns_message_age(message, age, &out), ECH_OK);
    cr_assert_eq(out.len, message.len);
    cr_assert(dns_answer_matches(wr_view(&out), &question, 7));
    cr_assert_eq(dns_answer_parse(wr_view(&out), &question, &parsed), ECH_OK);
    cr_assert_eq(parsed.negative_ttl, 77); /* the SOA's own TTL is far above its MINIMUM */
    uint32_t ttl = parsed.ttl;
    wr_free(&out);
    return ttl;
}

Test(channel_message, doh_7_age_comes_off_every_ttl_but_opt)
{
    struct message m = an_answer();
    struct bytes answer = message_finish(&m);
    cr_assert_eq(aged_ttl(answer, 0), 60);
    cr_assert_eq(aged_ttl(answer, 1), 59);
    cr_assert_eq(aged_ttl(answer, 60), 0);
    cr_assert_eq(aged_ttl(answer, 61), 0);
    struct writer out;
    for (size_t len = 0; len < answer.len; len++) {
        wr_init(&out, 0);
        cr_assert_eq(dns_message_age(bytes_of(answer.data, len), 1, &out), ECH_ERR_DECODE);
        wr_free(&out);
    }
    message_free(&m);
}

Test(channel_message, ids_and_tc)
{
    struct message m = an_answer();
    struct bytes answer = message_finish(&m);
    struct writer out;
    uint16_t id;
    wr_init(&out, 0);
    dns_message_with_id(answer, 0xabcd, &out);
    cr_assert_eq(out.len, answer.len);
    cr_assert(dns_message_id(wr_view(&out), &id));
    cr_assert_eq(id, 0xabcd);
    cr_assert_not(dns_message_is_cut(answer));
    m.w.data[2] |= 2;
    cr_assert(dns_message_is_cut(answer));
    cr_assert_not(dns_message_id(bytes_of(answer.data, 11), &id));
    wr_free(&out);
    message_free(&m);
}
