/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups at a server that is a table of functions, in which memory or randomness runs out. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/cache_folder.h"
#include "dns/lookup.h"
#include "dns/message.h"
#include "tests/faults/faults.h"
#include "tests/unit/dns_messages.h"
#include "tests/unit/stored_answers.h"

#define ECH_HEX "0005000800060aaa0002bbcc"

enum { FLAGS = MSG_QR | MSG_RA_RD, DESCRIPTOR = 1000 };

/* The server: the answer to the last query. */
static struct {
    uint8_t answer[DNS_UDP_SIZE];
    size_t length;
    uint64_t now_us;
    int sockets;
    struct test_source source;
} server;

static int fake_socket(int domain, int type, int protocol)
{
    (void)domain;
    (void)type;
    (void)protocol;
    return DESCRIPTOR + server.sockets++;
}

static int fake_connect(int fd, const struct sockaddr *address, socklen_t len)
{
    (void)fd;
    (void)address;
    (void)len;
    return 0;
}

/* host.example is an alias of pool.example, which has a CNAME beside its own record. */
static void make_answer(uint16_t id, bool alias)
{
    struct message m;
    message_begin(&m, id, FLAGS, alias ? "host.example" : "pool.example", TYPE_HTTPS);
    if (alias) {
        message_https(&m, NULL, 60, 0, "pool.example", "");
    } else {
        message_cname(&m, NULL, "end.example", 30);
        message_https(&m, "end.example", 60, 1, ".", ECH_HEX);
        message_https(&m, "end.example", 60, 1, "other.example", ECH_HEX);
    }
    struct bytes message = message_finish(&m);
    cr_assert_leq(message.len, sizeof server.answer);
    memcpy(server.answer, message.data, message.len);
    server.length = message.len;
    message_free(&m);
}

static ssize_t fake_send(int fd, const void *data, size_t len, int flags)
{
    bool inside = faults_pause();
    struct reader r = rd_of(bytes_of(data, len));
    uint16_t id;
    (void)fd;
    (void)flags;
    cr_assert(rd_u16(&r, &id));
    make_answer(id, holds(bytes_of(data, len), bytes_of("\4host", 5)));
    faults_resume(inside);
    return (ssize_t)len;
}

static ssize_t fake_recv(int fd, void *data, size_t len, int flags)
{
    (void)fd;
    (void)flags;
    cr_assert_leq(server.length, len);
    memcpy(data, server.answer, server.length);
    return (ssize_t)server.length;
}

static int fake_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    (void)timeout_ms;
    fds->revents = fds->events;
    return (int)count;
}

static int fake_close(int fd)
{
    (void)fd;
    server.sockets--;
    return 0;
}

static uint64_t fake_now_us(void)
{
    return ++server.now_us;
}

static bool fake_random(void *out, size_t len)
{
    struct ech_random random = faults_random(&server.source);
    return random.fill(random.context, out, len) == ECH_OK;
}

static const struct dns_io fake_io = {
    .socket = fake_socket,
    .connect = fake_connect,
    .send = fake_send,
    .recv = fake_recv,
    .poll = fake_poll,
    .close = fake_close,
    .now_us = fake_now_us,
    .random = fake_random,
};

static void check_answer(struct dns_endpoints *answer, enum fault_kind kind)
{
    if (answer == NULL) {
        cr_assert(faults_injected() && kind == FAULT_MEMORY);
    } else if (answer->result == DNS_FOUND) {
        cr_assert_eq(answer->count, 2);
        cr_assert(answer->alias_followed && answer->all_have_ech);
        cr_assert_eq(answer->endpoints[1].ech_config_list.len, 8);
    } else {
        /* Never "no records": that would permit a connection in the clear. */
        cr_assert(faults_injected());
        cr_assert_eq(answer->result, DNS_FAILED, "%s", dns_reason_name(answer->reason));
        cr_assert_eq(answer->reason,
                     kind == FAULT_MEMORY ? DNS_REASON_NO_MEMORY : DNS_REASON_NO_RANDOM, "%s",
                     dns_reason_name(answer->reason));
    }
    dns_endpoints_free(answer);
}

static void look_up(const void *context)
{
    const enum fault_kind *kind = context;
    struct dns_resolver resolver;
    struct dns_lookup_report report;
    struct dns_cache cache;
    memset(&server, 0, sizeof server);
    server.source.state = 1;
    cr_assert_eq(dns_resolver_parse("udp://127.0.0.1", &resolver, NULL), ECH_OK);
    dns_cache_init(&cache, 1);
    const struct dns_lookup lookup = {
        .resolver = &resolver, .io = &fake_io, .cache = &cache, .timeout_us = 1000000};
    errno = 4711;
    struct dns_endpoints *answer = FAULTY(dns_lookup_https(&lookup, "host.example", 443, &report));
    cr_assert_eq(errno, 4711);
    cr_assert_eq(server.sockets, 0);
    check_answer(answer, *kind);
    /* Again, from the cache if it got there. */
    answer = FAULTY(dns_lookup_https(&lookup, "host.example", 443, &report));
    cr_assert(report.cached || faults_injected());
    cr_assert(answer != NULL || faults_injected());
    check_answer(answer, *kind);
    dns_cache_free(&cache);
}

Test(dns_faults, lookup)
{
    const enum fault_kind memory = FAULT_MEMORY;
    const enum fault_kind randomness = FAULT_RANDOM;
    faults_run("look-up with alias, CNAME and cache", memory, 10, look_up, &memory);
    faults_run("look-up with alias, CNAME and cache", randomness, 4, look_up, &randomness);
}

/* ---- the cache of several processes ---- */

enum { WALL_S = 1700000000 };

static uint64_t fake_wall_s(void)
{
    return WALL_S;
}

static void check_shared(struct dns_endpoints *answer)
{
    cr_assert(answer != NULL || faults_injected());
    if (answer != NULL) {
        cr_assert_eq(answer->count, 2);
        cr_assert_eq(answer->ttl, 60);
    }
    dns_endpoints_free(answer);
}

/* One process puts an answer; another gets it, and puts it again in its place. */
static void share(const void *context)
{
    char path[] = "/tmp/echshim-faults.XXXXXX";
    char command[160];
    struct dns_question question = {name_of("a.example"), DNS_TYPE_HTTPS};
    struct dns_cache_folder folder;
    struct dns_cache writer;
    struct dns_cache reader;
    (void)context;
    memset(&server, 0, sizeof server);
    server.source.state = 1;
    cr_assert_not_null(mkdtemp(path));
    dns_cache_folder_init(&folder, path, fake_random);
    folder.now_s = fake_wall_s;
    dns_cache_init(&writer, 1);
    dns_cache_init(&reader, 1);
    writer.folder = reader.folder = &folder;
    struct dns_endpoints *answer = answer_with_endpoints();
    faults_enter();
    dns_cache_put(&writer, "r", &question, answer, 0);
    faults_leave();
    check_shared(FAULTY(dns_cache_get(&reader, "r", &question, 0)));
    faults_enter();
    dns_cache_put(&reader, "r", &question, answer, 0);
    faults_leave();
    dns_endpoints_free(answer);
    dns_cache_free(&writer);
    dns_cache_free(&reader);
    /* An entry is whole or absent; no temporary file remains. */
    dns_cache_init(&reader, 1);
    reader.folder = &folder;
    check_shared(dns_cache_get(&reader, "r", &question, 0));
    dns_cache_free(&reader);
    (void)snprintf(command, sizeof command, "! ls %s | grep -q new && rm -r %s", path, path);
    cr_assert_eq(system(command), 0);
}

Test(dns_faults, shared_cache)
{
    faults_run("shared cache", FAULT_MEMORY, 15, share, NULL);
    faults_run("shared cache", FAULT_RANDOM, 2, share, NULL);
}

/* Each step by itself, so that a fault in one is not taken for one in another. */
static void steps(const void *context)
{
    static const uint32_t zeros[DNS_RDATA_MAX];
    static struct dns_answer seen;
    struct dns_question pool = {name_of("pool.example"), DNS_TYPE_HTTPS};
    struct svcb_choice choice = {.count = 0};
    (void)context;
    make_answer(7, false);
    struct bytes message = bytes_of(server.answer, server.length);
    cr_assert(dns_answer_matches(message, &pool, 7));
    enum ech_status status = FAULTY(dns_answer_parse(message, &pool, &seen));
    if (status == ECH_OK) {
        cr_assert_eq(seen.rdata_count, 2);
        status = FAULTY(svcb_select(seen.rdata, seen.rdata_count, zeros, &choice));
    }
    cr_assert_eq(status, faults_injected() ? ECH_ERR_NOMEM : ECH_OK);
    if (status == ECH_OK) {
        const struct dns_answer_origin origin = {.owner = &seen.owner, .port = 443};
        struct dns_endpoints *answer =
            FAULTY(dns_answer_from_records(choice.endpoints, choice.count, &origin));
        cr_assert_eq(answer == NULL, faults_injected());
        dns_endpoints_free(answer);
    }
    svcb_choice_free(&choice);
}

Test(dns_faults, steps)
{
    faults_run("DNS message, choice, answer", FAULT_MEMORY, 5, steps, NULL);
}
