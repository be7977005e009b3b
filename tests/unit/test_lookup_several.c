/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups with several resolvers, and with one that is dead: how long they take, who answers, and
 * what is remembered. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns/cache_folder.h"
#include "dns/lookup.h"
#include "dns/standing.h"
#include "tests/unit/dns_responder.h"
#include "tests/unit/folder_rig.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/tls_responder.h"

enum {
    MS = 1000,
    TIMEOUT_MS = 1900,
    SLOWER = FORK_IS_UNSAFE ? 3 : 1, /* sanitizers slow the handshakes down */
    SOON = 230 * SLOWER,             /* ms: less than any delay */
};

static struct dns_resolver resolvers;
static struct dns_cache cache;
static struct dns_lookup lookup;
static struct dns_lookup_report report;
static struct tls_responder good;
static struct tls_responder other;
static int silent = -1;
static unsigned silent_port;

/* The kernel accepts connections for it, and nobody ever reads. */
static unsigned silence_at(const char *address, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof at;
    cr_assert_eq(inet_pton(AF_INET, address, &at.sin_addr), 1);
    silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(silent, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(silent, 64), 0);
    cr_assert_eq(getsockname(silent, (struct sockaddr *)&at, &len), 0);
    return ntohs(at.sin_port);
}

static void setup(void)
{
    rig_setup();
    dns_cache_init(&cache, 1);
    silent_port = silence_at("127.0.0.1", 0);
    tls_responder_start(&good, &(struct tls_responder_options){.serve = peer_obey});
}

static void close_lookup(void)
{
    for (size_t i = 0; i < lookup.channels.count; i++) {
        dns_channel_free(lookup.channels.each[i]);
    }
    lookup.channels.count = 0;
}

static void teardown(void)
{
    close_lookup();
    client_end(NULL);
    dns_cache_free(&cache);
    tls_responder_stop(&good);
    if (other.port != 0) {
        tls_responder_stop(&other);
    }
    (void)close(silent);
    rig_teardown();
}

TestSuite(several, .init = setup, .fini = teardown, .timeout = 60);

static void open_lookup(const char *setting)
{
    cr_assert_eq(dns_resolver_parse(setting, &resolvers, NULL), ECH_OK, "%s", setting);
    lookup = (struct dns_lookup){.resolver = &resolvers,
                                 .io = client_own_sockets(),
                                 .cache = &cache,
                                 .timeout_us = TIMEOUT_MS * MS};
    client_channels(&resolvers, &lookup.channels);
}

/* Two resolvers at these ports of 127.0.0.1. */
static void open_two(unsigned first, unsigned second)
{
    char setting[128];
    (void)snprintf(setting, sizeof setting,
                   "tls://127.0.0.1:%u#dns.test tls://127.0.0.1:%u#dns.test", first, second);
    open_lookup(setting);
}

static unsigned asks(const char *name, enum dns_reason expected)
{
    uint64_t from_us = dns_io_libc.now_us();
    struct dns_endpoints *answer = dns_lookup_https(&lookup, name, 443, &report);
    unsigned took_ms = (unsigned)((dns_io_libc.now_us() - from_us) / MS);
    cr_assert_eq(answer->reason, expected, "%s: %s", name, dns_reason_name(answer->reason));
    dns_endpoints_free(answer);
    return took_ms;
}

static void answered_by(unsigned port)
{
    char id[64];
    (void)snprintf(id, sizeof id, "tls://127.0.0.1:%u#dns.test", port);
    cr_assert_str_eq(report.resolver, id, "%s", report.resolver);
}

/* ---- a dead first resolver ---- */

Test(several, he_1_a_silent_first_one_costs_a_moment_once)
{
    open_two(silent_port, good.port);
    unsigned cold_ms = asks("a.example", DNS_REASON_OK);
    answered_by(good.port);
    unsigned warm_ms = asks("b.example", DNS_REASON_OK);
    answered_by(good.port);
    cr_log_info("a silent first resolver: %u ms cold, %u ms warm", cold_ms, warm_ms);
    cr_expect(cold_ms >= 240 && cold_ms < 700 * SLOWER, "%u ms", cold_ms);
    cr_expect_lt(warm_ms, SOON);
    cr_assert_eq(atomic_load(&good.connections), 1);
}

Test(several, the_report_names_who_answered_also_out_of_the_cache)
{
    open_two(silent_port, good.port);
    (void)asks("a.example", DNS_REASON_OK);
    (void)asks("a.example", DNS_REASON_OK);
    cr_assert(report.cached);
    answered_by(good.port);
}

Test(several, a_first_one_that_is_not_there_costs_nothing)
{
    open_two(1, good.port);
    cr_expect_lt(asks("a.example", DNS_REASON_OK), SOON);
    answered_by(good.port);
}

Test(several, a_first_one_with_another_ones_certificate_is_passed_over)
{
    tls_responder_start(&other,
                        &(struct tls_responder_options){.serve = peer_obey, .stranger = true});
    open_two(other.port, good.port);
    (void)asks("a.example", DNS_REASON_OK);
    answered_by(good.port);
    cr_assert_eq(atomic_load(&other.queries), 0);
}

/* The query as it came, with QR and rcode 2. */
static void serve_failures(struct tls_peer *peer)
{
    uint8_t message[2 + 65535];
    size_t len;
    while (peer_read_query(peer, message + 2, &len)) {
        message[0] = (uint8_t)(len >> 8);
        message[1] = (uint8_t)len;
        message[2 + 2] |= 0x80;
        message[2 + 3] = (uint8_t)((message[2 + 3] & 0xf0) | 2);
        (void)peer_write(peer, message, len + 2);
    }
}

Test(several, after_servfail_the_next_one_is_asked)
{
    tls_responder_start(&other, &(struct tls_responder_options){.serve = serve_failures});
    open_two(other.port, good.port);
    cr_expect_lt(asks("a.example", DNS_REASON_OK), SOON);
    answered_by(good.port);
    cr_assert_eq(atomic_load(&other.queries), 1);
    (void)asks("b.example", DNS_REASON_OK);
    cr_assert_eq(atomic_load(&other.queries), 2, "a failure for one name is no reason to leave it");
}

Test(several, if_all_fail_the_word_that_says_most_is_told)
{
    tls_responder_start(&other, &(struct tls_responder_options){.serve = serve_failures});
    open_two(1, other.port);
    (void)asks("a.example", DNS_REASON_SERVFAIL);
    cr_assert_not_null(strchr(report.resolver, ','), "all are named: %s", report.resolver);
}

/* ---- a slow first resolver ---- */

static void serve_slowly(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    while (peer_read_query(peer, message, &len)) {
        usleep(600 * MS);
        peer_answer_dot(peer, bytes_of(message, len));
    }
}

Test(several, he_2_the_next_one_is_asked_beside_a_slow_one)
{
    tls_responder_start(&other, &(struct tls_responder_options){.serve = serve_slowly});
    open_two(other.port, good.port);
    unsigned took_ms = asks("a.example", DNS_REASON_OK);
    answered_by(good.port);
    cr_expect(took_ms >= 240 && took_ms < 590 * SLOWER, "%u ms", took_ms);
}

Test(several, he_2_a_slow_one_alone_is_waited_for)
{
    tls_responder_start(&other, &(struct tls_responder_options){.serve = serve_slowly});
    open_two(other.port, silent_port);
    cr_expect_geq(asks("a.example", DNS_REASON_OK), 590);
    answered_by(other.port);
}

static void serve_once(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    if (peer_read_query(peer, message, &len)) {
        peer_answer_dot(peer, bytes_of(message, len));
    }
    while (peer_read_query(peer, message, &len)) {
    }
}

/* RFC 8305, 5: the delay follows what has been measured, and is at least 100 ms. */
Test(several, he_1_the_delay_is_measured)
{
    tls_responder_start(&other, &(struct tls_responder_options){.serve = serve_once});
    open_two(other.port, good.port);
    (void)asks("a.example", DNS_REASON_OK);
    answered_by(other.port);
    unsigned took_ms = asks("b.example", DNS_REASON_OK);
    answered_by(good.port);
    cr_expect(took_ms >= 95 && took_ms < 240 * SLOWER, "%u ms", took_ms);
}

/* An open connection that says nothing twice in a row is down: then it is not waited for. */
Test(several, a_resolver_that_hangs_is_remembered)
{
    tls_responder_start(&other, &(struct tls_responder_options){.serve = serve_once});
    open_two(other.port, good.port);
    (void)asks("a.example", DNS_REASON_OK);
    (void)asks("b.example", DNS_REASON_OK);
    (void)asks("c.example", DNS_REASON_OK);
    cr_expect_lt(asks("d.example", DNS_REASON_OK), 95 * SLOWER);
}

/* ---- memory ---- */

Test(several, another_process_learns_it_from_the_folder)
{
    cache.folder = &rig_folder;
    open_two(silent_port, good.port);
    (void)asks("a.example", DNS_REASON_OK);
    close_lookup();
    dns_cache_free(&cache);
    dns_cache_init(&cache, 2);
    cache.folder = &rig_folder;
    open_two(silent_port, good.port);
    unsigned took_ms = asks("b.example", DNS_REASON_OK);
    cr_log_info("a silent first resolver, known from the folder: %u ms", took_ms);
    cr_expect_lt(took_ms, SOON);
    rig_time += 61; /* it is forgotten */
    dns_cache_free(&cache);
    dns_cache_init(&cache, 3);
    cache.folder = &rig_folder;
    cr_expect_geq(asks("c.example", DNS_REASON_OK), 90);
}

Test(several, one_dead_resolver_alone_costs_the_whole_time_once)
{
    char setting[64];
    (void)snprintf(setting, sizeof setting, "tls://127.0.0.1:%u#dns.test", silent_port);
    open_lookup(setting);
    unsigned first_ms = asks("a.example", DNS_REASON_TIMEOUT);
    unsigned second_ms = asks("b.example", DNS_REASON_TIMEOUT);
    unsigned third_ms = asks("c.example", DNS_REASON_TIMEOUT);
    cr_log_info("a dead resolver alone: %u ms, then %u ms, then %u ms", first_ms, second_ms,
                third_ms);
    cr_expect_geq(first_ms, TIMEOUT_MS - 10);
    cr_expect_lt(second_ms, 450 * SLOWER);
    cr_expect_lt(third_ms, 450 * SLOWER);
}

static int give_up(struct pollfd *sockets, nfds_t count, int timeout_ms)
{
    (void)sockets, (void)count, (void)timeout_ms;
    errno = ECANCELED;
    return -1;
}

/* The program has jumped out of its call, or its own timeout is shorter than ours. */
Test(several, a_caller_that_gives_up_says_nothing_of_the_resolvers)
{
    char setting[64];
    (void)snprintf(setting, sizeof setting, "tls://127.0.0.1:%u#dns.test", silent_port);
    open_lookup(setting);
    struct dns_io *io = (struct dns_io *)(uintptr_t)lookup.io;
    io->poll = give_up;
    cr_expect_lt(asks("a.example", DNS_REASON_TIMEOUT), SOON);
    cr_expect_not(dns_standing_is_down(&lookup, resolvers.secure[0].id));
    (void)client_own_sockets();
    cr_expect_geq(asks("b.example", DNS_REASON_TIMEOUT), TIMEOUT_MS - 10);
    cr_expect(dns_standing_is_down(&lookup, resolvers.secure[0].id));
}

static void raw_silence_once(struct tls_peer *peer)
{
    char in[512];
    while (recv(peer->fd, in, sizeof in, 0) > 0) {
    }
}

/* It comes back: that is noticed, and from then on it has its full time again. */
Test(several, a_resolver_that_comes_back_is_used_at_once)
{
    char setting[64];
    tls_responder_start(&other, &(struct tls_responder_options){.raw = raw_silence_once});
    uint16_t port = other.port;
    (void)snprintf(setting, sizeof setting, "tls://127.0.0.1:%u#dns.test", port);
    open_lookup(setting);
    (void)asks("a.example", DNS_REASON_TIMEOUT);
    other.options.raw = NULL;
    other.options.serve = peer_obey;
    usleep(3100 * MS); /* a connection that came to nothing is left alone for so long */
    cr_expect_lt(asks("b.example", DNS_REASON_OK), 300 * SLOWER);
}

/* ---- several addresses ---- */

Test(several, a_dead_address_is_passed_over)
{
    char setting[128];
    (void)close(silent);
    (void)silence_at("127.0.0.9", good.port);
    (void)snprintf(setting, sizeof setting, "tls://dns.test:%u#127.0.0.9,127.0.0.1", good.port);
    open_lookup(setting);
    unsigned cold_ms = asks("a.example", DNS_REASON_OK);
    cr_log_info("a dead first address: %u ms", cold_ms);
    cr_expect(cold_ms >= 240 && cold_ms < 700 * SLOWER, "%u ms", cold_ms);
    cr_expect_lt(asks("b.example", DNS_REASON_OK), SOON);
}

Test(several, an_address_where_nobody_is_is_passed_over)
{
    char setting[128];
    (void)snprintf(setting, sizeof setting, "tls://dns.test:%u#127.0.0.9,127.0.0.1", good.port);
    open_lookup(setting);
    cr_expect_lt(asks("a.example", DNS_REASON_OK), SOON);
}

/* ---- threads ---- */

static void *ask_some(void *number)
{
    char name[32];
    for (unsigned i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof name, "n%u-%u.example", *(unsigned *)number, i);
        struct dns_endpoints *answer = dns_lookup_https(&lookup, name, 443, NULL);
        cr_expect_eq(answer->reason, DNS_REASON_OK, "%s: %s", name,
                     dns_reason_name(answer->reason));
        dns_endpoints_free(answer);
    }
    return NULL;
}

static void eight_threads(unsigned first, unsigned second)
{
    pthread_t threads[8];
    unsigned numbers[8];
    open_two(first, second);
    for (unsigned i = 0; i < 8; i++) {
        numbers[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, ask_some, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
}

Test(several, eight_threads_with_a_dead_first_one)
{
    eight_threads(silent_port, good.port);
}

Test(several, eight_threads_with_a_hanging_first_one)
{
    tls_responder_start(&other, &(struct tls_responder_options){.serve = serve_once});
    eight_threads(other.port, good.port);
}

/* ---- plain DNS ---- */

static enum responder_act answer_plain(const struct dns_query *q, unsigned round, struct message *m)
{
    (void)round;
    message_begin(m, q->id, MSG_QR | MSG_RA_RD, q->name, q->type);
    message_https(m, NULL, 60, 1, q->name, "");
    return RESPONDER_SEND;
}

static enum responder_act drop(const struct dns_query *q, unsigned round, struct message *m)
{
    (void)q;
    (void)round;
    (void)m;
    return RESPONDER_DROP;
}

Test(several, plain_servers_too)
{
    static struct responder dead;
    static struct responder lives;
    char setting[128];
    responder_start(&dead, drop);
    responder_start(&lives, answer_plain);
    (void)snprintf(setting, sizeof setting, "udp://127.0.0.1:%u,udp://127.0.0.1:%u", dead.port,
                   lives.port);
    open_lookup(setting);
    unsigned cold_ms = asks("a.example", DNS_REASON_OK);
    unsigned warm_ms = asks("b.example", DNS_REASON_OK);
    cr_log_info("a silent first plain server: %u ms cold, %u ms warm", cold_ms, warm_ms);
    cr_expect(cold_ms >= 240 && cold_ms < 600 * SLOWER, "%u ms", cold_ms);
    cr_expect_lt(warm_ms, SOON);
    responder_stop(&dead);
    responder_stop(&lives);
}
