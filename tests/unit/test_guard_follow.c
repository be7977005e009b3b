/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard without its hooks: hellos in several writes, cut anywhere. The stand-ins for the rest
 * of the stub are in test_guard.c. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "shim/stub/guard.h"

enum { PREFIX_MAX = 64, HELLO_MAX = 1200, RECORDS_MAX = 6 * HELLO_MAX };

/* A stream socket; the program asked for port 443. */
static int watched_socket(int *peer)
{
    int pair[2];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(443)};
    address.sin_addr.s_addr = htonl(0xc0000201);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    uint64_t identity;
    cr_assert(stub_connection_begins(pair[0], &identity));
    stub_connection_begun(pair[0], identity, (const struct sockaddr *)&address, sizeof address);
    *peer = pair[1];
    return pair[0];
}

/* `sent`: how much the kernel takes. */
static bool write_piece(int fd, const uint8_t *octets, size_t length, size_t sent)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)octets, .iov_len = length};
    struct stub_attempt attempt = {.fd = fd, .parts = &part, .count = 1, .parts_known = 1};
    if (length == 0) {
        return true;
    }
    if (!stub_guard_allows(&attempt)) {
        return false;
    }
    stub_guard_sent(&attempt, (ssize_t)sent);
    return true;
}

/* In up to three writes, on a new socket. */
static bool all_leave(const uint8_t *octets, size_t length, size_t cut, size_t other)
{
    int peer;
    int fd = watched_socket(&peer);
    bool all = write_piece(fd, octets, cut, cut) &&
               write_piece(fd, octets + cut, other - cut, other - cut) &&
               write_piece(fd, octets + other, length - other, length - other);
    close(fd);
    close(peer);
    return all;
}

/* ---- octets that hide a hello ---- */

static const uint8_t client_hello[] = {22, 3, 1, 0, 43, 1, 0, 0, 39, 3, 3,  9, 9, 7, 7, 7,
                                       7,  7, 7, 7, 7,  7, 7, 7, 7,  7, 7,  7, 7, 7, 7, 7,
                                       7,  7, 7, 7, 7,  7, 7, 0, 0,  2, 19, 1, 1, 0};

Test(guard_follow, nothing_hides_a_hello)
{
    static const struct {
        uint8_t octets[PREFIX_MAX];
        size_t length;
    } prefixes[] = {
        {{0x80}, 1},
        {{0x80, 0x80}, 2},
        {{0x80, 22}, 2},
        {{0xff, 3, 1, 3}, 4},
        {{0x80, 28, 1, 3, 3, 0, 3, 0, 0, 0}, 10}, /* nearly a hello of SSL 2 */
        {{22}, 1},
        {{22, 3}, 2},
        {{22, 3, 1}, 3},
        {{22, 3, 1, 0xff}, 4},
        {{22, 3, 1, 0, 60, 1, 0, 0}, 8},
        {{22, 3, 1, 0, 60, 1, 0, 0, 56, 3}, 10},
        {{22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3, 1, 2, 3}, 14}, /* a hello that breaks off */
        {{21, 3, 1}, 3},
        {{22, 3, 1, 0, 0, 22}, 6},
        {{'x', 0x80, 22, 22, 3}, 5},
    };
    atomic_fetch_or(&stub_guard_work, STUB_GUARD_STRICT);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        uint8_t octets[PREFIX_MAX + sizeof client_hello];
        size_t length = prefixes[i].length + sizeof client_hello;
        memcpy(octets, prefixes[i].octets, prefixes[i].length);
        memcpy(octets + prefixes[i].length, client_hello, sizeof client_hello);
        for (size_t other = 0; other <= length; other++) {
            for (size_t cut = 0; cut <= other; cut++) {
                cr_assert_not(all_leave(octets, length, cut, other), "prefix %zu, cut at %zu, %zu",
                              i, cut, other);
            }
        }
    }
}

/* Also one octet at a time. */
Test(guard_follow, nothing_hides_a_hello_in_single_octets)
{
    uint8_t octets[4 + sizeof client_hello] = {0x80, 22, 0x80, 22};
    int peer;
    int fd = watched_socket(&peer);
    bool all = true;
    memcpy(octets + 4, client_hello, sizeof client_hello);
    atomic_fetch_or(&stub_guard_work, STUB_GUARD_STRICT);
    for (size_t i = 0; all && i < sizeof octets; i++) {
        all = write_piece(fd, octets + i, 1, 1);
    }
    cr_assert_not(all);
    close(fd);
    close(peer);
}

/* ---- the marker of an inner hello ---- */

static size_t put(uint8_t *out, size_t at, unsigned value)
{
    out[at] = (uint8_t)(value >> 8);
    out[at + 1] = (uint8_t)value;
    return at + 2;
}

/* A hello with an extension of `other` octets, and encrypted_client_hello with this one octet. */
static size_t make_hello(uint8_t *out, size_t other, uint8_t marker)
{
    static const uint8_t begin[] = {22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3};
    size_t at = sizeof begin;
    memcpy(out, begin, sizeof begin);
    memset(out + at, 7, SHIM_HELLO_RANDOM_SIZE);
    at += SHIM_HELLO_RANDOM_SIZE;
    memcpy(out + at, (const uint8_t[]){2, 8, 8, 0, 2, 19, 1, 1, 0}, 9);
    at = put(out, at + 9, (unsigned)(other + 9));
    at = put(out, at, 51);
    at = put(out, at, (unsigned)other);
    memset(out + at, 22, other); /* these octets look like the beginning of another hello */
    at = put(out, at + other, 0xfe0d);
    at = put(out, at, 1);
    out[at++] = marker;
    (void)put(out, 3, (unsigned)(at - 5));
    (void)put(out, 7, (unsigned)(at - 9));
    return at;
}

/* Cuts the hello into records of this size, with a warning after the first one. */
static size_t in_records(uint8_t *out, const uint8_t *hello, size_t length, size_t size)
{
    size_t have = 0;
    for (size_t at = 5; at < length; at += size) {
        size_t part = length - at < size ? length - at : size;
        memcpy(out + have, (const uint8_t[]){22, 3, 1}, 3);
        have = put(out, have + 3, (unsigned)part);
        memcpy(out + have, hello + at, part);
        have += part;
        if (at == 5) {
            memcpy(out + have, (const uint8_t[]){21, 3, 1, 0, 2, 1, 112}, 7);
            have += 7;
        }
    }
    return have;
}

static void check_marker(unsigned work, const uint8_t *octets, size_t length, size_t step,
                         bool inner)
{
    atomic_fetch_or(&stub_guard_work, work);
    for (size_t other = 0; other <= length; other += step) {
        for (size_t cut = 0; cut <= other; cut += step) {
            cr_assert_eq(all_leave(octets, length, cut, other), !inner, "%u, %d: cut at %zu, %zu",
                         work, inner, cut, other);
            cr_assert_not(stub_progress_any(), "%u: cut at %zu, %zu", work, cut, other);
        }
    }
}

/* `work`: the guard's modes; 0: no mode has work. */
static void check_markers(unsigned work)
{
    uint8_t hello[HELLO_MAX];
    uint8_t records[RECORDS_MAX];
    bool strict = (work & STUB_GUARD_STRICT) != 0;
    for (unsigned marker = 0; marker < 2; marker++) {
        bool stopped = strict || marker == 1;
        size_t length = make_hello(hello, 3, (uint8_t)marker);
        check_marker(work, hello, length, 1, stopped);
        size_t cut = in_records(records, hello, length, 7);
        check_marker(work, records, cut, 1, stopped);
        cut = in_records(records, hello, length, 1);
        check_marker(work, records, cut, 5, stopped);
        length = make_hello(hello, 1000, (uint8_t)marker); /* longer than the guard keeps */
        check_marker(work, hello, length, 17, stopped);
    }
}

Test(guard_follow, an_inner_hello_stays_in_without_a_report)
{
    check_markers(0);
}

Test(guard_follow, an_inner_hello_stays_in_with_a_report)
{
    check_markers(STUB_GUARD_TELL);
}

Test(guard_follow, an_inner_hello_stays_in_in_strict_mode)
{
    check_markers(STUB_GUARD_STRICT);
}

/* The kernel takes some of each write, or nothing at all. */
Test(guard_follow, short_writes)
{
    uint8_t hello[HELLO_MAX];
    size_t length = make_hello(hello, 300, 0);
    int peer;
    int fd = watched_socket(&peer);
    for (size_t sent = 0; sent < length; sent++) {
        cr_assert(write_piece(fd, hello + sent, length - sent, (size_t)-1));
        cr_assert(write_piece(fd, hello + sent, length - sent, 1), "%zu", sent);
    }
    cr_assert_not(stub_progress_any());
    close(fd);
    close(peer);
    fd = watched_socket(&peer);
    length = make_hello(hello, 300, 1);
    for (size_t sent = 0; sent < length - 1; sent++) {
        cr_assert(write_piece(fd, hello + sent, 1, (size_t)-1));
        cr_assert(write_piece(fd, hello + sent, 1, 1), "%zu", sent);
    }
    cr_assert_not(write_piece(fd, hello + length - 1, 1, 1));
    close(fd);
    close(peer);
}

/* On a port that is not watched, the guard lets the hello go. */
Test(guard_follow, other_ports)
{
    uint8_t hello[HELLO_MAX];
    size_t length = make_hello(hello, 3, 1);
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    uint64_t identity;
    cr_assert(stub_connection_begins(pair[0], &identity));
    cr_assert(write_piece(pair[0], hello, length, length));
    /* Now the guard checks every connection for our hellos. */
    atomic_fetch_add(&stub_guard_work, STUB_GUARD_WATCHER);
    cr_assert_not(write_piece(pair[0], hello, length, length));
    close(pair[0]);
    close(pair[1]);
}
