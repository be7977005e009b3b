/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Servers and gateways that do not support EDNS (RFC 6891, 6.2.2). The first label of the name
 * chooses how they treat a question with EDNS. They answer questions without it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dns/lookup.h"
#include "tests/unit/dns_responder.h"
#include "tests/unit/vectors.h"

#define ECH_HEX "0005000800060aaa0002bbcc"

enum { FLAGS = MSG_QR | MSG_RA_RD, SECOND = 1000000, FORMERR = 1, SERVFAIL = 2, NOTIMP = 4 };

static struct responder server;
static struct dns_resolver resolver;
static struct dns_lookup lookup;
static struct dns_resolver_health health = DNS_RESOLVER_HEALTH_INIT;
static struct dns_lookup_report report;

static bool is(const struct dns_query *q, const char *label)
{
    size_t len = strlen(label);
    return strncmp(q->name, label, len) == 0 && q->name[len] == '.';
}

static void header_alone(const struct dns_query *q, uint16_t rcode, struct message *m)
{
    wr_init(&m->w, 0);
    wr_u16(&m->w, q->id);
    wr_u16(&m->w, (uint16_t)(FLAGS | rcode));
    wr_zeros(&m->w, 8);
    m->raw = true;
}

static void good(const struct dns_query *q, struct message *m)
{
    message_begin(m, q->id, FLAGS, q->name, q->type);
    if (q->type == TYPE_HTTPS) {
        message_https(m, NULL, 60, 1, ".", ECH_HEX);
    } else {
        message_address(m, NULL, 60, "192.0.2.1");
    }
}

/* The answer of a server without EDNS to a question with it. */
static enum responder_act refuse(const struct dns_query *q, struct message *m)
{
    if (is(q, "bare-formerr") || is(q, "bare-notimp")) {
        header_alone(q, is(q, "bare-formerr") ? FORMERR : NOTIMP, m);
        return RESPONDER_SEND;
    }
    if (is(q, "drop")) {
        return RESPONDER_DROP;
    }
    uint16_t rcode = is(q, "servfail") || is(q, "servfail-edns") ? SERVFAIL
                     : is(q, "notimp")                           ? NOTIMP
                     : is(q, "badvers")                          ? 0
                                                                 : FORMERR;
    message_begin(m, q->id, (uint16_t)(FLAGS | rcode), q->name, q->type);
    if (is(q, "formerr-echoes") || is(q, "servfail-edns") || is(q, "badvers")) {
        message_opt(m, is(q, "badvers") ? 1 : 0);
    }
    return RESPONDER_SEND;
}

static enum responder_act answer(const struct dns_query *q, unsigned round, struct message *m)
{
    (void)round;
    if (is(q, "never")) {
        header_alone(q, FORMERR, m);
        return RESPONDER_SEND;
    }
    if (q->edns && !is(q, "good")) {
        return refuse(q, m);
    }
    if (is(q, "large") && !q->tcp) {
        message_begin(m, q->id, FLAGS | MSG_TC, q->name, q->type);
        return RESPONDER_SEND;
    }
    good(q, m);
    return RESPONDER_SEND;
}

static void use(const char *scheme)
{
    char setting[64];
    (void)snprintf(setting, sizeof setting, "%s://127.0.0.1:%u", scheme, server.port);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_OK);
}

static void setup(void)
{
    responder_start(&server, answer);
    use("udp");
    lookup = (struct dns_lookup){
        .resolver = &resolver, .io = &dns_io_libc, .health = &health, .timeout_us = 2 * SECOND};
}

TestSuite(lookup_edns, .init = setup, .timeout = 60);

static void expect(const char *host, enum dns_result result, enum dns_reason reason)
{
    struct dns_endpoints *found = dns_lookup_https(&lookup, host, 443, &report);
    cr_assert_not_null(found);
    cr_assert_eq(found->result, result, "%s: %s", host, dns_reason_name(found->reason));
    cr_assert_eq(found->reason, reason, "%s: %s", host, dns_reason_name(found->reason));
    dns_endpoints_free(found);
}

static void expect_found(const char *host)
{
    expect(host, DNS_FOUND, DNS_REASON_OK);
}

static void check_errors(const char *scheme)
{
    static const char *const labels[] = {"formerr",     "formerr-echoes", "bare-formerr", "notimp",
                                         "bare-notimp", "servfail",       "badvers"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        char host[64];
        health = (struct dns_resolver_health)DNS_RESOLVER_HEALTH_INIT;
        use(scheme);
        (void)snprintf(host, sizeof host, "%s.example", labels[i]);
        expect_found(host);
        cr_assert_lt(report.lookup_us, SECOND / 4, "%s: the answer came at once", labels[i]);
        /* The second question to the same server goes without EDNS from the start. */
        (void)snprintf(host, sizeof host, "%s.second.example", labels[i]);
        expect_found(host);
    }
    responder_stop(&server);
    cr_assert_eq(server.count, 3 * sizeof labels / sizeof *labels);
    for (unsigned i = 0; i < server.count; i++) {
        cr_assert_eq(server.log[i].edns, i % 3 == 0, "%s", server.log[i].name);
    }
}

Test(lookup_edns, each_error_is_asked_again_without)
{
    check_errors("udp");
}

Test(lookup_edns, each_error_is_asked_again_without_over_tcp)
{
    check_errors("tcp");
}

Test(lookup_edns, an_error_that_has_another_cause_is_one)
{
    expect("servfail-edns.example", DNS_FAILED, DNS_REASON_SERVFAIL);
    expect("never.example", DNS_FAILED, DNS_REASON_FORMERR);
    responder_stop(&server);
    cr_assert_eq(server.count, 3);
}

Test(lookup_edns, a_server_that_speaks_it_keeps_it)
{
    expect_found("good.example");
    expect_found("good.second.example");
    responder_stop(&server);
    cr_assert_eq(server.count, 2);
    cr_assert(server.log[1].edns);
}

Test(lookup_edns, silence_is_asked_again_without_and_remembered)
{
    expect_found("drop.example");
    cr_assert_lt(report.lookup_us, SECOND);
    expect_found("drop.second.example");
    cr_assert_lt(report.lookup_us, SECOND / 4);
    responder_stop(&server);
    cr_assert_eq(server.count, 3);
    cr_assert(server.log[0].edns && !server.log[1].edns && !server.log[2].edns);
}

Test(lookup_edns, without_a_memory_too)
{
    lookup.health = NULL;
    expect_found("formerr.example");
    expect_found("drop.example");
}

Test(lookup_edns, what_does_not_fit_comes_over_tcp)
{
    expect_found("large.example");
    responder_stop(&server);
    cr_assert_eq(server.count, 3);
    cr_assert(server.log[2].tcp && !server.log[2].edns);
}

Test(lookup_edns, addresses_as_well)
{
    struct dns_addresses *found =
        dns_lookup_addresses(&lookup, "formerr.example", true, false, NULL);
    cr_assert_not_null(found);
    cr_assert_eq(found->result, DNS_FOUND, "%s", dns_reason_name(found->reason));
    dns_addresses_free(found);
}

Test(lookup_edns, a_server_is_asked_with_it_again_after_a_while)
{
    struct dns_server other = resolver.fixed.server[0];
    dns_health_note_no_edns(&health, &resolver.fixed.server[0], 1000);
    cr_assert(dns_health_lacks_edns(&health, &resolver.fixed.server[0], 1000));
    cr_assert(dns_health_lacks_edns(&health, &other, 1000 + DNS_HEALTH_KEPT_US - 1));
    cr_assert_not(dns_health_lacks_edns(&health, &other, 1000 + DNS_HEALTH_KEPT_US));
    other.address.v4.sin_port ^= 1;
    cr_assert_not(dns_health_lacks_edns(&health, &other, 1000));
}
