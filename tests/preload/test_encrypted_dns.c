/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Encrypted resolvers: programs get ECH through them, port 53 shows nothing of the question, and
 * the resolver's own name is hidden as early as possible. */
#include "checks.h"
#include "sniff.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(encrypted_dns, .fini = world_end, .timeout = 120);
TestSuite(resolver_ech, .fini = world_end, .timeout = 120);

enum { HTTPS_RECORD = 65 };

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define RESOLVER(setting) "ECHSHIM_RESOLVER=" setting

/* ---- programs ---- */

static void check_accepted(const char *command, char *resolver, const char *id)
{
    struct world *world = world_start(NULL);
    sniff_start();
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(resolver, STRICT), command);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    expect_report_text(world, "resolver", id);
    expect_report_text(world, "source", "dns");
    cr_assert_eq(sniff_queries(INNER_NAME, HTTPS_RECORD), 0);
}

/* The other tests count questions on port 53: this one shows that we would see them. */
Test(encrypted_dns, baseline_the_question_is_seen_on_port_53)
{
    struct world *world = world_start(NULL);
    sniff_start();
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), WGET);
    expect_exit(&result, 0, HELLO);
    cr_assert_gt(sniff_queries(INNER_NAME, HTTPS_RECORD), 0);
}

#define ACCEPTED(test, command, setting, id)                                                       \
    Test(encrypted_dns, test)                                                                      \
    {                                                                                              \
        check_accepted(command, RESOLVER(setting), id);                                            \
    }

#define TLS_ID "tls://127.0.0.53:853#dns.example"
#define HTTPS_ID "https://dns.example:443/dns-query#127.0.0.53"
ACCEPTED(dot_1_dot_2_tls_wget, WGET, DNS_TLS, TLS_ID)
ACCEPTED(ech_107_tls_curl, CURL, DNS_TLS, TLS_ID)
ACCEPTED(tls_urllib, URLLIB, DNS_TLS, TLS_ID)
ACCEPTED(doh_10_https_wget, WGET, DNS_HTTPS, HTTPS_ID)
ACCEPTED(ech_107_https_curl, CURL, DNS_HTTPS, HTTPS_ID)
ACCEPTED(tls_by_address, CURL, "tls://127.0.0.53", "tls://127.0.0.53:853")
ACCEPTED(https_by_address, WGET, "https://127.0.0.53/dns-query", "https://127.0.0.53:443/dns-query")
ACCEPTED(doh_11_https_by_a_name_of_the_system, CURL, "https://dns.example/dns-query",
         "https://dns.example:443/dns-query")

/* ---- refused handshakes ---- */

/* The program has the address already: otherwise it would not reach the handshake. */
#define CURL_BY_ADDRESS "curl -sS --resolve " INNER_NAME ":443:127.0.0.1 --cacert \"$CA\" " URL

static void check_refused(char *resolver, const char *reason)
{
    struct world *world = world_start(NULL);
    sniff_start();
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(resolver, STRICT), CURL_BY_ADDRESS);
    cr_assert_neq(result.exit_code, 0);
    expect_report(world, 1, "refused", reason);
    expect_silence(world);
    cr_assert_eq(sniff_queries(INNER_NAME, HTTPS_RECORD), 0);
}

#define REFUSED(test, setting, reason)                                                             \
    Test(encrypted_dns, test)                                                                      \
    {                                                                                              \
        check_refused(RESOLVER(setting), reason);                                                  \
    }

REFUSED(dot_10_the_wrong_name_is_refused_in_strict_mode, "tls://127.0.0.53#other.example",
        "resolver_certificate")
REFUSED(doh_10_the_wrong_name_is_refused_in_strict_mode,
        "https://other.example/dns-query#127.0.0.53", "resolver_certificate")
REFUSED(doh_5_the_wrong_path_is_refused_in_strict_mode, "https://dns.example/elsewhere#127.0.0.53",
        "http_status")
REFUSED(dot_10_plain_dns_is_no_encrypted_one, "tls://127.0.0.53:443#dns.example", "resolver_closed")
REFUSED(nobody_there_is_refused_in_strict_mode, "tls://127.0.0.54#dns.example", "network")
REFUSED(a_setting_without_sense_is_refused_in_strict_mode, "tls://dns.example", "settings")

Test(encrypted_dns, dot_10_dot_11_never_plain_dns_instead)
{
    struct world *world = world_start(NULL);
    sniff_start();
    (void)world_shell(world, RUN_SHIM, EXTRA(RESOLVER("tls://127.0.0.53#other.example")),
                      CURL_BY_ADDRESS);
    cr_assert_eq(sniff_queries(INNER_NAME, HTTPS_RECORD), 0);
    cr_assert_eq(world_report_count(world, "accepted"), 0);
}

/* With an unreadable file of anchors the shim trusts nobody; it never takes the system's instead.
 */
Test(encrypted_dns, no_anchors_no_resolver)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM, EXTRA(RESOLVER(DNS_TLS), STRICT, "ECHSHIM_CA_FILE=/nonexistent"),
        CURL_BY_ADDRESS);
    cr_assert_neq(result.exit_code, 0);
    expect_report(world, 1, "refused", "resolver_certificate");
}

/* ---- the tools ---- */

static void check_echdig(const char *resolver, int exit_code, const char *text)
{
    char command[512];
    struct world *world = world_start(NULL);
    sniff_start();
    snprintf(command, sizeof command, "ECHSHIM_CA_FILE=\"$CA\" %.*s/echdig -r '%s' " INNER_NAME,
             (int)(strrchr(world->library, '/') - world->library), world->library, resolver);
    struct run_result result = world_shell(world, RUN_PLAIN, EXTRA("A=B"), command);
    expect_exit(&result, exit_code, text);
    cr_assert_eq(sniff_queries(INNER_NAME, 0), 0);
}

Test(encrypted_dns, echdig_over_tls)
{
    check_echdig(DNS_TLS, 0, PUBLIC_NAME);
}

Test(encrypted_dns, echdig_over_https)
{
    check_echdig(DNS_HTTPS, 0, PUBLIC_NAME);
}

Test(encrypted_dns, echdig_looks_at_the_certificate)
{
    check_echdig("tls://127.0.0.53#other.example", 3, "resolver_certificate");
}

/* ---- several resolvers ---- */

/* 127.0.0.54: nobody is there. */
#define NOBODY "tls://127.0.0.54#dns.example"
ACCEPTED(a_list_goes_on_to_the_next_one, WGET, NOBODY " " DNS_TLS, TLS_ID)
ACCEPTED(a_list_of_both_protocols, CURL, DNS_HTTPS "," NOBODY, HTTPS_ID)
ACCEPTED(a_list_with_another_ones_certificate, CURL, "tls://127.0.0.53#other.example," DNS_HTTPS,
         HTTPS_ID)
ACCEPTED(the_next_address, WGET, "https://dns.example/dns-query#127.0.0.54,127.0.0.53",
         "https://dns.example:443/dns-query#127.0.0.54,127.0.0.53")
REFUSED(a_list_never_falls_back_to_plain_dns, NOBODY " udp://127.0.0.53", "network")
REFUSED(a_list_that_lost_its_encrypted_one, "tls://dns.example udp://127.0.0.53", "settings")

Test(encrypted_dns, echdig_shows_all_of_a_list)
{
    check_echdig(NOBODY " " DNS_TLS, 0,
                 "tls://127.0.0.54:853#dns.example"
                 ": network, ");
}

/* ---- through a proxy ---- */

#define PROXY "127.0.0.6:1080"
#define TO_RESOLVER "127.0.0.53:853"

static void check_proxy(const char *scheme)
{
    char program[400];
    char log[200];
    char proxy[100];
    struct world *world = world_start(NULL);
    snprintf(program, sizeof program, "%s/../peers/connect_proxy", world->pki);
    snprintf(log, sizeof log, "%s/proxy.log", world->folder);
    snprintf(proxy, sizeof proxy, "ECHSHIM_RESOLVER_PROXY=%s" PROXY, scheme);
    char *const argv[] = {program, PROXY, TO_RESOLVER, log, NULL};
    world_spawn(world, "proxy", "listening ", argv);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(RESOLVER(DNS_TLS), STRICT, proxy), CURL);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    cr_assert_not_null(strstr(world_read(world, "proxy.log", NULL), TO_RESOLVER), "%s",
                       world_read(world, "proxy.log", NULL));
}

Test(encrypted_dns, through_a_socks_proxy)
{
    check_proxy("socks5h://");
}

Test(encrypted_dns, through_an_http_proxy)
{
    check_proxy("http://");
}

static void check_no_way(char *resolver, char *proxy, const char *reason)
{
    struct world *world = world_start(NULL);
    sniff_start();
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(resolver, STRICT, proxy), CURL_BY_ADDRESS);
    cr_assert_neq(result.exit_code, 0);
    expect_report(world, 1, "refused", reason);
    expect_silence(world);
    cr_assert_eq(sniff_queries(INNER_NAME, HTTPS_RECORD), 0);
}

Test(encrypted_dns, a_proxy_that_is_away_is_not_gone_round)
{
    check_no_way(RESOLVER(DNS_TLS), "ECHSHIM_RESOLVER_PROXY=socks5h://127.0.0.6:1", "network");
}

/* The resolver as its own proxy says nothing of SOCKS or HTTP. */
Test(encrypted_dns, a_proxy_that_is_the_resolver)
{
    check_no_way(RESOLVER(DNS_TLS), "ECHSHIM_RESOLVER_PROXY=http://127.0.0.53:853", "network");
}

Test(encrypted_dns, a_proxy_without_sense)
{
    check_no_way(RESOLVER(DNS_TLS), "ECHSHIM_RESOLVER_PROXY=ftp://127.0.0.6", "settings");
}

Test(encrypted_dns, plain_dns_does_not_go_past_the_proxy)
{
    check_no_way(RESOLVER(DNS_UDP), "ECHSHIM_RESOLVER_PROXY=socks5h://127.0.0.6:1", "settings");
}

/* ---- processes ---- */

/* One connection to the resolver for the process, and one for its forked child. */
#define FORKS                                                                                      \
    "/usr/bin/python3 -c 'import os, urllib.request as r\n"                                        \
    "print(r.urlopen(\"" URL "\").read().decode())\n"                                              \
    "pid = os.fork()\n"                                                                            \
    "try: print(r.urlopen(\"https://second.example.org/\").read().decode())\n"                     \
    "except OSError as e: print(e)\n"                                                              \
    "if pid == 0: os._exit(0)\n"                                                                   \
    "os.wait()'"

Test(encrypted_dns, the_child_of_a_fork_asks_for_itself)
{
    struct world *world = world_start(&(struct world_options){
        .dns_lines = "  local-data: 'second.example.org. 60 IN A 127.0.0.1'\n"});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(RESOLVER(DNS_TLS)), FORKS);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_report_count(world, "accepted"), 1);
    /* That name has no HTTPS record. */
    cr_assert_eq(world_report_count(world, "grease"), 2, "%s", world_read(world, "report", NULL));
}

/* ---- ECH to the resolver itself ---- */

/* Two look-ups of records. Between them the resolver closes the idle connection. */
#define TWICE                                                                                      \
    "/usr/bin/python3 -c 'import socket, ssl, time\n"                                              \
    "def get(host):\n"                                                                             \
    "    try:\n"                                                                                   \
    "        s = socket.create_connection((\"127.0.0.1\", 443))\n"                                 \
    "        s = ssl.create_default_context().wrap_socket(s, server_hostname=host)\n"              \
    "        s.sendall(b\"GET / HTTP/1.0\\r\\n\\r\\n\")\n"                                         \
    "        print(s.makefile().read())\n"                                                         \
    "    except OSError as e: print(host, e)\n"                                                    \
    "get(\"plain.example.org\")\n"                                                                 \
    "time.sleep(0.6)\n"                                                                            \
    "get(\"" INNER_NAME "\")\n"                                                                    \
    "time.sleep(0.6)'"

/* Whether the name is in what went to the resolver on that connection. */
static bool name_on_wire(const struct world *world, unsigned connection)
{
    char name[64];
    size_t len;
    snprintf(name, sizeof name, "resolver-wire/%04u.c2s", connection);
    char *octets = world_read(world, name, &len);
    cr_assert_gt(len, 0, "there is no connection %u", connection);
    return memmem(octets, len, "dns.example", 11) != NULL;
}

static unsigned log_count(const struct world *world, const char *text)
{
    unsigned count = 0;
    const char *log = world_read(world, "resolver.log", NULL);
    for (const char *at = strstr(log, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

static struct world *run_twice(const struct world_options *options, char *mode, const char *text)
{
    struct world *world = world_start(options);
    char *resolver = options->resolver_ech == RESOLVER_ECH_TLS ? RESOLVER(RESOLVER_TLS)
                                                               : RESOLVER(RESOLVER_HTTPS);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(resolver, mode), TWICE);
    expect_exit(&result, 0, text);
    return world;
}

#define ACCEPTED_INNER "\"inner_name\":\"dns.example\""

static void check_hidden(const struct world_options *options)
{
    struct world *world = run_twice(options, STRICT, HELLO);
    cr_assert(name_on_wire(world, 1)); /* nothing else gives the resolver's own record */
    cr_assert_not(name_on_wire(world, 2));
    cr_assert_eq(log_count(world, ACCEPTED_INNER), 1);
    cr_assert_eq(world_report_count(world, "accepted"), 1);
}

Test(resolver_ech, dns_over_tls_hides_its_name_on_the_second_connection)
{
    check_hidden(&(struct world_options){.resolver_ech = RESOLVER_ECH_TLS});
}

Test(resolver_ech, dns_over_https_hides_its_name_on_the_second_connection)
{
    check_hidden(&(struct world_options){.resolver_ech = RESOLVER_ECH_HTTPS});
}

Test(resolver_ech, hello_retry_request)
{
    check_hidden(&(struct world_options){.resolver_ech = RESOLVER_ECH_TLS,
                                         .resolver_arguments = {"--groups", "P-384"}});
}

/* DNS gives an old key: the resolver rejects, and we reconnect at once with its new key. */
Test(resolver_ech, a_rejection_is_mended)
{
    struct world *world = run_twice(&(struct world_options){.resolver_ech = RESOLVER_ECH_TLS,
                                                            .resolver_arguments = {"--stale", "9"}},
                                    STRICT, HELLO);
    cr_assert(name_on_wire(world, 1));
    cr_assert_not(name_on_wire(world, 2));
    cr_assert_not(name_on_wire(world, 3));
    cr_assert_eq(log_count(world, ACCEPTED_INNER), 1);
}

/* The server has no ECH any more: opportunistic mode goes on without, strict mode does not. */
Test(resolver_ech, disabled)
{
    struct world *world =
        run_twice(&(struct world_options){.resolver_ech = RESOLVER_ECH_TLS,
                                          .resolver_arguments = {"--forget", "1"}},
                  "ECHSHIM_MODE=opportunistic", HELLO);
    cr_assert_not(name_on_wire(world, 2));
    cr_assert(name_on_wire(world, 3));
    cr_assert_eq(world_report_count(world, "accepted"), 1);
}

Test(resolver_ech, disabled_is_an_end_in_strict_mode)
{
    struct world *world =
        run_twice(&(struct world_options){.resolver_ech = RESOLVER_ECH_TLS,
                                          .resolver_arguments = {"--forget", "1"}},
                  STRICT, "plain.example.org");
    cr_assert_not(name_on_wire(world, 2));
    cr_assert_eq(world_report_count(world, "accepted"), 0);
    cr_assert_not_null(strstr(world_read(world, "report", NULL), "\"reason\":\"resolver_ech\""));
}
