/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard without its hooks: the recogniser, the report line, the tables; and the downgrade rule.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "shim/downgrade.h"
#include "shim/policy.h"
#include "shim/ports.h"
#include "shim/report.h"
#include "shim/socket_identity.h"
#include "shim/stub_guard.h"

/* ---- what the guard needs of the rest of the stub ---- */

enum shim_mode stub_mode(void)
{
    return SHIM_MODE_OPPORTUNISTIC;
}

enum shim_mode stub_mode_of(const char *host)
{
    (void)host;
    return SHIM_MODE_OPPORTUNISTIC;
}

bool stub_modes_differ(void)
{
    return false;
}

bool stub_strict_somewhere(void)
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

/* ---- the recogniser ---- */

static const uint8_t client_hello[SHIM_HELLO_PREFIX] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 9, 9};

Test(guard, every_prefix_of_a_hello_may_become_one)
{
    for (size_t length = 0; length < SHIM_HELLO_PREFIX; length++) {
        cr_assert_eq(shim_hello_judge(client_hello, length), SHIM_HELLO_MORE);
    }
    cr_assert_eq(shim_hello_judge(client_hello, SHIM_HELLO_PREFIX), SHIM_HELLO_IS);
}

Test(guard, every_octet_of_the_header_counts)
{
    static const size_t fixed[] = {0, 1, 5, 6, 9};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        uint8_t octets[SHIM_HELLO_PREFIX];
        memcpy(octets, client_hello, sizeof octets);
        octets[fixed[i]] ^= 0x40;
        cr_assert_eq(shim_hello_judge(octets, sizeof octets), SHIM_HELLO_NONE);
        cr_assert_eq(shim_hello_judge(octets, fixed[i] + 1), SHIM_HELLO_NONE);
        cr_assert_eq(shim_hello_judge(octets, fixed[i]), SHIM_HELLO_MORE);
    }
}

/* ---- the name in a hello ---- */

struct octets {
    const uint8_t *data;
    size_t length;
};

static bool octet_of(const void *context, size_t at, uint8_t *octet)
{
    const struct octets *octets = context;
    if (at >= octets->length) {
        return false;
    }
    *octet = octets->data[at];
    return true;
}

/* Record and message headers, version; random, session id, one suite, no compression; then an
 * extension of 1 octet, and server_name "a.example". */
static const uint8_t named_hello[] = {
    22, 3, 1, 0,  70, 1,  0, 0, 66, 3,  3,  0,   0,   0,  0,   0,   0,   0,  0,
    0,  0, 0, 0,  0,  0,  0, 0, 0,  0,  0,  0,   0,   0,  0,   0,   0,   0,  0,
    0,  0, 0, 0,  0,  0,  0, 2, 19, 1,  1,  0,   0,   23, 255, 1,   0,   1,  0,
    0,  0, 0, 14, 0,  12, 0, 0, 9,  97, 46, 101, 120, 97, 109, 112, 108, 101};

static enum shim_hello_name name_of(const uint8_t *data, size_t length, char *name)
{
    const struct octets octets = {data, length};
    return shim_hello_server_name(octet_of, &octets, name);
}

Test(guard, the_name_in_a_hello)
{
    char name[SHIM_HELLO_NAME_SIZE] = "";
    cr_assert_eq(name_of(named_hello, sizeof named_hello, name), SHIM_HELLO_NAMED);
    cr_assert_str_eq(name, "a.example");
    for (size_t length = 0; length < sizeof named_hello; length++) {
        cr_assert_eq(name_of(named_hello, length, name), SHIM_HELLO_NAME_UNKNOWN, "%zu", length);
    }
    /* Another length anywhere, a NUL in the name, a name of another kind. */
    static const size_t lengths[] = {4, 8, 43, 48, 51, 55, 60, 62, 63, 65, 66};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t octets[sizeof named_hello];
        memcpy(octets, named_hello, sizeof octets);
        octets[lengths[i]] = lengths[i] == 66 ? 0 : (uint8_t)(octets[lengths[i]] + 1);
        cr_assert_neq(name_of(octets, sizeof octets, name), SHIM_HELLO_NAMED, "at %zu", lengths[i]);
    }
}

Test(guard, a_hello_without_a_name)
{
    char name[SHIM_HELLO_NAME_SIZE];
    uint8_t octets[sizeof named_hello];
    memcpy(octets, named_hello, sizeof octets);
    octets[58] = 77; /* the extension is another one */
    cr_assert_eq(name_of(octets, sizeof octets, name), SHIM_HELLO_NAMELESS);
    /* No extensions at all. */
    octets[4] = 45;
    octets[8] = 41;
    cr_assert_eq(name_of(octets, sizeof octets, name), SHIM_HELLO_NAMELESS);
}

static bool question_of(const uint8_t *data, size_t length, bool stream, char *name)
{
    const struct octets octets = {data, length};
    return shim_hello_question_name(octet_of, &octets, stream, name);
}

Test(guard, the_name_in_a_question)
{
    static const uint8_t question[] = {0,  27, 7,   7,   1,  0,   0,   1,   0,   0, 0, 0,  0, 0, 1,
                                       97, 7,  101, 120, 97, 109, 112, 108, 101, 0, 0, 65, 0, 1};
    char name[SHIM_HELLO_NAME_SIZE] = "";
    cr_assert(question_of(question + 2, sizeof question - 2, false, name));
    cr_assert_str_eq(name, "a.example");
    cr_assert(question_of(question, sizeof question, true, name));
    cr_assert_str_eq(name, "a.example");
    for (size_t length = 0; length < sizeof question; length++) {
        cr_assert_not(question_of(question, length, true, name), "%zu", length);
    }
    /* Another one behind it might be about another name. */
    uint8_t two[2 * sizeof question];
    memcpy(two, question, sizeof question);
    memcpy(two + sizeof question, question, sizeof question);
    cr_assert_not(question_of(two, sizeof two, true, name));
    uint8_t octets[sizeof question];
    memcpy(octets, question, sizeof octets);
    octets[16] = 0xc0; /* a pointer */
    cr_assert_not(question_of(octets, sizeof octets, true, name));
    /* Longer than a name may be. */
    uint8_t many[2 + 12 + 300] = {1, 56, 0, 0, 0, 0, 0, 1};
    memset(many + 14, 1, 300);
    memset(many + 14, 63, 1);
    memset(many + 15, 'a', 63);
    cr_assert_not(question_of(many, sizeof many, true, name));
}

Test(guard, a_hello_cut_into_records_is_one)
{
    /* One octet of the hello in the first record, the rest in a second. */
    uint8_t octets[SHIM_HELLO_PREFIX] = {22, 3, 1, 0, 1, 1, 22, 3, 1, 1, 0, 0, 0, 252, 3, 3};
    cr_assert_eq(shim_hello_judge(octets, sizeof octets), SHIM_HELLO_IS);
}

Test(guard, datagrams)
{
    static const uint8_t initial[] = {0xc0, 0, 0, 0, 1, 0, 0};
    static const uint8_t negotiation[] = {0x80, 0, 0, 0, 0, 0, 0};
    static const uint8_t quic2[] = {0xd0, 0x6b, 0x33, 0x43, 0xcf, 8, 1};
    static const uint8_t dtls[] = {22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1};
    cr_assert(shim_hello_in_datagram(initial, sizeof initial));
    cr_assert(shim_hello_in_datagram(quic2, sizeof quic2));
    cr_assert_not(shim_hello_in_datagram(negotiation, sizeof negotiation));
    cr_assert_not(shim_hello_in_datagram(initial, sizeof initial - 1));
    cr_assert(shim_hello_in_datagram(dtls, sizeof dtls));
    cr_assert_not(shim_hello_in_datagram(dtls, sizeof dtls - 1));
    cr_assert_not(shim_hello_in_datagram(NULL, 0));
}

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

Test(guard, announced_until_withdrawn)
{
    uint8_t random[32];
    enum shim_watch watch;
    for (unsigned i = 0; i < 1024; i++) {
        make_random(random, i); /* all of them begin alike, with what marks a free slot */
        cr_assert_not(stub_announced(random, &watch));
        cr_assert(stub_announce(random, SHIM_WATCH_NOT));
        cr_assert(stub_announced(random, &watch));
    }
    make_random(random, 5000);
    cr_assert_not(stub_announce(random, SHIM_WATCH_SENT), "there is an end");
    cr_assert_not(stub_announced(random, &watch));
    for (unsigned i = 0; i < 1024; i++) {
        make_random(random, i);
        stub_withdraw(random);
        cr_assert_not(stub_announced(random, &watch));
        stub_withdraw(random);
    }
    cr_assert(stub_announce(random, SHIM_WATCH_NOT));
}

static ssize_t guarded_write(int fd, const uint8_t *octets, size_t length, ssize_t really)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)octets, .iov_len = length};
    struct stub_attempt attempt = {.fd = fd, .parts = &part, .count = 1};
    cr_assert(stub_guard_allows(&attempt));
    stub_guard_sent(&attempt, really);
    return really;
}

Test(guard, the_descriptor_of_a_watched_hello)
{
    int pair[2];
    int fd = -1;
    uint8_t hello[SHIM_HELLO_PREFIX];
    const uint8_t *random = hello + SHIM_HELLO_RANDOM_AT;
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
    /* The number now leads elsewhere. */
    cr_assert_eq(dup2(pair[1], pair[0]), pair[0]);
    cr_assert_not(stub_descriptor_of(random, &fd));
    stub_withdraw(random);
    cr_assert_not(stub_descriptor_of(random, &fd));
    cr_assert(stub_guard_idle(), "work is left: %u", (unsigned)stub_guard_work);
    close(pair[0]);
    close(pair[1]);
}

Test(guard, progress_is_bounded)
{
    uint8_t prefix[SHIM_HELLO_PREFIX] = {22};
    uint64_t socket = 1;
    while (stub_progress_open(socket)) {
        stub_progress_set(socket, prefix, 1);
        socket++;
    }
    cr_assert_geq(socket, 128);
    cr_assert_eq(stub_progress_get(5, prefix), 1);
    stub_progress_close(5);
    stub_progress_close(5);
    cr_assert_eq(stub_progress_get(5, prefix), 0);
    cr_assert(stub_progress_open(socket));
    cr_assert_not(stub_progress_open(socket + 1));
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

Test(downgrade, the_first_to_end_makes_room)
{
    struct shim_downgrade table = SHIM_DOWNGRADE_INIT;
    for (unsigned i = 0; i < SHIM_DOWNGRADE_NAMES + 1; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "n%u.example", i);
        shim_downgrade_note(&table, name, NULL, 100 + i, 1);
        shim_downgrade_note(&table, name, NULL, 100 + i, 1);
    }
    cr_assert_not(shim_downgrade_forbids(&table, "n0.example", NULL, 2));
    cr_assert(shim_downgrade_forbids(&table, "n1.example", NULL, 2));
    cr_assert(shim_downgrade_forbids(&table, "n64.example", NULL, 2));
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
