/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard without its hooks: the report line, the tables; and the downgrade rule. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim/common/ports.h"
#include "shim/common/report.h"
#include "shim/common/socket_identity.h"
#include "shim/engine/policy/downgrade.h"
#include "shim/engine/policy/policy.h"
#include "shim/stub/guard.h"

/* ---- stand-ins for the rest of the stub ---- */

enum shim_mode stub_mode(void)
{
    return SHIM_MODE_OPPORTUNISTIC;
}

enum shim_mode stub_mode_of(const char *host)
{
    (void)host;
    return SHIM_MODE_OPPORTUNISTIC;
}

bool stub_settings_known(void)
{
    return true;
}

bool stub_modes_differ(void)
{
    return false;
}

bool stub_strict_somewhere(void)
{
    return false;
}

bool stub_known_alone(void)
{
    return false;
}

bool stub_off(void)
{
    return false;
}

const char *stub_setting(enum shim_conf_key key)
{
    (void)key;
    return NULL;
}

void stub_each_value(enum shim_conf_key key, void (*see)(void *context, const char *value),
                     void *context)
{
    (void)key;
    see(context, NULL);
}

bool stub_names_protected(void)
{
    return false;
}

bool stub_name_is_protected(const char *host)
{
    (void)host;
    return false;
}

void *stub_libc(enum shim_hook hook)
{
    (void)hook;
    return NULL;
}

const struct shim_engine *stub_engine_if_loaded(void)
{
    return NULL;
}

/* ---- the hello that the table tests write ---- */

enum { PREFIX = 43, RANDOM_AT = 11 };

static const uint8_t client_hello[PREFIX] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 9, 9};

/* ---- ports ---- */

struct ports {
    uint16_t port[8];
    size_t count;
};

static bool add(void *context, uint16_t port)
{
    struct ports *ports = context;
    ports->port[ports->count++] = port;
    return true;
}

Test(guard, ports)
{
    struct ports ports = {.count = 0};
    cr_assert(shim_ports_parse("8443,443,65535", add, &ports));
    cr_assert_eq(ports.count, 3);
    cr_assert_eq(ports.port[2], 65535);
    cr_assert(shim_ports_parse(NULL, add, &ports) && shim_ports_parse("", add, &ports));
    cr_assert_eq(ports.port[3], 443);
    static const char *const bad[] = {"8443,", "0", "65536", "1x", " 1", "-1", "999999999999", ","};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ports.count = 0;
        cr_assert_not(shim_ports_parse(bad[i], add, &ports), "%s", bad[i]);
        cr_assert_eq(ports.port[ports.count - 1], 443);
    }
}

/* ---- the tables ---- */

static void make_random(uint8_t random[32], unsigned number)
{
    memset(random, 0, 32);
    memcpy(random + 20, &number, sizeof number);
}

static bool is_announced(const uint8_t random[32])
{
    enum shim_watch watch;
    return stub_known_hello(random, &watch) == STUB_KNOWN_ANNOUNCED;
}

Test(guard, announced_until_withdrawn)
{
    enum { MANY = 20000 };
    uint8_t random[32];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            make_random(random, i);
            memcpy(random, &i, sizeof i); /* the first two begin like the mark of a free place */
            cr_assert_not(is_announced(random));
            cr_assert(stub_announce(random, SHIM_WATCH_NOT));
        }
        for (unsigned i = 0; i < MANY; i++) {
            make_random(random, i);
            memcpy(random, &i, sizeof i);
            cr_assert(is_announced(random));
            stub_withdraw(random);
            cr_assert_not(is_announced(random));
            stub_withdraw(random);
        }
    }
    cr_assert(stub_guard_idle());
}

Test(guard, an_inner_hello_stays_in_until_it_is_permitted)
{
    uint8_t random[32];
    enum shim_watch watch;
    make_random(random, 77);
    cr_assert(stub_keep_in(random));
    cr_assert(stub_keep_in(random), "the second hello");
    cr_assert_eq(stub_known_hello(random, &watch), STUB_KNOWN_INNER);
    cr_assert_not(stub_guard_idle(), "every write is looked at");
    cr_assert(stub_permit_hello(random));
    cr_assert_eq(stub_known_hello(random, &watch), STUB_KNOWN_PERMITTED);
    cr_assert(stub_guard_idle());
    stub_withdraw(random);
    cr_assert_eq(stub_known_hello(random, &watch), STUB_KNOWN_NOT);
    cr_assert(stub_guard_idle());
}

static ssize_t guarded_write(int fd, const uint8_t *octets, size_t length, ssize_t really)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)octets, .iov_len = length};
    struct stub_attempt attempt = {.fd = fd, .parts = &part, .count = 1, .parts_known = 1};
    cr_assert(stub_guard_allows(&attempt));
    stub_guard_sent(&attempt, really);
    return really;
}

Test(guard, the_descriptor_of_a_watched_hello)
{
    int pair[2];
    int fd = -1;
    uint8_t hello[PREFIX];
    const uint8_t *random = hello + RANDOM_AT;
    memcpy(hello, client_hello, sizeof hello);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    cr_assert(stub_guard_idle());
    cr_assert(stub_announce(random, SHIM_WATCH_SENT));
    cr_assert_not(stub_guard_idle());
    cr_assert_not(stub_descriptor_of(random, &fd));
    (void)guarded_write(pair[0], hello, sizeof hello, -1); /* EAGAIN, say */
    cr_assert_not(stub_descriptor_of(random, &fd));
    /* Short writes, and a failed one in between. */
    (void)guarded_write(pair[0], hello, 10, 7);
    cr_assert(stub_progress_any());
    (void)guarded_write(pair[0], hello + 7, 20, -1);
    (void)guarded_write(pair[0], hello + 7, 20, 20);
    cr_assert_not(stub_descriptor_of(random, &fd));
    (void)guarded_write(pair[0], hello + 27, 16, 16);
    cr_assert(stub_descriptor_of(random, &fd));
    cr_assert_eq(fd, pair[0]);
    cr_assert_not(stub_progress_any());
    /* The number now belongs to another connection. */
    cr_assert_eq(dup2(pair[1], pair[0]), pair[0]);
    cr_assert_not(stub_descriptor_of(random, &fd));
    stub_withdraw(random);
    cr_assert_not(stub_descriptor_of(random, &fd));
    cr_assert(stub_guard_idle(), "work is left: %u", (unsigned)stub_guard_work);
    close(pair[0]);
    close(pair[1]);
}

/* A signal handler jumps out of send, so the guard never learns how much it sent. */
Test(guard, a_write_that_is_left_counts_as_sent)
{
    int pair[2];
    int fd = -1;
    struct iovec part = {.iov_base = (void *)(uintptr_t)client_hello, .iov_len = 20};
    const uint8_t *random = client_hello + RANDOM_AT;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    cr_assert(stub_announce(random, SHIM_WATCH_SENT));
    struct stub_attempt left = {.fd = pair[0], .parts = &part, .count = 1, .parts_known = 1};
    cr_assert(stub_guard_allows(&left));
    (void)guarded_write(pair[0], client_hello + 20, PREFIX - 20, PREFIX - 20);
    cr_assert(stub_descriptor_of(random, &fd), "the rest was not taken for the rest");
    stub_withdraw(random);
    close(pair[0]);
    close(pair[1]);
}

Test(guard, progress_of_many_sockets)
{
    enum { MANY = 20000 };
    uint8_t octets[SHIM_HELLO_FOLLOWED] = {22};
    for (uint64_t socket = 10; socket < MANY; socket++) {
        cr_assert(stub_progress_open(socket));
        stub_progress_set(socket, octets, 1 + socket % SHIM_HELLO_FOLLOWED);
    }
    for (uint64_t socket = 10; socket < MANY; socket++) {
        cr_assert_eq(stub_progress_get(socket, octets), 1 + socket % SHIM_HELLO_FOLLOWED);
        stub_progress_close(socket);
        stub_progress_close(socket);
        cr_assert_eq(stub_progress_get(socket, octets), 0);
    }
    cr_assert_not(stub_progress_any());
}

Test(guard, a_socket_is_told_of_once)
{
    cr_assert(stub_tell_once(7));
    cr_assert_not(stub_tell_once(7));
    atomic_fetch_or(&stub_guard_work, STUB_GUARD_TELL);
    stub_permit(-1);
    cr_assert_not(stub_tell_once(8), "permitted");
    cr_assert(stub_tell_once(9));
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    stub_permit(pair[0]);
    cr_assert_not(stub_tell_once(shim_socket_identity(pair[0])));
    cr_assert(stub_tell_once(shim_socket_identity(pair[1])));
    close(pair[0]);
    close(pair[1]);
}

/* ---- the downgrade rule ---- */

static struct sockaddr_in v4(const char *address)
{
    struct sockaddr_in out = {.sin_family = AF_INET, .sin_port = htons(443)};
    cr_assert_eq(inet_pton(AF_INET, address, &out.sin_addr), 1);
    return out;
}

Test(downgrade, by_name_and_by_address_until_the_end)
{
    struct shim_downgrade table = SHIM_DOWNGRADE_INIT;
    struct sockaddr_in here = v4("192.0.2.1");
    struct sockaddr_in there = v4("192.0.2.2");
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
    cr_assert_eq(inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped.sin6_addr), 1);
    const struct sockaddr *at = (const struct sockaddr *)&here;
    shim_downgrade_note(&table, "a.example", at, 300, 1000000);
    uint64_t last = 1000000 + 300 * UINT64_C(1000000) - 1;
    cr_assert(shim_downgrade_forbids(&table, "A.example", NULL, last));
    cr_assert(shim_downgrade_forbids(&table, "", at, last));
    cr_assert(shim_downgrade_forbids(&table, NULL, (const struct sockaddr *)&mapped, last));
    cr_assert_not(shim_downgrade_forbids(&table, "A.example", NULL, last + 1));
    cr_assert_not(shim_downgrade_forbids(&table, "", at, last + 1));
    cr_assert_not(shim_downgrade_forbids(&table, "b.example", at, last), "another name there");
    cr_assert_not(shim_downgrade_forbids(&table, "", (const struct sockaddr *)&there, last));
    cr_assert_not(shim_downgrade_forbids(&table, "", NULL, last), "an address not known");
}

Test(downgrade, a_ttl_of_nothing_outlasts_the_next_attempt)
{
    struct shim_downgrade table = SHIM_DOWNGRADE_INIT;
    shim_downgrade_note(&table, "a.example", NULL, 0, 1);
    cr_assert(shim_downgrade_forbids(&table, "a.example", NULL, 59 * UINT64_C(1000000)));
    shim_downgrade_note(&table, "b.example", NULL, UINT32_MAX, 1);
    cr_assert_not(shim_downgrade_forbids(&table, "b.example", NULL, 86401 * UINT64_C(1000000)));
}

/* Many failed handshakes must not push out an entry. */
Test(downgrade, none_of_many_names_is_forgotten)
{
    enum { NAMES = 10000 };
    struct shim_downgrade table = SHIM_DOWNGRADE_INIT;
    char name[32];
    shim_downgrade_note(&table, "first.example", NULL, 100, 1);
    for (unsigned i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof name, "n%u.example", i);
        shim_downgrade_note(&table, name, NULL, 101 + i % 200, 1);
        shim_downgrade_note(&table, name, NULL, 100, 1);
    }
    cr_assert(shim_downgrade_forbids(&table, "first.example", NULL, 2));
    for (unsigned i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof name, "n%u.example", i);
        uint64_t end = 1 + (101 + i % 200) * UINT64_C(1000000);
        cr_assert(shim_downgrade_forbids(&table, name, NULL, end - 1), "%s", name);
        cr_assert_not(shim_downgrade_forbids(&table, name, NULL, end), "%s", name);
    }
    /* Expired entries do not stay forever. */
    for (unsigned i = 0; i < 2 * NAMES; i++) {
        (void)snprintf(name, sizeof name, "m%u.example", i);
        shim_downgrade_note(&table, name, NULL, 100, i * UINT64_C(1000000));
    }
    cr_assert_leq(table.table.count, 2 * 1024);
}

/* Other spellings of a name match; similar names do not. */
Test(downgrade, by_any_spelling)
{
    static const char *const spellings[] = {"a.example", "a.example.", "A.EXAMPLE", "A.Example."};
    static const char *const others[] = {"a.example..", "a.exampl", "aa.example", ".a.example"};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        struct shim_downgrade table = SHIM_DOWNGRADE_INIT;
        shim_downgrade_note(&table, spellings[i], NULL, 300, 1);
        for (size_t k = 0; k < sizeof spellings / sizeof *spellings; k++) {
            cr_assert(shim_downgrade_forbids(&table, spellings[k], NULL, 2));
        }
        for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
            cr_assert_not(shim_downgrade_forbids(&table, others[k], NULL, 2));
        }
    }
}

/* A sixteen-octet address with the octets of a name. */
Test(downgrade, an_address_is_no_name)
{
    struct shim_downgrade table = SHIM_DOWNGRADE_INIT;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    memcpy(&address.sin6_addr, "32abcdef.example", sizeof address.sin6_addr);
    shim_downgrade_note(&table, "b.example", (const struct sockaddr *)&address, 300, 1);
    cr_assert(shim_downgrade_forbids(&table, NULL, (const struct sockaddr *)&address, 2));
    cr_assert_not(shim_downgrade_forbids(&table, "32abcdef.example", NULL, 2));
}

Test(downgrade, policy_refuses_what_it_would_let_pass)
{
    struct shim_policy_facts facts = {.mode = SHIM_MODE_OPPORTUNISTIC,
                                      .port_watched = true,
                                      .library_supported = true,
                                      .tls13 = true,
                                      .ech_failed = true,
                                      .name = true};
    cr_assert_eq(shim_policy_begin(&facts).action, SHIM_ACTION_SEARCH, "ECH may be tried again");
    cr_assert_eq(shim_policy_decide(&facts, SHIM_SEARCH_USABLE).action, SHIM_ACTION_OFFER);
    struct shim_decision decision = shim_policy_decide(&facts, SHIM_SEARCH_FAILED);
    cr_assert_eq(decision.action, SHIM_ACTION_REFUSE);
    cr_assert_str_eq(decision.reason, "downgrade");
    facts.tls13 = false;
    cr_assert_str_eq(shim_policy_begin(&facts).reason, "downgrade");
    facts.name = false;
    cr_assert_str_eq(shim_policy_begin(&facts).reason, "downgrade");
    facts.quic = true;
    cr_assert_str_eq(shim_policy_begin(&facts).reason, "downgrade");
    facts.mode = SHIM_MODE_STRICT;
    cr_assert_str_eq(shim_policy_begin(&facts).reason, "quic");
    facts.port_watched = false;
    cr_assert_eq(shim_policy_begin(&facts).action, SHIM_ACTION_IGNORE);
}
