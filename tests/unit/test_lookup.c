/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups against a server that misbehaves. The first label of the name chooses how. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/lookup.h"
#include "tests/unit/dns_responder.h"
#include "tests/unit/vectors.h"

#define ECH_HEX "0005000800060aaa0002bbcc"

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

static void begin(const struct dns_query *q, uint16_t flags, struct message *m)
{
    message_begin(m, q->id, FLAGS | flags, q->name, TYPE_HTTPS);
}

static void good(const struct dns_query *q, struct message *m)
{
    begin(q, 0, m);
    message_https(m, NULL, 60, 1, ".", ECH_HEX);
}

/* Wrong answers that come over UDP before the right one; they must not win. */
static enum responder_act spoofs(const struct dns_query *q, unsigned round, struct message *m)
{
    bool last = round == 1;
    struct dns_query forged = *q;
    if (last) {
        good(q, m);
        return RESPONDER_SEND;
    }
    if (is(q, "wrong-id")) {
        forged.id ^= 1;
        good(&forged, m);
    } else if (is(q, "wrong-question")) {
        strcpy(forged.name, "other.example");
        good(&forged, m);
    } else if (is(q, "wrong-type")) {
        message_begin(m, q->id, FLAGS, q->name, TYPE_SVCB);
    } else {
        wr_init(&m->w, 0); /* garbage */
        wr_zeros(&m->w, 17);
    }
    return RESPONDER_AGAIN;
}

static enum responder_act large(const struct dns_query *q, struct message *m)
{
    bool lying = is(q, "lying-tc");
    if (!q->tcp || lying) {
        begin(q, MSG_TC, m);
        return RESPONDER_SEND;
    }
    good(q, m);
    if (is(q, "tc-half")) {
        return RESPONDER_SEND_HALF;
    }
    return is(q, "tc-split") ? RESPONDER_SEND_SPLIT : RESPONDER_SEND;
}

static enum responder_act aliases(const struct dns_query *q, struct message *m)
{
    unsigned n;
    begin(q, 0, m);
    if (is(q, "alias") || strncmp(q->name, "_8443._https.alias.", 19) == 0) {
        message_https(m, NULL, 60, 0, "pool.example", "");
    } else if (is(q, "alias-loop")) {
        message_https(m, NULL, 60, 0, "alias-loop.example", "");
    } else if (is(q, "alias-root")) {
        message_https(m, NULL, 60, 0, ".", "");
    } else if (is(q, "alias-bare")) {
        message_https(m, NULL, 60, 0, "empty.example", ECH_HEX);
    } else if (is(q, "alias-bad")) {
        message_https(m, NULL, 60, 0, "malformed.example", "");
    } else if (is(q, "alias-dead")) {
        message_https(m, NULL, 60, 0, "servfail.example", "");
    } else if (is(q, "alias-cname")) {
        message_https(m, NULL, 60, 0, "cname-whole.example", "");
    } else if (sscanf(q->name, "n%u.", &n) == 1) {
        char next[32];
        (void)snprintf(next, sizeof next, "n%u.example", n - 1);
        message_https(m, NULL, 60, n > 0 ? 0 : 1, n > 0 ? next : ".", n > 0 ? "" : ECH_HEX);
    }
    return RESPONDER_SEND;
}

static enum responder_act cnames(const struct dns_query *q, struct message *m)
{
    begin(q, 0, m);
    if (is(q, "cname-whole")) {
        message_cname(m, NULL, "end.example", 30);
        message_https(m, "end.example", 60, 1, ".", ECH_HEX);
    } else if (is(q, "cname-part")) {
        message_cname(m, NULL, "pool.example", 30);
    } else if (is(q, "cname-loop")) {
        message_cname(m, NULL, "cname-b.example", 30);
        message_cname(m, "cname-b.example", q->name, 30);
    } else {
        message_cname(m, NULL, "cname-circle.example", 30);
    }
    return RESPONDER_SEND;
}

static enum responder_act records(const struct dns_query *q, struct message *m)
{
    begin(q, is(q, "nxdomain") ? 3 : 0, m);
    if (is(q, "malformed")) {
        message_https(m, NULL, 60, 1, ".", ECH_HEX);
        message_answer(m, NULL, TYPE_HTTPS, 60, bytes_of("\0\1", 2));
    } else if (is(q, "sixty")) {
        for (uint16_t i = 0; i < 60; i++) {
            message_https(m, NULL, 60, (uint16_t)(60 - i), "pool.example", "");
        }
    } else if (is(q, "pointer-loop")) {
        wr_u16(&m->w, (uint16_t)(0xc000 | m->w.len));
        wr_zeros(&m->w, 10);
        m->answers = 1;
    } else if (is(q, "empty") || is(q, "nxdomain")) {
        message_soa(m, "example", 300, 90);
    } else if (is(q, "incompatible")) {
        message_https(m, NULL, 60, 1, ".", "00000002ff78ff780000");
    }
    return RESPONDER_SEND;
}

static enum responder_act misbehave(const struct dns_query *q, unsigned round, struct message *m)
{
    if (strncmp(q->name, "wrong-", 6) == 0 || is(q, "garbage")) {
        return spoofs(q, round, m);
    }
    if (strstr(q->name, "tc") != NULL) {
        return large(q, m);
    }
    if (strncmp(q->name, "cname", 5) == 0) {
        return cnames(q, m);
    }
    if (strstr(q->name, "alias") != NULL || (q->name[0] == 'n' && q->name[1] <= '9')) {
        return aliases(q, m);
    }
    static const struct {
        const char *label;
        uint16_t rcode;
    } rcodes[] = {{"formerr", 1}, {"servfail", 2}, {"notimp", 4}, {"refused", 5}};
    for (size_t i = 0; i < sizeof rcodes / sizeof rcodes[0]; i++) {
        if (is(q, rcodes[i].label)) {
            begin(q, rcodes[i].rcode, m);
            return RESPONDER_SEND;
        }
    }
    if (is(q, "pool") || is(q, "good") || (is(q, "lost-once") && q->number > 0)) {
        good(q, m);
        return RESPONDER_SEND;
    }
    if (is(q, "elsewhere")) {
        good(q, m);
        return RESPONDER_SEND_ELSEWHERE;
    }
    if (is(q, "slow")) {
        usleep(700000);
        good(q, m);
        return RESPONDER_SEND;
    }
    return is(q, "drop") || is(q, "lost-once") ? RESPONDER_DROP : records(q, m);
}

static void use(const char *scheme)
{
    char setting[64];
    (void)snprintf(setting, sizeof setting, "%s://127.0.0.1:%u", scheme, server.port);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_OK);
}

static void setup(void)
{
    responder_start(&server, misbehave);
    use("udp");
    lookup =
        (struct dns_lookup){.resolver = &resolver, .io = &dns_io_libc, .timeout_us = 2 * SECOND};
}

TestSuite(lookup, .init = setup);

static struct dns_endpoints *look_up(const char *host)
{
    errno = 4711;
    struct dns_endpoints *answer = dns_lookup_https(&lookup, host, 443, &report);
    cr_assert_not_null(answer);
    cr_assert_eq(errno, 4711);
    cr_assert_leq(report.lookup_us, lookup.timeout_us + 150000);
    return answer;
}

static void expect(const char *host, enum dns_result result, enum dns_reason reason)
{
    struct dns_endpoints *answer = look_up(host);
    cr_assert_eq(answer->result, result, "%s: %s", host, dns_reason_name(answer->reason));
    cr_assert_eq(answer->reason, reason, "%s: %s", host, dns_reason_name(answer->reason));
    cr_assert(result == DNS_FOUND || answer->count == 0);
    dns_endpoints_free(answer);
}

static void expect_target(const char *host, const char *target)
{
    struct dns_endpoints *answer = look_up(host);
    cr_assert_eq(answer->result, DNS_FOUND, "%s: %s", host, dns_reason_name(answer->reason));
    cr_assert_str_eq(answer->endpoints[0].target, target);
    assert_hex(answer->endpoints[0].ech_config_list, "00060aaa0002bbcc", "ech");
    dns_endpoints_free(answer);
}

Test(lookup, over_udp_and_tcp)
{
    expect_target("good.example", "good.example");
    use("tcp");
    expect_target("good.example", "good.example");
    expect_target("GOOD.example.", "good.example");
    responder_stop(&server);
    cr_assert_not(server.log[0].tcp);
    cr_assert(server.log[1].tcp);
    cr_assert_neq(server.log[0].id, 0);
    for (unsigned i = 0; i < server.count; i++) {
        cr_assert_eq(server.log[i].type, TYPE_HTTPS, "SVCB-16");
    }
}

Test(lookup, forged_answers_neither_win_nor_abort)
{
    expect_target("wrong-id.example", "wrong-id.example");
    expect_target("wrong-question.example", "wrong-question.example");
    expect_target("wrong-type.example", "wrong-type.example");
    expect_target("garbage.example", "garbage.example");
    lookup.timeout_us = SECOND / 4;
    expect("elsewhere.example", DNS_FAILED, DNS_REASON_TIMEOUT);
}

Test(lookup, truncation_leads_to_tcp)
{
    expect_target("tc.example", "tc.example");
    expect_target("tc-split.example", "tc-split.example");
    expect("tc-half.example", DNS_FAILED, DNS_REASON_NETWORK);
    expect("lying-tc.example", DNS_FAILED, DNS_REASON_MALFORMED_ANSWER);
}

Test(lookup, svcb_33_each_failure_has_its_reason)
{
    expect("servfail.example", DNS_FAILED, DNS_REASON_SERVFAIL);
    expect("refused.example", DNS_FAILED, DNS_REASON_REFUSED);
    expect("formerr.example", DNS_FAILED, DNS_REASON_FORMERR);
    expect("notimp.example", DNS_FAILED, DNS_REASON_RCODE);
    expect("pointer-loop.example", DNS_FAILED, DNS_REASON_MALFORMED_ANSWER);
    lookup.timeout_us = SECOND / 4;
    expect("drop.example", DNS_FAILED, DNS_REASON_TIMEOUT);
    expect("slow.example", DNS_FAILED, DNS_REASON_TIMEOUT);
    use("tcp");
    expect("drop.example", DNS_FAILED, DNS_REASON_TIMEOUT);
}

Test(lookup, nobody_there)
{
    responder_stop(&server);
    expect("good.example", DNS_FAILED, DNS_REASON_NETWORK);
    cr_assert_lt(report.lookup_us, SECOND);
    use("tcp");
    expect("good.example", DNS_FAILED, DNS_REASON_NETWORK);
}

Test(lookup, a_lost_datagram_is_sent_again)
{
    expect_target("lost-once.example", "lost-once.example");
    responder_stop(&server);
    cr_assert_eq(server.count, 2);
}

Test(lookup, the_next_server_is_asked)
{
    resolver.fixed.server[1] = resolver.fixed.server[0];
    resolver.fixed.count = 2;
    resolver.fixed.server[0].address.v4.sin_addr.s_addr = htonl(0x7f000002); /* nobody */
    expect_target("good.example", "good.example");
}

Test(lookup, svcb_5_a_malformed_record_rejects_the_rrset)
{
    expect("malformed.example", DNS_NONE, DNS_REASON_MALFORMED_RECORD);
    expect("alias-bad.example", DNS_NONE, DNS_REASON_MALFORMED_RECORD);
}

Test(lookup, svcb_29_nothing_there)
{
    struct dns_endpoints *answer = look_up("empty.example");
    cr_assert_eq(answer->reason, DNS_REASON_NODATA);
    cr_assert_eq(answer->ttl, 90);
    dns_endpoints_free(answer);
    expect("nosoa.example", DNS_NONE, DNS_REASON_NODATA);
    expect("nxdomain.example", DNS_NONE, DNS_REASON_NXDOMAIN);
    expect("incompatible.example", DNS_NONE, DNS_REASON_INCOMPATIBLE);
}

Test(lookup, sixty_records_in_order)
{
    struct dns_endpoints *answer = look_up("sixty.example");
    cr_assert_eq(answer->count, 60);
    for (size_t i = 0; i < 60; i++) {
        cr_assert_eq(answer->endpoints[i].priority, i + 1);
    }
    dns_endpoints_free(answer);
}

Test(lookup, svcb_17_cnames)
{
    expect_target("cname-whole.example", "end.example");
    expect_target("cname-part.example", "pool.example");
    expect_target("alias-cname.example", "end.example");
    expect("cname-loop.example", DNS_NONE, DNS_REASON_ALIAS_LIMIT);
    expect("cname-circle.example", DNS_NONE, DNS_REASON_ALIAS_LIMIT);
}

Test(lookup, svcb_21_aliases_are_asked_without_prefix)
{
    struct dns_endpoints *answer = dns_lookup_https(&lookup, "alias.example", 8443, NULL);
    cr_assert_eq(answer->result, DNS_FOUND);
    cr_assert(answer->alias_followed);
    cr_assert(answer->all_have_ech);
    cr_assert_eq(answer->count, 1);
    cr_assert_str_eq(answer->endpoints[0].target, "pool.example");
    cr_assert_eq(answer->endpoints[0].port, 8443);
    dns_endpoints_free(answer);
    responder_stop(&server);
    cr_assert_eq(server.count, 2);
    cr_assert_str_eq(server.log[0].name, "_8443._https.alias.example");
    cr_assert_str_eq(server.log[1].name, "pool.example");
    cr_assert_eq(server.log[1].type, TYPE_HTTPS, "SVCB-22");
}

Test(lookup, svcb_23_limit_of_aliases)
{
    expect_target("n1.example", "n0.example");
    expect_target("n8.example", "n0.example");
    expect("n9.example", DNS_NONE, DNS_REASON_ALIAS_LIMIT); /* SVCB-24 */
    expect("alias-loop.example", DNS_NONE, DNS_REASON_ALIAS_LIMIT);
}

Test(lookup, svcb_25_alias_to_the_root)
{
    expect("alias-root.example", DNS_NONE, DNS_REASON_NO_SERVICE);
}

Test(lookup, svcb_30_alias_to_a_name_without_records)
{
    struct dns_endpoints *answer = look_up("alias-bare.example");
    cr_assert_eq(answer->result, DNS_FOUND);
    cr_assert_eq(answer->count, 1);
    cr_assert_str_eq(answer->endpoints[0].target, "empty.example");
    cr_assert_eq(answer->endpoints[0].ech_config_list.len, 0, "SVCB-20");
    cr_assert_not(answer->all_have_ech);
    cr_assert_eq(answer->ttl, 60);
    dns_endpoints_free(answer);
    expect("alias-dead.example", DNS_FAILED, DNS_REASON_SERVFAIL);
}

Test(lookup, svcb_57_no_query_for_addresses)
{
    expect("127.0.0.1", DNS_NONE, DNS_REASON_NO_QUERY);
    expect("localhost", DNS_NONE, DNS_REASON_NO_QUERY);
    responder_stop(&server);
    cr_assert_eq(server.count, 0);
}

Test(lookup, answers_come_from_the_cache)
{
    struct dns_cache cache;
    dns_cache_init(&cache, 1);
    lookup.cache = &cache;
    expect_target("good.example", "good.example");
    cr_assert_not(report.cached);
    expect_target("good.example", "good.example");
    cr_assert(report.cached);
    expect("servfail.example", DNS_FAILED, DNS_REASON_SERVFAIL);
    expect("servfail.example", DNS_FAILED, DNS_REASON_SERVFAIL);
    cr_assert_not(report.cached);
    dns_cache_free(&cache);
}

static size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

Test(lookup, nothing_stays_open)
{
    size_t before = open_descriptors();
    expect_target("good.example", "good.example");
    expect("lying-tc.example", DNS_FAILED, DNS_REASON_MALFORMED_ANSWER);
    lookup.timeout_us = 50000;
    expect("drop.example", DNS_FAILED, DNS_REASON_TIMEOUT);
    cr_assert_eq(open_descriptors(), before);
}

/* ---- a system that fails ---- */

static bool no_random(void *out, size_t len)
{
    memset(out, 0, len);
    return false;
}

static int no_socket(int domain, int type, int protocol)
{
    (void)domain;
    (void)type;
    (void)protocol;
    errno = EMFILE;
    return -1;
}

/* Interrupts every second wait and every second receive. */
static int interrupted_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    static unsigned calls;
    if (calls++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return poll(fds, count, timeout_ms);
}

static ssize_t short_send(int fd, const void *data, size_t len, int flags)
{
    return send(fd, data, len > 3 ? 3 : len, flags);
}

Test(lookup, a_system_that_fails)
{
    struct dns_io io = dns_io_libc;
    lookup.io = &io;
    io.poll = interrupted_poll;
    expect_target("good.example", "good.example");
    use("tcp");
    io.send = short_send;
    expect_target("good.example", "good.example");
    io.socket = no_socket;
    expect("good.example", DNS_FAILED, DNS_REASON_NETWORK);
    io.random = no_random;
    expect("good.example", DNS_FAILED, DNS_REASON_NO_RANDOM);
}
