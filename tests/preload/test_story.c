/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ECHSHIM_LOG=debug tells the story of each handshake. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(story, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define DEBUG "ECHSHIM_LOG=debug", "ECHSHIM_LOG_FILE="

static void expect_story(const char *story, const char *const sentences[])
{
    for (size_t i = 0; sentences[i] != NULL; i++) {
        const char *found = strstr(story, sentences[i]);
        cr_assert_not_null(found, "not there, or not in this order: %s\n%s", sentences[i], story);
        story = found;
    }
}

#define STORY(result, ...) expect_story((result).err, (const char *const[]){__VA_ARGS__, NULL})

Test(story, accepted)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(DEBUG), CURL);
    expect_exit(&result, 0, HELLO);
    STORY(result, "debug: 1: " INNER_NAME ": openssl begins a handshake, mode opportunistic\n",
          "the connection leads to 127.0.0.1 port 443\n", DNS_UDP " has HTTPS records, ",
          "HTTPS record 1: priority 1, target " INNER_NAME ", port 443, ECHConfigList of ",
          "ECHConfig 1 is used: id ", "public name " PUBLIC_NAME ", KEM 32, KDF 1, AEAD 1\n",
          "the connection leads to the record's endpoint, " INNER_NAME ":443\n",
          "decision: offer ECH\n", "ClientHelloInner of ", ", for " PUBLIC_NAME "\n",
          "the server's answer was judged ", "outcome: ECH: the server used the sealed hello\n");
}

Test(story, no_record)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(DEBUG), WGET);
    expect_exit(&result, 0, HELLO);
    STORY(result, "gnutls begins a handshake", DNS_UDP " has none, ", ": no HTTPS record\n",
          "decision: the program's own hello, with GREASE: no HTTPS record\n",
          "outcome: no ECH: the program's own hello with GREASE: no HTTPS record\n");
}

Test(story, retry)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(DEBUG), CURL);
    expect_exit(&result, 0, HELLO);
    STORY(result, "decision: offer ECH\n", "ClientHelloInner of ",
          "the server rejected ECH and proved to be the public name",
          "the server sent an ECHConfigList of ", "decision: connect again, the same hello under",
          "a new connection is in the place of the old one\n",
          "ECHConfig 1 is used: ", "ClientHelloInner of ",
          "outcome: ECH: the server used the sealed hello, after a retry\n");
}

Test(story, retry_forbidden)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(DEBUG, "ECHSHIM_RETRY=off"), CURL);
    expect_exit(&result, 35, NULL);
    STORY(result, "decision: give up: the retry is switched off\n",
          "outcome: the server rejected ECH: the retry is switched off\n");
}

Test(story, disabled)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(DEBUG), CURL);
    expect_exit(&result, 0, HELLO);
    STORY(result, "the server has no ECH any more\n", "decision: connect again, without ECH\n",
          "outcome: no ECH: the server has switched it off\n");
}

Test(story, a_list_by_hand_and_a_port_that_is_not_watched)
{
    struct world *world = world_start(NULL);
    char list[1100];
    snprintf(list, sizeof list, "ECHSHIM_CONFIG_LIST=%s", world->configs);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(DEBUG, list), CURL);
    expect_exit(&result, 0, HELLO);
    STORY(result, "ECHSHIM_CONFIG_LIST is set: the DNS is not asked\n", "ECHConfig 1 is used: ");
    result = world_shell(world, RUN_SHIM, EXTRA(DEBUG, "ECHSHIM_PORTS=8443"), CURL);
    expect_exit(&result, 0, HELLO);
    STORY(result, "decision: leave it alone: port not watched");
}

/* A config of another version, twenty with a KEM that is not known and a public name full of
 * control characters, and then the server's own. */
static void long_list(const struct world *world, char *setting, size_t size)
{
    static const char script[] =
        "printf '%%s' '%s' | base64 -d | /usr/bin/python3 -c 'import base64, struct, sys\n"
        "own = sys.stdin.buffer.read()[2:]\n"
        "name = b\"\\x1b[2J\\r\\nlibechshim[1] debug: forged\"\n"
        "bad = bytes([9]) + struct.pack(\">HH\", 0x7777, 1) + b\"x\" + struct.pack(\">HHH\", 4, 1, "
        "1)\n"
        "bad += bytes([0, len(name)]) + name + bytes(2)\n"
        "configs = b\"\\xfe\\x0c\\x00\\x01x\"\n"
        "configs += (b\"\\xfe\\x0d\" + struct.pack(\">H\", len(bad)) + bad) * 20 + own\n"
        "print(\"ECHSHIM_CONFIG_LIST=\" + base64.b64encode(\n"
        "    struct.pack(\">H\", len(configs)) + configs).decode())'";
    char command[3000];
    snprintf(command, sizeof command, script, world->configs);
    FILE *made = popen(command, "r");
    cr_assert(made != NULL && fgets(setting, (int)size, made) != NULL);
    setting[strcspn(setting, "\n")] = '\0';
    cr_assert_eq(pclose(made), 0);
}

Test(story, is_bounded_and_harmless_for_a_terminal)
{
    struct world *world = world_start(NULL);
    char setting[8192];
    long_list(world, setting, sizeof setting);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(DEBUG, setting), CURL);
    expect_exit(&result, 0, HELLO);
    STORY(result, "ECHConfig 1 is not used: it is of another version of ECH\n",
          "ECHConfig 2 is not used: its KEM is not known here\n",
          "ECHConfig 8 is not used: ", "ECHConfig 22 is used: id ");
    cr_assert_null(strstr(result.err, "ECHConfig 9 "), "%s", result.err);
    cr_assert_null(strchr(result.err, '\033'), "%s", result.err);
    cr_assert_null(strstr(result.err, "forged"), "%s", result.err);
    unsigned lines = 0;
    for (const char *at = result.err; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    cr_assert_lt(lines, 30, "%s", result.err);
}

Test(story, is_not_told_unasked)
{
    struct world *world = world_start(NULL);
    static char *const levels[] = {"ECHSHIM_LOG=off", "ECHSHIM_LOG=error", "ECHSHIM_LOG=warn",
                                   "ECHSHIM_LOG=info"};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        struct run_result result =
            world_shell(world, RUN_SHIM, EXTRA(levels[i], "ECHSHIM_LOG_FILE="), CURL);
        expect_exit(&result, 0, HELLO);
        cr_assert_null(strstr(result.err, INNER_NAME), "%s", result.err);
        cr_assert_null(strstr(result.err, "debug"), "%s", result.err);
    }
}
