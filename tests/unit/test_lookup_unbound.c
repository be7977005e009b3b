/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups against a real server: unbound on loopback, in a folder of its own. Skipped where there
 * is none. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dns/lookup.h"
#include "tests/unit/tls_responder.h"
#include "tests/unit/vectors.h"

static const char config[] =
    "server:\n"
    "  interface: 127.0.0.1@%u\n  interface: 127.0.0.1@%u\n  interface: 127.0.0.1@%u\n"
    "  tls-port: %u\n  https-port: %u\n"
    "  tls-service-pem: \"%s/server.pem\"\n  tls-service-key: \"%s/server.key\"\n"
    "  directory: \"%s\"\n"
    "  chroot: \"\"\n  username: \"\"\n  pidfile: \"\"\n  use-syslog: no\n"
    "  do-daemonize: no\n  verbosity: 0\n  do-not-query-localhost: no\n"
    "  module-config: \"iterator\"\n  num-threads: 1\n"
    "  local-zone: \"refused.example.\" refuse\n"
    "  local-zone: \"example.\" static\n"
    "  local-data: \"example. 3600 IN SOA ns.example. a.example. 1 2 3 4 77\"\n"
    "  local-data: \"one.example. 60 IN HTTPS 1 . alpn=h2 ech=AAYKqgACu8w=\"\n"
    "  local-data: \"_8443._https.one.example. 60 IN HTTPS 1 svc.example. port=8444\"\n"
    "  local-data: \"alias.example. 30 IN HTTPS 0 one.example.\"\n"
    "  local-data: \"plain.example. 60 IN A 192.0.2.1\"\n"
    "  local-data: \"two.example. 60 IN HTTPS 2 b.example. ipv4hint=192.0.2.2\"\n"
    "  local-data: \"two.example. 60 IN HTTPS 1 a.example. ech=AAYKqgACu8w=\"\n"
    "%s"
    "remote-control:\n  control-enable: no\n";

static char folder[] = "/tmp/echshim-unbound-XXXXXX";
static pid_t child;
static struct dns_resolver resolver;
static struct dns_lookup lookup;
static unsigned tls_port;
static unsigned https_port;

static unsigned free_port(int type)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* Records that do not fit into 1,232 octets. */
static void large_rrset(char *out, size_t size)
{
    size_t len = 0;
    for (unsigned i = 1; i <= 40; i++) {
        int n = snprintf(out + len, size - len,
                         "  local-data: \"large.example. 60 IN HTTPS %u "
                         "pool%u.a-rather-long-name.example. ech=AAYKqgACu8w=\"\n",
                         i, i);
        len += (size_t)n;
    }
}

static const char *unbound_path(void)
{
    static const char *const paths[] = {"/usr/sbin/unbound", "/usr/local/sbin/unbound",
                                        "/usr/bin/unbound"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (access(paths[i], X_OK) == 0) {
            return paths[i];
        }
    }
    return NULL;
}

static void save_identity(void)
{
    char files[2][128];
    (void)snprintf(files[0], sizeof files[0], "%s/server.pem", folder);
    (void)snprintf(files[1], sizeof files[1], "%s/server.key", folder);
    client_save_identity(files[0], files[1]);
}

static void setup(void)
{
    const char *unbound = unbound_path();
    if (unbound == NULL) {
        cr_skip("no unbound here");
    }
    char path[128];
    char large[8192];
    unsigned port = free_port(SOCK_DGRAM);
    tls_port = free_port(SOCK_STREAM);
    https_port = free_port(SOCK_STREAM);
    cr_assert_not_null(mkdtemp(folder));
    save_identity();
    (void)snprintf(path, sizeof path, "%s/unbound.conf", folder);
    FILE *file = fopen(path, "w");
    large_rrset(large, sizeof large);
    cr_assert_gt(fprintf(file, config, port, tls_port, https_port, tls_port, https_port, folder,
                         folder, folder, large),
                 0);
    fclose(file);
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!freopen("/dev/null", "w",
                       stderr); /* it announces its start whatever the verbosity */
        (void)execl(unbound, unbound, "-d", "-c", path, (char *)NULL);
        _exit(127);
    }
    char setting[64];
    (void)snprintf(setting, sizeof setting, "udp://127.0.0.1:%u", port);
    cr_assert_eq(dns_resolver_parse(setting, &resolver), ECH_OK);
    lookup = (struct dns_lookup){.resolver = &resolver, .io = &dns_io_libc, .timeout_us = 2000000};
    enum dns_result result = DNS_FAILED;
    for (unsigned i = 0; i < 100 && result == DNS_FAILED; i++) {
        usleep(50000);
        struct dns_https_answer *answer = dns_lookup_https(&lookup, "plain.example", 443, NULL);
        result = answer->result;
        dns_https_answer_free(answer);
    }
    cr_assert_eq(result, DNS_NONE, "unbound does not answer");
}

static void teardown(void)
{
    char path[128];
    if (child > 0) {
        kill(child, SIGTERM);
        waitpid(child, NULL, 0);
        static const char *const files[] = {"unbound.conf", "server.pem", "server.key"};
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
            (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
            unlink(path);
        }
        client_end(lookup.channel);
        rmdir(folder);
    }
}

TestSuite(lookup_unbound, .init = setup, .fini = teardown);

static void check_all(void)
{
    struct dns_https_answer *answer = dns_lookup_https(&lookup, "one.example", 443, NULL);
    cr_assert_eq(answer->result, DNS_FOUND, "%s", dns_reason_name(answer->reason));
    cr_assert_eq(answer->count, 1);
    cr_assert_str_eq(answer->endpoints[0].target, "one.example");
    cr_assert_eq(answer->endpoints[0].port, 443);
    cr_assert_eq(answer->ttl, 60);
    assert_hex(answer->endpoints[0].ech_config_list, "00060aaa0002bbcc", "ech");
    assert_hex(answer->endpoints[0].alpn, "026832", "alpn");
    dns_https_answer_free(answer);

    answer = dns_lookup_https(&lookup, "one.example", 8443, NULL); /* SVCB-15, SVCB-42 */
    cr_assert_eq(answer->result, DNS_FOUND);
    cr_assert_str_eq(answer->endpoints[0].target, "svc.example");
    cr_assert_eq(answer->endpoints[0].port, 8444);
    dns_https_answer_free(answer);

    answer = dns_lookup_https(&lookup, "alias.example", 443, NULL); /* SVCB-21 */
    cr_assert_eq(answer->result, DNS_FOUND);
    cr_assert(answer->alias_followed && answer->all_have_ech);
    cr_assert_str_eq(answer->endpoints[0].target, "one.example");
    cr_assert_eq(answer->ttl, 30);
    dns_https_answer_free(answer);

    answer = dns_lookup_https(&lookup, "two.example", 443, NULL); /* SVCB-27, SVCB-49 */
    cr_assert_eq(answer->count, 2);
    cr_assert_not(answer->all_have_ech);
    cr_assert_str_eq(answer->endpoints[0].target, "a.example");
    cr_assert_str_eq(answer->endpoints[1].target, "b.example");
    assert_hex(answer->endpoints[1].ipv4hint, "c0000202", "ipv4hint");
    dns_https_answer_free(answer);

    answer = dns_lookup_https(&lookup, "plain.example", 443, NULL);
    cr_assert_eq(answer->reason, DNS_REASON_NODATA);
    cr_assert_eq(answer->ttl, 77);
    dns_https_answer_free(answer);

    answer = dns_lookup_https(&lookup, "nothing.example", 443, NULL);
    cr_assert_eq(answer->reason, DNS_REASON_NXDOMAIN);
    dns_https_answer_free(answer);
}

Test(lookup_unbound, udp)
{
    check_all();
}

Test(lookup_unbound, tcp)
{
    resolver.fixed.server[0].tcp_only = true;
    check_all();
}

Test(lookup_unbound, dot_15_large_answers_come_over_tcp)
{
    struct dns_https_answer *answer = dns_lookup_https(&lookup, "large.example", 443, NULL);
    cr_assert_eq(answer->result, DNS_FOUND, "%s", dns_reason_name(answer->reason));
    cr_assert_eq(answer->count, 40);
    cr_assert(answer->all_have_ech);
    dns_https_answer_free(answer);
}

/* ---- encrypted ---- */

static struct dns_resolver secure;

static void use_channel(const char *setting, unsigned port)
{
    char text[128];
    (void)snprintf(text, sizeof text, setting, port);
    cr_assert_eq(dns_resolver_parse(text, &secure), ECH_OK);
    lookup.resolver = &secure;
    lookup.channel = client_channel(setting, port);
}

static void check_large(void)
{
    struct dns_https_answer *answer = dns_lookup_https(&lookup, "large.example", 443, NULL);
    cr_assert_eq(answer->result, DNS_FOUND, "%s", dns_reason_name(answer->reason));
    cr_assert_eq(answer->count, 40);
    dns_https_answer_free(answer);
}

static void check_secure(const char *id)
{
    struct dns_lookup_report report;
    check_all();
    check_large();
    struct dns_https_answer *answer = dns_lookup_https(&lookup, "one.example", 443, &report);
    cr_assert_str_eq(report.resolver, id, "%s", report.resolver);
    dns_https_answer_free(answer);
    struct dns_addresses *addresses =
        dns_lookup_addresses(&lookup, "plain.example", true, true, NULL);
    cr_assert_eq(addresses->result, DNS_FOUND);
    cr_assert_eq(addresses->count, 1);
    dns_addresses_free(addresses);
}

Test(lookup_unbound, dot_4_dot_6_dot_10_pad_3_dns_over_tls)
{
    char id[128];
    use_channel("tls://127.0.0.1:%u#dns.test", tls_port);
    (void)snprintf(id, sizeof id, "tls://127.0.0.1:%u#dns.test", tls_port);
    check_secure(id);
}

Test(lookup_unbound, doh_2_doh_4_doh_6_doh_8_dns_over_https)
{
    char id[128];
    use_channel("https://dns.test:%u/dns-query#127.0.0.1", https_port);
    (void)snprintf(id, sizeof id, "https://dns.test:%u/dns-query#127.0.0.1", https_port);
    check_secure(id);
}

Test(lookup_unbound, look_ups_under_way_on_the_channel)
{
    use_channel("https://127.0.0.1:%u/dns-query", https_port);
    struct dns_https_pending *dropped = dns_https_begin(&lookup, "two.example", 443);
    struct dns_https_pending *pending = dns_https_begin(&lookup, "alias.example", 443);
    cr_assert(dropped != NULL && pending != NULL);
    dns_https_cancel(dropped);
    struct dns_https_answer *answer =
        dns_https_finish(pending, dns_io_libc.now_us() + 2000000, NULL);
    cr_assert_not_null(answer);
    cr_assert_eq(answer->result, DNS_FOUND, "%s", dns_reason_name(answer->reason));
    dns_https_answer_free(answer);
}

/* An error of the resolver is an answer over HTTP too. */
Test(lookup_unbound, doh_5_an_rcode_is_an_answer)
{
    use_channel("https://127.0.0.1:%u/dns-query", https_port);
    struct dns_https_answer *answer = dns_lookup_https(&lookup, "refused.example", 443, NULL);
    cr_assert_eq(answer->result, DNS_FAILED);
    cr_assert_eq(answer->reason, DNS_REASON_REFUSED, "%s", dns_reason_name(answer->reason));
    dns_https_answer_free(answer);
}

/* Who is asked by no other way when the channel is not there. */
Test(lookup_unbound, no_channel_is_nobody)
{
    use_channel("tls://127.0.0.1:%u#dns.test", tls_port);
    client_end(lookup.channel);
    lookup.channel = NULL;
    struct dns_https_answer *answer = dns_lookup_https(&lookup, "one.example", 443, NULL);
    cr_assert_eq(answer->result, DNS_FAILED);
    cr_assert_eq(answer->reason, DNS_REASON_NO_MEMORY);
    dns_https_answer_free(answer);
}
