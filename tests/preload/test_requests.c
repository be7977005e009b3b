/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the guard reads in requests to proxies. A client without a TLS library writes the requests,
 * in all forms and in every way, and then a hello. The connection leads to 127.0.0.8:3128, a port
 * that is not watched, where a relay records.
 */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(requests, .fini = world_end, .timeout = 180);

#define SINK "127.0.0.8:3128"

static struct world *start_sink(void)
{
    char program[400];
    char record[200];
    struct world *world = world_start(NULL);
    snprintf(program, sizeof program, "%s/../peers/relay", world->pki);
    snprintf(record, sizeof record, "%s/wire-sink", world->folder);
    cr_assert_eq(mkdir(record, 0700), 0);
    char *const argv[] = {program,    "--listen", SINK, "--to", world->server_address,
                          "--record", record,     NULL};
    world_spawn(world, "sink", "listening ", argv);
    return world;
}

/* `text` has Python's escapes; '|' separates the parts, and each part is one write. */
static const char *write_requests(struct world *world, const char *mode, const char *way,
                                  const char *parts)
{
    char setting[64];
    char command[3000];
    snprintf(setting, sizeof setting, "ECHSHIM_MODE=%s", mode);
    snprintf(command, sizeof command,
             "/usr/bin/python3 %s/../../tests/preload/request_client.py 127.0.0.8 3128 %s "
             "$(/usr/bin/python3 -c 'for p in b\"%s\".split(b\"|\"): print(p.hex())')",
             world->pki, way, parts);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){setting, "ECHSHIM_RESOLVER=" DNS_UDP, NULL}, command);
    cr_assert_eq(result.exit_code, 0, "%s: %s%s", parts, result.out, result.err);
    return result.out;
}

static void expect_refused(struct world *world, const char *way, const char *parts)
{
    cr_assert_str_eq(write_requests(world, "strict", way, parts), "refused\n", "%s: %s", way,
                     parts);
}

static void expect_sent(struct world *world, const char *way, const char *parts)
{
    cr_assert_str_eq(write_requests(world, "strict", way, parts), "sent\n", "%s: %s", way, parts);
}

static const char *const to_watched_ports[] = {
    "CONNECT a.example:443 HTTP/1.1\\r\\nHost: a.example:443\\r\\n\\r\\n",
    "connect a.example:443 HTTP/1.0\\r\\n\\r\\n",
    "CONNECT http://a.example:443/ HTTP/1.1\\r\\n\\r\\n",
    "CONNECT [2001:db8::1]:000443 HTTP/1.1\\r\\n\\r\\n",
    "CONNECT a.example HTTP/1.1\\r\\n\\r\\n",
    "\\r\\nCONNECT a.example:443 HTTP/1.1\\n\\n",
    "CONNECT a.example:80 HTTP/1.1\\r\\n\\r\\n|CONNECT a.example:443 HTTP/1.1\\r\\n\\r\\n",
    "CONNECT a.example:443 HTTP/1.1\\r\\n\\r\\n|CONNECT a.example:80 HTTP/1.1\\r\\n\\r\\n",
    "\\x04\\x01\\x01\\xbb\\x7f\\0\\0\\x01user\\0",
    "\\x04\\x01\\x01\\xbb\\0\\0\\0\\x01\\0a.example\\0",
    "\\x05\\x01\\0|\\x05\\x01\\0\\x01\\x7f\\0\\0\\x01\\x01\\xbb",
    "\\x05\\x02\\0\\x02|\\x01\\x04user\\x04pass|\\x05\\x01\\0\\x03\\x01a\\x01\\xbb",
    "\\x05\\x01\\0|\\x05\\x02\\0\\x01\\x7f\\0\\0\\x01\\x01\\xbb",
    "\\x05\\x01\\x01|\\x01\\x01\\0\\x01x",
    "\\x05\\x01\\x80",
    "\\x05\\x01\\0|\\x05\\x01\\0\\x01\\x7f\\0\\0\\x01\\x0c\\x38|CONNECT a:443 HTTP/1.1\\r\\n\\r\\n",
};

static void check_requests(const char *way)
{
    struct world *world = start_sink();
    size_t count = sizeof to_watched_ports / sizeof *to_watched_ports;
    for (size_t i = 0; i < count; i++) {
        expect_refused(world, way, to_watched_ports[i]);
    }
    cr_assert_eq(world_report_count(world, "refused"), count);
    for (unsigned i = 1; i <= count; i++) {
        char name[40];
        size_t length;
        snprintf(name, sizeof name, "wire-sink/%04u.c2s", i);
        char *octets = world_read(world, name, &length);
        cr_assert_null(memmem(octets, length, INNER_NAME, strlen(INNER_NAME)));
    }
}

Test(requests, requests_by_parts)
{
    check_requests("parts");
}

Test(requests, requests_by_octets)
{
    check_requests("octets");
}

Test(requests, requests_and_hello_in_one_write)
{
    check_requests("whole");
}

Test(requests, requests_by_other_ways)
{
    static const char *const ways[] = {"writev", "dup", "apart", "threads", "stdio", "fastopen"};
    struct world *world = start_sink();
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        expect_refused(world, ways[i], to_watched_ports[0]);
        expect_refused(world, ways[i], to_watched_ports[11]);
    }
}

/* Traffic for a port that is not watched does not concern us, whatever comes before it. */
Test(requests, what_goes_to_other_ports)
{
    static const char *const others[] = {
        "",
        "EHLO a.example\\r\\n|STARTTLS\\r\\n",
        "a1 STARTTLS\\r\\n",
        "CAPABILITY\\r\\n|STARTTLS\\r\\n",
        "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
        "CONNECT a.example:8443 HTTP/1.1\\r\\n\\r\\n",
        "CONNECT a.example:993 HTTP/1.1\\r\\n\\r\\n|a1 STARTTLS\\r\\n",
        "\\x04\\x01\\x20\\xfb\\x7f\\0\\0\\x01user\\0",
        "\\x05\\x01\\0|\\x05\\x01\\0\\x01\\x7f\\0\\0\\x01\\x20\\xfb",
        "\\0\\0\\0\\x08\\x04\\xd2\\x16\\x2f",
    };
    struct world *world = start_sink();
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect_sent(world, "parts", others[i]);
    }
    expect_sent(world, "octets", others[1]);
    expect_sent(world, "dup", others[1]);
    expect_sent(world, "whole", others[5]);
    cr_assert_str_eq(world_read(world, "report", NULL), "");
}

/* Datagrams that a SOCKS5 proxy passes on (RFC 1928, 7). */
Test(requests, datagrams_for_a_proxy)
{
    struct world *world = start_sink();
    expect_refused(world, "datagram", "\\0\\0\\0\\x01\\x7f\\0\\0\\x01\\x01\\xbb");
    expect_refused(world, "datagram", "\\0\\0\\0\\x03\\x09a.example\\x01\\xbb");
    expect_report(world, 2, "refused", "quic");
    expect_report_text(world, "port", "443");
    expect_sent(world, "datagram", "\\0\\0\\0\\x01\\x7f\\0\\0\\x01\\x20\\xfb");
    expect_sent(world, "datagram", "");
}

/* Outside strict mode the hello passes; the report has the port that the program asked for. */
Test(requests, a_hello_that_is_only_told)
{
    struct world *world = start_sink();
    cr_assert_str_eq(write_requests(world, "opportunistic", "parts", to_watched_ports[11]),
                     "sent\n");
    expect_report(world, 1, "plain", "unhooked_tls");
    expect_report_text(world, "port", "443");
}
