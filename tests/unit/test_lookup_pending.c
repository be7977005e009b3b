/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups under way while the program does something else, even to their sockets. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dns/lookup.h"
#include "shim/engine/sockets/own_socket.h"
#include "shim/engine/state/state.h"
#include "tests/compat.h"
#include "tests/unit/dns_responder.h"
#include "tests/unit/key_watches.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/vectors.h"

enum { FLAGS = MSG_QR | MSG_RA_RD, SECOND = 1000000, HIGH_NUMBER = 32, FLOOD = 30000 };

static struct responder server;
static struct dns_resolver resolver;
static struct dns_io io;
static struct dns_lookup lookup;
static struct dns_lookup_report report;

static bool is(const struct dns_query *q, const char *label)
{
    return strncmp(q->name, label, strlen(label)) == 0;
}

/* A record with the number of earlier queries as its priority. */
static enum responder_act answer(const struct dns_query *q, unsigned round, struct message *m)
{
    bool stray = is(q, "flood") && round < FLOOD;
    if (is(q, "slow")) {
        usleep(150000);
    }
    if (is(q, "lost") && q->number == 0) {
        return RESPONDER_DROP;
    }
    message_begin(m, stray ? q->id ^ 1 : q->id, is(q, "cut") && !q->tcp ? FLAGS | MSG_TC : FLAGS,
                  q->name, q->type);
    if (is(q, "alias")) {
        message_https(m, NULL, 60, 0, "slow.example", "");
    } else {
        message_https(m, NULL, 60, (uint16_t)(q->number + 1), ".", "");
    }
    return stray ? RESPONDER_AGAIN : RESPONDER_SEND;
}

/* The sockets are the engine's, as in a program under the shim. */
const struct shim_engine_state *shim_state(void)
{
    static const struct shim_stub stub = {
        .connect = connect, .send = send, .watch_keys = test_watch_keys};
    static const struct shim_engine_state state = {.stub = &stub};
    return &state;
}

static void use_own_sockets(void)
{
    io = dns_io_libc;
    io.socket = shim_own_socket;
    io.connect = shim_own_connect;
    io.send = shim_own_send;
    io.recv = shim_own_recv;
    io.poll = shim_own_poll;
    io.close = shim_own_close;
}

static void setup(void)
{
    char setting[64];
    responder_start(&server, answer);
    (void)snprintf(setting, sizeof setting, "udp://127.0.0.1:%u", server.port);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_OK);
    use_own_sockets();
    lookup = (struct dns_lookup){.resolver = &resolver, .io = &io, .timeout_us = 2 * SECOND};
}

TestSuite(lookup_pending, .init = setup);

static struct dns_https_pending *begin(const char *host)
{
    uint64_t start = io.now_us();
    errno = 4711;
    struct dns_https_pending *pending = dns_https_begin(&lookup, host, 443);
    cr_assert_not_null(pending);
    cr_assert_eq(errno, 4711);
    cr_assert_lt(io.now_us() - start, SECOND / 10);
    return pending;
}

/* The priority of the record, which tells which query was answered. */
static unsigned finish(struct dns_https_pending *pending)
{
    errno = 4711;
    struct dns_endpoints *found = dns_https_finish(pending, UINT64_MAX, &report);
    cr_assert_not_null(found);
    cr_assert_eq(errno, 4711);
    cr_assert_eq(found->result, DNS_FOUND, "%s", dns_reason_name(found->reason));
    unsigned priority = found->endpoints[0].priority;
    dns_endpoints_free(found);
    return priority;
}

static int highest_descriptor(void)
{
    int highest = -1;
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        int fd = atoi(entry->d_name);
        highest = fd > highest && fd != dirfd(dir) ? fd : highest;
    }
    closedir(dir);
    return highest;
}

Test(lookup_pending, the_answer_travels_meanwhile)
{
    struct dns_https_pending *pending = begin("a.example");
    usleep(100000);
    responder_stop(&server);
    cr_assert_eq(server.count, 1);
    cr_assert_eq(finish(pending), 1);
    cr_assert_lt(report.lookup_us, SECOND / 20);
    cr_assert_not(report.cached);
    cr_assert_eq(strncmp(report.resolver, "udp://127.0.0.1:", 16), 0);
}

Test(lookup_pending, finish_waits_no_longer_than_it_may)
{
    struct dns_https_pending *pending = begin("slow.example");
    cr_assert_null(dns_https_finish(pending, 0, &report));
    uint64_t start = io.now_us();
    cr_assert_null(dns_https_finish(pending, start + 20000, &report));
    cr_assert_geq(io.now_us() - start, 20000);
    cr_assert_lt(io.now_us() - start, 120000);
    cr_assert_eq(finish(pending), 1);
    cr_assert_geq(report.lookup_us, 20000);
}

Test(lookup_pending, several_at_once)
{
    struct dns_https_pending *pending[8];
    for (size_t i = 0; i < 8; i++) {
        pending[i] = begin(i % 2 == 0 ? "a.example" : "b.example");
    }
    for (size_t i = 8; i > 0; i--) {
        cr_assert_eq(finish(pending[i - 1]), i);
    }
}

Test(lookup_pending, what_is_lost_is_asked_again)
{
    cr_assert_eq(finish(begin("lost.example")), 2);
    cr_assert_geq(report.lookup_us, SECOND / 4);
}

Test(lookup_pending, aliases_and_tcp_in_finish)
{
    struct dns_https_pending *pending = begin("alias.example");
    cr_assert_null(dns_https_finish(pending, io.now_us() + 50000, NULL));
    cr_assert_eq(finish(pending), 2);
    pending = begin("cut.example");
    usleep(50000);
    cr_assert_eq(finish(pending), 4);
    responder_stop(&server);
    cr_assert(server.log[3].tcp);
}

/* The timeout counts only while the program waits. A late program still gets answers that came, and
 * lost questions are asked again. */
Test(lookup_pending, only_waiting_counts)
{
    lookup.timeout_us = SECOND / 4;
    struct dns_https_pending *there = begin("a.example");
    usleep(SECOND / 2);
    cr_assert_eq(finish(there), 1);
    responder_stop(&server);
    setup();
    lookup.timeout_us = SECOND / 4;
    struct dns_https_pending *lost = begin("lost.example");
    usleep(SECOND / 2);
    cr_assert_eq(finish(lost), 2);
}

Test(lookup_pending, a_bound_that_is_spent_is_the_end)
{
    lookup.timeout_us = 50000;
    struct dns_https_pending *pending = begin("slow.example");
    struct dns_endpoints *found = dns_https_finish(pending, UINT64_MAX, &report);
    cr_assert_eq(found->reason, DNS_REASON_TIMEOUT);
    cr_assert_lt(report.lookup_us, 140000);
    dns_endpoints_free(found);
}

Test(lookup_pending, a_flood_of_forgeries_does_not_hold_us)
{
    lookup.timeout_us = 50000;
    struct dns_endpoints *found = dns_https_finish(begin("flood.example"), UINT64_MAX, &report);
    cr_assert_eq(found->result, DNS_FAILED);
    cr_assert_lt(report.lookup_us, SECOND / 2);
    dns_endpoints_free(found);
}

Test(lookup_pending, a_warm_cache_sends_nothing)
{
    struct dns_cache cache;
    dns_cache_init(&cache, 1);
    lookup.cache = &cache;
    cr_assert_eq(finish(begin("a.example")), 1);
    cr_assert_eq(finish(begin("a.example")), 1);
    cr_assert(report.cached);
    responder_stop(&server);
    cr_assert_eq(server.count, 1);
    dns_cache_free(&cache);
}

Test(lookup_pending, names_that_are_not_asked_for)
{
    cr_assert_null(dns_https_begin(&lookup, "127.0.0.1", 443));
    cr_assert_null(dns_https_begin(&lookup, "localhost", 443));
    dns_https_cancel(NULL);
    responder_stop(&server);
    cr_assert_eq(server.count, 0);
}

/* ---- the descriptor ---- */

Test(lookup_pending, one_high_descriptor_that_programs_do_not_inherit)
{
    int before = highest_descriptor();
    struct dns_https_pending *pending = begin("a.example");
    int fd = highest_descriptor();
    cr_assert_gt(fd, before);
    cr_assert(fd >= HIGH_NUMBER || sysconf(_SC_OPEN_MAX) <= HIGH_NUMBER);
    cr_assert_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    dns_https_cancel(pending);
    cr_assert_eq(highest_descriptor(), before);
    cr_assert_eq(finish(begin("a.example")), 2);
    cr_assert_eq(highest_descriptor(), before);
}

/* The program closes our descriptor, and gets the same number again. */
Test(lookup_pending, a_number_that_the_program_has_taken_is_left_alone)
{
    struct dns_https_pending *pending = begin("a.example");
    int fd = highest_descriptor();
    int theirs[2];
    char octet;
    usleep(50000);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, theirs), 0);
    cr_assert_eq(dup2(theirs[0], fd), fd);
    cr_assert_eq(finish(pending), 2);
    cr_assert_eq(fcntl(fd, F_GETFD), 0, "it was closed");
    cr_assert_lt(read(theirs[1], &octet, 1), 0, "it was written to");
    pending = begin("a.example");
    cr_assert_eq(syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC), 0);
    fd = highest_descriptor();
    cr_assert_eq(close(fd), 0);
    dns_https_cancel(pending);
}

Test(lookup_pending, the_child_of_a_fork_asks_by_itself, .disabled = FORK_IS_UNSAFE)
{
    struct dns_https_pending *pending = begin("a.example");
    usleep(50000);
    pid_t child = fork();
    if (child == 0) {
        shim_own_sockets_leave();
    }
    if (child == 0) {
        struct dns_endpoints *found = dns_https_finish(pending, UINT64_MAX, NULL);
        _exit(found->result == DNS_FOUND && found->endpoints[0].priority == 2 ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert_eq(finish(pending), 1);
}

/* A child without pthread_atfork handlers, as some languages make theirs. */
Test(lookup_pending, the_child_of_a_bare_clone_asks_by_itself)
{
    struct dns_https_pending *pending = begin("a.example");
    usleep(50000);
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
    if (child == 0) {
        struct dns_endpoints *found = dns_https_finish(pending, UINT64_MAX, NULL);
        _exit(found->result == DNS_FOUND && found->endpoints[0].priority == 2 ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert_eq(finish(pending), 1);
}

/* The look-up ends however often this happens. */
static int closing_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    (void)count;
    (void)timeout_ms;
    cr_assert_eq(close(fds->fd), 0);
    errno = EBADF;
    return -1;
}

Test(lookup_pending, a_program_that_closes_each_socket_ends_the_look_up)
{
    io.poll = closing_poll;
    struct dns_endpoints *found = dns_https_finish(begin("slow.example"), UINT64_MAX, &report);
    cr_assert_eq(found->reason, DNS_REASON_NETWORK);
    dns_endpoints_free(found);
}
