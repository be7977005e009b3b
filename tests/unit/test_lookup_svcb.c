/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules of RFC 9460 that need a whole look-up: additional records, hints, names. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dns/lookup.h"
#include "tests/unit/dns_responder.h"
#include "tests/unit/vectors.h"

#define ECH_HEX "0005000800060aaa0002bbcc"
#define HINTS_HEX "0004000cc0000201c0000202c0000203" /* 192.0.2.1, .2, .3 */

enum { FLAGS = MSG_QR | MSG_RA_RD, SECOND = 1000000 };

static struct responder server;
static struct dns_resolver resolver;
static struct dns_lookup lookup;

static bool is(const struct dns_query *q, const char *label)
{
    size_t len = strlen(label);
    return strncmp(q->name, label, len) == 0 && (q->name[len] == '.' || q->name[len] == '\0');
}

static void along(struct message *m, const char *owner, const char *address)
{
    message_address(m, owner, 40, address);
    message_as_additional(m);
}

/* Aliases with the target's records in the same answer. */
static void aliases(const struct dns_query *q, struct message *m)
{
    message_https(m, NULL, 60, 0, "pool.example", "");
    if (is(q, "alias-part")) {
        message_address(m, "pool.example", 60, "192.0.2.9");
    } else if (is(q, "alias-cname")) {
        message_cname(m, "pool.example", "end.example", 50);
        message_as_additional(m);
        message_https(m, "end.example", 60, 1, ".", ECH_HEX);
    } else if (is(q, "alias-chain")) {
        message_https(m, "pool.example", 60, 0, "end.example", "");
        message_as_additional(m);
        message_https(m, "end.example", 30, 1, ".", ECH_HEX);
    } else if (is(q, "alias-circle")) {
        message_https(m, "pool.example", 60, 0, q->name, "");
    } else if (is(q, "alias-broken")) {
        message_https(m, "pool.example", 60, 1, ".", "000100");
    } else {
        message_https(m, "pool.example", 60, 1, ".", ECH_HEX);
        message_as_additional(m);
        along(m, "pool.example", "192.0.2.9");
        return;
    }
    message_as_additional(m);
}

static enum responder_act respond(const struct dns_query *q, unsigned round, struct message *m)
{
    (void)round;
    message_begin(m, q->id, FLAGS, q->name, q->type);
    if (strncmp(q->name, "alias", 5) == 0) {
        aliases(q, m);
    } else if (is(q, "hints")) {
        message_https(m, NULL, 60, 1, ".", HINTS_HEX);
    } else if (is(q, "along")) {
        message_https(m, NULL, 60, 1, "pool.example", HINTS_HEX);
        message_https(m, NULL, 60, 2, ".", "");
        along(m, "pool.example", "192.0.2.9");
        along(m, "pool.example", "2001:db8::9");
        along(m, "along.example", "192.0.2.10");
        along(m, "other.example", "192.0.2.11");
    } else if (is(q, "ports")) {
        message_https(m, NULL, 60, 1, ".", "000300020019"); /* SMTP */
        message_https(m, NULL, 60, 2, ".", "0003000220fb");
    } else if (is(q, "no-default")) {
        message_https(m, NULL, 60, 1, ".",
                      "000100030268320002"
                      "0000");
        message_https(m, NULL, 60, 2, ".",
                      "000100030268320002"
                      "0000");
    } else if (is(q, "pool")) {
        message_https(m, NULL, 60, 7, ".", "");
    } else {
        message_soa(m, "example", 300, 90);
    }
    return RESPONDER_SEND;
}

static void setup(void)
{
    char setting[64];
    responder_start(&server, respond);
    (void)snprintf(setting, sizeof setting, "udp://127.0.0.1:%u", server.port);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_OK);
    lookup =
        (struct dns_lookup){.resolver = &resolver, .io = &dns_io_libc, .timeout_us = 2 * SECOND};
}

TestSuite(lookup_svcb, .init = setup);

static struct dns_endpoints *look_up(const char *host)
{
    struct dns_endpoints *answer = dns_lookup_https(&lookup, host, 443, NULL);
    cr_assert_not_null(answer);
    cr_assert_eq(answer->result, DNS_FOUND, "%s: %s", host, dns_reason_name(answer->reason));
    return answer;
}

/* Expects one endpoint, found with that many questions. */
static void expect_included(const char *host, const char *target, uint32_t ttl, unsigned questions)
{
    struct dns_endpoints *answer = look_up(host);
    cr_assert_eq(answer->count, 1, "%s", host);
    cr_assert_str_eq(answer->endpoints[0].target, target);
    cr_assert(answer->alias_followed && answer->all_have_ech);
    cr_assert_eq(answer->ttl, ttl, "%s: %u", host, answer->ttl);
    dns_endpoints_free(answer);
    responder_stop(&server);
    cr_assert_eq(server.count, questions, "%s", host);
}

Test(lookup_svcb, svcb_37_the_target_of_an_alias_comes_along)
{
    expect_included("alias.example", "pool.example", 40, 1);
}

Test(lookup_svcb, svcb_37_over_a_cname)
{
    expect_included("alias-cname.example", "end.example", 50, 1);
}

Test(lookup_svcb, svcb_37_a_whole_chain)
{
    expect_included("alias-chain.example", "end.example", 30, 1);
}

Test(lookup_svcb, svcb_37_what_is_not_included_is_fetched)
{
    struct dns_endpoints *answer = look_up("alias-part.example");
    cr_assert_eq(answer->endpoints[0].priority, 7);
    dns_endpoints_free(answer);
    responder_stop(&server);
    cr_assert_eq(server.count, 2);
    cr_assert_str_eq(server.log[1].name, "pool.example");
}

Test(lookup_svcb, svcb_23_limit_of_aliases_that_come_along)
{
    struct dns_endpoints *answer = dns_lookup_https(&lookup, "alias-circle.example", 443, NULL);
    cr_assert_eq(answer->result, DNS_NONE);
    cr_assert_eq(answer->reason, DNS_REASON_ALIAS_LIMIT);
    dns_endpoints_free(answer);
    responder_stop(&server);
    cr_assert_leq(server.count, DNS_ALIAS_MAX + 1);
}

Test(lookup_svcb, svcb_5_what_comes_along_is_judged_as_if_asked_for)
{
    struct dns_endpoints *answer = dns_lookup_https(&lookup, "alias-broken.example", 443, NULL);
    cr_assert_eq(answer->reason, DNS_REASON_MALFORMED_RECORD);
    dns_endpoints_free(answer);
}

/* A server may add records of other names: the result is made only of the answer to the
 * question. */
Test(lookup_svcb, svcb_37_what_comes_along_answers_no_other_question)
{
    struct dns_cache cache;
    dns_cache_init(&cache, 1);
    lookup.cache = &cache;
    dns_endpoints_free(look_up("alias.example"));
    struct dns_endpoints *answer = look_up("pool.example");
    cr_assert_eq(answer->endpoints[0].priority, 7);
    cr_assert_eq(answer->endpoints[0].ipv4hint.len, 0);
    dns_endpoints_free(answer);
    dns_cache_free(&cache);
}

static void check_hint(struct bytes hint, int family, const char *text)
{
    uint8_t octets[16];
    cr_assert_eq(inet_pton(family, text, octets), 1);
    cr_assert(bytes_equal(hint, bytes_of(octets, family == AF_INET ? 4 : 16)), "%s", text);
}

Test(lookup_svcb, svcb_43_addresses_that_come_along_take_the_place_of_hints)
{
    struct dns_endpoints *answer = look_up("along.example");
    cr_assert_eq(answer->count, 2);
    check_hint(answer->endpoints[0].ipv4hint, AF_INET, "192.0.2.9");
    check_hint(answer->endpoints[0].ipv6hint, AF_INET6, "2001:db8::9");
    check_hint(answer->endpoints[1].ipv4hint, AF_INET, "192.0.2.10");
    cr_assert_eq(answer->endpoints[1].ipv6hint.len, 0);
    cr_assert_eq(answer->ttl, 40);
    dns_endpoints_free(answer);
}

/* Each of three hints comes first about as often; all three are always there. */
Test(lookup_svcb, svcb_43_hints_in_random_order)
{
    unsigned first[4] = {0};
    for (unsigned i = 0; i < 150; i++) {
        struct dns_endpoints *answer = look_up("hints.example");
        struct bytes hint = answer->endpoints[0].ipv4hint;
        cr_assert_eq(hint.len, 12);
        cr_assert_eq(hint.data[3] + hint.data[7] + hint.data[11], 6);
        first[hint.data[3]]++;
        dns_endpoints_free(answer);
    }
    for (unsigned i = 1; i < 4; i++) {
        cr_assert_gt(first[i], 20, "%u: %u", i, first[i]);
    }
}

/* They stay in the answer: shim/route says where they must not lead. */
Test(lookup_svcb, svcb_47_ports_of_other_protocols_are_known)
{
    struct dns_endpoints *answer = look_up("ports.example");
    unsigned restricted = 0;
    for (size_t i = 0; i < answer->count; i++) {
        restricted += https_port_is_restricted(answer->endpoints[i].port);
    }
    cr_assert_eq(restricted, answer->count - 1);
    cr_assert_gt(restricted, 0);
    dns_endpoints_free(answer);
}

Test(lookup_svcb, svcb_41_records_that_all_have_no_default_alpn_stay)
{
    struct dns_endpoints *answer = look_up("no-default.example");
    cr_assert_eq(answer->count, 2);
    cr_assert(answer->endpoints[0].no_default_alpn);
    dns_endpoints_free(answer);
}

/* Nothing is asked for a name that is no DNS name. */
Test(lookup_svcb, svcb_57_nothing_is_asked_for_what_is_no_dns_name)
{
    static const char *const hosts[] = {"127.0.0.1",   "[::1]",     "::1",         "127.1",
                                        "0x7f.1",      "",          "single",      "a..example",
                                        "a b.example", "localhost", "x.localhost", "printer.local"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct dns_endpoints *answer = dns_lookup_https(&lookup, hosts[i], 443, NULL);
        cr_assert_eq(answer->reason, DNS_REASON_NO_QUERY, "%s", hosts[i]);
        dns_endpoints_free(answer);
    }
    responder_stop(&server);
    cr_assert_eq(server.count, 0);
}
