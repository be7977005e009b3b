/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests the instruments: a test of the shim proves nothing if the recorder misses the name, or if
 * the server's log always says "accepted". No shim here. */
#include "checks.h"
#include "world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(harness, .fini = world_end, .timeout = 120);

static struct run_result fetch(struct world *world, const char *url)
{
    char *const argv[] = {"curl", "-sS", (char *)(size_t)url, NULL};
    return world_run(world, RUN_PLAIN, NULL, argv);
}

Test(harness, sees_the_name_of_a_program_without_the_shim)
{
    struct world *world = world_start(NULL);
    struct run_result result = fetch(world, "https://" INNER_NAME "/");
    expect_exit(&result, 0, "hello from " INNER_NAME);
    world_expect_visible(world, 1);
    cr_assert_eq(world_log_count(world, "accepted", 0), 0);
    cr_assert_eq(world_log_count(world, "hrr", 0), 0);
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 0);
}

Test(harness, sees_a_hello_retry_request)
{
    struct world *world = world_start(&(struct world_options){.hello_retry = true});
    struct run_result result = fetch(world, "https://" INNER_NAME "/");
    expect_exit(&result, 0, "hello from " INNER_NAME);
    cr_assert_eq(world_log_count(world, "hrr", 1), 1);
    world_expect_visible(world, 1);
}

Test(harness, publishes_the_config_in_dns)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_PLAIN, NULL, "drill @" DNS_ADDRESS " " INNER_NAME " TYPE65");
    expect_exit(&result, 0, "NOERROR");
    cr_assert_gt(strlen(world->configs), 80);
    /* drill of Debian 12 knows only the number of the type, and shows the public name in
     * hexadecimal. */
    cr_assert(strstr(result.out, "7075626c69632e6578616d706c65") != NULL ||
                  strstr(result.out, world->configs) != NULL,
              "%s", result.out);
}

Test(harness, answers_dns_over_tls)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_PLAIN, NULL,
        "gnutls-cli --x509cafile \"$CA\" --sni-hostname dns.example --verify-hostname dns.example "
        "-p 853 " DNS_ADDRESS " </dev/null");
    expect_exit(&result, 0, "Handshake was completed");
}

Test(harness, answers_dns_over_https)
{
    struct world *world = world_start(NULL);
    /* The question "secret.example.org A" in base64url, as RFC 8484 has it. */
    struct run_result result = world_shell(
        world, RUN_PLAIN, NULL,
        "curl -sS --http2 -o /dev/null -w '%{http_code} %{content_type}' 'https://dns.example/"
        "dns-query?dns=AAABAAABAAAAAAAABnNlY3JldAdleGFtcGxlA29yZwAAAQAB'");
    expect_exit(&result, 0, "200 application/dns-message");
}

Test(harness, has_no_way_out)
{
    struct world *world = world_start(NULL);
    struct run_result result = fetch(world, "https://192.0.2.1/");
    expect_exit(&result, 7, NULL);
}

Test(harness, gives_each_server_name_its_certificate)
{
    struct world *world = world_start(NULL);
    struct run_result result = fetch(world, "https://" PUBLIC_NAME "/");
    expect_exit(&result, 0, "hello from " PUBLIC_NAME);
}

Test(harness, keeps_shim_and_program_apart)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_PLAIN, (char *[]){"EXTRA=1", NULL},
                                           "echo \"$LD_PRELOAD.$EXTRA.$ECHSHIM_REPORT\"; exit 3");
    expect_exit(&result, 3, ".1.");
    cr_assert_null(getenv("LD_PRELOAD"));
}

/* Uses a client that has ECH itself: the shim's results have to look like these. */
static struct run_result fetch_with_own_ech(struct world *world)
{
    char command[2048];
    need_boringssl_with_ech();
    snprintf(command, sizeof command,
             "\"$PKI/../peers/ech_client\" " INNER_NAME " " RELAY_ADDRESS " \"$CA\" %s",
             world->configs);
    return world_shell(world, RUN_PLAIN, NULL, command);
}

static void check_own_ech(bool hello_retry, const char *aead)
{
    struct world *world = world_start(
        &(struct world_options){.hello_retry = hello_retry, .server_arguments = {"--aead", aead}});
    struct run_result result = fetch_with_own_ech(world);
    expect_exit(&result, 0, "accepted\n");
    expect_exit(&result, 0, "hello from " INNER_NAME);
    cr_assert_eq(world_log_count(world, "accepted", 1), 1);
    cr_assert_eq(world_log_count(world, "hrr", 0), hello_retry);
    world_expect_hidden(world);
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 1);
}

Test(harness, says_accepted_of_another_client)
{
    check_own_ech(false, "aes128");
}

Test(harness, says_accepted_after_a_retry)
{
    check_own_ech(true, "aes128");
}

Test(harness, accepts_aes256)
{
    check_own_ech(false, "aes256");
}

Test(harness, accepts_chacha20)
{
    check_own_ech(false, "chacha20");
}

Test(harness, rejects_a_stale_config_with_retry_configs)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    struct run_result result = fetch_with_own_ech(world);
    char *served = world_read(world, "retry_configs", NULL);
    expect_exit(&result, 2, "rejected ");
    expect_exit(&result, 2, served);
    world_expect_hidden(world);
}

Test(harness, rejects_without_retry_configs)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    struct run_result result = fetch_with_own_ech(world);
    expect_exit(&result, 2, "rejected \n");
    world_expect_hidden(world);
}

Test(harness, publishes_a_stale_config)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    char *published = world_read(world, "configs", NULL);
    char *served = world_read(world, "retry_configs", NULL);
    cr_assert_gt(strlen(published), 80);
    cr_assert_eq(strlen(published), strlen(served));
    cr_assert_str_neq(published, served);
    struct run_result result = fetch(world, "https://" INNER_NAME "/");
    expect_exit(&result, 0, "hello from " INNER_NAME);
}

Test(harness, serves_without_ech_what_dns_promises)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    cr_assert_gt(strlen(world->configs), 80);
    struct run_result result = fetch(world, "https://" INNER_NAME "/");
    expect_exit(&result, 0, "hello from " INNER_NAME);
}

Test(harness, serves_tls_1_2_only)
{
    struct world *world = world_start(&(struct world_options){.tls12 = true});
    struct run_result result = world_shell(
        world, RUN_PLAIN, NULL, "curl -sS --tlsv1.3 --cacert \"$CA\" https://" INNER_NAME "/");
    expect_exit(&result, 35, NULL);
    result = fetch(world, "https://" INNER_NAME "/");
    expect_exit(&result, 0, "hello from " INNER_NAME);
}

Test(harness, has_a_long_way)
{
    struct world *world = world_start(&(struct world_options){.delay_ms = 50});
    struct run_result result = world_shell(
        world, RUN_PLAIN, NULL,
        "curl -sS -o /dev/null -w '%{time_total}' --cacert \"$CA\" https://" INNER_NAME "/");
    expect_exit(&result, 0, NULL);
    /* Two round trips after the connection; the relay itself accepts that at once. */
    cr_assert_geq(strtod(result.out, NULL), 0.2, "%s", result.out);
}

Test(harness, stops_a_program_that_hangs)
{
    struct world *world = world_start(NULL);
    world->run_seconds = 1;
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, "sleep 1000");
    cr_assert(result.timed_out);
    cr_assert_eq(result.exit_code, 128 + 9);
}
