/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dns/lookup.h"
#include "tests/unit/dns_responder.h"

enum { FLAGS = MSG_QR | MSG_RA_RD, SECOND = 1000000 };

static struct responder server;
static struct dns_resolver resolver;
static struct dns_lookup lookup;
static struct dns_lookup_report report;

static bool is(const struct dns_query *q, const char *label)
{
    size_t len = strlen(label);
    return strncmp(q->name, label, len) == 0 && (q->name[len] == '.' || q->name[len] == '\0');
}

static void both(const struct dns_query *q, const char *owner, struct message *m)
{
    if (q->type == TYPE_A) {
        message_address(m, owner, 60, "192.0.2.1");
        message_address(m, owner, 50, "192.0.2.2");
    } else if (q->type == TYPE_AAAA) {
        message_address(m, owner, 40, "2001:db8::1");
    }
}

static enum responder_act respond(const struct dns_query *q, unsigned round, struct message *m)
{
    bool ipv4 = q->type == TYPE_A;
    uint16_t rcode = is(q, "nx") ? 3 : is(q, "broken") || (is(q, "half") && !ipv4) ? 2 : 0;
    (void)round;
    if (is(q, "silent")) {
        return RESPONDER_DROP;
    }
    if (is(q, "slow")) {
        usleep(100000);
    }
    message_begin(m, q->id, FLAGS | rcode, q->name, q->type);
    if (is(q, "dual") || is(q, "slow") || is(q, "single") || (is(q, "half") && ipv4)) {
        both(q, NULL, m);
    } else if (is(q, "cname")) {
        message_cname(m, NULL, "mid.example", 30);
        message_cname(m, "mid.example", "dual.example", 30);
    } else if (is(q, "whole")) {
        message_cname(m, NULL, "End.example", 30);
        both(q, "end.example", m);
    } else if (is(q, "circle")) {
        message_cname(m, NULL, "circle.example", 30);
    } else if (is(q, "short")) {
        message_answer(m, NULL, q->type, 30, bytes_of("\1\2\3", 3));
    } else if (is(q, "odd")) {
        message_cname(m, NULL, "o d d.example", 30);
        both(q, "o d d.example", m);
    } else if (is(q, "many") && ipv4) {
        for (unsigned i = 0; i < DNS_RDATA_MAX + 5; i++) {
            message_address(m, NULL, 60, "192.0.2.1");
        }
    } else if (is(q, "v4") && ipv4) {
        both(q, NULL, m);
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

TestSuite(lookup_addresses, .init = setup);

static struct dns_addresses *look_up(const char *host, bool ipv4, bool ipv6)
{
    errno = 4711;
    struct dns_addresses *addresses = dns_lookup_addresses(&lookup, host, ipv4, ipv6, &report);
    cr_assert_not_null(addresses);
    cr_assert_eq(errno, 4711);
    cr_assert_leq(report.lookup_us, lookup.timeout_us + 150000);
    return addresses;
}

static void expect_none(const char *host, enum dns_result result, enum dns_reason reason)
{
    struct dns_addresses *addresses = look_up(host, true, true);
    cr_assert_eq(addresses->result, result, "%s", host);
    cr_assert_eq(addresses->reason, reason, "%s: %s", host, dns_reason_name(addresses->reason));
    cr_assert_eq(addresses->count, 0);
    dns_addresses_free(addresses);
}

/* "ADDRESS ADDRESS ..." */
static void expect(const char *host, bool ipv4, bool ipv6, const char *canonical, const char *list)
{
    char text[512] = "";
    struct dns_addresses *addresses = look_up(host, ipv4, ipv6);
    cr_assert_eq(addresses->result, DNS_FOUND, "%s: %s", host, dns_reason_name(addresses->reason));
    cr_assert_str_eq(addresses->canonical, canonical);
    for (size_t i = 0; i < addresses->count; i++) {
        char address[INET6_ADDRSTRLEN];
        cr_assert_not_null(inet_ntop(addresses->list[i].family, addresses->list[i].octets, address,
                                     sizeof address));
        strcat(strcat(text, i > 0 ? " " : ""), address);
    }
    cr_assert_str_eq(text, list, "%s", host);
    dns_addresses_free(addresses);
}

Test(lookup_addresses, of_the_families_that_are_wanted)
{
    expect("dual.example", true, true, "dual.example", "2001:db8::1 192.0.2.1 192.0.2.2");
    expect("dual.example.", true, false, "dual.example", "192.0.2.1 192.0.2.2");
    expect("DUAL.example", false, true, "dual.example", "2001:db8::1");
    expect("v4.example", true, true, "v4.example", "192.0.2.1 192.0.2.2");
    expect("single", true, false, "single", "192.0.2.1 192.0.2.2");
    responder_stop(&server);
    cr_assert_eq(server.count, 7);
}

Test(lookup_addresses, over_tcp)
{
    resolver.fixed.server[0].tcp_only = true;
    expect("dual.example", true, true, "dual.example", "2001:db8::1 192.0.2.1 192.0.2.2");
}

Test(lookup_addresses, cnames_are_followed_in_the_answer_and_beyond)
{
    expect("whole.example", true, true, "end.example", "2001:db8::1 192.0.2.1 192.0.2.2");
    expect("cname.example", true, true, "dual.example", "2001:db8::1 192.0.2.1 192.0.2.2");
    expect_none("circle.example", DNS_NONE, DNS_REASON_ALIAS_LIMIT);
}

Test(lookup_addresses, least_ttl)
{
    struct dns_addresses *addresses = look_up("dual.example", true, true);
    cr_assert_eq(addresses->ttl, 40);
    dns_addresses_free(addresses);
    addresses = look_up("whole.example", true, false);
    cr_assert_eq(addresses->ttl, 30);
    dns_addresses_free(addresses);
    addresses = look_up("v6.example", true, true);
    cr_assert_eq(addresses->ttl, 90);
    dns_addresses_free(addresses);
}

Test(lookup_addresses, each_failure_has_its_reason)
{
    expect_none("nothing.example", DNS_NONE, DNS_REASON_NODATA);
    expect_none("nx.example", DNS_NONE, DNS_REASON_NXDOMAIN);
    expect_none("broken.example", DNS_FAILED, DNS_REASON_SERVFAIL);
    expect_none("short.example", DNS_FAILED, DNS_REASON_MALFORMED_ANSWER);
    expect_none("odd.example", DNS_NONE, DNS_REASON_MALFORMED_RECORD);
    expect_none("127.0.0.1", DNS_NONE, DNS_REASON_NO_QUERY);
    expect_none("::1", DNS_NONE, DNS_REASON_NO_QUERY);
    expect_none("two..dots", DNS_NONE, DNS_REASON_NO_QUERY);
    struct dns_addresses *addresses = look_up("dual.example", false, false);
    cr_assert_eq(addresses->reason, DNS_REASON_NO_QUERY);
    dns_addresses_free(addresses);
}

Test(lookup_addresses, what_is_there_counts_though_the_rest_failed)
{
    expect("half.example", true, true, "half.example", "192.0.2.1 192.0.2.2");
    struct dns_addresses *addresses = look_up("half.example", false, true);
    cr_assert_eq(addresses->reason, DNS_REASON_SERVFAIL);
    dns_addresses_free(addresses);
}

Test(lookup_addresses, of_too_many_some)
{
    struct dns_addresses *addresses = look_up("many.example", true, true);
    cr_assert_eq(addresses->count, DNS_RDATA_MAX);
    dns_addresses_free(addresses);
}

Test(lookup_addresses, silence_of_both_takes_the_bound_once)
{
    lookup.timeout_us = SECOND / 2;
    expect_none("silent.example", DNS_FAILED, DNS_REASON_TIMEOUT);
}

/* Each answer takes a tenth of a second; all three questions arrive before the first answer. */
Test(lookup_addresses, svcb_32_asked_together_with_the_https_records)
{
    struct dns_https_pending *pending = dns_https_begin(&lookup, "slow.example", 443);
    expect("slow.example", true, true, "slow.example", "2001:db8::1 192.0.2.1 192.0.2.2");
    dns_endpoints_free(dns_https_finish(pending, UINT64_MAX, NULL));
    responder_stop(&server);
    cr_assert_eq(server.count, 3);
    unsigned seen = 0;
    for (size_t i = 0; i < 3; i++) {
        seen += server.log[i].type;
        cr_assert_lt(server.log[i].at_us - server.log[0].at_us, 50000);
    }
    cr_assert_eq(seen, TYPE_A + TYPE_AAAA + TYPE_HTTPS);
}

Test(lookup_addresses, svcb_37_cached_by_type)
{
    struct dns_cache cache;
    dns_cache_init(&cache, 1);
    lookup.cache = &cache;
    expect("dual.example", true, false, "dual.example", "192.0.2.1 192.0.2.2");
    cr_assert_not(report.cached);
    expect("dual.example", true, true, "dual.example", "2001:db8::1 192.0.2.1 192.0.2.2");
    cr_assert_not(report.cached);
    expect("dual.example", true, true, "dual.example", "2001:db8::1 192.0.2.1 192.0.2.2");
    cr_assert(report.cached);
    expect_none("nx.example", DNS_NONE, DNS_REASON_NXDOMAIN);
    expect_none("nx.example", DNS_NONE, DNS_REASON_NXDOMAIN);
    cr_assert(report.cached);
    struct dns_endpoints *https = dns_lookup_https(&lookup, "dual.example", 443, &report);
    cr_assert_not(report.cached, "another type");
    cr_assert_eq(https->reason, DNS_REASON_NODATA);
    dns_endpoints_free(https);
    responder_stop(&server);
    cr_assert_eq(server.count, 5);
    dns_cache_free(&cache);
}
