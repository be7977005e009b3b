/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups at a real resolver, unbound, with a zone of its own and an upstream that serves the
 * records of tests/vectors/svcb.json. Skipped where there is no unbound. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/lookup.h"
#include "tests/facts.h"
#include "tests/unit/dns_responder.h"
#include "tests/unit/tls_responder.h"
#include "tests/unit/unbound.h"
#include "tests/unit/vectors.h"

#define ECH "ech=AAYKqgACu8w="

static const char zone[] = "one HTTPS 1 . alpn=h2 " ECH "\n"
                           "_8443._https.one HTTPS 1 svc port=8444\n"
                           "alias 30 HTTPS 0 one\n"
                           "plain A 192.0.2.1\n"
                           "plain A 192.0.2.2\n"
                           "plain AAAA 2001:db8::1\n"
                           "two HTTPS 2 b ipv4hint=192.0.2.2\n"
                           "two HTTPS 1 a " ECH "\n"
                           "*.wild HTTPS 1 . " ECH "\n"
                           "*.wild A 192.0.2.7\n"
                           "there DNAME target\n"
                           "x.target HTTPS 1 . " ECH "\n"
                           "c1 CNAME c2\n"
                           "c2 CNAME one\n"
                           "cwild CNAME any.wild\n"
                           "circle CNAME round\n"
                           "round CNAME circle\n"
                           "alias-self HTTPS 0 alias-self\n"
                           "alias-a HTTPS 0 alias-b\n"
                           "alias-b HTTPS 0 alias-a\n"
                           "alias-plain HTTPS 0 plain\n"
                           "alias-wild HTTPS 0 a.wild\n"
                           "no-service HTTPS 0 .\n"
                           "quic HTTPS 1 . alpn=h3 no-default-alpn\n"
                           "secret HTTPS 1 . mandatory=ech " ECH "\n"
                           "strange HTTPS 1 . mandatory=key65400 key65400=x\n";

static struct unbound unbound;
static struct responder upstream;
static json_t *vectors;
static struct dns_resolver resolver;
static struct dns_lookup lookup;

/* vN.upstream: record N of the vectors. */
static enum responder_act serve_vectors(const struct dns_query *q, unsigned round,
                                        struct message *m)
{
    unsigned number;
    (void)round;
    message_begin(m, q->id, MSG_QR | MSG_RA_RD | 0x0400, q->name, q->type);
    if (q->type == TYPE_HTTPS && sscanf(q->name, "v%u.upstream", &number) == 1) {
        json_t *item = json_array_get(vectors_get(vectors, "wire"), number);
        struct octets rdata = octets_get(item, "rdata_hex");
        message_answer(m, NULL, TYPE_HTTPS, 60, octets_view(&rdata));
        octets_free(&rdata);
    } else {
        message_soa(m, "upstream", 300, 90);
    }
    return RESPONDER_SEND;
}

/* Records that do not fit into 1,232 octets. */
static void add_large_rrset(char *out, size_t size)
{
    size_t len = strlen(out);
    for (unsigned i = 1; i <= 60; i++) {
        int n = snprintf(out + len, size - len,
                         "large HTTPS %u pool%u.a-rather-long-name.example. " ECH "\n", i, i);
        len += (size_t)n;
    }
}

static void setup(void)
{
    static char whole_zone[16384];
    (void)snprintf(whole_zone, sizeof whole_zone, "%s", zone);
    add_large_rrset(whole_zone, sizeof whole_zone);
    vectors = vectors_load("svcb");
    responder_start(&upstream, serve_vectors);
    if (!unbound_start(&unbound, &(struct unbound_options){
                                     .zone = whole_zone,
                                     .upstream = upstream.port,
                                     .secure = true,
                                     .server = "  local-zone: \"refused.example.\" always_refuse\n"
                                               "  local-zone: \"silent.example.\" always_deny\n",
                                 })) {
        cr_skip("no unbound here");
    }
    char setting[64];
    (void)snprintf(setting, sizeof setting, "udp://127.0.0.1:%u", unbound.port);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_OK);
    lookup = (struct dns_lookup){.resolver = &resolver, .io = &dns_io_libc, .timeout_us = 5000000};
}

static void teardown(void)
{
    client_end(lookup.channels.each[0]);
    unbound_stop(&unbound);
    responder_stop(&upstream);
    json_decref(vectors);
}

TestSuite(lookup_unbound, .init = setup, .fini = teardown);

static struct dns_endpoints *look_up(const char *host, uint16_t port)
{
    struct dns_endpoints *answer = dns_lookup_https(&lookup, host, port, NULL);
    cr_assert_not_null(answer);
    return answer;
}

/* One endpoint, with ech. */
static void expect_target(const char *host, const char *target)
{
    struct dns_endpoints *answer = look_up(host, 443);
    cr_assert_eq(answer->result, DNS_FOUND, "%s: %s", host, dns_reason_name(answer->reason));
    cr_assert_eq(answer->count, 1, "%s", host);
    cr_assert_str_eq(answer->endpoints[0].target, target);
    cr_assert_eq(answer->endpoints[0].port, 443);
    assert_hex(answer->endpoints[0].ech_config_list, "00060aaa0002bbcc", host);
    dns_endpoints_free(answer);
}

static void expect_none(const char *host, enum dns_result result, enum dns_reason reason)
{
    struct dns_endpoints *answer = look_up(host, 443);
    cr_assert_eq(answer->result, result, "%s: %s", host, dns_reason_name(answer->reason));
    cr_assert_eq(answer->reason, reason, "%s: %s", host, dns_reason_name(answer->reason));
    dns_endpoints_free(answer);
}

static void check_found(void)
{
    expect_target("one.example", "one.example");
    expect_target("secret.example", "secret.example");
    expect_target("alias.example", "one.example"); /* SVCB-21 */
    expect_target("c1.example", "one.example");    /* SVCB-17 */
    expect_target("x.there.example", "x.target.example");
    expect_target("any.wild.example", "any.wild.example"); /* SVCB-26 */
    expect_target("cwild.example", "any.wild.example");
    expect_target("alias-wild.example", "a.wild.example");
    struct dns_endpoints *answer = look_up("one.example", 8443); /* SVCB-15, SVCB-42 */
    cr_assert_eq(answer->count, 1);
    cr_assert_str_eq(answer->endpoints[0].target, "svc.example");
    cr_assert_eq(answer->endpoints[0].port, 8444);
    dns_endpoints_free(answer);
    answer = look_up("two.example", 443); /* SVCB-27, SVCB-49 */
    cr_assert_eq(answer->count, 2);
    cr_assert_not(answer->all_have_ech);
    cr_assert_str_eq(answer->endpoints[0].target, "a.example");
    cr_assert_str_eq(answer->endpoints[1].target, "b.example");
    assert_hex(answer->endpoints[1].ipv4hint, "c0000202", "ipv4hint");
    dns_endpoints_free(answer);
    answer = look_up("alias-plain.example", 443); /* SVCB-30 */
    cr_assert_eq(answer->count, 1);
    cr_assert_str_eq(answer->endpoints[0].target, "plain.example");
    cr_assert_eq(answer->endpoints[0].ech_config_list.len, 0);
    dns_endpoints_free(answer);
}

/* `denied`: the reason of a question that unbound drops; over a connection it closes the
 * connection. */
static void check_not_found(enum dns_reason denied)
{
    expect_none("plain.example", DNS_NONE, DNS_REASON_NODATA);
    expect_none("nothing.example", DNS_NONE, DNS_REASON_NXDOMAIN);
    expect_none("no-service.example", DNS_NONE, DNS_REASON_NO_SERVICE);
    expect_none("quic.example", DNS_NONE, DNS_REASON_INCOMPATIBLE);
    expect_none("strange.example", DNS_NONE, DNS_REASON_INCOMPATIBLE);
    expect_none("alias-self.example", DNS_NONE, DNS_REASON_ALIAS_LIMIT);
    expect_none("alias-a.example", DNS_NONE, DNS_REASON_ALIAS_LIMIT);
    expect_none("circle.example", DNS_FAILED, DNS_REASON_SERVFAIL); /* says unbound */
    expect_none("refused.example", DNS_FAILED, DNS_REASON_REFUSED);
    uint64_t usual_us = lookup.timeout_us;
    lookup.timeout_us = 300000;
    expect_none("silent.example", DNS_FAILED, denied);
    lookup.timeout_us = usual_us;
}

static void check_addresses(void)
{
    struct dns_addresses *addresses =
        dns_lookup_addresses(&lookup, "plain.example", true, true, NULL);
    cr_assert_eq(addresses->result, DNS_FOUND, "%s", dns_reason_name(addresses->reason));
    cr_assert_eq(addresses->count, 3);
    cr_assert_eq(addresses->list[0].family, AF_INET6);
    cr_assert_str_eq(addresses->canonical, "plain.example");
    dns_addresses_free(addresses);
    addresses = dns_lookup_addresses(&lookup, "cwild.example", true, true, NULL);
    cr_assert_eq(addresses->count, 1);
    cr_assert_str_eq(addresses->canonical, "any.wild.example");
    dns_addresses_free(addresses);
}

static void check_large(void)
{
    struct dns_endpoints *answer = look_up("large.example", 443);
    cr_assert_eq(answer->result, DNS_FOUND, "%s", dns_reason_name(answer->reason));
    cr_assert_eq(answer->count, 60);
    cr_assert(answer->all_have_ech);
    for (size_t i = 0; i < 60; i++) {
        cr_assert_eq(answer->endpoints[i].priority, i + 1);
    }
    dns_endpoints_free(answer);
}

/* unbound does not pass on RDATA too short for its names, and newer versions (tests/facts.h) none
 * that is only a priority. It expands a name that ends in a pointer. */
static enum dns_reason expected_reason(const json_t *item)
{
    const char *id = vectors_text(item, "id");
    const char *verdict = vectors_text(item, "verdict");
    if (strcmp(id, "G-bad-half-prio") == 0 || strcmp(id, "G-bad-target-cut") == 0 ||
        (strcmp(id, "G-bad-prio-only") == 0 && fact_unbound_checks_svcb())) {
        return DNS_REASON_SERVFAIL;
    }
    if (strcmp(id, "G-bad-target-pointer") == 0 || strcmp(verdict, "ok") == 0) {
        return DNS_REASON_OK;
    }
    return strcmp(verdict, "malformed") == 0 ? DNS_REASON_MALFORMED_RECORD
                                             : DNS_REASON_INCOMPATIBLE;
}

/* The verdict on each vector's record, as a real resolver passes it on, is the vector's verdict. */
static void check_vectors(void)
{
    size_t i;
    json_t *item;
    json_array_foreach(vectors_get(vectors, "wire"), i, item)
    {
        char host[32];
        (void)snprintf(host, sizeof host, "v%zu.upstream", i);
        struct dns_endpoints *answer = look_up(host, 443);
        cr_expect_eq(answer->reason, expected_reason(item), "%s: %s", vectors_text(item, "id"),
                     dns_reason_name(answer->reason));
        dns_endpoints_free(answer);
    }
    cr_assert_eq(i, 37);
}

static void check_all(enum dns_reason denied)
{
    check_found();
    check_not_found(denied);
    check_addresses();
    check_large();
    check_vectors();
}

Test(lookup_unbound, udp)
{
    check_all(DNS_REASON_TIMEOUT);
}

Test(lookup_unbound, tcp)
{
    resolver.fixed.server[0].tcp_only = true;
    check_all(DNS_REASON_NETWORK);
}

Test(lookup_unbound, dot_15_large_answers_come_over_tcp)
{
    check_large();
}

/* ---- encrypted ---- */

static struct dns_resolver secure;

static void use_channel(const char *setting, unsigned port)
{
    char text[128];
    (void)snprintf(text, sizeof text, setting, port);
    cr_assert_eq(dns_resolver_parse(text, &secure, NULL), ECH_OK);
    lookup.resolver = &secure;
    lookup.channels = (struct dns_channels){.each = {client_channel(setting, port)}, .count = 1};
}

static void check_secure(const char *id, enum dns_reason denied)
{
    struct dns_lookup_report report;
    check_all(denied);
    struct dns_endpoints *answer = dns_lookup_https(&lookup, "one.example", 443, &report);
    cr_assert_str_eq(report.resolver, id, "%s", report.resolver);
    dns_endpoints_free(answer);
}

Test(lookup_unbound, dot_4_dot_6_dot_10_pad_3_dns_over_tls)
{
    char id[128];
    use_channel("tls://127.0.0.1:%u#dns.test", unbound.tls_port);
    (void)snprintf(id, sizeof id, "tls://127.0.0.1:%u#dns.test", unbound.tls_port);
    check_secure(id, DNS_REASON_RESOLVER_CLOSED);
}

Test(lookup_unbound, doh_2_doh_4_doh_6_doh_8_dns_over_https)
{
    char id[128];
    use_channel("https://dns.test:%u/dns-query#127.0.0.1", unbound.https_port);
    (void)snprintf(id, sizeof id, "https://dns.test:%u/dns-query#127.0.0.1", unbound.https_port);
    check_secure(id, DNS_REASON_RESOLVER_CLOSED);
}

Test(lookup_unbound, look_ups_under_way_on_the_channel)
{
    use_channel("https://127.0.0.1:%u/dns-query", unbound.https_port);
    struct dns_https_pending *dropped = dns_https_begin(&lookup, "two.example", 443);
    struct dns_https_pending *pending = dns_https_begin(&lookup, "alias.example", 443);
    cr_assert(dropped != NULL && pending != NULL);
    dns_https_cancel(dropped);
    struct dns_endpoints *answer = dns_https_finish(pending, dns_io_libc.now_us() + 2000000, NULL);
    cr_assert_not_null(answer);
    cr_assert_eq(answer->result, DNS_FOUND, "%s", dns_reason_name(answer->reason));
    dns_endpoints_free(answer);
}

/* A program that comes back late: time without a wait does not count, even though the connection is
 * not yet made. */
Test(lookup_unbound, only_waiting_counts_on_the_channel)
{
    use_channel("tls://127.0.0.1:%u#dns.test", unbound.tls_port);
    lookup.timeout_us = 400000;
    struct dns_https_pending *pending = dns_https_begin(&lookup, "one.example", 443);
    usleep(600000);
    struct dns_endpoints *answer = dns_https_finish(pending, UINT64_MAX, NULL);
    cr_assert_eq(answer->result, DNS_FOUND, "%s", dns_reason_name(answer->reason));
    dns_endpoints_free(answer);
}

/* A, AAAA and HTTPS together, again and again. unbound holds small answers back until earlier ones
 * are acknowledged, and the kernel delays that by 40 ms unless told otherwise. */
Test(lookup_unbound, questions_together_do_not_wait_for_acknowledgements)
{
    use_channel("tls://127.0.0.1:%u#dns.test", unbound.tls_port);
    dns_endpoints_free(look_up("one.example", 443));
    uint64_t start = dns_io_libc.now_us();
    for (unsigned i = 0; i < 20; i++) {
        struct dns_https_pending *pending = dns_https_begin(&lookup, "one.example", 443);
        dns_addresses_free(dns_lookup_addresses(&lookup, "plain.example", true, true, NULL));
        dns_endpoints_free(dns_https_finish(pending, UINT64_MAX, NULL));
    }
    cr_assert_lt(dns_io_libc.now_us() - start, 400000);
}

/* An error of the resolver is an answer over HTTP too. */
Test(lookup_unbound, doh_5_an_rcode_is_an_answer)
{
    use_channel("https://127.0.0.1:%u/dns-query", unbound.https_port);
    struct dns_endpoints *answer = dns_lookup_https(&lookup, "refused.example", 443, NULL);
    cr_assert_eq(answer->result, DNS_FAILED);
    cr_assert_eq(answer->reason, DNS_REASON_REFUSED, "%s", dns_reason_name(answer->reason));
    dns_endpoints_free(answer);
}

/* Without the channel, nothing is asked by another way. */
Test(lookup_unbound, no_channel_is_nobody)
{
    use_channel("tls://127.0.0.1:%u#dns.test", unbound.tls_port);
    client_end(lookup.channels.each[0]);
    lookup.channels.each[0] = NULL;
    struct dns_endpoints *answer = dns_lookup_https(&lookup, "one.example", 443, NULL);
    cr_assert_eq(answer->result, DNS_FAILED);
    cr_assert_eq(answer->reason, DNS_REASON_NO_MEMORY);
    dns_endpoints_free(answer);
}
