/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ECHSHIM_CACHE: what processes share. The tests count questions at the DNS server. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(cache, .fini = world_end, .timeout = 120);

enum { PATH_SIZE = 300 };

static struct world *start(void)
{
    return world_start(&(struct world_options){.dns_lines = "  log-queries: yes\n"});
}

/* The number of questions for an HTTPS record so far. */
static unsigned asked(const struct world *world)
{
    unsigned count = 0;
    char *log = world_read(world, "unbound.out", NULL);
    for (const char *at = log; (at = strstr(at, " HTTPS IN")) != NULL; at++) {
        count++;
    }
    free(log);
    return count;
}

/* The usual folder of these tests, as an environment variable; the folder need not exist. */
static char *setting(const struct world *world)
{
    static char item[PATH_SIZE];
    (void)snprintf(item, sizeof item, "ECHSHIM_CACHE=%s/cache", world->folder);
    return item;
}

static void run(struct world *world, const char *command)
{
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){setting(world), NULL}, command);
    expect_exit(&result, 0, HELLO);
}

/* `command` changes the folder between two programs. The second one asks again, or not; ECH is
 * accepted either way. */
static void check_after(const char *command, unsigned asks, const char *said)
{
    struct world *world = start();
    run(world, WGET);
    cr_assert_eq(asked(world), 1u);
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, command);
    expect_exit(&result, 0, NULL);
    run(world, WGET);
    cr_assert_eq(asked(world), 1u + asks, "%u questions after %s", asked(world), command);
    world_expect_accepted(world, 2);
    char *log = world_read(world, "shim.log", NULL);
    cr_assert(said == NULL ? strstr(log, "ECHSHIM_CACHE") == NULL : strstr(log, said) != NULL, "%s",
              log);
    free(log);
}

Test(cache, the_second_wget_adds_no_look_up)
{
    check_after("test \"$(ls cache | wc -l)\" = 2 && ! grep -r . cache/swept", 0, NULL);
}

Test(cache, without_it_each_wget_asks)
{
    struct world *world = start();
    struct run_result result = world_shell(world, RUN_SHIM, NULL, WGET " && " WGET);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(asked(world), 2u);
    world_expect_accepted(world, 2);
}

/* Programs with other TLS libraries share the same folder. */
Test(cache, one_look_up_for_all_programs)
{
    struct world *world = start();
    run(world, WGET " && " CURL " && " URLLIB " && " WGET);
    cr_assert_eq(asked(world), 1u);
    world_expect_accepted(world, 4);
}

Test(cache, that_there_is_no_record_is_shared)
{
    struct world *world = world_start(
        &(struct world_options){.no_https_record = true, .dns_lines = "  log-queries: yes\n"});
    run(world, WGET " && " CURL);
    cr_assert_eq(asked(world), 1u);
    expect_report(world, 2, "grease", "nodata");
}

Test(cache, strict_mode_goes_by_it)
{
    struct world *world = start();
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){setting(world), "ECHSHIM_MODE=strict", NULL}, WGET " && " WGET);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(asked(world), 1u);
    world_expect_accepted(world, 2);
}

Test(cache, another_resolver_is_asked_anew)
{
    struct world *world = start();
    run(world, WGET);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){setting(world), "ECHSHIM_RESOLVER=" DNS_TCP, NULL}, WGET);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(asked(world), 2u);
}

/* One more default route means another network: its answers are kept separately. */
Test(cache, svcb_53_another_network_is_asked_anew)
{
    struct world *world = start();
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, "command -v ip");
    if (result.exit_code != 0) {
        cr_skip_test("no ip(8)");
    }
    run(world, WGET);
    run(world, WGET);
    cr_assert_eq(asked(world), 1u);
    result = world_shell(world, RUN_PLAIN, NULL, "ip route add default dev lo");
    expect_exit(&result, 0, NULL);
    run(world, WGET);
    cr_assert_eq(asked(world), 2u);
    result = world_shell(world, RUN_PLAIN, NULL, "ip route del default dev lo");
    expect_exit(&result, 0, NULL);
    run(world, WGET);
    cr_assert_eq(asked(world), 2u, "back again");
    world_expect_accepted(world, 4);
}

Test(cache, expires)
{
    struct world *world = world_start(
        &(struct world_options){.no_https_record = true, .dns_lines = "  log-queries: yes\n"});
    run(world, WGET);
    sleep(6); /* the shortest lifetime */
    run(world, WGET);
    cr_assert_eq(asked(world), 2u);
}

/* ---- an unusable folder: the program does not notice ---- */

Test(cache, removed)
{
    check_after("rm -r cache", 1, NULL);
}

Test(cache, read_only)
{
    check_after("chmod 500 cache", 0, NULL);
}

Test(cache, read_only_file_system)
{
    struct world *world = start();
    struct run_result result = world_shell(
        world, RUN_PLAIN, NULL, "mkdir -m 700 cache && mount -t tmpfs -o ro,mode=700 none cache");
    if (result.exit_code != 0) {
        cr_skip_test("nothing can be mounted here");
    }
    run(world, WGET " && " WGET);
    cr_assert_eq(asked(world), 2u);
    world_expect_accepted(world, 2);
    result = world_shell(world, RUN_PLAIN, NULL, "umount cache");
    expect_exit(&result, 0, NULL);
}

/* There is no room for a single octet. */
Test(cache, full)
{
    struct world *world = start();
    struct run_result result =
        world_shell(world, RUN_PLAIN, NULL,
                    "mkdir -m 700 cache && mount -t tmpfs -o size=4k,mode=700 none cache && "
                    "{ head -c 8192 /dev/zero >cache/other || :; }");
    if (result.exit_code != 0) {
        cr_skip_test("nothing can be mounted here");
    }
    run(world, WGET " && " WGET);
    cr_assert_eq(asked(world), 2u);
    world_expect_accepted(world, 2);
    result = world_shell(world, RUN_PLAIN, NULL, "! ls cache | grep new && umount cache");
    expect_exit(&result, 0, NULL);
}

Test(cache, open_to_others)
{
    check_after("chmod 755 cache", 1, "is not used: others have rights in it");
}

Test(cache, a_link)
{
    check_after("mv cache other && ln -s other cache", 1, "is not used: it is no folder");
}

Test(cache, of_another_user)
{
    struct world *world = start();
    struct run_result result =
        world_shell(world, RUN_PLAIN, NULL, "mkdir -m 700 cache && chown 4711 cache 2>/dev/null");
    if (result.exit_code != 0) {
        cr_skip_test("no other user");
    }
    run(world, WGET " && " WGET);
    cr_assert_eq(asked(world), 2u);
    world_expect_accepted(world, 2);
    char *log = world_read(world, "shim.log", NULL);
    cr_assert_not_null(strstr(log, "is not used: it belongs to another user"), "%s", log);
    free(log);
}

Test(cache, no_parent)
{
    struct world *world = start();
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_CACHE=/no/such/folder", NULL}, WGET);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    char *log = world_read(world, "shim.log", NULL);
    cr_assert_not_null(strstr(log, "cannot be made"), "%s", log);
    free(log);
}

Test(cache, an_entry_that_is_corrupt)
{
    check_after("for f in cache/*.*; do printf x | dd of=$f bs=1 seek=60 conv=notrunc status=none; "
                "done",
                1, NULL);
}

Test(cache, an_entry_that_is_cut)
{
    check_after("truncate -s 100 cache/*.*", 1, NULL);
}

/* A relative path counts from the folder in which the program begins. */
Test(cache, a_path_that_is_not_absolute)
{
    struct world *world = start();
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_CACHE=cache", NULL},
                                           WGET " && test -d cache");
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
}

/* Sixteen programs at once, and one folder that does not exist yet. */
Test(cache, many_at_once)
{
    struct world *world = start();
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){setting(world), NULL},
                    "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do { " CURL
                    " || echo failed; } & done; wait");
    expect_exit(&result, 0, HELLO);
    cr_assert_null(strstr(result.out, "failed"), "%s", result.out);
    cr_assert_null(strstr(result.err, "failed"), "%s", result.err);
    unsigned so_far = asked(world);
    run(world, CURL);
    cr_assert_eq(asked(world), so_far);
    world_expect_accepted(world, 17);
}

/* ---- ECH that is disabled, where only the next attempt can do without ---- */

static struct world *start_tls12(void)
{
    return world_start(&(struct world_options){.tls12 = true, .server_without_ech = true});
}

static struct run_result attempt(struct world *world, char *mode, const char *command)
{
    return world_shell(world, RUN_SHIM, (char *[]){setting(world), mode, NULL}, command);
}

/* One error for all processes together; the next ones, with any library, go without ECH. */
Test(cache, ech_86_ech_92_disabled_by_tls12_is_known_to_the_next_process)
{
    const char *const next[] = {CURL, WGET, URLLIB, "GIT_SSL_CAINFO=\"$CA\" git ls-remote " URL};
    struct world *world = start_tls12();
    struct run_result first = attempt(world, "ECHSHIM_MODE=opportunistic", CURL);
    cr_assert_neq(first.exit_code, 0);
    expect_report(world, 1, "rejected", "disabled");
    world_expect_hidden(world);
    for (size_t i = 0; i < sizeof next / sizeof *next; i++) {
        (void)attempt(world, "ECHSHIM_MODE=opportunistic", next[i]);
    }
    cr_assert_eq(world_report_count(world, "rejected"), 1u, "%s",
                 world_read(world, "report", NULL));
    cr_assert_eq(world_report_count(world, "grease"), 4u);
    struct run_result after = attempt(world, "ECHSHIM_MODE=opportunistic", CURL);
    expect_exit(&after, 0, HELLO);
}

/* Strict mode neither tells it nor goes by it: it asks the server each time. */
Test(cache, ech_86_strict_mode_does_not_share_what_is_disabled)
{
    struct world *world = start_tls12();
    (void)attempt(world, "ECHSHIM_MODE=strict", CURL);
    (void)attempt(world, "ECHSHIM_MODE=opportunistic", CURL);
    cr_assert_eq(world_report_count(world, "rejected"), 2u);
    struct run_result result = attempt(world, "ECHSHIM_MODE=strict", CURL);
    cr_assert_neq(result.exit_code, 0);
    expect_report(world, 3, "rejected", "disabled");
    world_expect_hidden(world);
}
