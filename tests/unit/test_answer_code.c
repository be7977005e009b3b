/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdint.h> /* for ldns 1.7, whose header needs it */

#include <ldns/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "dns/message.h"
#include "dns/stored_answer.h"
#include "tests/unit/dns_messages.h"
#include "tests/unit/stored_answers.h"
#include "tests/unit/vectors.h"

enum { RESOLVER_ID = 8 + 2 + 8 + 8 + 8 /* offset of the length of resolver_id */ };

static struct dns_question question;
static struct dns_cache_key key;

static void setup(void)
{
    question = (struct dns_question){name_of("a.example"), DNS_TYPE_HTTPS};
    key = (struct dns_cache_key){.network = UINT64_C(0x0123456789abcdef),
                                 .resolver_id = "udp://127.0.0.1:53",
                                 .question = &question};
}

TestSuite(answer_code, .init = setup);

/* Encodes an answer that lives from 1000 to 1060; takes ownership of the answer. */
static struct octets encode(struct dns_endpoints *answer)
{
    struct writer w;
    const struct dns_stored stored = {.stored_s = 1000, .expires_s = 1060, .answer = answer};
    wr_init(&w, 0);
    cr_assert_eq(dns_stored_encode(&w, &key, &stored), ECH_OK);
    struct octets octets = octets_copy(wr_view(&w));
    wr_free(&w);
    dns_endpoints_free(answer);
    return octets;
}

/* Makes the digest right again. */
static void reseal(struct octets *octets)
{
    size_t body = octets->len - DNS_STORED_DIGEST;
    ldns_sha256(octets->data, (unsigned)body, octets->data + body);
}

static enum ech_status parse_status(struct bytes octets)
{
    struct dns_stored stored;
    enum ech_status status = dns_stored_parse(octets, &key, &stored);
    cr_assert(status == ECH_OK || stored.answer == NULL);
    dns_endpoints_free(stored.answer);
    return status;
}

static void check_round_trip(struct dns_endpoints *answer)
{
    struct dns_stored stored;
    struct octets octets = encode(dns_endpoints_hold(answer));
    cr_assert_eq(dns_stored_parse(octets_view(&octets), &key, &stored), ECH_OK);
    cr_assert_eq(stored.stored_s, 1000);
    cr_assert_eq(stored.expires_s, 1060);
    cr_assert_eq(stored.answer->ttl, 60);
    assert_same_answer(stored.answer, answer);
    dns_endpoints_free(stored.answer);
    octets_free(&octets);
    dns_endpoints_free(answer);
}

Test(answer_code, round_trip)
{
    check_round_trip(answer_with_endpoints());
    check_round_trip(dns_answer_new(DNS_FOUND, DNS_REASON_OK));
    for (enum dns_reason reason = DNS_REASON_NODATA; reason <= DNS_REASON_NO_QUERY; reason++) {
        check_round_trip(dns_answer_new(DNS_NONE, reason));
    }
}

/* Files outlive versions: a new format needs a new version number. */
Test(answer_code, the_octets_are_these)
{
    struct octets octets = encode(dns_answer_new(DNS_NONE, DNS_REASON_NODATA));
    assert_hex(bytes_of(octets.data, octets.len - DNS_STORED_DIGEST),
               "4543486361636865"
               "0001"
               "00000000000003e8"
               "0000000000000424"
               "0123456789abcdef"
               "0012"
               "7564703a2f2f3132372e302e302e313a3533"
               "0161076578616d706c6500"
               "0041"
               "02"
               "06"
               "6e6f64617461"
               "00"
               "0000",
               "the file");
    octets_free(&octets);
}

Test(answer_code, every_proper_prefix_is_refused)
{
    struct octets octets = encode(answer_with_endpoints());
    for (size_t len = 0; len < octets.len; len++) {
        struct octets prefix = octets_copy(bytes_of(octets.data, len));
        cr_assert_eq(parse_status(octets_view(&prefix)), ECH_ERR_DECODE, "%zu octets", len);
        octets_free(&prefix);
        if (len < DNS_STORED_DIGEST) {
            continue;
        }
        /* Also with a valid digest, so that the parser itself must see it. */
        prefix = octets_copy(bytes_of(octets.data, len));
        reseal(&prefix);
        cr_assert_eq(parse_status(octets_view(&prefix)), ECH_ERR_DECODE, "%zu octets, sealed", len);
        octets_free(&prefix);
    }
    octets_free(&octets);
}

Test(answer_code, every_changed_octet_is_refused)
{
    struct octets octets = encode(answer_with_endpoints());
    for (size_t i = 0; i < octets.len; i++) {
        octets.data[i] ^= 1;
        cr_assert_eq(parse_status(octets_view(&octets)), ECH_ERR_DECODE, "octet %zu", i);
        octets.data[i] ^= 1;
    }
    octets_free(&octets);
}

Test(answer_code, what_follows_is_refused)
{
    struct octets octets = encode(answer_with_endpoints());
    struct octets longer = octets_new(octets.len + 1);
    memcpy(longer.data, octets.data, octets.len);
    reseal(&longer);
    cr_assert_eq(parse_status(octets_view(&longer)), ECH_ERR_DECODE);
    octets_free(&longer);
    octets_free(&octets);
}

Test(answer_code, another_version)
{
    struct octets octets = encode(answer_with_endpoints());
    octets.data[9]++;
    reseal(&octets);
    cr_assert_eq(parse_status(octets_view(&octets)), ECH_ERR_UNSUPPORTED);
    octets_free(&octets);
}

Test(answer_code, times_in_the_wrong_order)
{
    struct octets octets = encode(answer_with_endpoints());
    memset(octets.data + 18, 0, 8);
    reseal(&octets);
    cr_assert_eq(parse_status(octets_view(&octets)), ECH_ERR_DECODE, "expired before it was made");
    memset(octets.data + 18, 0xff, 8);
    reseal(&octets);
    cr_assert_eq(parse_status(octets_view(&octets)), ECH_ERR_DECODE, "lives for ever");
    octets_free(&octets);
}

/* Sets one octet of a good file to `to`, and makes the digest right again. */
static void check_bad(struct dns_endpoints *answer, size_t at, uint8_t to, const char *what)
{
    struct octets octets = encode(answer);
    cr_assert_lt(at, octets.len);
    cr_assert_neq(octets.data[at], to);
    octets.data[at] = to;
    reseal(&octets);
    cr_assert_eq(parse_status(octets_view(&octets)), ECH_ERR_DECODE, "%s", what);
    octets_free(&octets);
}

Test(answer_code, values_that_nobody_wrote)
{
    size_t result = RESOLVER_ID + 2 + strlen(key.resolver_id) + question.qname.len + 2;
    size_t nodata = result + 2;
    size_t ok = result + 2;
    check_bad(dns_answer_new(DNS_NONE, DNS_REASON_NODATA), result, 3, "result");
    check_bad(dns_answer_new(DNS_NONE, DNS_REASON_NODATA), result, 1, "found, and nodata");
    check_bad(dns_answer_new(DNS_FOUND, DNS_REASON_OK), result, 2, "none, and ok");
    check_bad(dns_answer_new(DNS_NONE, DNS_REASON_NODATA), nodata, 'N', "reason");
    check_bad(dns_answer_new(DNS_NONE, DNS_REASON_NODATA), nodata + 6, 4, "flags");
    check_bad(dns_answer_new(DNS_NONE, DNS_REASON_NODATA), nodata + 8, 1, "none, with an endpoint");
    check_bad(answer_with_endpoints(), ok + 2 + 1, 0x80, "a million endpoints");
    check_bad(answer_with_endpoints(), ok + 2 + 2, 1, "fewer endpoints than follow");
    check_bad(answer_with_endpoints(), ok + 2 + 3 + 1, '.', "target is no host name");
    check_bad(answer_with_endpoints(), ok + 2 + 3, 0xc0, "a pointer in the target");
}

/* The encoder makes each of these; it believes its input. */
Test(answer_code, endpoints_that_no_record_has)
{
    static const uint8_t five[5] = {0};
    for (unsigned i = 0; i < 5; i++) {
        struct dns_endpoints *answer = answer_with_endpoints();
        struct dns_endpoint *endpoint = &answer->endpoints[0];
        switch (i) {
        case 0:
            endpoint->alpn = bytes_of(five, 5); /* empty ids */
            break;
        case 1:
            endpoint->ech_config_list = bytes_of(five, 5);
            break;
        case 2:
            endpoint->ipv4hint = bytes_of(five, 5);
            break;
        case 3:
            endpoint->ipv6hint = bytes_of(five, 5);
            break;
        default:
            answer->all_have_ech = true; /* but the second endpoint has none */
            break;
        }
        struct octets octets = encode(answer);
        cr_assert_eq(parse_status(octets_view(&octets)), ECH_ERR_DECODE, "case %u", i);
        octets_free(&octets);
    }
}

/* The content belongs to another key, so the parser returns nothing of it. */
Test(answer_code, another_key)
{
    struct octets octets = encode(answer_with_endpoints());
    struct dns_question other = {name_of("b.example"), DNS_TYPE_HTTPS};
    struct dns_question addresses = {name_of("a.example"), DNS_TYPE_A};
    struct dns_cache_key keys[] = {key, key, key, key};
    keys[0].network++;
    keys[1].resolver_id = "udp://127.0.0.1:54";
    keys[2].question = &other;
    keys[3].question = &addresses;
    for (size_t i = 0; i < 4; i++) {
        struct dns_stored stored;
        uint8_t digests[2][DNS_STORED_DIGEST];
        cr_assert_eq(dns_stored_parse(octets_view(&octets), &keys[i], &stored), ECH_OK);
        cr_assert_null(stored.answer);
        cr_assert_eq(stored.expires_s, 1060);
        cr_assert_eq(dns_cache_key_digest(&key, digests[0]), ECH_OK);
        cr_assert_eq(dns_cache_key_digest(&keys[i], digests[1]), ECH_OK);
        cr_assert_neq(memcmp(digests[0], digests[1], DNS_STORED_DIGEST), 0);
    }
    octets_free(&octets);
}

Test(answer_code, too_large_to_be_stored)
{
    static uint8_t much[DNS_STORED_MAX];
    struct writer w;
    struct dns_endpoints *answer = answer_with_endpoints();
    const struct dns_stored stored = {.stored_s = 1000, .expires_s = 1060, .answer = answer};
    answer->endpoints[0].ipv4hint = bytes_of(much, sizeof much);
    wr_init(&w, 0);
    cr_assert_eq(dns_stored_encode(&w, &key, &stored), ECH_ERR_SPACE);
    cr_assert_eq(w.len, 0);
    struct octets longer = octets_new(DNS_STORED_MAX + 1);
    cr_assert_eq(parse_status(octets_view(&longer)), ECH_ERR_DECODE);
    octets_free(&longer);
    dns_endpoints_free(answer);
    wr_free(&w);
}
